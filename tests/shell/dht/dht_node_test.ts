import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import type { PeerAddress } from "../../../core/bytes/address.ts";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import { DhtNode } from "../../../shell/dht/dht_node.ts";
import { DEFAULT_ROUTERS } from "../../../shell/dht/routers.ts";
import { dhtSettings } from "../../../shell/dht/settings.ts";
import { TableFile } from "../../../shell/dht/table_file.ts";
import { UdpSocket } from "../../../shell/net/udp_socket.ts";
import { at, idOf } from "../../core/dht/kit.ts";
import { ipv6 } from "../../support/network.ts";
import { openScratch } from "../../support/content.ts";

const LOCALHOST = "127.0.0.1";
const HASH = infoHashFromHex("ab".repeat(20))!;
const OTHER = infoHashFromHex("cd".repeat(20))!;

/** Nodes on loopback; all but the first use it as their bootstrap node. */
class Nodes implements AsyncDisposable {
  readonly sockets: UdpSocket[] = [];
  readonly nodes: DhtNode[] = [];

  constructor(count: number) {
    for (let i = 0; i < count; i++) {
      const socket = UdpSocket.open(LOCALHOST, 0);
      const first = this.sockets[0];
      const routers = first === undefined ? [] : [{ ip: LOCALHOST, port: first.port }];
      this.sockets.push(socket);
      this.nodes.push(new DhtNode(socket, { routers, tablePath: undefined }));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node.close();
    for (const socket of this.sockets) socket.close();
  }
}

Deno.test("nodes on loopback find a joined torrent's peer, and none of another", async () => {
  await using all = new Nodes(4);
  const [, seeder, leecher, other] = all.nodes;
  const found = Promise.withResolvers<readonly PeerAddress[]>();
  seeder!.join(HASH, { port: 7001, isSeed: true, onPeers: () => {} });
  leecher!.join(HASH, {
    port: 7002,
    isSeed: false,
    onPeers: (peers) => {
      const others = peers.filter(({ port }) => port !== 7002);
      if (others.length > 0) found.resolve(others);
    },
  });
  assertEquals(await found.promise, [{ ip: LOCALHOST, port: 7001 }]);
  const peers: PeerAddress[] = [];
  const reports = await other!.lookup(OTHER, { onPeers: (more) => peers.push(...more) });
  assertEquals([reports.length, peers.length], [1, 0]);
});

Deno.test(
  "nodes find each other over IPv6",
  { ignore: await ipv6.missing() !== undefined },
  async () => {
    const sockets = [UdpSocket.open("::1", 0), UdpSocket.open("::1", 0)];
    const routers = [{ ip: "::1", port: sockets[0]!.port }];
    const nodes = sockets.map((socket) => new DhtNode(socket, { routers, tablePath: undefined }));
    const found = Promise.withResolvers<readonly PeerAddress[]>();
    nodes[0]!.join(HASH, { port: 7001, isSeed: true, onPeers: () => {} });
    nodes[1]!.join(HASH, {
      port: 7002,
      isSeed: false,
      onPeers: (peers) => peers.some(({ port }) => port === 7001) && found.resolve(peers),
    });
    assertEquals((await found.promise).some(({ ip, port }) => ip === "::1" && port === 7001), true);
    assertEquals(nodes[1]!.facts()!.networks.map(({ version, nodes }) => [version, nodes]), [[
      6,
      1,
    ]]);
    for (const node of nodes) await node.close();
    for (const socket of sockets) socket.close();
  },
);

Deno.test("a lookup ends when it is aborted, and when the node closes", async () => {
  await using all = new Nodes(2);
  const stop = new AbortController();
  const lookup = all.nodes[1]!.lookup(HASH, { onPeers: () => {}, signal: stop.signal });
  stop.abort(new Error("enough"));
  await assertRejects(() => lookup, Error, "enough");
});

Deno.test("invalid datagrams are ignored", async () => {
  await using all = new Nodes(2);
  const socket = UdpSocket.open(LOCALHOST, 0);
  const to = { ip: LOCALHOST, port: all.sockets[0]!.port };
  for (const text of ["d", "de", "d1:ad", "d1:q1:xe", "d1:t2:aa1:y1:qe", "d".repeat(1_400)]) {
    socket.send(new TextEncoder().encode(text), to);
  }
  const reports = await all.nodes[1]!.lookup(HASH, { onPeers: () => {} });
  assertEquals(reports.length, 1);
  socket.close();
});

Deno.test("saved nodes are written by one process at a time, and read by all", async () => {
  await using scratch = await openScratch();
  const path = join(scratch.path, "state", "dht.nodes");
  const saved = { ids: { 4: idOf(1) }, nodes: [{ id: idOf(2), endpoint: at("20.0.0.1:1") }] };
  const first = await TableFile.open(path);
  assertEquals(first.saved, undefined);
  await first.file.save(saved);
  const second = await TableFile.open(path);
  assertEquals(second.saved, { ids: {}, nodes: saved.nodes });
  await second.file.save({ ids: { 4: idOf(9) }, nodes: saved.nodes });
  await second.file.close();
  await first.file.close();
  const third = await TableFile.open(path);
  assertEquals(third.saved?.ids[4], idOf(1));
  // An empty table does not replace the saved one.
  await third.file.save({ ids: {}, nodes: [] });
  await third.file.close();
  const { mode } = await Deno.stat(path);
  assertEquals(mode! & 0o777, 0o600);
  await Deno.writeTextFile(path, "damaged");
  const last = await TableFile.open(path);
  assertEquals(last.saved, undefined);
  await last.file.close();
});

Deno.test("given nodes replace the default ones and the saved table; off disables the DHT", () => {
  const node = { ip: "192.0.2.1", port: 6881 };
  assertEquals(dhtSettings({ isOn: false, nodes: [node] }), undefined);
  assertEquals(dhtSettings({ isOn: true, nodes: [node] }), {
    routers: [node],
    tablePath: undefined,
  });
  assertEquals(dhtSettings({ isOn: true, nodes: [] })?.routers, undefined);
  assertEquals(DEFAULT_ROUTERS.length >= 3, true);
});
