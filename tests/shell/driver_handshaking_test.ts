/** The first 68 bytes each way take bounded time, whoever starts. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { dialPeer, greetIncoming } from "../../shell/net/handshaking.ts";
import { createPeerId } from "../../shell/entropy.ts";
import type { InfoHash } from "../../core/metainfo/types.ts";
import { handshake, listenRaw, RawPeer } from "./driver_kit.ts";

const HASH = "0123456789abcdef0123456789abcdef01234567" as InfoHash;
const OTHER = "ff".repeat(20) as InfoHash;
const PATIENCE_MS = 100;
const OURS = createPeerId();
const never = new AbortController().signal;

/** Answers one connection on which `said` comes byte by byte. */
async function greetWho(said: Uint8Array, timeoutMs?: number) {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using peer = await RawPeer.dial(listener.addr.port);
  const conn = await listener.accept();
  const greeting = greetIncoming(conn, (hash) => hash === HASH ? OURS : undefined, timeoutMs);
  for (const byte of said) await peer.write(Uint8Array.of(byte));
  const greeted = await greeting;
  if (greeted === undefined) await peer.closed;
  greeted?.conn.close();
  return greeted;
}

Deno.test("who dials us and says nothing is hung up on", async () => {
  assertEquals(await greetWho(new Uint8Array(), PATIENCE_MS), undefined);
});

Deno.test("who dials us and stops within the handshake is hung up on", async () => {
  assertEquals(await greetWho(handshake(HASH).subarray(0, 67), PATIENCE_MS), undefined);
});

Deno.test("who dials us for a torrent that is not here is hung up on", async () => {
  assertEquals(await greetWho(handshake(OTHER)), undefined);
});

Deno.test("who dials us byte by byte is welcome", async () => {
  const greeted = await greetWho(handshake(HASH));
  assertEquals(greeted?.handshake.infoHash, HASH);
  assertEquals(greeted?.address.ip, "127.0.0.1");
});

/** Dials a peer that greets with `said`. */
async function dialWho(said: Uint8Array, timeoutMs?: number) {
  await using peer = listenRaw(said);
  const { conn } = await dialPeer(
    { ip: "127.0.0.1", port: peer.port },
    HASH,
    OURS,
    never,
    timeoutMs,
  );
  conn.close();
}

Deno.test("whom we dial may not keep silent for ever", async () => {
  const silent = await assertRejects(() => dialWho(new Uint8Array(), PATIENCE_MS), Error);
  assertMatch(silent.message, /No handshake within 0\.1 s/);
  const half = handshake(HASH).subarray(0, 40);
  await assertRejects(() => dialWho(half, PATIENCE_MS), Error, "No handshake");
});

Deno.test("whom we dial must answer for the same torrent", async () => {
  await dialWho(handshake(HASH));
  await assertRejects(() => dialWho(handshake(OTHER)), Error, "another torrent");
});

Deno.test("a dial to a port that nobody listens on fails", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const address = { ip: "127.0.0.1", port };
  await assertRejects(() => dialPeer(address, HASH, OURS, never), Error);
});

Deno.test("a dial that is over, whatever came of it, leaves nothing behind on its signal", async () => {
  const signal = new AbortController().signal;
  let listening = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listening++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listening--;
    removeEventListener.apply(signal, args);
  };
  await using peer = listenRaw(handshake(HASH));
  const address = { ip: "127.0.0.1", port: peer.port };
  const { conn } = await dialPeer(address, HASH, OURS, signal);
  conn.close();
  await assertRejects(() => dialPeer(address, OTHER, OURS, signal), Error);
  assertEquals(listening, 0);
});
