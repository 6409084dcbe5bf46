/** From a swarm without metadata to a torrent with a transfer. */
import { hasBit } from "../bytes/bitfield.ts";
import type { Connection } from "../swarm/connections.ts";
import { setPrivate } from "../swarm/address_book.ts";
import { withdrawExtensions } from "../swarm/extensions.ts";
import { isFinished } from "../transfer/content.ts";
import { addPeer } from "../transfer/peers.ts";
import { saveSoon } from "../transfer/saving.ts";
import { createTransfer, type Transfer } from "../transfer/state.ts";
import { forgetEarlyNews, messagesOf } from "./early_news.ts";
import { onTransferMessage } from "./peer_messages.ts";
import { closePeer } from "./peers.ts";
import type { Effect, Event } from "./protocol.ts";
import { tellUploadOnly, type Torrent, type TorrentOwn } from "./state.ts";

/**
 * The metadata is known: connections take part in a transfer from now on, with what they said so
 * far. Ignored when there is a transfer already.
 */
export function onMetadata(
  torrent: Torrent,
  { geometry, have, isPrivate, priorities, hashTrees }: Extract<Event, { kind: "metadata" }>,
  now: number,
  effects: Effect[],
): void {
  if (torrent.transfer !== undefined || torrent.stage === "stopped") return;
  const { swarm, options, tuning } = torrent;
  // A super-seeder makes its own torrent, and peers here have already received our bitfield.
  const content = { ...options, geometry, have, priorities, hashTrees, superSeed: false };
  const transfer = createTransfer(content, tuning, swarm.rng, swarm.jobs.counter, now);
  (torrent as TorrentOwn).transfer = transfer;
  if (isPrivate) {
    setPrivate(swarm.addresses);
    withdrawExtensions(swarm, effects);
  }
  tellUploadOnly(torrent, effects);
  if (torrent.stage === "running" && !isFinished(transfer)) saveSoon(transfer, now);
  for (const connection of [...swarm.connections.values()]) {
    attachPeer(torrent, transfer, connection, now, effects);
  }
}

function attachPeer(
  torrent: Torrent,
  transfer: Transfer,
  connection: Connection,
  now: number,
  effects: Effect[],
): void {
  const { key } = connection;
  const early = torrent.early.peers.get(key);
  forgetEarlyNews(torrent.early, key);
  const peer = addPeer(transfer, connection, now);
  if (early?.isIncomplete) return closePeer(torrent, key, "missed-messages", now, effects);
  // It received an empty bitfield.
  for (let piece = 0; piece < transfer.geometry.pieceCount; piece++) {
    if (!hasBit(transfer.have, piece)) continue;
    effects.push({ kind: "send", peer: key, message: { kind: "have", piece } });
  }
  for (const message of early === undefined ? [] : messagesOf(early)) {
    const fault = onTransferMessage(torrent, transfer, peer, message, now, effects);
    if (fault !== undefined) {
      return closePeer(torrent, key, "protocol-violation", now, effects, fault);
    }
    if (!transfer.peers.has(key)) return;
  }
}
