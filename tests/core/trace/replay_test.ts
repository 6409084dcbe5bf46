/**
 * The replay of a recorded run makes the same decisions, and the first different one is reported.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { fuzzRuns } from "../../fuzz/runs.ts";
import { addressText } from "../../../core/bytes/address.ts";
import { fail } from "../../../core/bytes/result.ts";
import { PEER_DEAD_MS } from "../../../core/swarm/limits.ts";
import { decodeRow } from "../../../core/trace/format.ts";
import { openReplay, replayLine } from "../../../core/trace/replay.ts";
import { findPeer, viewState } from "../../../core/trace/state_view.ts";
import { encodeExtendedHandshake } from "../../../core/wire/extended.ts";
import { encodeMetadataMessage } from "../../../core/wire/ut_metadata.ts";
import { encodePex } from "../../../core/wire/ut_pex.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { valueOf } from "../tracker/unwrap.ts";
import { RecordingKit, replayText } from "./recording_kit.ts";

const PIECES = 12;
const TRACKER = "https://user:pw@secret-tracker.example/SECRETPASSKEY/announce?key=SECRETKEY";
/** Two of one subnet, one alone, one on loopback, one of IPv6, and two of private networks. */
const IPS = [
  ...["203.0.113.7", "203.0.113.9", "198.51.100.1", "127.0.0.1", "2001:db8::5"],
  ...["192.168.77.5", "fd99::7"],
];
/** Names of files; two pieces of metadata. */
const INFO_BYTES = Uint8Array.from("SECRET".repeat(4_000), (character) => character.charCodeAt(0));
const SECRETS = [
  "203.0.113",
  "198.51.100",
  "2001:db8",
  "192.168.77",
  "fd99",
  "6881",
  "51413",
  "SECRET",
  "secret-tracker",
];

/** A run with every message that names a peer or a file, for any random `draws`. */
function play(draws: readonly number[], keepsAddresses = false): RecordingKit {
  const kit = new RecordingKit({
    have: "##..........",
    announceTiers: [[TRACKER, "udp://secret-tracker.example:6969"]],
    shareRule: { percent: 10, strict: false },
    port: 51413,
    infoBytes: INFO_BYTES,
  }, keepsAddresses);
  const peers: number[] = [];
  for (const [turn, draw] of draws.entries()) {
    const peer = peers[draw % Math.max(1, peers.length)] ?? 0;
    const spin = Math.floor(draw / 16);
    switch (draw % 15) {
      case 0:
      case 1: {
        const ip = IPS[spin % IPS.length]!;
        const what = { ip, id: 1 + spin % 250, incoming: spin % 3 > 0, extended: true };
        const have = "#".repeat(spin % (PIECES + 1)).padEnd(PIECES, ".");
        peers.push(kit.connect(have, { ...what, port: 40_000 + turn, unchokes: spin % 2 > 0 }));
        break;
      }
      case 2:
        kit.say(peer, { kind: "extended", id: 0, payload: extensionHandshakeOf(spin) });
        break;
      case 3:
        kit.complete(peer, spin % 4 === 0 ? [spin % PIECES] : []);
        break;
      case 4:
        kit.deliver(peer, spin % 5);
        break;
      case 5:
        kit.say(peer, { kind: "interested" });
        kit.say(peer, { kind: "request", piece: spin % PIECES, begin: 0, length: 16_384 });
        kit.feed({ kind: "blocks-sent", peer, bytes: 16_384 });
        break;
      case 6:
        kit.wait(spin % (2 * PEER_DEAD_MS) + 0.123456);
        break;
      case 7:
        kit.answer({
          seeders: spin % 3,
          leechers: spin % 5,
          trackerId: "SECRETID",
          warning: "SECRET: your passkey is SECRETPASSKEY",
          externalIp: "203.0.113.77",
          peers: IPS.map((ip) => ({ ip, port: 6881 + spin % 3 })),
        });
        break;
      case 8:
        failAnnounces(kit);
        break;
      case 9:
        kit.disconnect(peer);
        break;
      case 10:
        kit.say(peer, { kind: spin % 2 > 0 ? "choke" : "unchoke" });
        break;
      case 11:
        for (const { job } of kit.all("dial")) {
          kit.feed({ kind: "dial-failed", job, why: "203.0.113.7:6881 refused" });
        }
        kit.saved();
        break;
      case 12:
        kit.say(peer, { kind: "extended", id: 1, payload: pexOf(spin) });
        break;
      case 13:
        kit.say(peer, { kind: "extended", id: 2, payload: metadataOf(spin) });
        break;
      case 14:
        kit.say(peer, { kind: "extended", id: 7, payload: Uint8Array.of(0, 0, 0, spin % PIECES) });
    }
  }
  return kit;
}

