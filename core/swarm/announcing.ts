/**
 * The swarm's side of talking to trackers: what is said of it, and what is done with the answer.
 */
import { finishJob, type JobId, startJob } from "../bytes/jobs.ts";
import { nextUint32, type Rng } from "../bytes/random.ts";
import {
  advanceAnnounce,
  type Announcer,
  createAnnouncer,
  haveAllTrackersFailed,
  lastAnswered,
  markCompleted,
  nextAnnounceAt,
  onAnnounceDone,
  requestPeers,
  stopAnnounces,
  takeAnnounce,
} from "../tracker/announcer.ts";
import type { AnnounceEvent, AnnounceRequest, AnnounceResult } from "../tracker/types.ts";
import { addAddresses } from "./address_book.ts";
import type { PeerAddress } from "../bytes/address.ts";
import type { View } from "../bytes/view.ts";
import { peerPriority } from "./peer_priority.ts";
import { NUM_WANT } from "./limits.ts";
import type { SwarmEffects } from "./protocol.ts";
import type { Swarm } from "./state.ts";

interface Own {
  readonly announcer: Announcer;
  /** Identifies us to trackers across changes of address. Spec: BEP 7, key. */
  readonly key: number;
  /** Our address as a tracker sees it. */
  externalIp: string | undefined;
}

export type Announcing = View<Own>;

/** Any address would do, as long as it stays the same. */
const UNKNOWN_IP = "0.0.0.0";

/** Payload bytes of this run, and bytes that are still to come. */
export interface AnnounceTotals {
  readonly uploaded: number;
  readonly downloaded: number;
  readonly left: number;
  /** Nothing more is wanted although something is left. Spec: BEP 21. */
  readonly isPartialSeed: boolean;
}

/** Nothing was announced yet. */
export function createAnnouncing(tiers: readonly (readonly string[])[], rng: Rng): Announcing {
  return { announcer: createAnnouncer(tiers, rng), key: nextUint32(rng), externalIp: undefined };
}

/** Whether it is time to announce and none is under way. */
export function isAnnounceDue(swarm: Swarm, now: number): boolean {
  const at = announceDueAt(swarm);
  return at !== undefined && at <= now;
}

/**
 * Announces to the tracker whose turn it is, if it is time and none is under way.
 *
 * Spec: BEP 3, tracker GET; BEP 12, order of processing.
 */
export function announceIfDue(
  swarm: Swarm,
  totals: AnnounceTotals,
  now: number,
  effects: SwarmEffects,
): void {
  const planned = takeAnnounce(swarm.announcing.announcer, now, totals.isPartialSeed);
  if (planned === undefined) return;
  const { url, event } = planned;
  const request = requestFor(swarm, totals, event, planned);
  const job = startJob(swarm.jobs, { kind: "announce", url });
  effects.push({ kind: "announce", job, url, request });
}

/** Announces `stopped` to every tracker that counts us. */
export function announceStopped(
  swarm: Swarm,
  totals: AnnounceTotals,
  effects: SwarmEffects,
): void {
  for (const notice of stopAnnounces(swarm.announcing.announcer)) {
    const { url } = notice;
    const request = requestFor(swarm, totals, "stopped", notice);
    const job = startJob(swarm.jobs, { kind: "announce", url });
    effects.push({ kind: "announce", job, url, request });
  }
}

/** Every tracker will be sent `completed`. */
export function announceCompleted(swarm: Swarm): void {
  markCompleted(swarm.announcing.announcer);
}

/**
 * Takes a tracker's answer: its peers are noted as addresses, its counts or its error are reported.
 * Answers to unknown jobs change nothing, nor do any answers once the swarm has stopped.
 */
export function onAnnounced(
  swarm: Swarm,
  id: JobId,
  result: AnnounceResult,
  isRunning: boolean,
  now: number,
  effects: SwarmEffects,
): void {
  const job = finishJob(swarm.jobs, id, "announce");
  if (job === undefined || !isRunning) return;
  const { url } = job;
  onAnnounceDone(swarm.announcing.announcer, result, now, swarm.rng);
  if (!result.ok) {
    const { message } = result.error;
    effects.push({ kind: "report", report: { kind: "tracker-failed", url, message } });
    return;
  }
  const { peers, seeders, leechers, warning, externalIp } = result.value;
  if (externalIp !== undefined) (swarm.announcing as Own).externalIp = externalIp;
  addAddresses(swarm.addresses, peers, "tracker", now);
  const report = { kind: "tracker", url, peers: peers.length, seeders, leechers, warning } as const;
  effects.push({ kind: "report", report });
}

/** The priority of a connection with a peer there: 32 bits, greater is better. Spec: BEP 40. */
export function priorityOf({ options, announcing }: Swarm, theirs: PeerAddress): number {
  const ours = { ip: announcing.externalIp ?? UNKNOWN_IP, port: options.port };
  return (options.priorityOf ?? peerPriority)(ours, theirs);
}

/** Asks the trackers for more peers as soon as they allow. */
export function askForPeers(swarm: Swarm, now: number): void {
  requestPeers(swarm.announcing.announcer, now);
}

/** The user asks for peers: announces as soon as allowed, despite earlier failures. */
export function announceSoon(swarm: Swarm, now: number): void {
  advanceAnnounce(swarm.announcing.announcer, now);
}

/** When the next announce is due; undefined without trackers or with one under way. */
export function announceDueAt(swarm: Swarm): number | undefined {
  return nextAnnounceAt(swarm.announcing.announcer);
}

/** Seeders and leechers as the tracker that answered last counts them. */
export function trackerCounts(
  swarm: Swarm,
): { readonly seeders: number | undefined; readonly leechers: number | undefined } {
  const tracker = lastAnswered(swarm.announcing.announcer);
  return { seeders: tracker?.seeders, leechers: tracker?.leechers };
}

/** Whether a tracker may still answer and none has yet. */
export function isAwaitingFirstAnswer({ announcing: { announcer } }: Swarm): boolean {
  return announcer.tiers.length > 0 && lastAnswered(announcer) === undefined &&
    !haveAllTrackersFailed(announcer);
}

function requestFor(
  { options, announcing }: Swarm,
  { uploaded, downloaded, left }: AnnounceTotals,
  event: AnnounceEvent | undefined,
  { trackerId, startedOn }: Pick<AnnounceRequest, "trackerId" | "startedOn">,
): AnnounceRequest {
  return {
    infoHash: options.infoHash,
    peerId: options.peerId,
    port: options.port,
    uploaded,
    downloaded,
    left,
    event,
    numWant: event === "stopped" ? 0 : NUM_WANT,
    key: announcing.key,
    trackerId,
    startedOn,
  };
}
