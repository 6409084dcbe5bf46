/** The torrent's side of talking to trackers: what is said of it, and what is done with the answer. */
import {
  nextAnnounceAt,
  onAnnounceDone,
  stopAnnounces,
  takeAnnounce,
} from "../tracker/announcer.ts";
import type { AnnounceEvent, AnnounceRequest, AnnounceResult } from "../tracker/types.ts";
import { addCandidates } from "./candidates.ts";
import { NUM_WANT } from "./limits.ts";
import { bytesMissing } from "./facts.ts";
import type { Effect, JobId } from "./protocol.ts";
import { finishJob, startJob, type Torrent } from "./state.ts";

/**
 * Announces to the tracker whose turn it is, if it is time and none is under way.
 *
 * Spec: BEP 3, tracker GET; BEP 12, order of processing.
 */
export function announceIfDue(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.stage !== "running") return;
  const planned = takeAnnounce(torrent.announcer, now);
  if (planned === undefined) return;
  const { url, event } = planned;
  const request = requestFor(torrent, event, planned);
  const job = startJob(torrent, { kind: "announce", url });
  effects.push({ kind: "announce", job, url, request });
}

/** Tells every tracker that counts us in that we leave. */
export function sayFarewell(torrent: Torrent, effects: Effect[]): void {
  for (const notice of stopAnnounces(torrent.announcer)) {
    const { url } = notice;
    const request = requestFor(torrent, "stopped", notice);
    const job = startJob(torrent, { kind: "announce", url });
    effects.push({ kind: "announce", job, url, request });
  }
}

/**
 * Takes a tracker's answer: its peers become candidates, its counts or its error are reported. Answers
 * to farewells and to unknown jobs change nothing.
 */
export function onAnnounced(
  torrent: Torrent,
  id: JobId,
  result: AnnounceResult,
  now: number,
  effects: Effect[],
): void {
  const job = finishJob(torrent, id, "announce");
  if (job === undefined || torrent.stage !== "running") return;
  const { url } = job;
  onAnnounceDone(torrent.announcer, result, now, torrent.rng);
  if (!result.ok) {
    const { message } = result.error;
    effects.push({ kind: "report", report: { kind: "tracker-failed", url, message } });
    return;
  }
  const { peers, seeders, leechers, warning } = result.value;
  addCandidates(torrent, peers, now);
  const report = { kind: "tracker", url, peers: peers.length, seeders, leechers, warning } as const;
  effects.push({ kind: "report", report });
}

/** When the next announce is due; undefined without trackers or with one under way. */
export function announceDueAt(torrent: Torrent): number | undefined {
  return nextAnnounceAt(torrent.announcer);
}

function requestFor(
  torrent: Torrent,
  event: AnnounceEvent | undefined,
  { trackerId, startedOn }: Pick<AnnounceRequest, "trackerId" | "startedOn">,
): AnnounceRequest {
  const { options } = torrent;
  return {
    infoHash: options.infoHash,
    peerId: options.peerId,
    port: options.port,
    uploaded: torrent.uploaded - options.uploadedBefore,
    downloaded: Math.max(0, torrent.downloaded - options.downloadedBefore),
    left: bytesMissing(torrent),
    event,
    numWant: event === "stopped" ? 0 : NUM_WANT,
    key: torrent.announceKey,
    trackerId,
    startedOn,
  };
}
