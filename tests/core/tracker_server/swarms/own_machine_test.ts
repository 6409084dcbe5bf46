import { assertEquals } from "@std/assert";
import { createByteWriter, writeBytes, writtenBytes } from "../../../../core/bytes/byte_writer.ts";
import { parseIp } from "../../../../core/bytes/ip.ts";
import { unpackPeers } from "../../../../core/tracker/answer.ts";
import { renameLoopbackPeers } from "../../../../core/tracker_server/swarms/own_machine.ts";

/** Peers on ports 1, 2, 3..., of each family in the given order; IDs are filled with the port. */
function reply(ips: readonly string[], withIds = false) {
  const [peers, peers6, peerIds] = [createByteWriter(), createByteWriter(), createByteWriter()];
  const ordered = [...ips].sort((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
  ordered.forEach((text, i) => {
    const ip = parseIp(text)!;
    writeBytes(ip.length === 4 ? peers : peers6, Uint8Array.of(...ip, 0, i + 1));
    if (withIds) writeBytes(peerIds, new Uint8Array(20).fill(i + 1));
  });
  return { peers, peers6, peerIds };
}

/** The response to an announce: addresses with ports, and the ports that its IDs encode. */
function told(
  ips: readonly string[],
  asker: string,
  own: string | undefined,
  withIds = false,
): [string[], number[]] {
  const answer = reply(ips, withIds);
  renameLoopbackPeers(answer, parseIp(asker)!, own === undefined ? undefined : parseIp(own));
  const peers = [
    ...unpackPeers(writtenBytes(answer.peers), 4),
    ...unpackPeers(writtenBytes(answer.peers6), 6),
  ];
  const ids = writtenBytes(answer.peerIds);
  const idPorts = Array.from({ length: ids.length / 20 }, (_, i) => ids[20 * i]!);
  return [peers.map(({ ip, port }) => `${ip} ${port}`), idPorts];
}

Deno.test("a client on this machine gets loopback peers unchanged", () => {
  for (const asker of ["127.0.0.1", "127.8.8.8", "::1"]) {
    assertEquals(told(["127.0.0.1", "10.0.0.2", "::1"], asker, "127.0.0.1")[0], [
      "127.0.0.1 1",
      "10.0.0.2 2",
      "::1 3",
    ]);
  }
});

Deno.test("other clients get the address that they contacted, of the same family", () => {
  const ips = ["10.0.0.2", "127.0.0.1", "::1", "2001:db8::2"];
  assertEquals(told(ips, "192.168.1.7", "192.168.1.5")[0], [
    "10.0.0.2 1",
    "192.168.1.5 2",
    "2001:db8::2 4",
  ]);
  assertEquals(told(ips, "fd00::7", "fd00::5")[0], ["10.0.0.2 1", "fd00::5 3", "2001:db8::2 4"]);
});

Deno.test("without a known address, loopback peers are omitted together with their IDs", () => {
  const ips = ["127.0.0.1", "10.0.0.2", "127.0.0.3", "::1", "2001:db8::2", "::1"];
  for (const own of [undefined, "127.0.0.1"]) {
    assertEquals(told(ips, "192.168.1.7", own, true), [["10.0.0.2 2", "2001:db8::2 5"], [2, 5]]);
  }
  assertEquals(told(["127.0.0.1"], "192.168.1.7", undefined, true), [[], []]);
});

Deno.test("addresses that resemble loopback are not replaced", () => {
  const ips = ["10.127.0.1", "::2", "::1:1", "1::1", "1::"];
  const [addresses] = told(ips, "192.168.1.7", undefined);
  assertEquals(addresses.length, ips.length);
});
