/** Answers the queries of others: nodes, peers, tokens, and what they may store here. */
import { addressOf, type Endpoint, ipVersionOf, mayName, withPort } from "./endpoint.ts";
import { storeItem, targetOf } from "./item_store.ts";
import { KRPC_ERROR, type KrpcQuery, type NodeInfo } from "./krpc.ts";
import type { KrpcFault } from "./krpc_decode.ts";
import { type Answer, encodeError, encodeResponse } from "./krpc_encode.ts";
import type { NodeId } from "./node_id.ts";
import {
  bloomOf,
  samplePeers,
  storePeer,
  VALUES4_MAX,
  VALUES6_MAX,
  VALUES_WITH_BLOOM_MAX,
} from "./peer_store.ts";
import type { DhtEffect } from "./protocol.ts";
import { send } from "./queries.ts";
import { closestContacts, K } from "./routing_table.ts";
import { type Dht, networkOf, type NetworkState } from "./state.ts";
import { createToken, isTokenValid } from "./tokens.ts";

/** A value beyond this leaves no room for nodes. */
const VALUE_WITH_NODES_MAX = 500;
/** Values beside the nodes of both families, or beside filters over IPv6. */
const VALUES_BOTH_MAX = 12;
const VALUES6_WITH_BLOOM_MAX = 3;

const ERROR_TEXT: Readonly<Record<number, string>> = {
  [KRPC_ERROR.protocol]: "Protocol error",
  [KRPC_ERROR.unknownMethod]: "Method unknown",
  [KRPC_ERROR.valueTooBig]: "Value too big",
  [KRPC_ERROR.badSignature]: "Invalid signature",
  [KRPC_ERROR.saltTooBig]: "Salt too big",
  [KRPC_ERROR.casMismatch]: "CAS mismatch",
  [KRPC_ERROR.sequenceTooOld]: "Sequence number less than current",
};

/** Answers a query that the limits admitted. */
export function answerQuery(
  dht: Dht,
  network: NetworkState,
  from: Endpoint,
  query: KrpcQuery,
  now: number,
  effects: DhtEffect[],
): void {
  const answer = (content: Answer) => {
    const { ownId } = network.table;
    send(dht, from, encodeResponse(query.transaction, ownId, from, content), effects);
  };
  const refuse = (code: number) => sendError(dht, from, query.transaction, code, effects);
  switch (query.method) {
    case "ping":
      return answer({});
    case "find_node":
      return answer(nodesFor(dht, from, query.target, query.want));
    case "get_peers":
      return answer(peersFor(dht, from, query, now));
    case "announce_peer": {
      if (!isAllowed(dht, from, query.token, query.target, now)) {
        return refuse(KRPC_ERROR.protocol);
      }
      const peer = query.impliedPort ? from : withPort(from, query.port);
      const { target } = query;
      const isStored = storePeer(dht.peers, target, peer, query.isSeed, now);
      // A peer of a torrent of ours need not be looked for.
      if (isStored && dht.torrents.has(target) && mayName(from, peer)) {
        effects.push({ kind: "peers", job: undefined, infoHash: target, peers: [addressOf(peer)] });
      }
      return answer({});
    }
    case "get":
      return answer(itemFor(dht, from, query, now));
    case "put": {
      const { item, token } = query;
      const { sha1, verify } = dht.options;
      if (!isAllowed(dht, from, token, targetOf(item, sha1), now)) {
        return refuse(KRPC_ERROR.protocol);
      }
      const code = storeItem(dht.items, item, now, sha1, verify);
      return code === undefined ? answer({}) : refuse(code);
    }
    case "unknown":
      return refuse(KRPC_ERROR.unknownMethod);
  }
}

