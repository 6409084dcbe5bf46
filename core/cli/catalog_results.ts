/** What `list`, `fetch` and `peers` answer, and what `seed` says of a catalog. */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import type { ListedTorrent } from "../tracker_server/catalog.ts";
import { formatBytes, formatCount } from "./format.ts";
import { cutText, printable } from "./text.ts";

export type CatalogResult =
  | ListedResult
  | FetchedResult
  | SwarmResult
  | PeerResult;

/** `tt list`: one torrent of the catalog. */
export interface ListedResult extends ListedTorrent {
  readonly event: "listed";
}

/** `tt fetch` saved a `.torrent`. */
export interface FetchedResult {
  readonly event: "fetched";
  /** Where it was written. */
  readonly path: string;
  readonly infoHash: string;
  readonly name: string;
  /** Size of the content. */
  readonly bytes: number;
}

/** `tt peers`: a swarm in numbers. */
export interface SwarmResult {
  readonly event: "swarm";
  readonly infoHash: string;
  readonly name: string;
  readonly seeders: number;
  readonly leechers: number;
  /** Finished downloads. */
  readonly completed: number;
}

/** `tt peers`: one peer of the swarm named before. */
export interface PeerResult extends PeerAddress {
  readonly event: "peer";
  readonly infoHash: string;
  readonly isSeeder: boolean;
}

/** Columns of `tt list` before the name. */
const LIST_WIDTHS = { size: 9, seeds: 6, peers: 6, done: 6, infoHash: 40 } as const;
type ListColumn = keyof typeof LIST_WIDTHS;
/** Those that go first on a narrow terminal. */
const LIST_DISPENSABLE: readonly ListColumn[] = ["infoHash", "done", "peers", "seeds"];
const LIST_NAME_COLUMNS_MIN = 22;
const LIST_HEADING = {
  ...{ size: "SIZE", seeds: "SEEDS", peers: "PEERS", done: "DONE", infoHash: "INFO HASH" },
  name: "NAME",
};

/** The line above the lines of `tt list`. */
export function listHeading(columns: number): string {
  return listLine(LIST_HEADING, columns, "");
}

/** A line of `tt list` that is no wider than `columns`; with Infinity nothing is left out. */
export function listText(torrent: ListedTorrent, columns: number, ellipsis: string): string {
  const { bytes, seeders, leechers, completed, infoHash, name } = torrent;
  const cells = {
    ...{ size: formatBytes(bytes), seeds: `${seeders}`, peers: `${leechers}` },
    ...{ done: `${completed}`, infoHash, name: printable(name) },
  };
  return listLine(cells, columns, ellipsis);
}

/** A line for stdout. */
export function catalogText(result: CatalogResult): string {
  switch (result.event) {
    case "listed":
      return listText(result, Infinity, "");
    case "fetched":
      return `Saved ${result.path}: ${formatBytes(result.bytes)}, info hash ${result.infoHash}`;
    case "swarm": {
      const counts = [
        formatCount(result.seeders, "seeder"),
        formatCount(result.leechers, "leecher"),
        `${formatCount(result.completed, "download")} finished`,
      ];
      return `${result.name}: ${counts.join(", ")}`;
    }
    case "peer":
      return `  ${result.isSeeder ? "seeder " : "leecher"}  ${addressText(result)}`;
  }
}

/** The name comes last, for it may be of any length. */
function listLine(
  cells: Readonly<Record<ListColumn | "name", string>>,
  columns: number,
  ellipsis: string,
): string {
  const shown = new Set(Object.keys(LIST_WIDTHS) as ListColumn[]);
  const room = () => [...shown].reduce((left, key) => left - LIST_WIDTHS[key] - 2, columns);
  for (const key of LIST_DISPENSABLE) if (room() < LIST_NAME_COLUMNS_MIN) shown.delete(key);
  const before = [...shown].map((key) =>
    key === "infoHash" ? cells[key].padEnd(LIST_WIDTHS[key]) : cells[key].padStart(LIST_WIDTHS[key])
  );
  const name = room() === Infinity ? cells.name : cutText(cells.name, room(), ellipsis);
  return cutText([...before, name].join("  "), columns, "");
}
