/** Hosts with several addresses, with a fake resolver: the announces that each address receives. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import type { AnnounceEvent, AnnounceRequest } from "../../../core/tracker/types.ts";
import { announce, type AnnounceOptions } from "../../../shell/announce/announce.ts";
import { errorOf, valueOf } from "../../core/tracker/unwrap.ts";
import { announceRequest } from "./request.ts";

const ANSWER = encodeBencode({ interval: 60, peers: new Uint8Array([10, 0, 0, 1, 0, 80]) });

interface Heard {
  readonly on: string;
  readonly from: string;
  readonly event: string | null;
  readonly query: URLSearchParams;
}

/**
 * HTTP trackers with one port number on each of the addresses; those that are "silent" never
 * respond.
 */
async function withTrackers(
  hosts: Readonly<Record<string, "answers" | "silent">>,
  use: (url: string, heard: Heard[], lookup: AnnounceOptions["lookup"]) => Promise<void>,
): Promise<void> {
  const heard: Heard[] = [];
  const silence = Promise.withResolvers<void>();
  const servers: Deno.HttpServer<Deno.NetAddr>[] = [];
  for (const [hostname, kind] of Object.entries(hosts)) {
    const port = servers[0]?.addr.port ?? 0;
    servers.push(
      Deno.serve({ hostname, port, onListen() {} }, async ({ url }, { remoteAddr }) => {
        const query = new URL(url).searchParams;
        const from = (remoteAddr as Deno.NetAddr).hostname;
        heard.push({ on: hostname, from, event: query.get("event"), query });
        if (kind === "silent") await silence.promise;
        return new Response(ANSWER as BodyInit);
      }),
    );
  }
  const lookup = () => Promise.resolve(Object.keys(hosts));
  const url = `http://tracker.test:${servers[0]!.addr.port}/announce`;
  try {
    await use(url, heard, lookup);
  } finally {
    silence.resolve();
    await Promise.all(servers.map((server) => server.shutdown()));
  }
}

const asked = (event?: AnnounceEvent, more: Partial<AnnounceRequest> = {}) =>
  announceRequest(1, { event, ...more });
const eventsOf = (heard: readonly Heard[]) => heard.map(({ on, event }) => `${on} ${event}`).sort();

Deno.test("a dual-stack tracker gets an announce per family, and both are reported", async () => {
  await withTrackers({ "127.0.0.1": "answers", "::1": "answers" }, async (url, heard, lookup) => {
    const answer = valueOf(await announce(url, asked("started"), { lookup }));
    assertEquals(answer.families?.toSorted(), [4, 6]);
    assertEquals(eventsOf(heard), ["127.0.0.1 started", "::1 started"]);
  });
});

Deno.test("a family gets started if it has no record of us, and stopped if it has", async () => {
  await withTrackers({ "127.0.0.1": "answers", "::1": "answers" }, async (url, heard, lookup) => {
    valueOf(await announce(url, asked("completed", { startedOn: [6] }), { lookup }));
    assertEquals(eventsOf(heard.splice(0)), ["127.0.0.1 started", "::1 completed"]);
    valueOf(await announce(url, asked(undefined, { startedOn: [4] }), { lookup }));
    assertEquals(eventsOf(heard.splice(0)), ["127.0.0.1 null", "::1 started"]);
    valueOf(await announce(url, asked("paused", { startedOn: [4] }), { lookup }));
    assertEquals(eventsOf(heard.splice(0)), ["127.0.0.1 paused", "::1 paused"]);
    valueOf(await announce(url, asked("stopped", { startedOn: [6] }), { lookup }));
    assertEquals(eventsOf(heard.splice(0)), ["::1 stopped"]);
    valueOf(await announce(url, asked("stopped"), { lookup }));
    assertEquals(eventsOf(heard), ["127.0.0.1 stopped", "::1 stopped"]);
  });
});

/** How long tests wait for the response of the other family. */
const FAMILY_GRACE = { familyGraceMs: 20, timeoutMs: 60_000 };

Deno.test("a family without a response does not delay the other", async () => {
  await withTrackers({ "127.0.0.1": "answers", "::1": "silent" }, async (url, heard, lookup) => {
    const controller = new AbortController();
    const { signal } = controller;
    const options = { ...FAMILY_GRACE, lookup, signal };
    const first = valueOf(await announce(url, asked("started"), options));
    assertEquals(first.families, [4]);
    assertEquals(eventsOf(heard), ["127.0.0.1 started", "::1 started"]);
    controller.abort();
  });
});