/** Contains other addresses, and sometimes is an invalid message. */
function pexOf(spin: number): Uint8Array {
  if (spin % 7 === 0) return Uint8Array.from("203.0.113.7", (character) => character.charCodeAt(0));
  const contacts = IPS.map((ip, i) => ({ address: { ip, port: 6881 + (spin + i) % 3 }, flags: i }));
  const at = spin % IPS.length;
  const dropped = contacts.slice(0, at).map(({ address }) => address);
  return encodePex({ added: contacts.slice(at), dropped });
}

function metadataOf(spin: number): Uint8Array {
  const piece = spin % 3;
  if (spin % 5 === 0) return INFO_BYTES.slice(0, 20);
  if (spin % 5 > 2) return encodeMetadataMessage({ kind: "request", piece });
  const payload = INFO_BYTES.slice(0, 1 + spin % 100);
  return encodeMetadataMessage({ kind: "data", piece, totalSize: INFO_BYTES.length, payload });
}

function extensionHandshakeOf(spin: number): Uint8Array {
  return encodeExtendedHandshake({
    extensions: new Map([["ut_pex", 3], ["ut_metadata", 4], ["lt_donthave", 5]]),
    version: "client \u{1f600} 1.0",
    port: 6881 + spin % 3,
    reqq: 1 + spin % 300,
    yourIp: "203.0.113.77",
    uploadOnly: spin % 2 > 0,
    metadataSize: 1000,
  });
}

function failAnnounces(kit: RecordingKit): void {
  for (const [job, { kind }] of [...kit.jobs]) {
    const message = `Cannot reach ${TRACKER}`;
    const result = fail({ code: "unreachable", message } as const);
    if (kind === "announce") kit.feed({ kind: "announced", job, result });
  }
}

const draws = fc.array(fc.nat(1 << 20), { minLength: 20, maxLength: 80 });

Deno.test("for any run, a pseudonymized trace replays with the same decisions", () => {
  fc.assert(
    fc.property(draws, fc.boolean(), (plan, keepsAddresses) => {
      const replay = replayText(play(plan, keepsAddresses).end());
      assertEquals(replay.end, { kind: "end" });
    }),
    fuzzRuns(60),
  );
});

Deno.test("the replay ends in the state of the run, except for names", () => {
  fc.assert(
    fc.property(draws, (plan) => {
      const kit = play(plan);
      const { torrent, now } = replayText(kit.trace);
      const nameless = (view: ReturnType<typeof viewState>) => {
        const peers = view.peers.map((peer) => ({ ...peer, address: "" }));
        return { ...view, peers };
      };
      assertEquals(nameless(viewState(torrent, now)), nameless(viewState(kit.torrent, now)));
    }),
    fuzzRuns(15),
  );
});

