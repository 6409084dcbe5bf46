/** The first 68 bytes in each direction take bounded time, for both directions of dialling. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  decodeHandshake,
  encodeHandshake,
  type Handshake,
  HANDSHAKE_SIZE,
} from "../../../core/wire/handshake.ts";
import type { ByteStream } from "../../../shell/net/byte_stream.ts";
import { acceptHandshake, dialPeer } from "../../../shell/net/handshaking.ts";
import { tcpNetwork, TcpStream } from "../../../shell/net/tcp.ts";
import { createPeerId } from "../../../shell/entropy.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { handshake, listenRaw, RawPeer } from "../driver_kit.ts";
import { freshPort } from "../../support/network.ts";

const HASH = "0123456789abcdef0123456789abcdef01234567" as InfoHash;
const OTHER = "ff".repeat(20) as InfoHash;
const PATIENCE_MS = 100;
const OURS = createPeerId();
const never = new AbortController().signal;

/** Accepts one connection on which `sent` arrives byte by byte. */
async function acceptFrom(sent: Uint8Array, timeoutMs?: number) {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using peer = await RawPeer.dial(listener.addr.port);
  const stream = new TcpStream(await listener.accept());
  const identityFor = (hash: InfoHash) => hash === HASH ? { peerId: OURS } : undefined;
  const accepting = acceptHandshake(stream, identityFor, timeoutMs);
  for (const byte of sent) await peer.write(Uint8Array.of(byte));
  const connection = await accepting;
  if (connection === undefined) await peer.closed;
  connection?.stream.close();
  return connection;
}

Deno.test("an incoming connection that sends nothing is closed", async () => {
  assertEquals(await acceptFrom(new Uint8Array(), PATIENCE_MS), undefined);
});

Deno.test("an incoming connection that stops within the handshake is closed", async () => {
  assertEquals(await acceptFrom(handshake(HASH).subarray(0, 67), PATIENCE_MS), undefined);
});

Deno.test("an incoming connection for an unknown torrent is closed", async () => {
  assertEquals(await acceptFrom(handshake(OTHER)), undefined);
});

Deno.test("a handshake received byte by byte is parsed", async () => {
  const connection = await acceptFrom(handshake(HASH));
  assertEquals(connection?.handshake.infoHash, HASH);
  assertEquals(connection?.address.ip, "127.0.0.1");
});

Deno.test("a peer that sends only its info hash gets our handshake", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const stream = new TcpStream(await listener.accept());
  const accepting = acceptHandshake(stream, () => ({ peerId: OURS }));
  await conn.write(handshake(HASH).subarray(0, 48));
  const answer = new Uint8Array(HANDSHAKE_SIZE);
  let size = 0;
  while (size < answer.length) size += await conn.read(answer.subarray(size)) ?? 0;
  assertEquals(answer.subarray(48), OURS);
  await conn.write(handshake(HASH).subarray(48));
  assertEquals((await accepting)?.handshake.infoHash, HASH);
  stream.close();
});

Deno.test("our handshake is sent once, however many reads theirs takes after its info hash", async () => {
  const theirs = handshake(HASH);
  const written: Uint8Array[] = [];
  let at = 0;
  const stream: ByteStream = {
    remote: { ip: "192.0.2.1", port: 1 },
    read(target) {
      target[0] = theirs[at++]!;
      return Promise.resolve(1);
    },
    write(source) {
      written.push(source.slice());
      return Promise.resolve(source.length);
    },
    close: () => {},
  };
  const connection = await acceptHandshake(stream, () => ({ peerId: OURS }));
  assertEquals(connection?.rest.length, 0);
  assertEquals(written.map(({ length }) => length), [HANDSHAKE_SIZE]);
});

Deno.test("bytes after a handshake, however split, are the first frames", async () => {
  const frames = Uint8Array.of(0, 0, 0, 1, 2);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using peer = await RawPeer.dial(listener.addr.port);
  const stream = new TcpStream(await listener.accept());
  await peer.write(handshake(HASH), frames);
  const connection = await acceptHandshake(stream, () => ({ peerId: OURS }));
  assertEquals(connection?.rest, frames);
  stream.close();
});

