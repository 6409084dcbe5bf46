/** The port that all torrents listen on, over a network in memory. */
import { assertEquals, assertThrows } from "@std/assert";
import type { InfoHash } from "../../../core/metainfo/types.ts";
import { type ByteStream, writeAll } from "../../../shell/net/byte_stream.ts";
import { HANDSHAKE_TIMEOUT_MS, ourHandshake } from "../../../shell/net/handshaking.ts";
import { type Acceptor, type ListenerOptions, PeerListener } from "../../../shell/net/listener.ts";
import { PortError } from "../../../shell/net/port_error.ts";
import { MemoryNetwork } from "../bottle/memory_network.ts";
import { VirtualClock } from "../bottle/virtual_clock.ts";

const HASH = "ab".repeat(20) as InfoHash;
const OTHER_HASH = "cd".repeat(20) as InfoHash;
const US = "10.0.0.1";
const PORT = 6881;
const peerId = new Uint8Array(20).fill(7);

function world(options: Partial<ListenerOptions> = {}) {
  const clock = new VirtualClock();
  const net = new MemoryNetwork({ clock });
  const settings = { host: undefined, port: PORT, defaultPort: PORT, network: net.of(US), clock };
  const listener = new PeerListener({ ...settings, ...options });
  const accepted: string[] = [];
  const acceptor: Acceptor = {
    peerId: new Uint8Array(20).fill(1),
    accept: ({ address, stream }) => {
      accepted.push(address.ip);
      stream.close();
    },
  };
  let hosts = 1;
  /** Dials us from a separate host; returns the stream and whether we have closed it. */
  const dial = async (port = PORT) => {
    const stream = await clock.settle(net.of(`10.0.0.${++hosts}`).dial({ ip: US, port }));
    const peer = { stream, isClosed: false };
    const drain = async (from: ByteStream) => {
      const buffer = new Uint8Array(1_000);
      while (await from.read(buffer).catch(() => null) !== null);
      peer.isClosed = true;
    };
    drain(stream);
    return peer;
  };
  return { clock, net, listener, accepted, acceptor, dial };
}

Deno.test("beyond the limit of pending handshakes the connection that is silent longest is closed", async () => {
  const { clock, listener, accepted, acceptor, dial } = world({ pendingHandshakesMax: 3 });
  listener.register([HASH], acceptor);
  const silent = [];
  for (let i = 0; i < 3; i++) silent.push(await dial());
  await clock.run(100);
  assertEquals(silent.map(({ isClosed }) => isClosed), [false, false, false]);
  for (let i = 0; i < 2; i++) silent.push(await dial());
  await clock.run(100);
  assertEquals(silent.map(({ isClosed }) => isClosed), [true, true, false, false, false]);
  // One that completes the handshake is accepted, and frees its pending slot.
  const honest = await dial();
  await writeAll(honest.stream, ourHandshake(HASH, { peerId }));
  await clock.run(100);
  assertEquals(accepted, ["10.0.0.7"]);
  assertEquals(silent.map(({ isClosed }) => isClosed), [true, true, true, false, false]);
  const late = await dial();
  await clock.run(100);
  assertEquals(silent.at(-1)!.isClosed || late.isClosed, false);
  listener.close();
  await clock.run(100);
  assertEquals([...silent, late].every(({ isClosed }) => isClosed), true);
});

Deno.test("a connection that shakes no hands is closed after its time", async () => {
  const { clock, listener, dial } = world();
  const silent = await dial();
  await clock.run(HANDSHAKE_TIMEOUT_MS - 1_000);
  assertEquals(silent.isClosed, false);
  await clock.run(2_000);
  assertEquals(silent.isClosed, true);
  listener.close();
});

Deno.test("peers reach the torrents that are registered, and no longer those that left", async () => {
  const incoming: string[] = [];
  const onIncoming = ({ ip }: { ip: string }) => void incoming.push(ip);
  const { clock, listener, accepted, acceptor, dial } = world({ onIncoming });
  listener.register([HASH], acceptor);
  for (const [hash, isThere] of [[HASH, true], [OTHER_HASH, false]] as const) {
    const peer = await dial();
    await writeAll(peer.stream, ourHandshake(hash, { peerId }));
    await clock.run(1_000);
    assertEquals(peer.isClosed, true);
    assertEquals(accepted.includes(`10.0.0.${isThere ? 2 : 3}`), isThere);
  }
  listener.unregister([HASH]);
  const late = await dial();
  await writeAll(late.stream, ourHandshake(HASH, { peerId }));
  await clock.run(1_000);
  assertEquals([accepted, incoming, late.isClosed], [["10.0.0.2"], ["10.0.0.2"], true]);
  listener.close();
});

Deno.test("a taken default port is replaced by one of the next nine, a port that was asked for is not", () => {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock }).of(US);
  const open = (port: number | undefined) =>
    new PeerListener({ host: undefined, port, defaultPort: PORT, network, clock });
  const ports = Array.from({ length: 10 }, () => open(undefined).port);
  assertEquals(ports, Array.from({ length: 10 }, (_, i) => PORT + i));
  assertThrows(() => open(undefined), PortError);
  assertThrows(() => open(PORT), PortError);
  assertEquals(open(PORT + 10).port, PORT + 10);
});
