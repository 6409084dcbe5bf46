import { assertEquals } from "@std/assert";
import { ok } from "../../../core/bytes/result.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import type { AnnounceRequest } from "../../../core/tracker/types.ts";
import { type Announce, inAllSwarms } from "../../../shell/announce/exchanges.ts";

const V1 = "11".repeat(20) as InfoHash;
const V2 = "22".repeat(20) as InfoHash;
const REQUEST: AnnounceRequest = {
  infoHash: V1,
  peerId: new Uint8Array(20),
  port: 1,
  uploaded: 0,
  downloaded: 0,
  left: 0,
  event: "started",
  numWant: 50,
  key: 7,
  trackerId: "told",
};

Deno.test("a hybrid is announced in both swarms, as the same peer", async () => {
  const heard: AnnounceRequest[] = [];
  const announce: Announce = (_url, request) => {
    heard.push(request);
    return Promise.resolve(ok({
      intervalSeconds: 60,
      minIntervalSeconds: undefined,
      seeders: undefined,
      leechers: undefined,
      peers: [{ ip: "192.0.2.1", port: heard.length }],
      trackerId: undefined,
      warning: undefined,
      externalIp: undefined,
    }));
  };
  const { signal } = new AbortController();
  const both = await inAllSwarms(announce, () => [V1, V2])("http://t/", REQUEST, signal);
  assertEquals(heard, [REQUEST, { ...REQUEST, infoHash: V2, trackerId: undefined }]);
  assertEquals(both.ok && both.value.peers.map(({ port }) => port), [1, 2]);
  await inAllSwarms(announce, () => [V1])("http://t/", REQUEST, signal);
  assertEquals(heard.slice(2), [REQUEST]);
});
