/**
 * The page's state and how it stays fresh: a full list first, then only what changed; faster while the
 * page is looked at, not at all while it is hidden.
 */
import { RpcError, Unauthorized } from "./rpc.ts";
import { call } from "./rpc.ts";
import { type Details, fetchDetails, fetchTorrents, type Torrent } from "./torrents.ts";

const POLL_MS = 1_000;
/** With more torrents a poll costs more. */
const POLL_MANY_MS = 2_000;
const MANY_TORRENTS = 1_000;
/** Removed torrents that a missed answer did not name are noticed by a full list. */
const FULL_LIST_MS = 60_000;
/** Ten minutes of rates, one a poll. */
export const HISTORY_MAX = 600;
const LOG_MAX = 200;

export interface LogEntry {
  readonly at: Date;
  readonly text: string;
  readonly isError: boolean;
}

export interface State {
  readonly torrents: ReadonlyMap<number, Torrent>;
  readonly isLoaded: boolean;
  readonly details: Details | undefined;
  readonly selected: number | undefined;
  readonly problem: string | undefined;
  readonly needsLogin: boolean;
  /** Seconds since 1970, bytes a second down, bytes a second up; the same length. */
  readonly history: readonly [readonly number[], readonly number[], readonly number[]];
  readonly log: readonly LogEntry[];
}

type Listener = (state: State) => void;

let state: State = {
  torrents: new Map(),
  isLoaded: false,
  details: undefined,
  selected: undefined,
  problem: undefined,
  needsLogin: false,
  history: [[], [], []],
  log: [],
};
const listeners = new Set<Listener>();
let timer: ReturnType<typeof setTimeout> | undefined;
let listedMs = -Infinity;
let isPolling = false;

export function subscribe(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function currentState(): State {
  return state;
}

function change(part: Partial<State>): void {
  state = { ...state, ...part };
  for (const listener of listeners) listener(state);
}

export function note(text: string, isError = false): void {
  change({ log: [{ at: new Date(), text, isError }, ...state.log].slice(0, LOG_MAX) });
}

export function select(id: number | undefined): void {
  change({ selected: id, details: state.details?.id === id ? state.details : undefined });
  refresh();
}

/** Asks now, and again after a while for as long as the page is visible. */
export async function refresh(): Promise<void> {
  clearTimeout(timer);
  if (isPolling) return;
  isPolling = true;
  try {
    await poll();
    if (state.problem !== undefined) change({ problem: undefined });
  } catch (error) {
    if (error instanceof Unauthorized) return change({ needsLogin: true });
    change({ problem: error instanceof Error ? error.message : String(error) });
    listedMs = -Infinity;
  } finally {
    isPolling = false;
    const wait = state.torrents.size > MANY_TORRENTS ? POLL_MANY_MS : POLL_MS;
    if (!document.hidden && !state.needsLogin) timer = setTimeout(refresh, wait);
  }
}

async function poll(): Promise<void> {
  const isFull = performance.now() - listedMs > FULL_LIST_MS;
  const { torrents: news, removed } = await fetchTorrents(isFull ? undefined : "recently_active");
  if (isFull) listedMs = performance.now();
  const torrents = withNews(isFull, news, removed);
  const selected = state.selected !== undefined && torrents.has(state.selected)
    ? state.selected
    : undefined;
  const details = selected === undefined ? undefined : await fetchDetails(selected);
  const isCurrent = state.selected === undefined || state.selected === selected;
  change({
    torrents,
    isLoaded: true,
    needsLogin: false,
    history: withRates(torrents),
    ...(isCurrent && { selected, details }),
  });
}

/** The same object when nothing changed, so that nothing is sorted or drawn again. */
function withNews(
  isFull: boolean,
  news: readonly Torrent[],
  removed: readonly number[],
): State["torrents"] {
  const before = state.torrents;
  const torrents = new Map(isFull ? [] : before);
  let isChanged = isFull && news.length !== before.size;
  for (const torrent of news) {
    const known = before.get(torrent.id);
    const isSame = known !== undefined && JSON.stringify(known) === JSON.stringify(torrent);
    if (!isSame) noteNews(known, torrent);
    isChanged ||= !isSame;
    torrents.set(torrent.id, isSame ? known : torrent);
  }
  for (const id of removed) isChanged = torrents.delete(id) || isChanged;
  return isChanged ? torrents : before;
}

function withRates(torrents: ReadonlyMap<number, Torrent>): State["history"] {
  let down = 0, up = 0;
  for (const torrent of torrents.values()) {
    down += torrent.rate_download;
    up += torrent.rate_upload;
  }
  const [times, downs, ups] = state.history;
  const keep = <T>(list: readonly T[], value: T) => [...list.slice(1 - HISTORY_MAX), value];
  return [keep(times, Math.round(Date.now() / 1000)), keep(downs, down), keep(ups, up)];
}

/** The log shows what happened while the page was open. */
function noteNews(before: Torrent | undefined, now: Torrent): void {
  if (!state.isLoaded) return;
  if (before === undefined) return note(`${now.name}: added`);
  if (before.percent_done < 1 && now.percent_done === 1) note(`${now.name}: complete`);
  if (now.error_string !== "" && before.error_string !== now.error_string) {
    note(`${now.name}: ${now.error_string}`, true);
  }
}

/** Carries out a change and shows its result at once; a failure goes to the log. */
export async function act(text: string, method: string, params: object): Promise<boolean> {
  try {
    await call(method, params);
    note(text);
    await refresh();
    return true;
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    note(`${text}: ${error.message}`, true);
    return false;
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
