/**
 * Addresses that may be dialled, and when. An address is `connected` exactly while a peer that we
 * dialled, or that told us its port, uses it.
 */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import {
  CANDIDATES_MAX,
  CONNECTIONS_WANTED,
  DIALS_AT_ONCE_MAX,
  REDIAL_FIRST_MS,
  REDIAL_LAST_MS,
} from "./limits.ts";
import type { Effect, JobId } from "./protocol.ts";
import type { Candidate, Peer, Torrent } from "./state.ts";

/**
 * Remembers addresses to dial; known ones are ignored. Beyond CANDIDATES_MAX a new one takes the place
 * of the one that failed most, and is ignored while none failed.
 */
export function addCandidates(
  torrent: Torrent,
  addresses: readonly PeerAddress[],
  now: number,
): void {
  for (const address of addresses) {
    const key = addressText(address);
    if (torrent.candidates.has(key) || torrent.bannedIps.has(address.ip)) continue;
    if (torrent.candidates.size >= CANDIDATES_MAX && !dropWorst(torrent)) continue;
    torrent.candidates.set(key, { address, failures: 0, nextTryMs: now, use: "free" });
    torrent.nextDialMs = 0;
  }
}

function dropWorst(torrent: Torrent): boolean {
  let worst: string | undefined;
  let most = 0;
  for (const [key, { use, failures }] of torrent.candidates) {
    const badness = use === "never" ? Infinity : use === "free" ? failures : 0;
    if (badness > most) [worst, most] = [key, badness];
  }
  return worst !== undefined && torrent.candidates.delete(worst);
}

/** Dials candidates whose time has come, within the limits. */
export function dialCandidates(torrent: Torrent, now: number, effects: Effect[]): void {
  if (torrent.nextDialMs === undefined || torrent.nextDialMs > now) return;
  for (const candidate of torrent.candidates.values()) {
    if (!hasRoomToDial(torrent)) {
      torrent.nextDialMs = undefined;
      return;
    }
    if (candidate.use !== "free" || candidate.nextTryMs > now) continue;
    if (torrent.bannedIps.has(candidate.address.ip)) continue;
    candidate.use = "dialling";
    const job = torrent.nextJob++;
    torrent.dials.set(job, candidate);
    effects.push({ kind: "dial", job, address: candidate.address });
  }
  torrent.nextDialMs = nextDialAt(torrent);
}

function hasRoomToDial(torrent: Torrent): boolean {
  return torrent.dials.size < DIALS_AT_ONCE_MAX &&
    torrent.peers.size + torrent.dials.size < CONNECTIONS_WANTED;
}

/** When the next candidate may be dialled; undefined when there is none. */
function nextDialAt(torrent: Torrent): number | undefined {
  let at: number | undefined;
  for (const candidate of torrent.candidates.values()) {
    if (candidate.use !== "free" || torrent.bannedIps.has(candidate.address.ip)) continue;
    if (at === undefined || candidate.nextTryMs < at) at = candidate.nextTryMs;
  }
  return at;
}

/** The dial came to nothing: the address is tried again after a wait. Unknown jobs are ignored. */
export function onDialFailed(torrent: Torrent, job: JobId, now: number): void {
  const candidate = takeDial(torrent, job);
  if (candidate !== undefined) postpone(torrent, candidate, now);
}

/** The peer told where it listens, so that we need not dial it and can, once it is gone. */
export function onListenPort(torrent: Torrent, peer: Peer, port: number, now: number): void {
  if (!peer.incoming) return;
  const address = { ip: peer.address.ip, port };
  addCandidates(torrent, [address], now);
  claimCandidate(torrent, address);
  peer.address = address;
}

/** A connected peer listens there: it need not be dialled. */
export function claimCandidate(torrent: Torrent, address: PeerAddress): void {
  const candidate = torrent.candidates.get(addressText(address));
  if (candidate?.use === "free") candidate.use = "connected";
}

/** The candidate that this dial was for; its use is the caller's to set. */
export function takeDial(torrent: Torrent, job: JobId): Candidate | undefined {
  const candidate = torrent.dials.get(job);
  torrent.dials.delete(job);
  torrent.nextDialMs = 0;
  return candidate;
}

/** Free again, to be dialled after a wait that doubles with every attempt. */
export function postpone(torrent: Torrent, candidate: Candidate, now: number): void {
  torrent.nextDialMs = 0;
  candidate.use = "free";
  candidate.nextTryMs = now +
    Math.min(REDIAL_LAST_MS, REDIAL_FIRST_MS * Math.pow(2, candidate.failures));
  candidate.failures++;
}
