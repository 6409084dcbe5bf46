/** Runs torrents side by side in one session until all are done, showing how they do. */
import { addressText } from "../../core/bytes/address.ts";
import { PEER_PORT_DEFAULT } from "../../core/cli/commands.ts";
import type { PeerSettings, TraceSettings } from "../../core/cli/common_settings.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { dhtSettings } from "../dht/settings.ts";
import { Session, type SessionOptions } from "../session.ts";
import { Stopped } from "../stop_signal.ts";
import { type RunOptions, TorrentRun } from "./torrent_run.ts";
import { toCommandError } from "./command_error.ts";
import type { Context } from "./context.ts";
import { MagnetRun, type MagnetRunOptions } from "./magnet_run.ts";
import type { LoadedTorrent } from "../load_torrent.ts";

/** How often `--timeout` is looked at. */
const TICK_MS = 500;

/** What differs from torrent to torrent. */
export type TorrentPlan =
  & Pick<
    RunOptions,
    | "loaded"
    | "filePriorities"
    | "order"
    | "dir"
    | "moveTo"
    | "remember"
    | "limits"
    | "role"
    | "onJoin"
  >
  & {
    /** Settings that are this torrent's own. */
    readonly ownSettings?: Partial<PeerSettings>;
  };

/** A magnet link, whose plan is made once its metadata is here. */
export interface MagnetPlan
  extends Pick<MagnetRunOptions, "magnet" | "dir" | "goals" | "saveTorrent"> {
  readonly planFor: (loaded: LoadedTorrent) => Promise<TorrentPlan>;
}

/** What all torrents of a command share. */
type RunSettings = PeerSettings & {
  readonly trace: TraceSettings | undefined;
  /** Announce URLs that the user named. */
  readonly typedTrackers: readonly string[];
};

const NOT_MAPPED = { method: undefined, externalIp: undefined, externalPort: undefined };

/** Opens the port that all torrents of a command share, and says which. */
export function openSession(
  settings: PeerSettings & Partial<Pick<RunSettings, "typedTrackers">>,
  { output }: Context,
): Session {
  const session = new Session({
    ...sessionOptions(settings),
    onReachable: (peer) => output.event({ event: "reachable", peer: addressText(peer) }),
    onMapped: (mapped) => {
      const { method, externalIp, externalPort } = mapped ?? NOT_MAPPED;
      const isMapped = mapped !== undefined;
      output.event({ event: "port-mapped", isMapped, method, externalIp, externalPort });
    },
  });
  const { host } = settings;
  output.event({ event: "listening", host, port: session.port, url: undefined });
  return session;
}

/** A session as the user's settings want it. */
export function sessionOptions(
  settings: PeerSettings & Partial<Pick<RunSettings, "typedTrackers">>,
): SessionOptions {
  const { host, port, announceIp, allowLocal, typedTrackers, upLimit, downLimit, discovery } =
    settings;
  return {
    host,
    port,
    announceIp,
    allowLocal,
    typedTrackers,
    upLimit,
    downLimit,
    discovery,
    defaultPort: PEER_PORT_DEFAULT,
    dht: dhtSettings(settings.dht),
  };
}

/**
 * Runs each plan as soon as it is there, a torrent named twice once. One that fails does not stop the
 * others: it is reported at once, and the first failure is thrown when all have ended.
 */
export async function runTorrents(
  plans: readonly Promise<TorrentPlan | MagnetPlan>[],
  settings: RunSettings,
  context: Context,
): Promise<void> {
  const { output, signal } = context;
  // Without a port their results are not awaited.
  for (const plan of plans) plan.catch(() => {});
  const session = openSession(settings, context);
  const runs: (TorrentRun | MagnetRun)[] = [];
  const show = () => output.progress(runs.map((run) => run.view()));
  // Before the first torrent runs, a question may stand where the bars are drawn.
  const showRuns = () => {
    if (runs.length > 0) show();
  };
  const tick = () => runs.forEach((run) => run.tick());
  const started = new Set<InfoHash>();
  const fetchMagnet = async ({ planFor, ...source }: MagnetPlan) => {
    const run = new MagnetRun({ ...source, session, settings, output });
    runs.push(run);
    try {
      return await planFor(await run.execute(signal));
    } finally {
      runs.splice(runs.indexOf(run), 1);
    }
  };
  const live = async (plan: Promise<TorrentPlan | MagnetPlan>, index: number) => {
    const source = await plan;
    const found = "magnet" in source ? await fetchMagnet(source) : source;
    const { ownSettings, ...planned } = found;
    const { infoHash, name } = planned.loaded.metainfo;
    if (started.has(infoHash)) return output.notice(`${name} was given twice and is run once`);
    started.add(infoHash);
    const trace = traceOf(settings.trace, index);
    const own = { ...settings, ...ownSettings };
    const run = new TorrentRun({ ...planned, session, settings: own, output, trace });
    runs.push(run);
    try {
      await run.execute(signal);
    } catch (error) {
      if (!(error instanceof Stopped) || planned.role.kind !== "download") throw error;
      // The user has what was asked for: ending the seeding is not a failure.
      if (run.isFinished) return;
      show();
      output.notice(`${name} is not complete; resume it with: ${resumeCommand(planned.dir)}`);
      throw error;
    }
  };
  const tellAtOnce = (error: unknown) => {
    if (plans.length === 1 || error instanceof Stopped) throw error;
    const failure = toCommandError(error);
    const { code, message } = failure;
    output.event({ event: "error", code, message });
    failure.isTold = true;
    throw failure;
  };
  const timers = [
    output.viewMs === undefined ? undefined : setInterval(showRuns, output.viewMs),
    settings.timeoutMs === undefined ? undefined : setInterval(tick, TICK_MS),
  ];
  try {
    const lives = plans.map((plan, index) => live(plan, index).catch(tellAtOnce));
    const ends = await Promise.allSettled(lives);
    show();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  } finally {
    for (const timer of timers) clearInterval(timer);
    await session.close();
  }
}

/** As it would be typed in a shell. */
function resumeCommand(dir: string): string {
  const word = /^[\w./~+:@%,=-]+$/.test(dir) ? dir : `'${dir.replaceAll("'", `'\\''`)}'`;
  return `tt get --resume --dir ${word}`;
}

/** Each torrent's trace is a separate file. */
function traceOf(trace: TraceSettings | undefined, index: number): TraceSettings | undefined {
  return trace && index > 0 ? { ...trace, path: `${trace.path}.${index + 1}` } : trace;
}
