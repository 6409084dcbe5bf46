/** What a torrent looks like at one moment of a replay, as plain data: everything that decides what it does next. */
import { addressText } from "../bytes/address.ts";
import { hasBit } from "../bytes/bitfield.ts";
import type { Connection } from "../swarm/connections.ts";
import { isDead } from "../swarm/liveness.ts";
import { factsOf, type TorrentFacts } from "../torrent/facts.ts";
import type { Torrent } from "../torrent/state.ts";
import { type Deadline, nextDeadline } from "../torrent/step.ts";
import type { PartialPiece } from "../transfer/partials.ts";
import type { Peer } from "../transfer/peer.ts";
import { pipelineTarget } from "../transfer/requests.ts";
import type { Transfer } from "../transfer/state.ts";

export interface StateView {
  readonly facts: TorrentFacts;
  /** A character a piece: "#" held, "w" being written, "c" being checked, "0" to "9" tenths received, "." not started. */
  readonly pieces: string;
  readonly peers: readonly PeerView[];
  readonly inEndgame: boolean;
  /** Bytes of unfinished pieces in memory. */
  readonly bufferedBytes: number;
  /** Addresses that may be dialled, and those being dialled. */
  readonly candidates: number;
  readonly dialling: number;
  readonly banned: number;
  readonly deadline: { readonly reason: Deadline["reason"]; readonly inMs: number } | undefined;
}

export interface PeerView {
  readonly peer: number;
  readonly address: string;
  readonly client: string | undefined;
  /** They dialled us. */
  readonly incoming: boolean;
  readonly piecesHave: number;
  /** Pieces that it has and we lack. */
  readonly offered: number;
  readonly amInterested: boolean;
  readonly isChoking: boolean;
  readonly isInterested: boolean;
  readonly amChoking: boolean;
  readonly optimistic: boolean;
  readonly snubbed: boolean;
  readonly onParole: boolean;
  readonly isDead: boolean;
  /** Blocks that it owes us, and how many it should be asked for. */
  readonly outstanding: number;
  readonly target: number;
  /** Blocks that it waits for, and bytes on their way to it. */
  readonly queued: number;
  readonly uploadAhead: number;
  /** Bytes a second. */
  readonly downRate: number;
  readonly upRate: number;
}

/** `now` in the replay's monotonic milliseconds. */
export function viewState(torrent: Torrent, now: number): StateView {
  const deadline = nextDeadline(torrent);
  const { swarm, transfer } = torrent;
  return {
    facts: factsOf(torrent, now),
    pieces: transfer === undefined ? "" : drawPieces(transfer),
    peers: viewPeers(torrent, now),
    inEndgame: torrent.inEndgame,
    bufferedBytes: transfer?.bufferedBytes ?? 0,
    candidates: [...swarm.addresses.entries.values()].filter(({ use }) => use === "free").length,
    dialling: swarm.addresses.dials.size,
    banned: swarm.addresses.bannedIps.size + swarm.bannedPeers.size,
    deadline: deadline && { reason: deadline.reason, inMs: deadline.at - now },
  };
}

/** The peer of that number or address; undefined when it is not connected. */
export function findPeer(torrent: Torrent, name: string): Connection | undefined {
  for (const peer of torrent.swarm.connections.values()) {
    if (name === String(peer.key) || name === addressText(peer.address)) return peer;
  }
  return undefined;
}

function viewPeers({ swarm, transfer }: Torrent, now: number): PeerView[] {
  const views: PeerView[] = [];
  for (const peer of transfer?.peers.values() ?? []) {
    const connection = swarm.connections.get(peer.key);
    // A web server is a peer of the transfer without a connection.
    if (connection !== undefined) views.push(viewPeer(connection, peer, now));
  }
  return views;
}

function viewPeer(connection: Connection, peer: Peer, now: number): PeerView {
  const { key, address, client, incoming } = connection;
  const { haveCount, offered, optimistic, snubbed } = peer;
  const { amInterested, isChoking, isInterested, amChoking, onParole, uploadAhead } = peer;
  return {
    ...{ peer: key, address: addressText(address), client, incoming },
    ...{ piecesHave: haveCount, offered, amInterested, isChoking, isInterested, amChoking },
    ...{ optimistic, snubbed, onParole, isDead: isDead(connection, now) },
    outstanding: peer.outstanding.size,
    target: pipelineTarget(peer),
    queued: peer.queue.size,
    uploadAhead,
    downRate: peer.down.rate,
    upRate: peer.up.rate,
  };
}

function drawPieces({ have, partials, geometry }: Transfer): string {
  let picture = "";
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    picture += hasBit(have, piece) ? "#" : markOf(partials.get(piece));
  }
  return picture;
}

function markOf(partial: PartialPiece | undefined): string {
  if (partial === undefined) return ".";
  if (partial.stage !== "open") return partial.stage === "writing" ? "w" : "c";
  return String(Math.floor(10 * partial.received / (partial.blocks + 1)));
}
