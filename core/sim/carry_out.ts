/** Carries out what a core decided, as the shell's driver does. */
import { unreachable } from "../bytes/result.ts";
import { randomBelow } from "../bytes/random.ts";
import { pieceSize } from "../metainfo/geometry.ts";
import type { Effect, Event, PeerKey, SavedState } from "../torrent/protocol.ts";
import type { AnnounceRequest } from "../tracker/types.ts";
import type { Message } from "../wire/message.ts";
import { nodeAt } from "./addresses.ts";
import { checkRequest, checkUpload, isBufferGood } from "./checks.ts";
import { beginWrite, checkClaim, endSave, endWrite } from "./disk.ts";
import { carryHashes, compareLeaves } from "./hashes.ts";
import type { Node } from "./node.ts";
import { feedLater, type World } from "./state.ts";
import { closeEnd, dial, resume, sendMessage, takeBack, upload } from "./traffic.ts";
import { answer } from "./tracker.ts";

/** A tracker answers within this. */
const ANNOUNCE_MS = 30;
/** How long a client waits for one that does not. */
const ANNOUNCE_TIMEOUT_MS = 15_000;
/** How often a flooder repeats a request. */
const FLOOD = 20;

/** Carries out one effect of a node. */
export function carryOut(world: World, node: Node, effect: Effect): void {
  switch (effect.kind) {
    case "send":
      return sendOut(world, node, effect.peer, effect.message);
    case "request":
      return requestOut(world, node, effect.peer, effect.blocks);
    case "upload":
      if (world.options.isChecked) checkUpload(world, node, effect.blocks);
      return upload(world, node, effect.peer, effect.blocks);
    case "take-back-uploads": {
      const blocks = takeBack(world, node, effect.peer, effect.blocks);
      if (blocks.length === 0) return;
      const kind = "uploads-taken-back";
      return feedLater(world, node, 0, () => ({ kind, peer: effect.peer, blocks }));
    }
    case "pause-reading":
    case "resume-reading": {
      const end = world.ends[effect.peer];
      if (end === undefined) return;
      if (effect.kind === "pause-reading") end.isPaused = true;
      else resume(world, end);
      return;
    }
    case "close": {
      const end = world.ends[effect.peer];
      return end && closeEnd(world, end);
    }
    case "dial":
      return dial(world, node, effect.job, effect.address);
    case "check-piece": {
      const matches = isBufferGood(node, effect.piece);
      const { job } = effect;
      return feedLater(world, node, node.disk.delayMs, () => ({
        ...{ kind: "piece-checked", job, matches },
      }));
    }
    case "write-piece":
      return writePiece(world, node, effect.job, effect.piece);
    case "drop-piece":
      node.buffers.delete(effect.piece);
      return;
    case "ask-hashes":
    case "answer-hashes":
    case "reject-hashes":
      return carryHashes(world, node, effect);
    case "compare-leaves":
      return compareLeaves(world, node, effect.job, effect.piece);
    case "save-state":
      return saveState(world, node, effect.job, effect.state);
    case "announce":
      return announceTo(world, node, effect.job, effect.url, effect.request);
    case "check-metadata":
    case "open-web-seed":
    case "close-web-seed":
      // Simulated swarms begin with their metadata, and have no web servers.
      return;
    case "report":
      if (effect.report.kind === "complete") node.completedMs = world.now;
      if (world.options.keepsReports) node.reports.push({ at: world.now, report: effect.report });
      return;
    default:
      return unreachable(effect);
  }
}

function sendOut(world: World, node: Node, key: PeerKey, message: Message): void {
  const end = world.ends[key];
  if (end === undefined || end.isStuck) return;
  const isGift = message.kind === "unchoke" || message.kind === "allowed-fast";
  if (isGift && node.options.misbehaviour === "freeload") return;
  sendMessage(world, end, message);
  if (message.kind === "have" && node.options.misbehaviour === "boast") {
    const piece = randomBelow(world.rng, world.geometry.pieceCount);
    sendMessage(world, end, { kind: "have", piece });
  }
}

function requestOut(world: World, node: Node, key: PeerKey, blocks: readonly number[]): void {
  const end = world.ends[key];
  if (end === undefined || end.isStuck) return;
  if (world.options.isChecked) checkRequest(node, key, blocks);
  const times = node.options.misbehaviour === "flood" ? FLOOD : 1;
  for (let time = 0; time < times; time++) {
    for (let i = 0; i < blocks.length; i += 3) {
      const piece = blocks[i]!, begin = blocks[i + 1]!, length = blocks[i + 2]!;
      sendMessage(world, end, { kind: "request", piece, begin, length });
    }
  }
}

function writePiece(world: World, node: Node, job: number, piece: number): void {
  const { disk } = node;
  node.buffers.delete(piece);
  const fits = beginWrite(disk, piece, pieceSize(world.geometry, piece));
  feedLater(world, node, disk.delayMs, () => {
    if (!fits) return { kind: "disk-failed", job, message: "The disk is full" };
    endWrite(disk, piece);
    world.holders[piece]!++;
    return { kind: "piece-written", job };
  });
}

function saveState(world: World, node: Node, job: number, state: SavedState): void {
  checkClaim(node.disk, state);
  feedLater(world, node, node.disk.delayMs, () => {
    endSave(node.disk, state);
    return { kind: "state-saved", job };
  });
}

function announceTo(
  world: World,
  node: Node,
  job: number,
  url: string,
  request: AnnounceRequest,
): void {
  const tracker = world.trackers.find((one) => one.url === url)!;
  const delayMs = tracker.isUp ? ANNOUNCE_MS : ANNOUNCE_TIMEOUT_MS;
  const result = answer(tracker, request, node.address, world.now, (ip, port) => {
    const address = { ip: ip.join("."), port };
    return nodeAt(world, address)?.address ?? address;
  });
  feedLater(world, node, delayMs, (): Event => ({ kind: "announced", job, result }));
}
