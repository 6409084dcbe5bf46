/** A session's DHT node on a socket that only notes what is sent. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PeerAddress } from "../../../core/bytes/address.ts";
import { type InfoHash, infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import type { Driver } from "../../../shell/driver.ts";
import { DhtNode } from "../../../shell/dht/dht_node.ts";
import { SessionDht } from "../../../shell/dht/session_dht.ts";
import { TableFile } from "../../../shell/dht/table_file.ts";
import type { UdpSocket } from "../../../shell/net/udp_socket.ts";
import type { SessionUdp } from "../../../shell/session_udp.ts";
import { at, idOf } from "../../core/dht/kit.ts";
import { openScratch } from "../../support/content.ts";
import { until } from "../../support/until.ts";

const HASH = infoHashFromHex("ab".repeat(20))!;
const OTHER = infoHashFromHex("cd".repeat(20))!;
const PUBLIC = { ip: "20.0.0.1", port: 1 };

class NotingSocket {
  readonly port = 4_444;
  readonly versions = [4] as const;
  readonly sent: PeerAddress[] = [];
  handlers = 0;

  constructor(readonly isLoopbackOnly = false) {}

  handle(_: string, handler: unknown): void {
    this.handlers += handler === undefined ? -1 : 1;
  }

  send(_: Uint8Array, to: PeerAddress): void {
    this.sent.push(to);
  }

  get asSocket(): UdpSocket {
    return this as unknown as UdpSocket;
  }
}

const isReady = (node: () => DhtNode | undefined) =>
  until(() => node()?.facts() !== undefined, "the node's start");

function driverOf(
  infoHashes: readonly InfoHash[],
  facts = { isComplete: false, peers: 0 },
): Driver {
  return { infoHashes, facts: () => facts, addPeers: () => {} } as unknown as Driver;
}

/** With no routers: nothing is resolved. */
function openSession(socket: NotingSocket | undefined = new NotingSocket()) {
  const udp = { open: () => socket?.asSocket } as unknown as SessionUdp;
  const dht = new SessionDht({ routers: [], tablePath: undefined }, udp, 6_881);
  return { socket: socket!, dht };
}

Deno.test("a node is opened for the first torrent, and knows those that joined until they leave", async () => {
  const { dht, socket } = openSession();
  assertEquals([dht.node, socket.handlers], [undefined, 0]);
  const [hybrid, other] = [driverOf([HASH, OTHER]), driverOf([infoHashFromHex("ef".repeat(20))!])];
  dht.join(hybrid);
  dht.join(other);
  await isReady(() => dht.node);
  const torrents = () => dht.node!.facts()!.torrents;
  assertEquals([torrents(), dht.open(), socket.handlers], [3, 4_444, 1]);
  dht.leave(hybrid);
  dht.leave(hybrid);
  assertEquals(torrents(), 1);
  dht.leave(other);
  assertEquals(torrents(), 0);
  await dht.close();
  assertEquals([dht.node, socket.handlers, dht.open()], [undefined, 0, undefined]);
});

Deno.test("a DHT that is switched off forgets its node, and joins all torrents when it is on again", async () => {
  const { dht, socket } = openSession();
  dht.setEnabled(false);
  dht.join(driverOf([HASH]));
  assertEquals([dht.node, socket.handlers], [undefined, 0]);
  dht.setEnabled(true);
  await isReady(() => dht.node);
  const first = dht.node;
  assertEquals(first!.facts()!.torrents, 1);
  dht.setEnabled(true);
  assertEquals(dht.node === first, true);
  dht.setEnabled(false);
  assertEquals(dht.node, undefined);
  dht.setEnabled(true);
  await isReady(() => dht.node);
  assertEquals([dht.node === first, dht.node!.facts()!.torrents], [false, 1]);
  await dht.close();
  // Without torrents there is nothing to open it for.
  const idle = openSession();
  idle.dht.setEnabled(false);
  idle.dht.setEnabled(true);
  assertEquals(idle.dht.node, undefined);
  await idle.dht.close();
  const { dht: none } = openSession(undefined);
  const deaf = new SessionDht(
    { routers: [], tablePath: undefined },
    { open: () => undefined } as unknown as SessionUdp,
    1,
  );
  deaf.join(driverOf([HASH]));
  assertEquals([deaf.node, deaf.open()], [undefined, undefined]);
  await deaf.close();
  await none.close();
});

Deno.test("nodes of this machine and of private networks are contacted only where that is allowed", async () => {
  const { dht, socket } = openSession();
  dht.join(driverOf([HASH]));
  await isReady(() => dht.node);
  const names = ["127.0.0.1", "10.0.0.1", "not an address"].map((ip) => ({ ip, port: 1 }));
  dht.addNodes(names, false);
  assertEquals(socket.sent, []);
  dht.addNodes([...names, PUBLIC], false);
  assertEquals([...new Set(socket.sent.map(({ ip }) => ip))], [PUBLIC.ip]);
  const open = openSession();
  open.dht.join(driverOf([HASH]));
  await isReady(() => open.dht.node);
  open.dht.addNodes(names, true);
  assert(open.socket.sent.some(({ ip }) => ip === "10.0.0.1"));
  await dht.close();
  await open.dht.close();
});

Deno.test("a lookup that is aborted rejects with its reason; one that a closed node leaves resolves", async () => {
  const socket = new NotingSocket();
  const node = new DhtNode(socket.asSocket, { routers: [PUBLIC], tablePath: undefined });
  await isReady(() => node);
  // It looks for nodes near itself meanwhile.
  const { lookupsActive: before } = node.facts()!;
  const stop = new AbortController();
  const aborted = node.lookup(HASH, { onPeers: () => {}, signal: stop.signal });
  await until(() => node.facts()!.lookupsActive > before, "the lookup");
  stop.abort(new Error("no longer"));
  await assertRejects(() => aborted, Error, "no longer");
  assertEquals(node.facts()!.lookupsActive, before);
  await assertRejects(
    () => node.lookup(HASH, { onPeers: () => {}, signal: stop.signal }),
    Error,
    "no longer",
  );
  const left = node.lookup(HASH, { onPeers: () => {} });
  await until(() => node.facts()!.lookupsActive > before, "the lookup");
  await node.close();
  assertEquals(await left, []);
  const { length } = socket.sent;
  node.addNodes([{ ip: "20.0.0.2", port: 1 }]);
  node.join(HASH, { port: 1, isSeed: false, onPeers: () => {} });
  assertEquals([socket.sent.length, socket.handlers], [length, 0]);
});

Deno.test("a node saves its table when it closes, unless it reaches this machine only", async () => {
  await using scratch = await openScratch("tt-dht-");
  const saved = { ids: { 4: idOf(1) }, nodes: [{ id: idOf(2), endpoint: at("20.0.0.1:1") }] };
  for (const isLoopbackOnly of [false, true]) {
    const path = `${scratch.path}/${isLoopbackOnly}.nodes`;
    const { file } = await TableFile.open(path);
    await file.save(saved);
    // Nothing to save is no reason to lose what was.
    await file.save({ ids: {}, nodes: [] });
    await file.close();
    const socket = new NotingSocket(isLoopbackOnly);
    const node = new DhtNode(socket.asSocket, { routers: [], tablePath: path });
    await isReady(() => node);
    assertEquals(socket.sent.some(({ ip }) => ip === PUBLIC.ip), !isLoopbackOnly);
    await node.close();
    const { file: again, saved: now } = await TableFile.open(path);
    assertEquals(now?.nodes.length, 1);
    await again.close();
  }
});