/** Answers a malformed query with an error, if it can be answered. */
export function answerFault(
  dht: Dht,
  from: Endpoint,
  fault: KrpcFault,
  effects: DhtEffect[],
): void {
  switch (fault.code) {
    case "krpc-bencode":
    case "krpc-envelope":
      return;
    case "krpc-id":
      if (fault.kind === "response") return;
      return sendError(dht, from, fault.transaction, KRPC_ERROR.protocol, effects);
    case "krpc-argument":
      return sendError(dht, from, fault.transaction, KRPC_ERROR.protocol, effects);
    case "krpc-value-size":
      return sendError(dht, from, fault.transaction, KRPC_ERROR.valueTooBig, effects);
    case "krpc-salt-size":
      return sendError(dht, from, fault.transaction, KRPC_ERROR.saltTooBig, effects);
  }
}

function sendError(
  dht: Dht,
  to: Endpoint,
  transaction: string,
  code: number,
  effects: DhtEffect[],
): void {
  send(dht, to, encodeError(transaction, to, code, ERROR_TEXT[code]!), effects);
}

/** Nodes of the family that was asked over, or of those wanted. Spec: BEP 32. */
function nodesFor(
  dht: Dht,
  from: Endpoint,
  target: NodeId,
  want: readonly (4 | 6)[],
): Pick<Answer, "nodes" | "nodes6"> {
  const wanted = want.length === 0 ? [ipVersionOf(from)] : want;
  const closest = (version: 4 | 6): readonly NodeInfo[] | undefined => {
    const table = wanted.includes(version) ? networkOf(dht, version)?.table : undefined;
    if (table === undefined) return undefined;
    // Public nodes do not get nodes of private networks, and no node gets itself.
    return closestContacts(table, target, K).filter(({ endpoint }) =>
      endpoint !== from && (ipVersionOf(from) !== version || mayName(from, endpoint))
    );
  };
  return { nodes: closest(4), nodes6: closest(6) };
}

function peersFor(
  dht: Dht,
  from: Endpoint,
  { target, want, noSeeds, scrape }: Extract<KrpcQuery, { method: "get_peers" }>,
  now: number,
): Answer {
  const version = ipVersionOf(from);
  const { sha1 } = dht.options;
  const bloom = scrape ? bloomOf(dht.peers, target, sha1) : undefined;
  // Filters leave no room for the nodes of a second family. Spec: BEP 33, scrape.
  const nodes = nodesFor(dht, from, target, bloom === undefined ? want : []);
  const hasBoth = nodes.nodes !== undefined && nodes.nodes6 !== undefined;
  const max = bloom !== undefined
    ? (version === 4 ? VALUES_WITH_BLOOM_MAX : VALUES6_WITH_BLOOM_MAX)
    : hasBoth
    ? VALUES_BOTH_MAX
    : version === 4
    ? VALUES4_MAX
    : VALUES6_MAX;
  const found = samplePeers(dht.peers, target, version, noSeeds, max, now, dht.rng);
  const values = found.filter((peer) => mayName(from, peer));
  return {
    ...nodes,
    token: createToken(dht.tokens, from, target, now, sha1),
    values: values.length > 0 ? values : undefined,
    bloom,
  };
}

function itemFor(
  dht: Dht,
  from: Endpoint,
  { target, want, sequence }: Extract<KrpcQuery, { method: "get" }>,
  now: number,
): Answer {
  const token = createToken(dht.tokens, from, target, now, dht.options.sha1);
  const item = dht.items.get(target)?.item;
  const nodes = item === undefined || item.value.length <= VALUE_WITH_NODES_MAX
    ? nodesFor(dht, from, target, want)
    : {};
  if (item === undefined) return { ...nodes, token };
  if (item.kind === "immutable") {
    const { value } = item;
    return {
      ...nodes,
      token,
      item: { value, publicKey: undefined, signature: undefined, sequence: undefined },
    };
  }
  const isKnown = sequence !== undefined && item.sequence <= sequence;
  return {
    ...nodes,
    token,
    item: {
      value: isKnown ? undefined : item.value,
      publicKey: isKnown ? undefined : item.publicKey,
      signature: isKnown ? undefined : item.signature,
      sequence: item.sequence,
    },
  };
}

function isAllowed(
  dht: Dht,
  from: Endpoint,
  token: Uint8Array,
  target: NodeId,
  now: number,
): boolean {
  return isTokenValid(dht.tokens, token, from, target, now, dht.options.sha1);
}
