/**
 * The tracker's announces behind `Deno.serve` instead of our own HTTP server: what `bench tracker
 * --serve` compares with `tt` and opentracker. It only shows whether our own server is still
 * justified.
 */
import { createByteWriter, writtenBytes } from "../../core/bytes/byte_writer.ts";
import { writeCompactReply } from "../../core/tracker_server/http/codec.ts";
import {
  createHttpAnnounceQuery,
  readAnnounceQuery,
} from "../../core/tracker_server/http/query.ts";
import { readRemoteIp } from "../../core/tracker_server/access/remote_ip.ts";
import { PEERS_MAX, SWARMS_MAX } from "../../core/tracker_server/swarms/swarm_store.ts";
import { MemoryStore } from "../../shell/tracker/store/memory_store.ts";
import { announce, createTracker, nextIntervals } from "../../shell/tracker/tracker.ts";
import { UdpServer } from "../../shell/tracker/udp/server.ts";

const [host, port] = [Deno.args[0]!, Number(Deno.args[1])];
const tracker = createTracker(
  { trustsIpParam: true },
  ({ expirySeconds }, now) =>
    new MemoryStore({ seed: 1, expirySeconds, peersMax: PEERS_MAX, swarmsMax: SWARMS_MAX }, now),
);
const query = createHttpAnnounceQuery();
const scratch = new Uint8Array(4);
const url = new Uint8Array(16 * 1024);
const writer = createByteWriter(4_096);
const encoder = new TextEncoder();
const headers = { "content-type": "text/plain" };

Deno.serve({ hostname: host, port, onListen() {} }, (request, info) => {
  const { written } = encoder.encodeInto(request.url, url);
  const at = url.indexOf("?".charCodeAt(0));
  const problem = readAnnounceQuery(url, at + 1, written, query);
  if (problem !== undefined) return new Response(problem, { status: 400 });
  const ip = readRemoteIp((info.remoteAddr as Deno.NetAddr).hostname, scratch);
  query.ip = ip;
  const result = announce(tracker, query, ip, undefined, tracker.now());
  if (result instanceof Promise || !result.ok) return new Response("failed", { status: 500 });
  writer.size = 0;
  writeCompactReply(writer, result.value, nextIntervals(tracker), ip);
  return new Response(writtenBytes(writer).slice(), { headers });
});
new UdpServer(tracker, host, port);