/** Dials a peer that responds with `sent`. */
async function dialOne(
  sent: Uint8Array,
  timeoutMs?: number,
  infoHashes: readonly InfoHash[] = [HASH],
) {
  await using peer = listenRaw(sent);
  const { stream } = await dialPeer({
    address: { ip: "127.0.0.1", port: peer.port },
    infoHashes,
    peerId: OURS,
    signal: never,
    network: tcpNetwork,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  stream.close();
}

Deno.test("a dialled peer that stays silent is closed", async () => {
  const silent = await assertRejects(() => dialOne(new Uint8Array(), PATIENCE_MS), Error);
  assertMatch(silent.message, /No handshake within 0\.1 s/);
  const half = handshake(HASH).subarray(0, 40);
  await assertRejects(() => dialOne(half, PATIENCE_MS), Error, "No handshake");
});

Deno.test("a dialled peer must answer with either info hash of the torrent", async () => {
  await dialOne(handshake(HASH));
  await dialOne(handshake(OTHER), undefined, [HASH, OTHER]);
  await assertRejects(() => dialOne(handshake(OTHER)), Error, "another torrent");
});

const V2_HASH = "ab".repeat(20) as InfoHash;

/** Our handshake to a peer that dials us for a torrent with a v2 part. */
async function answerTo(sent: Uint8Array): Promise<Handshake> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const stream = new TcpStream(await listener.accept());
  const accepting = acceptHandshake(stream, () => ({ peerId: OURS, v2Hash: V2_HASH }));
  await conn.write(sent);
  const answer = new Uint8Array(HANDSHAKE_SIZE);
  for (let size = 0; size < answer.length;) size += await conn.read(answer.subarray(size)) ?? 0;
  await accepting;
  stream.close();
  const decoded = decodeHandshake(answer);
  if (!decoded.ok) throw new Error(decoded.error.code);
  return decoded.value;
}

Deno.test("a peer with v2 support is answered with a hybrid's v2 hash, others with theirs", async () => {
  const base = { peerId: OURS, fast: true, extended: true, dht: false };
  const upgraded = await answerTo(encodeHandshake({ ...base, infoHash: HASH, v2: true }));
  assertEquals([upgraded.infoHash, upgraded.v2], [V2_HASH, true]);
  const plain = await answerTo(encodeHandshake({ ...base, infoHash: HASH }));
  assertEquals([plain.infoHash, plain.v2], [HASH, true]);
  const v2 = await answerTo(encodeHandshake({ ...base, infoHash: V2_HASH }));
  assertEquals(v2.infoHash, V2_HASH);
});

Deno.test("a peer known by the v2 hash of a hybrid is dialled with that hash", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked: string[] = [];
  const serve = async () => {
    for await (const conn of listener) {
      const bytes = new Uint8Array(HANDSHAKE_SIZE);
      for (let size = 0; size < bytes.length;) size += await conn.read(bytes.subarray(size)) ?? 0;
      const decoded = decodeHandshake(bytes);
      if (!decoded.ok) throw new Error(decoded.error.code);
      asked.push(decoded.value.infoHash);
      if (decoded.value.infoHash === V2_HASH) await conn.write(handshake(V2_HASH));
      conn.close();
    }
  };
  const serving = serve();
  const { handshake: theirs, stream } = await dialPeer({
    address: { ip: "127.0.0.1", port: listener.addr.port },
    infoHashes: [HASH, V2_HASH],
    peerId: OURS,
    v2Hash: V2_HASH,
    signal: never,
    network: tcpNetwork,
  });
  stream.close();
  assertEquals<string>(theirs.infoHash, V2_HASH);
  assertEquals<string[]>(asked, [HASH, V2_HASH]);
  listener.close();
  await serving;
});

Deno.test("a dial to a closed port fails", async () => {
  const address = { ip: "127.0.0.1", port: freshPort() };
  const options = { infoHashes: [HASH], peerId: OURS, signal: never, network: tcpNetwork };
  await assertRejects(() => dialPeer({ address, ...options }), Error);
});

Deno.test("a finished dial leaves no listener on its signal", async () => {
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
  const options = { address, peerId: OURS, signal, network: tcpNetwork };
  const { stream } = await dialPeer({ ...options, infoHashes: [HASH] });
  stream.close();
  await assertRejects(() => dialPeer({ ...options, infoHashes: [OTHER] }), Error);
  assertEquals(listening, 0);
});
