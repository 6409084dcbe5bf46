/**
 * What a peer's messages do to the state. A message that the protocol forbids ends the connection;
 * one that is merely late or useless is ignored.
 *
 * Spec: BEP 3, peer messages; BEP 6, Fast extension; BEP 10.
 */
import { hasBit, parseBitfield } from "../bytes/bitfield.ts";
import { unreachable } from "../bytes/result.ts";
import type { Connection } from "../swarm/connections.ts";
import { onExtended } from "../swarm/extensions.ts";
import { noteHeard } from "../swarm/liveness.ts";
import { markDirty } from "../transfer/attention.ts";
import { unchokeIfRoom } from "../transfer/choker.ts";
import { onAllowedFast, onSuggest } from "../transfer/hints.ts";
import { onInterest } from "../transfer/interest.ts";
import { onBitfield, onHave, onHaveAll } from "../transfer/offers.ts";
import type { Peer } from "../transfer/peer.ts";
import { onSilence } from "../transfer/peers.ts";
import { onChoke, onReject, onUnchoke } from "../transfer/requests.ts";
import type { Transfer } from "../transfer/state.ts";
import { onPieceSeen, onPiecesSeen } from "../transfer/super_seeding.ts";
import { onCancel, onRequest } from "../transfer/uploads.ts";
import type { Message } from "../wire/message.ts";
import { onEarlyMessage } from "./early_news.ts";
import { carryNews } from "./news.ts";
import { closeIfBothDone, closePeer } from "./peers.ts";
import type { Effect } from "./protocol.ts";
import type { Torrent } from "./state.ts";

/**
 * Applies one message of the peer, or closes the connection with a `peer-violated` report that says
 * why.
 *
 * Spec: BEP 3, peer messages; BEP 6; BEP 10.
 */
export function onMessage(
  torrent: Torrent,
  connection: Connection,
  message: Message,
  now: number,
  effects: Effect[],
): void {
  const { swarm, transfer } = torrent;
  noteHeard(connection, now);
  const peer = transfer?.peers.get(connection.key);
  if (transfer !== undefined && peer?.isSilent) onSilence(transfer, peer, false);
  let fault: string | undefined;
  if (message.kind === "extended") {
    fault = carryNews(
      torrent,
      effects,
      (news) => onExtended(swarm, connection, message.id, message.payload, now, effects, news),
    );
    // It may have said that it will download nothing more.
    if (fault === undefined && peer !== undefined) closeIfBothDone(torrent, peer, now, effects);
  } else if (message.kind === "port") {
    onDhtPort(torrent, connection, message.port, effects);
  } else if (transfer !== undefined && peer !== undefined) {
    fault = onTransferMessage(torrent, transfer, peer, message, now, effects);
  } else onEarlyMessage(torrent.early, connection, message, effects);
  if (fault === undefined) return;
  closePeer(torrent, connection.key, "protocol-violation", now, effects, fault);
}

/** A node that the peer names on its own host; the DHT queries it before trusting it. */
function onDhtPort(
  { options: { dhtPort } }: Torrent,
  { address: { ip } }: Connection,
  port: number,
  effects: Effect[],
): void {
  if (dhtPort === undefined || port === 0) return;
  effects.push({ kind: "report", report: { kind: "dht-node", address: { ip, port } } });
}

/** Applies a message to the transfer. Gives why the connection must end, if it must. */
export function onTransferMessage(
  torrent: Torrent,
  transfer: Transfer,
  peer: Peer,
  message: Exclude<Message, { kind: "extended" | "port" }>,
  now: number,
  effects: Effect[],
): string | undefined {
  const fault = faultOf(transfer, peer, message);
  if (fault !== undefined) return fault;
  switch (message.kind) {
    case "keep-alive":
    case "unknown":
      return undefined;
    case "have-none":
      onPiecesSeen(transfer, peer, now, effects);
      return undefined;
    case "choke":
      onChoke(transfer, peer);
      return undefined;
    case "unchoke":
      onUnchoke(transfer, peer, now);
      return undefined;
    case "interested":
      onInterest(peer, true);
      unchokeIfRoom(transfer, peer, now, effects);
      return undefined;
    case "not-interested":
      onInterest(peer, false);
      return undefined;
    case "have":
      if (!hasBit(peer.have, message.piece)) {
        onHave(transfer, peer, message.piece);
        onPieceSeen(transfer, peer, message.piece, now, effects);
      }
      closeIfBothDone(torrent, peer, now, effects);
      return undefined;
    case "bitfield":
      onBitfield(transfer, peer, message.bits);
      onPiecesSeen(transfer, peer, now, effects);
      closeIfBothDone(torrent, peer, now, effects);
      return undefined;
    case "have-all":
      onHaveAll(transfer, peer);
      onPiecesSeen(transfer, peer, now, effects);
      closeIfBothDone(torrent, peer, now, effects);
      return undefined;
    case "request":
      return onRequest(transfer, peer, message, now, effects);
    case "cancel":
      onCancel(transfer, peer, message, effects);
      return undefined;
    case "reject":
      onReject(transfer, peer, message, now);
      return undefined;
    case "suggest":
      onSuggest(peer, message.piece);
      return undefined;
    case "allowed-fast":
      onAllowedFast(peer, message.piece);
      markDirty(transfer, peer);
      return undefined;
    default:
      return unreachable(message);
  }
}

/** Why the protocol forbids this message here, if it does. */
function faultOf(transfer: Transfer, peer: Peer, message: Message): string | undefined {
  const { pieceCount } = transfer.geometry;
  switch (message.kind) {
    case "have":
      return message.piece < pieceCount
        ? undefined
        : `have of piece ${message.piece}, beyond the end`;
    case "bitfield": {
      const parsed = parseBitfield(message.bits, pieceCount);
      if (parsed.ok) return undefined;
      return parsed.error.code === "bitfield-size"
        ? `a bitfield of ${parsed.error.size} bytes instead of ${parsed.error.wanted}`
        : "a bitfield with spare bits set";
    }
    case "have-all":
    case "have-none":
      // Late ones are taken as a late bitfield is: BEP 6 wants them first, but nothing is gained by
      // closing.
      return peer.link.features.fast ? undefined : `${message.kind} without the Fast extension`;
    case "suggest":
    case "allowed-fast":
      if (!peer.link.features.fast) return `${message.kind} without the Fast extension`;
      return message.piece < pieceCount ? undefined : `${message.kind} of a piece beyond the end`;
    case "reject":
      return peer.link.features.fast ? undefined : "reject without the Fast extension";
    default:
      return undefined;
  }
}