Deno.test("a late response is reported with the next announce", async () => {
  const release = Promise.withResolvers<void>();
  const four = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    return new Response(ANSWER as BodyInit);
  });
  const six = Deno.serve({ hostname: "::1", port: four.addr.port, onListen() {} }, async () => {
    await release.promise;
    return new Response(ANSWER as BodyInit);
  });
  const options = { ...FAMILY_GRACE, lookup: () => Promise.resolve(["127.0.0.1", "::1"]) };
  const url = `http://late.test:${four.addr.port}/announce`;
  const first = valueOf(await announce(url, asked("started"), options));
  assertEquals(first.families, [4]);
  release.resolve();
  // It still answers requests it has accepted; from now on it refuses connections.
  await six.shutdown();
  let families: readonly number[] = [];
  for (let i = 0; i < 50 && families.length < 2; i++) {
    const answer = await announce(url, asked(undefined, { startedOn: [4] }), options);
    families = valueOf(answer).families ?? [];
  }
  assertEquals(families, [4, 6]);
  await four.shutdown();
});

Deno.test("if one address of a host does not respond, another is tried", async () => {
  // The first refuses connections, the second accepts and is silent, the third responds.
  const hosts = { "127.0.0.1": "answers", "127.0.0.2": "silent" } as const;
  await withTrackers(hosts, async (url, heard) => {
    const lookup = () => Promise.resolve(["127.0.0.9", "127.0.0.2", "127.0.0.1"]);
    const answer = valueOf(await announce(url, asked("started"), { lookup, timeoutMs: 1_500 }));
    assertEquals(answer.peers.length, 1);
    assertEquals(heard.map(({ on }) => on), ["127.0.0.2", "127.0.0.1"]);
  });
});

Deno.test("announces leave from the bound address, over its family only", async () => {
  await withTrackers({ "127.0.0.1": "answers", "::1": "answers" }, async (url, heard, lookup) => {
    valueOf(await announce(url, asked("started"), { lookup, localAddress: "127.0.0.7" }));
    assertEquals(heard.splice(0).map(({ on, from }) => [on, from]), [["127.0.0.1", "127.0.0.7"]]);
    const any = valueOf(await announce(url, asked(), { lookup, localAddress: "0.0.0.0" }));
    assertEquals(any.families, [4]);
    const six = valueOf(await announce(url, asked(), { lookup, localAddress: "::1" }));
    assertEquals(six.families, [6]);
    const both = valueOf(await announce(url, asked(), { lookup, localAddress: "::" }));
    assertEquals(both.families?.toSorted(), [4, 6]);
    const only4 = () => Promise.resolve(["127.0.0.1"]);
    const none = errorOf(await announce(url, asked(), { lookup: only4, localAddress: "::1" }));
    assertMatch(none.message, /no IPv6 address/);
  });
});

Deno.test("the announced address is sent over its own family", async () => {
  await withTrackers({ "127.0.0.1": "answers", "::1": "answers" }, async (url, heard, lookup) => {
    const announceIp = "2001:db8::9";
    valueOf(await announce(url, asked("started"), { lookup, announceIp }));
    const told = heard.splice(0).map(({ on, query }) => `${on} ${query.get("ip")}`).sort();
    assertEquals(told, ["127.0.0.1 null", "::1 2001:db8::9"]);
    const only4 = () => Promise.resolve(["127.0.0.1"]);
    valueOf(await announce(url, asked(), { lookup: only4, announceIp }));
    assertEquals(heard[0]!.query.get("ip"), announceIp);
  });
});

Deno.test("peers named by a host name are resolved", async () => {
  const answer = encodeBencode({
    interval: 60,
    peers: [
      { ip: "peer.test", port: 1 },
      { ip: "missing.test", port: 2 },
      { ip: "192.0.2.1", port: 3 },
    ],
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    return new Response(answer as BodyInit);
  });
  const lookup = (host: string) =>
    host === "peer.test"
      ? Promise.resolve(["192.0.2.7", "192.0.2.8", "2001:db8::7"])
      : Promise.reject(new Error("ENOTFOUND"));
  const url = `http://127.0.0.1:${server.addr.port}/announce`;
  const { peers } = valueOf(await announce(url, asked(), { lookup }));
  assertEquals(peers, [
    { ip: "192.0.2.1", port: 3 },
    { ip: "192.0.2.7", port: 1 },
    { ip: "2001:db8::7", port: 1 },
  ]);
  await server.shutdown();
});

Deno.test("a host without an address is unreachable", async () => {
  const lookup = () => Promise.resolve([]);
  const error = errorOf(await announce("http://nowhere.test/announce", asked(), { lookup }));
  assert(error.code === "unreachable");
});
