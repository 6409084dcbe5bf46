/** Which torrents the list shows, and in which order. */
import { STATUS, type Torrent } from "./torrents.ts";

interface Filter {
  readonly title: string;
  readonly matches: (torrent: Torrent) => boolean;
}

export type FilterName = "all" | "active" | "downloading" | "seeding" | "paused" | "error";

export const FILTERS: Readonly<Record<FilterName, Filter>> = {
  all: { title: "All", matches: () => true },
  active: { title: "Active", matches: isActive },
  downloading: {
    title: "Downloading",
    matches: ({ left_until_done: left, status }) => left > 0 && status !== STATUS.stopped,
  },
  seeding: {
    title: "Seeding",
    matches: ({ status }) => status === STATUS.seeding || status === STATUS.seedQueued,
  },
  paused: { title: "Paused", matches: ({ status }) => status === STATUS.stopped },
  error: { title: "With errors", matches: ({ error }) => error !== 0 },
};

interface Sort {
  readonly title: string;
  readonly compare: (a: Torrent, b: Torrent) => number;
}

export type SortName = "activity" | "name" | "added" | "progress" | "size" | "ratio" | "queue";

/** "Part 2" before "part 10". */
const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const byName = (a: Torrent, b: Torrent) => names.compare(a.name, b.name) || a.id - b.id;

export const SORTS: Readonly<Record<SortName, Sort>> = {
  activity: {
    title: "Active first",
    compare: (a, b) => Number(isActive(b)) - Number(isActive(a)) || byName(a, b),
  },
  name: { title: "Name", compare: byName },
  added: { title: "Newest", compare: (a, b) => b.added_date - a.added_date || byName(a, b) },
  progress: {
    title: "Progress",
    compare: (a, b) => a.percent_done - b.percent_done || byName(a, b),
  },
  size: { title: "Size", compare: (a, b) => b.size_when_done - a.size_when_done || byName(a, b) },
  ratio: { title: "Ratio", compare: (a, b) => b.upload_ratio - a.upload_ratio || byName(a, b) },
  queue: { title: "Queue", compare: (a, b) => a.queue_position - b.queue_position || byName(a, b) },
};

/** The torrents to show: of the filter, with every word in name or labels, sorted. */
export function viewOf(
  torrents: Torrent[],
  filter: FilterName,
  sort: SortName,
  words: string,
): Torrent[] {
  const wanted = words.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const hasWords = ({ name, labels }: Torrent) => {
    const text = [name, ...labels].join(" ").toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
  return torrents.filter((torrent) => FILTERS[filter].matches(torrent) && hasWords(torrent))
    .sort(SORTS[sort].compare);
}

function isActive({ rate_download: down, rate_upload: up, status }: Torrent): boolean {
  return down > 0 || up > 0 || status === STATUS.checking || status === STATUS.downloading;
}