Deno.test("a trace contains no address, port, peer ID, passkey or text of others", () => {
  const eventful = Array.from({ length: 400 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 12);
  const trace = play(eventful).end();
  for (const kind of ["connected", "announced", "dial-failed", "extended", "peers-found"]) {
    if (kind !== "peers-found") assert(trace.includes(`"${kind}"`), `the run has ${kind}`);
  }
  const ids = [...Array(250).keys()].map((id) =>
    `"${(id + 1).toString(16).padStart(2, "0").repeat(20)}"`
  );
  for (const secret of [...SECRETS, ...ids]) assertEquals(trace.includes(secret), false, secret);
  assert(play(eventful, true).end().includes("203.0.113.7"), "unless they are asked for");
});

Deno.test("a traced run exchanges peers and gives metadata, and replays with the same messages", () => {
  const kit = new RecordingKit({ have: "####", infoBytes: INFO_BYTES });
  const peers = [1, 2, 3].map((id) =>
    kit.connect("#...", { id, ip: `203.0.113.${id}`, extended: true })
  );
  for (const peer of peers) {
    kit.say(peer, { kind: "extended", id: 0, payload: extensionHandshakeOf(2) });
  }
  kit.say(peers[0]!, { kind: "extended", id: 2, payload: metadataOf(4) });
  kit.say(peers[1]!, { kind: "extended", id: 1, payload: pexOf(1) });
  kit.wait(2 * 60_000);
  const names = kit.all("send").flatMap(({ message }) =>
    message.kind === "extended" ? message.name ?? [] : []
  );
  assertEquals(new Set(names), new Set(["ut_metadata", "ut_pex"]));
  const replay = replayText(kit.end());
  assertEquals(replay.end, { kind: "end" });
  assertEquals(
    replay.torrent.swarm.addresses.entries.size,
    kit.torrent.swarm.addresses.entries.size,
  );
  for (const secret of SECRETS) assertEquals(kit.trace.includes(secret), false, secret);
});

Deno.test("a run that fetches its metadata replays", () => {
  const kit = new RecordingKit({ have: "....", isMagnet: true });
  const peer = kit.connect("", { extended: true });
  const extensions = new Map([["ut_metadata", 4]]);
  const nothing = { version: undefined, port: undefined, reqq: undefined, yourIp: undefined };
  const payload = encodeExtendedHandshake({
    ...{ extensions, ...nothing, uploadOnly: undefined, metadataSize: INFO_BYTES.length },
  });
  kit.say(peer, { kind: "extended", id: 0, payload });
  for (const piece of [0, 1]) {
    const part = INFO_BYTES.slice(16_384 * piece, 16_384 * (piece + 1));
    const data = { kind: "data", piece, totalSize: INFO_BYTES.length, payload: part } as const;
    kit.say(peer, { kind: "extended", id: 2, payload: encodeMetadataMessage(data) });
  }
  const [check] = kit.all("check-metadata");
  assertEquals(check!.bytes, INFO_BYTES);
  kit.feed({ kind: "metadata-checked", job: check!.job, matches: true });
  const replay = replayText(kit.end());
  assertEquals(replay.end, { kind: "end" });
  for (const secret of SECRETS) assertEquals(kit.trace.includes(secret), false, secret);
});

Deno.test("the first different decision is reported with its event", () => {
  const kit = new RecordingKit({ have: "....", blocks: 2 });
  const peer = kit.connect("####");
  kit.deliver(peer, 3);
  const lines = kit.end().split("\n");
  const block = lines.findIndex((line) => line.startsWith("["));
  const events = lines.slice(1, block + 1).filter((line) => /^[[{]/.test(line)).length;
  lines[block] = lines[block]!.replace(/,16384\]$/, ",16383]");
  const replay = replayText(lines.join("\n"));
  // A block of the wrong size is rejected, so the piece is never checked: the last block shows it.
  assertEquals(replay.end?.kind, "differs");
  assert(replay.events >= events && replay.events < events + 3);

  const flipped = kit.end().replace('"unchoke"', '"choke"');
  assertEquals(replayText(flipped).end?.kind, "differs");
  const [first] = kit.end().match(/"[0-9a-f]{8}"/)!;
  assertEquals(replayText(kit.end().replace(first, '"00000000"')).events, 1);
});

Deno.test("a truncated trace is replayed up to its end", () => {
  const kit = new RecordingKit({ have: "....", blocks: 2 });
  kit.complete(kit.connect("####"));
  const lines = kit.trace.split("\n");
  for (let count = 2; count < lines.length; count++) {
    const replay = replayText(lines.slice(0, count).join("\n") + "\n");
    assertEquals(replay.end, undefined);
  }
});

Deno.test("an exception in the core ends the replay and is quoted", () => {
  const kit = new RecordingKit({ have: ".." });
  const opened = openReplay(kit.trace.split("\n")[0]!, sha1);
  if (!opened.ok) throw new Error(opened.error.code);
  const replay = opened.value;
  replayLine(replay, '{"kind":"start"}');
  Object.defineProperty(replay.torrent.swarm, "addresses", { value: undefined });
  replayLine(
    replay,
    '{"kind":"peers-found","addresses":[{"ip":"10.0.0.1","port":1}],"source":"user"}',
  );
  assertEquals(replay.end?.kind, "failed");
  assertEquals(replay.events, 2);
});

Deno.test("a peer is selected by its number or by its address in the trace", () => {
  const kit = new RecordingKit({ have: ".." });
  const peer = kit.connect("##", { ip: "203.0.113.7", port: 6881 });
  const { torrent } = replayText(kit.trace);
  const found = findPeer(torrent, String(peer))!;
  assertEquals(findPeer(torrent, addressText(found.address)), found);
  assertEquals(findPeer(torrent, "203.0.113.7:6881"), undefined);
  assertEquals(findPeer(torrent, "7"), undefined);
});

Deno.test("a run with a web server is replayed, and its trace does not contain the server", () => {
  const url = "http://secret.example/film?key=1";
  const webSeeds = [{ key: 900, url, seedKind: "files" as const }];
  const kit = new RecordingKit({ have: "....", blocks: 2, webSeeds });
  kit.deliver(900, 3);
  const failed = { kind: "web-seed-failed", peer: 900, waitMs: undefined } as const;
  kit.feed({ ...failed, verdict: "wait", why: "secret.example is busy" });
  kit.wait(20_000);
  kit.complete(900);
  const trace = kit.end();
  const replay = replayText(trace);
  assertEquals(replay.end, { kind: "end" });
  assertEquals(replay.torrent.transfer?.haveCount, 4);
  assertEquals(viewState(replay.torrent, replay.now).peers, []);
  assertEquals(trace.includes("secret"), false);
});

Deno.test("a replay counts lines, events, blocks, connections and turns, and what is not compared yet", () => {
  const kit = new RecordingKit({ have: "....", blocks: 2 });
  const peers = [kit.connect("####"), kit.connect("####")];
  kit.wait(5_000);
  kit.deliver(peers[0]!, 3);
  kit.disconnect(peers[1]!);
  const lines = kit.end().split("\n").slice(0, -1);
  const replay = valueOf(openReplay(lines[0]!, sha1));
  const expected = { line: 1, events: 0, blocks: 0, connections: 0, turns: 0, pending: 0 };
  let before = replay.now;
  for (const line of lines.slice(1)) {
    const row = decodeRow(line)!;
    replayLine(replay, line);
    expected.line++;
    if (row.kind === "event" || row.kind === "block") {
      expected.events++;
      expected.pending++;
    }
    if (row.kind === "block") expected.blocks++;
    if (row.kind === "event" && row.event.kind === "connected") expected.connections++;
    if (row.kind === "time") {
      assert(row.at > before, "a time is written when it changes");
      before = row.at;
    }
    if (row.kind === "settle") {
      expected.turns++;
      expected.pending = 0;
    }
    const { line: at, events, blocks, connections, turns, pending } = replay;
    assertEquals({ line: at, events, blocks, connections, turns, pending }, expected);
    assertEquals(replay.now, before);
  }
  assertEquals([replay.end, expected.blocks, expected.connections], [{ kind: "end" }, 3, 2]);
  replayLine(replay, "12");
  assertEquals(replay.line, expected.line, "what is behind the end is not read");
});
