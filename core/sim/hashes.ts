/**
 * Hashes of v2 trees between simulated peers: what travels are ranges, and whether they are
 * answered.
 */
import { BLOCK_SIZE, pieceSize } from "../metainfo/geometry.ts";
import type { Effect, Event } from "../torrent/protocol.ts";
import type { HashTreeOptions } from "../transfer/hash_trees.ts";
import { BAD, type Node } from "./node.ts";
import { feedLater, type World } from "./state.ts";

type HashEffect = Extract<
  Effect,
  { readonly kind: "ask-hashes" | "answer-hashes" | "reject-hashes" }
>;

/** What a node knows of the trees: downloaders have the metadata, which lacks layers. */
export function treesOfNode(world: World, isComplete: boolean): HashTreeOptions | undefined {
  const { format } = world.options;
  if (format === undefined || format === "v1") return undefined;
  return {
    fileLengths: [world.geometry.totalSize],
    missingLayers: isComplete ? [] : [0],
    layersRequired: format === "v2",
  };
}

/** Carries a request or its answer to the peer, which gets it after the latency. */
export function carryHashes(world: World, node: Node, { kind, peer, range }: HashEffect): void {
  const end = world.ends[peer];
  if (kind === "answer-hashes") {
    feedLater(world, node, node.disk.delayMs, () => ({ kind: "hashes-answered", peer }));
  }
  if (end === undefined || end.isStuck || !end.isOpen) return;
  const { other } = end;
  const there = { peer: other.key, range };
  feedLater(world, other.node, end.latencyMs, (): Event => {
    switch (kind) {
      case "ask-hashes":
        return { kind: "hash-request", ...there };
      case "reject-hashes":
        return { kind: "hashes-refused", ...there };
      case "answer-hashes":
        return {
          kind: node.options.misbehaviour === "lie" ? "hashes-wrong" : "hashes-proven",
          ...there,
        };
    }
  });
}

/** Reports which blocks of a piece are bad, as leaves would. */
export function compareLeaves(world: World, node: Node, job: number, piece: number): void {
  const buffer = node.buffers.get(piece)!;
  const count = Math.ceil(pieceSize(world.geometry, piece) / BLOCK_SIZE);
  const blocks = Array.from({ length: count }, (_, block) => block)
    .filter((block) => buffer[block] === BAD);
  feedLater(world, node, node.disk.delayMs, () => ({ kind: "leaves-compared", job, blocks }));
}
