/**
 * Hostile DHT nodes. All of them look up their neighbours as others do, so they are in the tables
 * of other nodes; their responses are wrong.
 */
import { nextUint32, randomBelow } from "../../core/bytes/random.ts";
import { type Endpoint, withPort } from "../../core/dht/endpoint.ts";
import type { NodeInfo } from "../../core/dht/krpc.ts";
import { decodeKrpc } from "../../core/dht/krpc_decode.ts";
import { encodeQuery, encodeResponse } from "../../core/dht/krpc_encode.ts";
import { type NodeId, randomNodeId } from "../../core/dht/node_id.ts";
import { createSecureId } from "../../core/dht/secure_id.ts";
import {
  type DhtWorld,
  freshEndpoint,
  type HostileAnswer,
  pickNode,
  type SimNode,
} from "./dht_world.ts";

/** Addresses that a hostile node tries before it returns the one whose ID is closest. */
const FORGED_TRIES = 16;
const FORGED_NODES = 16;
const FORGED_PEERS = 20;
const TOKEN = new Uint8Array(8);

export type HostileKind = "wrong-id" | "poison" | "misname" | "collude" | "forge-tokens";
export const HOSTILE_KINDS: readonly HostileKind[] = [
  "wrong-id",
  "poison",
  "misname",
  "collude",
  "forge-tokens",
];

/** Behaviour of a kind of node. `gang` are all hostile nodes, later ones included. */
export function hostileAnswer(
  kind: HostileKind,
  world: DhtWorld,
  gang: readonly SimNode[],
): HostileAnswer {
  return (node, from, bytes) => {
    const decoded = decodeKrpc(bytes);
    if (!decoded.ok || decoded.value.kind !== "query") return undefined;
    const query = decoded.value;
    const ownId = node.dht.networks[0]!.table.ownId;
    const target = "target" in query ? query.target : ownId;
    switch (kind) {
      // Responds with another ID every time.
      case "wrong-id": {
        const answer = { nodes: forgedNodes(world, target), token: TOKEN };
        return [encodeResponse(query.transaction, randomNodeId(world.rng), from, answer)];
      }
      // Returns nonexistent nodes near the target, and nonexistent peers.
      case "poison": {
        const values = query.method === "get_peers" ? forgedPeers(world) : undefined;
        const answer = { nodes: forgedNodes(world, target), token: TOKEN, values };
        return [encodeResponse(query.transaction, ownId, from, answer)];
      }
      // Returns honest nodes with IDs near the target, so that their responses look wrong.
      case "misname": {
        const answer = { nodes: misnamedNodes(world, target), token: TOKEN };
        return [encodeResponse(query.transaction, ownId, from, answer)];
      }
      // Returns only hostile nodes, stores nothing, returns no peers.
      case "collude": {
        const nodes = nearest(gang, target).map(infoOf);
        return [encodeResponse(query.transaction, ownId, from, { nodes, token: TOKEN })];
      }
      // Responds, and announces itself to the sender with a forged token.
      case "forge-tokens": {
        const token = Uint8Array.from({ length: 8 }, () => randomBelow(world.rng, 256));
        const forged = encodeQuery("forg", ownId, false, {
          method: "announce_peer",
          target,
          port: 1,
          impliedPort: false,
          isSeed: false,
          token,
        });
        return [encodeResponse(query.transaction, ownId, from, { nodes: [], token }), forged];
      }
    }
  };
}

/** The response of a sybil placed near one torrent to hide it: it returns hostile nodes only. */
export function sybilAnswer(id: NodeId, sybils: readonly SimNode[]): HostileAnswer {
  return (_node, from, bytes) => {
    const decoded = decodeKrpc(bytes);
    if (!decoded.ok || decoded.value.kind !== "query") return undefined;
    const nodes = sybils.slice(0, 8).map(infoOf);
    return [encodeResponse(decoded.value.transaction, id, from, { nodes, token: TOKEN })];
  };
}

function infoOf({ dht, endpoint }: SimNode): NodeInfo {
  return { id: dht.networks[0]!.table.ownId, endpoint };
}

/** Eight of the gang, from a sample. */
function nearest(gang: readonly SimNode[], target: NodeId): readonly SimNode[] {
  const first = target.charCodeAt(0);
  const byDistance = (node: SimNode) => infoOf(node).id.charCodeAt(0) ^ first;
  return gang.filter(({ isAlive }) => isAlive).slice(-64)
    .sort((a, b) => byDistance(a) - byDistance(b)).slice(0, 8);
}

/** Half with any ID near the target, half with IDs that match their addresses. */
function forgedNodes(world: DhtWorld, target: NodeId): NodeInfo[] {
  return Array.from({ length: FORGED_NODES }, (_, i) => {
    const endpoint = freshEndpoint(world);
    const near = target.slice(0, 4) + randomNodeId(world.rng).slice(4);
    return i % 2 === 0 ? { id: near, endpoint } : closestForged(world, target);
  });
}

function misnamedNodes(world: DhtWorld, target: NodeId): NodeInfo[] {
  return Array.from({ length: FORGED_NODES }, () => {
    const { endpoint } = pickNode(world, ({ hostile }) => hostile === undefined);
    return { id: target.slice(0, 4) + randomNodeId(world.rng).slice(4), endpoint };
  });
}

function closestForged(world: DhtWorld, target: NodeId): NodeInfo {
  let best: NodeInfo | undefined;
  const distance = (id: NodeId) =>
    ((id.charCodeAt(0) ^ target.charCodeAt(0)) << 8) | (id.charCodeAt(1) ^ target.charCodeAt(1));
  for (let i = 0; i < FORGED_TRIES; i++) {
    const endpoint = freshEndpoint(world);
    const id = createSecureId(endpoint, world.rng);
    if (best === undefined || distance(id) < distance(best.id)) best = { id, endpoint };
  }
  return best!;
}

function forgedPeers(world: DhtWorld): Endpoint[] {
  return Array.from(
    { length: FORGED_PEERS },
    () => withPort(freshEndpoint(world), 1 + (nextUint32(world.rng) & 0x7fff)),
  );
}
