import { assertEquals } from "@std/assert";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { torrentOfInfo } from "../../../core/metainfo/from_info.ts";
import { parseMetainfo } from "../../../core/metainfo/parse.ts";
import { DIGESTS } from "../../../shell/hash/sha256.ts";

const INFO = encodeBencode({
  length: 5,
  name: "a",
  "piece length": 16_384,
  pieces: new Uint8Array(20),
});

function read(trackers: string[], webSeeds: string[]) {
  const parsed = parseMetainfo(torrentOfInfo(INFO, { trackers, webSeeds }), DIGESTS);
  if (!parsed.ok) throw new Error(parsed.error.code);
  return parsed.value;
}

Deno.test("the info dictionary keeps its bytes; trackers of the link are added around it", () => {
  const trackers = ["http://t.example/announce", "udp://u.example:1"];
  const metainfo = read(trackers, ["http://w.example/a"]);
  assertEquals(metainfo.infoBytes, INFO);
  assertEquals(metainfo.announceTiers, trackers.map((url) => [url]));
  assertEquals(metainfo.webSeeds, ["http://w.example/a"]);
});

Deno.test("a link without trackers and web seeds gives a torrent without them", () => {
  const metainfo = read([], []);
  assertEquals([metainfo.announceTiers, metainfo.webSeeds], [[], []]);
  assertEquals(read(["udp://u.example:1"], []).announceTiers, [["udp://u.example:1"]]);
});

Deno.test("what the link lacks is not in the torrent, and a single tracker is no list", () => {
  const text = (trackers: string[], webSeeds: string[]) =>
    new TextDecoder("latin1").decode(torrentOfInfo(INFO, { trackers, webSeeds }));
  assertEquals(text([], []).startsWith("d4:info"), true);
  assertEquals(text(["udp://u:1"], []).startsWith("d8:announce9:udp://u:14:info"), true);
  assertEquals(text(["udp://u:1", "udp://v:1"], []).includes("13:announce-list"), true);
  assertEquals(
    [text([], []), text([], ["http://w/"])].map((shown) => shown.includes("8:url-list")),
    [
      ...[false, true],
    ],
  );
});
