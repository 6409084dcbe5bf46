/** A `.torrent` around an info dictionary that came without one: from peers, by a magnet link. */
import { encodeBencode } from "../bencode/encode.ts";
import type { Magnet } from "./magnet.ts";

/**
 * The bytes of a `.torrent` with the info dictionary exactly as it came, and with the trackers and web
 * seeds of the link. Each tracker is a separate tier, as their order in a link means nothing more.
 *
 * Spec: BEP 3, metainfo files; BEP 9, BEP 12, BEP 19.
 */
export function torrentOfInfo(
  infoBytes: Uint8Array,
  { trackers, webSeeds }: Pick<Magnet, "trackers" | "webSeeds">,
): Uint8Array {
  const before = encodeBencode({
    announce: trackers[0],
    "announce-list": trackers.length > 1 ? trackers.map((url) => [url]) : undefined,
  });
  const after = encodeBencode({ "url-list": webSeeds.length > 0 ? webSeeds : undefined });
  // Dictionaries without their ends: "d" stays of the first, "e" of the second.
  const parts = [
    before.subarray(0, -1),
    new TextEncoder().encode("4:info"),
    infoBytes,
    after.subarray(1),
  ];
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
