/** When the torrent must be woken, and what it does then. */
import { announceDueAt } from "../swarm/announcing.ts";
import { tickExtensions } from "../swarm/extensions.ts";
import { isDead, reviewLiveness } from "../swarm/liveness.ts";
import { tickRate } from "../limits/rate_meter.ts";
import { markAllDirty } from "../transfer/attention.ts";
import { chokeRound, fillIdleSlots } from "../transfer/choker.ts";
import { onSilence } from "../transfer/peers.ts";
import { reviewHashRequests } from "../transfer/hash_trees.ts";
import { tickOrder } from "../transfer/order.ts";
import { abandonStranded } from "../transfer/stranded.ts";
import { reviewBlames } from "../transfer/pieces.ts";
import {
  adjustPipeline,
  checkSnubbed,
  reviewRefusals,
  takeBackRequests,
} from "../transfer/requests.ts";
import { saveDueAt } from "../transfer/saving.ts";
import { isSeedingLimited, reviewSeeding } from "../transfer/seeding.ts";
import { isWaiting } from "../transfer/share_rule.ts";
import type { Transfer } from "../transfer/state.ts";
import { reviewSuperSeeding } from "../transfer/super_seeding.ts";
import { carryNews } from "./news.ts";
import { closePeer } from "./peers.ts";
import type { Effect } from "./protocol.ts";
import { tellUploadOnly, type Torrent, type TorrentOwn } from "./state.ts";
import { banSenders, hasWebSeeds } from "./web_seeds.ts";

/** The interval of rates, timeouts and the share rule. */
export const TICK_MS = 1_000;

export interface Deadline {
  /** Monotonic milliseconds, perhaps in the past. */
  readonly at: number;
  readonly reason: "announce" | "dial" | "save" | "tick";
}

/** When `timer` must be fed next, and why; undefined when nothing will ever be due by itself. */
export function nextDeadline(torrent: Torrent): Deadline | undefined {
  if (torrent.stage !== "running") return undefined;
  const { swarm, transfer } = torrent;
  const announce = announceDueAt(swarm) ?? Infinity;
  const dial = swarm.addresses.nextDialMs ?? Infinity;
  const save = (transfer && saveDueAt(transfer)) ?? Infinity;
  const tick = needsTick(torrent) ? torrent.nextTickMs : Infinity;
  const at = Math.min(announce, dial, save, tick);
  if (at === Infinity) return undefined;
  if (at === announce) return { at, reason: "announce" };
  if (at === dial) return { at, reason: "dial" };
  return { at, reason: at === save ? "save" : "tick" };
}

/** A torrent without peers needs no tick, unless a clock of its own runs. */
function needsTick(torrent: Torrent): boolean {
  const { swarm, transfer } = torrent;
  if (swarm.connections.size > 0 || hasWebSeeds(torrent)) return true;
  if (transfer === undefined) return false;
  return transfer.down.rate + transfer.up.rate > 0 || isWaiting(transfer) ||
    isSeedingLimited(transfer);
}

/** The second's round. Announces, dials and saves that are due happen in `settle`. */
export function onTimer(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.stage !== "running" || now < torrent.nextTickMs) return;
  // On the clock's whole seconds, so that many torrents wake the process once.
  (torrent as TorrentOwn).nextTickMs = (Math.floor(now / TICK_MS) + 1) * TICK_MS;
  const { swarm, transfer } = torrent;
  if (transfer !== undefined) {
    reviewSilence(torrent, transfer, now, effects);
    reviewRequests(transfer, now, effects);
    // Requests become late with time alone.
    if (torrent.inEndgame) markAllDirty(transfer);
  }
  for (const key of reviewLiveness(swarm, now, effects)) {
    closePeer(torrent, key, "dead", now, effects);
  }
  carryNews(torrent, effects, (news) => tickExtensions(swarm, now, effects, news));
  if (transfer === undefined) return;
  chokeRound(transfer, now, effects);
  fillIdleSlots(transfer, now, effects);
  abandonStranded(transfer, now, effects);
  reviewSeeding(transfer, now, effects);
  reviewSuperSeeding(transfer, now, effects);
  tellUploadOnly(torrent, effects);
  reviewHashRequests(transfer, now);
  for (const verdict of reviewBlames(transfer, now, effects)) {
    banSenders(torrent, verdict, now, effects);
  }
}

function reviewSilence(
  { swarm }: Torrent,
  transfer: Transfer,
  now: number,
  effects: Effect[],
): void {
  for (const peer of transfer.peers.values()) {
    const connection = swarm.connections.get(peer.key);
    if (connection === undefined) continue;
    const isSilent = isDead(connection, now);
    if (isSilent && !peer.isSilent) takeBackRequests(transfer, peer, effects);
    onSilence(transfer, peer, isSilent);
  }
}

function reviewRequests(transfer: Transfer, now: number, effects: Effect[]): void {
  tickRate(transfer.down, now);
  tickRate(transfer.up, now);
  tickOrder(transfer);
  for (const peer of transfer.peers.values()) {
    tickRate(peer.down, now);
    tickRate(peer.up, now);
    adjustPipeline(peer, transfer.tuning.pipelineSeconds);
    checkSnubbed(transfer, peer, now, effects);
    reviewRefusals(transfer, peer);
  }
}
