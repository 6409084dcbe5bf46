import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import type { PeerAddress } from "../../../core/bytes/address.ts";
import { protocolOf, UdpSocket } from "../../../shell/net/udp_socket.ts";

const LOCALHOST = "127.0.0.1";

Deno.test("the protocol of a datagram is recognised by its first byte", () => {
  const of = (...bytes: number[]) => protocolOf(Uint8Array.from(bytes));
  assertEquals(of(0x64, 0x31), "dht");
  assertEquals([0x01, 0x11, 0x21, 0x31, 0x41].map((first) => of(first)), Array(5).fill("utp"));
  assertEquals(of(0, 0, 0, 1), "tracker");
  assertEquals([of(), of(0x51), of(0x02), of(0xff)], Array(4).fill(undefined));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
    protocolOf(bytes);
  }));
});

Deno.test("each protocol's handler gets its datagrams and their source", async () => {
  const one = UdpSocket.open(LOCALHOST, 0);
  const other = UdpSocket.open(LOCALHOST, 0);
  const got: [string, number, PeerAddress][] = [];
  const both = Promise.withResolvers<void>();
  const take = (name: string) => (bytes: Uint8Array, from: PeerAddress) => {
    got.push([name, bytes.length, from]);
    if (got.length === 2) both.resolve();
  };
  one.handle("dht", take("dht"));
  one.handle("utp", take("utp"));
  const to = { ip: LOCALHOST, port: one.port };
  // Nothing reads the first two.
  other.send(Uint8Array.of(0, 0, 0, 0), to);
  other.send(Uint8Array.of(0xff), to);
  other.send(Uint8Array.of(0x64, 0x65), to);
  other.send(Uint8Array.of(0x41), to);
  await both.promise;
  const from = { ip: LOCALHOST, port: other.port };
  assertEquals(got.sort(), [["dht", 2, from], ["utp", 1, from]]);
  assertEquals([one.versions, one.isLoopbackOnly], [[4], true]);
  one.close();
  other.close();
});

Deno.test("a UDP port in use is replaced by a free one", () => {
  const one = UdpSocket.open(LOCALHOST, 0);
  const other = UdpSocket.open(LOCALHOST, one.port);
  assertEquals(one.port === other.port, false);
  one.close();
  other.close();
});

Deno.test("a socket on all addresses reports IPv4 as IPv4, and is not limited to this machine", async () => {
  const all = UdpSocket.open(undefined, 0);
  const one = UdpSocket.open(LOCALHOST, 0);
  const asked = Promise.withResolvers<PeerAddress>();
  const answered = Promise.withResolvers<PeerAddress>();
  all.handle("dht", (_, from) => {
    asked.resolve(from);
    all.send(Uint8Array.of(0x64), from);
  });
  one.handle("dht", (_, from) => answered.resolve(from));
  one.send(Uint8Array.of(0x64), { ip: LOCALHOST, port: all.port });
  assertEquals(await asked.promise, { ip: LOCALHOST, port: one.port });
  assertEquals(await answered.promise, { ip: LOCALHOST, port: all.port });
  assertEquals(all.isLoopbackOnly, false);
  all.close();
  one.close();
});

Deno.test("a tracker's answer may be longer than an Ethernet frame, other datagrams may not", async () => {
  const one = UdpSocket.open(LOCALHOST, 0);
  const other = UdpSocket.open(LOCALHOST, 0);
  const sizes: number[] = [];
  const done = Promise.withResolvers<void>();
  one.handle("tracker", ({ length }) => sizes.push(length));
  one.handle("dht", ({ length }) => {
    sizes.push(length);
    done.resolve();
  });
  const of = (first: number, size: number) => Uint8Array.of(first, ...Array(size - 1).fill(0));
  const to = { ip: LOCALHOST, port: one.port };
  for (const bytes of [of(0, 60_000), of(0x64, 2_049), of(0x64, 2_048)]) {
    await other.sendOrFail(bytes, to);
  }
  await done.promise;
  assertEquals(sizes, [60_000, 2_048]);
  one.close();
  other.close();
});

Deno.test("datagrams that cannot be sent are dropped", () => {
  const one = UdpSocket.open(LOCALHOST, 0);
  one.send(new Uint8Array(70_000), { ip: LOCALHOST, port: 1 });
  one.send(Uint8Array.of(1), { ip: "::1", port: 1 });
  one.close();
  one.send(Uint8Array.of(1), { ip: LOCALHOST, port: 1 });
  one.close();
});
