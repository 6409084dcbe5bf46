import { assertEquals } from "@std/assert";
import { ok } from "../../../core/bytes/result.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import type { AnnounceRequest } from "../../../core/tracker/types.ts";
import { type Announce, inAllSwarms, TrackerExchanges } from "../../../shell/announce/exchanges.ts";
import { VirtualClock } from "../bottle/virtual_clock.ts";

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

const ANSWER = ok({
  ...{
    intervalSeconds: 60,
    minIntervalSeconds: undefined,
    seeders: undefined,
    leechers: undefined,
  },
  ...{ peers: [], trackerId: undefined, warning: undefined, externalIp: undefined },
});

/** Exchanges on a clock of their own; trackers answer when the test says so. */
function openExchanges() {
  const clock = new VirtualClock();
  const leaving = new AbortController();
  const log: string[] = [];
  const answers = new Map<string, () => void>();
  const announce: Announce = (url, { event }, signal) => {
    const name = `${event} ${url}`;
    log.push(`${clock.now()} ${name}`);
    const { promise, resolve } = Promise.withResolvers<typeof ANSWER>();
    const end = () => resolve(ANSWER);
    answers.set(name, end);
    signal.addEventListener("abort", () => {
      log.push(`${clock.now()} ${name} ends`);
      end();
    });
    return promise;
  };
  const exchanges = new TrackerExchanges(announce, clock, leaving);
  const start = (event: "started" | "stopped", url = "t") =>
    exchanges.start(
      url,
      { ...REQUEST, event },
      () => log.push(`${clock.now()} told ${event} ${url}`),
    );
  return { clock, log, exchanges, start, answer: (name: string) => answers.get(name)!() };
}

Deno.test("stopped waits for the announce before it, which then has a second", async () => {
  const { clock, log, start, answer, exchanges } = openExchanges();
  start("started");
  start("stopped");
  await clock.run(500);
  assertEquals(log, ["0 started t"]);
  answer("started t");
  await clock.run(100);
  assertEquals(log.slice(1), ["500 told started t", "500 stopped t"]);
  answer("stopped t");
  await clock.run(1);
  assertEquals(log.at(-1), "600 told stopped t");
  let isOver = false;
  exchanges.finish().then(() => isOver = true);
  await clock.run(1);
  assertEquals(isOver, true);
});

Deno.test("trackers that do not answer are left after a second, and two for stopped", async () => {
  const { clock, log, start, exchanges } = openExchanges();
  start("started");
  start("started", "other");
  start("stopped");
  let overAt: number | undefined;
  exchanges.finish().then(() => overAt = clock.now());
  await clock.run(10_000);
  assertEquals(
    log,
    [
      ...["0 started t", "0 started other", "1000 started t ends", "1000 started other ends"],
      ...["1000 told started t", "1000 told started other", "1000 stopped t"],
      ...["3000 stopped t ends", "3000 told stopped t"],
    ].toSorted((a, b) => log.indexOf(a) - log.indexOf(b)),
  );
  assertEquals(overAt, 2_000);
});
