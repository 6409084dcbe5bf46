/** What `list`, `fetch` and `peers` answer, and what `seed` says of a catalog. */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import type { ListedTorrent } from "../tracker_server/catalog.ts";
import { formatBytes, formatCount } from "./format.ts";

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

const SIZE_WIDTH = 9;
const COUNT_WIDTH = 7;

/** The line above the lines of `tt list`. */
export const LIST_HEADING = listLine("SIZE", ["SEEDS", "PEERS", "DONE"], "INFO HASH", "NAME");

/** A line for stdout. */
export function catalogText(result: CatalogResult): string {
  switch (result.event) {
    case "listed": {
      const { bytes, seeders, leechers, completed, infoHash, name } = result;
      return listLine(formatBytes(bytes), [seeders, leechers, completed], infoHash, name);
    }
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
  size: string,
  counts: readonly (string | number)[],
  infoHash: string,
  name: string,
): string {
  const columns = counts.map((count) => String(count).padStart(COUNT_WIDTH));
  return [size.padStart(SIZE_WIDTH), ...columns, "", infoHash.padEnd(40), "", name].join(" ");
}
