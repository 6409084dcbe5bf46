/** Magnet links of torrents that are at hand. */
import type { Metainfo } from "./types.ts";

/**
 * The link under which others find the torrent: info hash, name and trackers. A private torrent's
 * link works only where its tracker is told.
 *
 * Spec: BEP 9, magnet URI format.
 */
export function magnetLink(
  metainfo: Pick<Metainfo, "infoHash" | "name" | "announceTiers">,
): string {
  const parts = [`xt=urn:btih:${metainfo.infoHash}`, `dn=${encodeURIComponent(metainfo.name)}`];
  for (const url of metainfo.announceTiers.flat()) parts.push(`tr=${encodeURIComponent(url)}`);
  return `magnet:?${parts.join("&")}`;
}
