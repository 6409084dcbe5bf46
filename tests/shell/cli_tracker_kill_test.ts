/** A tracker that is killed under load restarts with everything that it confirmed. */
import { assert, assertEquals } from "@std/assert";
import { createRng, randomBelow } from "../../core/bytes/random.ts";
import { percentEncode } from "../../core/tracker/percent.ts";
import { fromHex } from "../../core/bytes/hex.ts";
import { infoHashOf, torrent } from "./tracker/catalog/torrents.ts";
import { scratch, startTracker } from "../support/cli_kit.ts";

const SWARMS = 8;
/** Few enough that a catalog lists each peer of a swarm. */
const PEERS_MAX = 150;
const CLIENTS = 8;
/** Responses before each kill; the last one is random, so that kills happen everywhere. */
const ANSWERS_MIN = 200;
const KILLS = 3;

type Role = "seeder" | "leecher" | "gone";

/** What the tracker has confirmed, and what was requested without a response. */
interface Ledger {
  readonly torrents: Map<string, Uint8Array>;
  /** By info hash and port. */
  readonly peers: Map<string, Role>;
  /** The IDs of their announces; one that returns after leaving is another client. */
  readonly ids: Map<string, string>;
  idsMade: number;
  readonly unsure: Set<string>;
  /** Finished downloads by info hash. */
  readonly completed: Map<string, number>;
  readonly completedUnsure: Map<string, number>;
}

Deno.test("a kill during announces and uploads loses nothing that was acknowledged", async () => {
  await using dir = await scratch();
  const rng = createRng(20_261_121);
  const ledger: Ledger = {
    torrents: new Map(),
    peers: new Map(),
    ids: new Map(),
    idsMade: 0,
    unsure: new Set(),
    completed: new Map(),
    completedUnsure: new Map(),
  };
  const hashes = Array.from({ length: SWARMS }, (_, i) => infoHashOf(torrent({ salt: i })));
  for (let kill = 0; kill <= KILLS; kill++) {
    await using tracker = await startTracker(["--data", dir.at("t.db")]);
    await assertKept(tracker.url, ledger);
    if (kill === 0) { for (let i = 0; i < SWARMS; i++) await upload(tracker.url, i, ledger); }
    if (kill === KILLS) break;
    let left = ANSWERS_MIN + randomBelow(rng, ANSWERS_MIN);
    const answered = () => {
      if (--left === 0) tracker.send("SIGKILL");
    };
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      // Each client uses its own ports, so that its last announce determines the state.
      const ports = Math.floor(PEERS_MAX / CLIENTS);
      for (let step = 0;; step++) {
        const infoHash = hashes[randomBelow(rng, SWARMS)]!;
        const port = 1_000 + client * ports + randomBelow(rng, ports);
        const isUpload = randomBelow(rng, 20) === 0;
        const isAnswered = isUpload
          ? await upload(tracker.url, 1_000_000 * (kill + 1) + 10_000 * client + step, ledger)
          : await announce(tracker.url, infoHash, port, randomBelow(rng, 4), ledger);
        if (!isAnswered) return;
        answered();
      }
    });
    await Promise.all(clients);
    assert(left <= 0, "the tracker answers until it is killed");
    await tracker.ended;
  }
  assert(ledger.torrents.size > SWARMS + KILLS, "torrents were uploaded among the announces");
  assert([...ledger.peers.values()].some((role) => role === "seeder"), "and peers announced");
});

async function upload(url: string, number: number, ledger: Ledger): Promise<boolean> {
  const name = `torrent ${number}`;
  const bytes = torrent({ salt: number % 256, name: number < SWARMS ? "film.mkv" : name });
  const at = new URL("/torrents", url);
  const answer = await ask(at, { method: "POST", body: bytes as BodyInit });
  if (answer?.status !== 201) return false;
  ledger.torrents.set(infoHashOf(bytes), bytes);
  return true;
}

/** `action`: joins, finishes, or leaves. */
async function announce(
  url: string,
  infoHash: string,
  port: number,
  action: number,
  ledger: Ledger,
): Promise<boolean> {
  const peer = `${infoHash} ${port}`;
  const wasSeeder = ledger.peers.get(peer) === "seeder";
  const event = action === 0 ? "stopped" : action === 1 && !wasSeeder ? "completed" : "";
  const role: Role = action === 0
    ? "gone"
    : event === "completed" || wasSeeder
    ? "seeder"
    : "leecher";
  if (!ledger.ids.has(peer) || ledger.peers.get(peer) === "gone") {
    ledger.ids.set(peer, `${ledger.idsMade++}`.padStart(12, "0"));
  }
  const query = [
    `info_hash=${percentEncode(fromHex(infoHash)!)}`,
    `peer_id=-tt0100-${ledger.ids.get(peer)}`,
    `port=${port}&uploaded=0&downloaded=0&left=${role === "seeder" ? 0 : 1}&compact=1`,
    ...(event === "" ? [] : [`event=${event}`]),
  ];
  ledger.unsure.add(peer);
  if (event === "completed") count(ledger.completedUnsure, infoHash);
  const answer = await ask(new URL(`${url}?${query.join("&")}`));
  if (answer === undefined) return false;
  assert(!answer.text.includes("failure"), answer.text);
  ledger.unsure.delete(peer);
  ledger.peers.set(peer, role);
  if (event === "completed") count(ledger.completed, infoHash);
  return true;
}

function count(counts: Map<string, number>, infoHash: string): void {
  counts.set(infoHash, (counts.get(infoHash) ?? 0) + 1);
}

async function assertKept(url: string, ledger: Ledger): Promise<void> {
  for (const [infoHash, bytes] of ledger.torrents) {
    const kept = await fetch(new URL(`/torrents/${infoHash}.torrent`, url));
    assertEquals(await kept.bytes(), bytes);
  }
  for (const infoHash of ledger.torrents.keys()) {
    const response = await fetch(new URL(`/torrents/${infoHash}/peers`, url));
    const { peers, completed } = await response.json();
    const roles = new Map<string, Role>();
    for (const { port, isSeeder } of peers) {
      roles.set(`${infoHash} ${port}`, isSeeder ? "seeder" : "leecher");
    }
    for (const [peer, role] of ledger.peers) {
      if (!peer.startsWith(infoHash) || ledger.unsure.has(peer)) continue;
      assertEquals([peer, roles.get(peer) ?? "gone"], [peer, role]);
    }
    assert(completed >= (ledger.completed.get(infoHash) ?? 0));
    assert(completed <= (ledger.completedUnsure.get(infoHash) ?? 0));
  }
  // Unconfirmed requests may have had an effect or not; from here on the observed state counts.
  for (const peer of ledger.unsure) ledger.peers.delete(peer);
  ledger.unsure.clear();
}

/** Undefined when the tracker is gone. */
async function ask(url: URL, init: RequestInit = {}) {
  try {
    const response = await fetch(url, init);
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}
