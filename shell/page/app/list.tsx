/** The list of torrents. Only the rows in view exist, so that 2,000 torrents cost what 30 do. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { duration, percent, rate, ratio, size } from "./format.ts";
import { ERROR_LOCAL, type Share, stateOf, STATUS, type Torrent } from "./torrents.ts";

/** Height of a row in pixels, as the style sheet has it. */
const ROW_PX = 64;
const ROWS_BEYOND = 6;

interface ListProps {
  readonly torrents: readonly Torrent[];
  readonly selected: number | undefined;
  readonly onSelect: (id: number) => void;
}

export function List({ torrents, selected, onSelect }: ListProps) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  useEffect(() => {
    const element = box.current!;
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    measure();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);
  const index = torrents.findIndex(({ id }) => id === selected);
  useEffect(() => {
    const element = box.current!;
    if (index < 0) return;
    const top = index * ROW_PX;
    if (top < element.scrollTop) element.scrollTop = top;
    const below = top + ROW_PX - element.clientHeight;
    if (below > element.scrollTop) element.scrollTop = below;
  }, [index]);
  const first = Math.max(0, Math.floor(view.top / ROW_PX) - ROWS_BEYOND);
  const last = Math.min(
    torrents.length,
    Math.ceil((view.top + view.height) / ROW_PX) + ROWS_BEYOND,
  );
  return (
    <div
      class="list"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-label="Torrents"
      aria-activedescendant={selected === undefined ? undefined : `torrent-${selected}`}
    >
      <div class="canvas" style={{ height: `${torrents.length * ROW_PX}px` }}>
        {torrents.slice(first, last).map((torrent, offset) => (
          <Row
            key={torrent.id}
            torrent={torrent}
            top={(first + offset) * ROW_PX}
            isSelected={torrent.id === selected}
            onSelect={onSelect}
          />
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  readonly torrent: Torrent;
  readonly top: number;
  readonly isSelected: boolean;
  readonly onSelect: (id: number) => void;
}

/** Drawn anew only when its torrent changed: most of an answer is as it was. */
function Row({ torrent, top, isSelected, onSelect }: RowProps) {
  return useMemo(
    () => drawRow({ torrent, top, isSelected, onSelect }),
    [torrent, top, isSelected, onSelect],
  );
}

function drawRow({ torrent, top, isSelected, onSelect }: RowProps) {
  const { text, kind } = stateOf(torrent);
  const done = progressOf(torrent);
  return (
    <div
      id={`torrent-${torrent.id}`}
      class={`row ${kind}`}
      role="option"
      aria-selected={isSelected}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(torrent.id)}
    >
      <div class="name" title={torrent.name}>{torrent.name}</div>
      <div class="rates">
        <span class="down">{rate(torrent.rate_download)}</span>
        <span class="up">{rate(torrent.rate_upload)}</span>
      </div>
      <div class="bar" role="progressbar" aria-valuenow={Math.round(done * 100)}>
        <i style={{ width: `${done * 100}%` }} />
      </div>
      <div class="facts">
        <b>{text}</b>
        <span>{factsOf(torrent)}</span>
        <ShareBadge torrent={torrent} />
      </div>
    </div>
  );
}

/** Bytes that the share rule still asks for. */
export function leftToShare({ owed_bytes: owed, shared_bytes: shared }: Share): number {
  return Math.max(0, owed - shared);
}

/** What the share rule still asks of the torrent; nothing when it is settled. */
export function ShareBadge({ torrent: { tt_share: share } }: { readonly torrent: Torrent }) {
  const left = leftToShare(share);
  if (share.state !== "owing" || left === 0) return null;
  const title = `Share rule: ${share.percent} % of the size is to be uploaded`;
  return <span class="badge" title={title}>{size(left)} to share</span>;
}

function progressOf(torrent: Torrent): number {
  if (torrent.status === STATUS.checking) return torrent.recheck_progress;
  return torrent.metadata_percent_complete < 1
    ? torrent.metadata_percent_complete
    : torrent.percent_done;
}

function factsOf(torrent: Torrent): string {
  const { size_when_done: total, left_until_done: left, peers_connected: peers } = torrent;
  // A tracker that fails matters only to those that have no peers.
  const isStuck = torrent.error === ERROR_LOCAL || peers === 0;
  if (torrent.error_string !== "" && isStuck) return torrent.error_string;
  const peersText = peers === 1 ? "1 peer" : `${peers} peers`;
  if (torrent.metadata_percent_complete < 1) return peersText;
  if (left === 0) return `${size(total)} · ratio ${ratio(torrent.upload_ratio)} · ${peersText}`;
  const eta = torrent.eta >= 0 ? ` · ${duration(torrent.eta)} left` : "";
  return `${size(total - left)} of ${size(total)} · ${
    percent(torrent.percent_done)
  } · ${peersText}${eta}`;
}
