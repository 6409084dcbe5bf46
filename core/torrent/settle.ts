/**
 * What many events ask for, done once after a batch of them: interest, requests, uploads, the share
 * rule, dialling, announcing, saving.
 */
import { dialAddresses } from "../swarm/address_book.ts";
import {
  announceIfDue,
  askForPeers,
  isAnnounceDue,
  isAwaitingFirstAnswer,
  trackerCounts,
} from "../swarm/announcing.ts";
import { countDialled } from "../swarm/connections.ts";
import { noteSent } from "../swarm/liveness.ts";
import type { Swarm } from "../swarm/state.ts";
import { clearDirty, markAllDirty, takeDirty } from "../transfer/attention.ts";
import { refillHashRequests } from "../transfer/hash_trees.ts";
import { tellInterest } from "../transfer/interest.ts";
import type { Peer } from "../transfer/peer.ts";
import { isEndgame } from "../transfer/picker.ts";
import { refillRequests } from "../transfer/requests.ts";
import { saveIfDue } from "../transfer/saving.ts";
import {
  isWaiting,
  reviewShare,
  type SwarmOutlook,
  withheldPiece,
} from "../transfer/share_rule.ts";
import type { Transfer } from "../transfer/state.ts";
import { serveQueue } from "../transfer/uploads.ts";
import { totalsOf } from "./announce_totals.ts";
import { finishStop } from "./lifecycle.ts";
import { onHeard } from "./peers.ts";
import type { Effect } from "./protocol.ts";
import { isFinished, type Torrent, type TorrentOwn } from "./state.ts";
import { openWebSeeds } from "./web_seeds.ts";

/** For a transfer that does not wait, which asks nothing of it. */
const NO_OUTLOOK: SwarmOutlook = { leechers: 0, isAwaitingTracker: false };

/** To be called after each batch of `step` and `receiveBlock`, before the effects are run. */
export function settle(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.stage === "stopping") return finishStop(torrent, effects);
  if (torrent.stage !== "running") return;
  const { swarm, transfer } = torrent;
  if (transfer !== undefined) openWebSeeds(torrent, transfer, now, effects);
  if (transfer !== undefined) settleTransfer(torrent, transfer, now, effects);
  dialAddresses(swarm.addresses, swarm.connections.size, () => countDialled(swarm), now, effects);
  // Once those that the tracker named were tried: the first answer is followed by dials, not by a
  // second.
  const isAlone = swarm.connections.size === 0 && swarm.addresses.dials.size === 0;
  if (isAlone && !isFinished(torrent)) askForPeers(swarm, now);
  if (isAnnounceDue(swarm, now)) announceIfDue(swarm, totalsOf(torrent), now, effects);
  if (transfer !== undefined) saveIfDue(transfer, now, effects);
  noteActivity(torrent, now, effects);
}

function settleTransfer(
  torrent: Torrent,
  transfer: Transfer,
  now: number,
  effects: Effect[],
): void {
  const { swarm } = torrent;
  const outlook = isWaiting(transfer) ? outlookOf(swarm) : NO_OUTLOOK;
  if (reviewShare(transfer, outlook, now, effects)) askForPeers(swarm, now);
  const withheld = withheldPiece(transfer);
  settlePeers(transfer, now, effects);
  const endgame = isEndgame(transfer);
  // Sending requests to the last peer can change what the first ones should be sent.
  if ((endgame && !torrent.inEndgame) || withheldPiece(transfer) !== withheld) {
    markAllDirty(transfer);
    settlePeers(transfer, now, effects);
  }
  (torrent as TorrentOwn).inEndgame = endgame;
}

function outlookOf(swarm: Swarm): SwarmOutlook {
  const leechers = trackerCounts(swarm).leechers ?? 0;
  return { leechers, isAwaitingTracker: isAwaitingFirstAnswer(swarm) };
}

function settlePeers(transfer: Transfer, now: number, effects: Effect[]): void {
  const withheld = withheldPiece(transfer);
  const slow: Peer[] = [];
  for (const peer of takeDirty(transfer)) {
    clearDirty(peer);
    if (!transfer.peers.has(peer.key)) continue;
    tellInterest(transfer, peer, withheld, effects);
    refillHashRequests(transfer, peer, now, effects);
    if (peer.snubbed) slow.push(peer);
    else refillRequests(transfer, peer, now, effects);
    serveQueue(peer, effects);
  }
  for (const peer of slow) refillRequests(transfer, peer, now, effects);
}

/**
 * What goes to a peer keeps the connection alive, and one that we read again cannot be silent yet.
 */
function noteActivity(torrent: Torrent, now: number, effects: readonly Effect[]): void {
  const { connections } = torrent.swarm;
  for (const effect of effects) {
    switch (effect.kind) {
      case "send":
      case "request":
      case "upload": {
        const connection = connections.get(effect.peer);
        if (connection !== undefined) noteSent(connection, now);
        break;
      }
      case "resume-reading": {
        const connection = connections.get(effect.peer);
        if (connection !== undefined) onHeard(torrent, connection, now);
      }
    }
  }
}
