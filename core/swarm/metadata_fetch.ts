/**
 * Fetching the info dictionary from peers, several at once.
 *
 * Owns which piece of the metadata was requested from which peer, and the received ones. It works
 * on one claimed size at a time, the one that most peers name. Pieces are kept as they come, so a
 * claimed size costs nothing until its bytes are here.
 *
 * Metadata that fails its hash: when one peer sent all of it, that peer lied. When several did,
 * each is asked for all of it alone from then on, until a hash matches; then those whose pieces
 * differ are named. So at most one honest peer is needed, and no honest peer is ever blamed.
 *
 * Deliberately absent: digests (the caller compares them), messages as bytes
 * (`wire/ut_metadata.ts`).
 */
import { assert } from "../bytes/result.ts";
import {
  METADATA_BYTES_MAX,
  type MetadataMessage,
  metadataPieceCount,
  metadataPieceSize,
} from "../wire/ut_metadata.ts";

/** Requests waiting with one peer: a round trip of 100 ms then gives 2.6 MB/s. */
export const METADATA_REQUESTS_MAX = 16;
/** A piece asked of one peer this long ago may be asked of another, too. */
export const METADATA_DUPLICATE_MS = 1_000;
/** Peers asked for one piece at once. */
export const METADATA_REQUESTERS_MAX = 2;
/** An answer that takes longer will not come. */
export const METADATA_TIMEOUT_MS = 10_000;
/**
 * A peer that rejected or did not answer is left alone this long, then twice as long, and so on.
 */
export const METADATA_RETRY_FIRST_MS = 2_000;
export const METADATA_RETRY_LAST_MS = 60_000;
/** As many as a torrent has connections. */
export const METADATA_PEERS_MAX = 300;

export type PeerNumber = number;

interface FetchPeer {
  /** Bytes, as its extension handshake claims; undefined while it has no metadata to give. */
  size: number | undefined;
  /** When each piece that it owes us was asked for. */
  readonly asked: Map<number, number>;
  /** It is not asked before. */
  waitUntilMs: number;
  /** Rejects and timeouts in a row. */
  refusals: number;
}

interface Assembly {
  readonly size: number;
  readonly pieces: (Uint8Array | undefined)[];
  readonly senders: PeerNumber[];
  received: number;
  /** The only peer that is asked. */
  readonly alone: PeerNumber | undefined;
}

/** Plain data; only the functions below change it. */
export interface MetadataFetch {
  readonly peers: Map<PeerNumber, FetchPeer>;
  current: Assembly | undefined;
  /** What several peers sent together and did not match, until it is known who lied. */
  failed: Assembly | undefined;
  stage: "fetching" | "checking" | "done";
  /** Peers that claimed more than METADATA_BYTES_MAX. */
  tooLarge: number;
}

export type MetadataOutcome =
  | { readonly kind: "none" }
  /** Everything is here: compare its digest, then call `concludeMetadata`. */
  | { readonly kind: "assembled"; readonly bytes: Uint8Array }
  /** The peer sent what was not requested or what cannot be a piece; it is dropped. */
  | { readonly kind: "violation"; readonly why: string };

/** A request to send. */
export interface MetadataRequest {
  readonly peer: PeerNumber;
  readonly piece: number;
}

/** Nothing known, no peer to ask. */
export function createMetadataFetch(): MetadataFetch {
  return {
    peers: new Map(),
    current: undefined,
    failed: undefined,
    stage: "fetching",
    tooLarge: 0,
  };
}

/**
 * A peer supports ut_metadata. `size` is the `metadata_size` of its extension handshake, in bytes;
 * undefined when it named none. May be called again when a later handshake says more.
 */
export function addMetadataPeer(
  fetch: MetadataFetch,
  peer: PeerNumber,
  size: number | undefined,
): void {
  if (size !== undefined && size > METADATA_BYTES_MAX) {
    fetch.tooLarge++;
    size = undefined;
  }
  const known = fetch.peers.get(peer);
  if (known !== undefined) {
    // A peer that changes its mind about the size starts over.
    if (known.size !== size) known.asked.clear();
    known.size = size;
  } else if (fetch.peers.size < METADATA_PEERS_MAX) {
    fetch.peers.set(peer, { size, asked: new Map(), waitUntilMs: 0, refusals: 0 });
  }
}

/** The peer left. Pieces that it sent stay. */
export function removeMetadataPeer(fetch: MetadataFetch, peer: PeerNumber): void {
  fetch.peers.delete(peer);
  if (fetch.current?.alone === peer && fetch.stage === "fetching") fetch.current = undefined;
}

/** What to ask for now; each is counted as sent. Called after every event and at every deadline. */
export function requestMetadata(fetch: MetadataFetch, now: number): MetadataRequest[] {
  if (fetch.stage !== "fetching") return [];
  expire(fetch, now);
  fetch.current ??= startAssembly(fetch, now);
  const { current } = fetch;
  if (current === undefined) return [];
  const requests: MetadataRequest[] = [];
  for (const [key, peer] of fetch.peers) {
    if (!mayAsk(current, key, peer, now)) continue;
    for (let piece = 0; piece < current.pieces.length; piece++) {
      if (peer.asked.size >= METADATA_REQUESTS_MAX) break;
      if (current.pieces[piece] !== undefined || peer.asked.has(piece)) continue;
      if (isAskedEnough(fetch, piece, now)) continue;
      peer.asked.set(piece, now);
      requests.push({ peer: key, piece });
    }
  }
  return requests;
}

/** Takes a peer's `data` or `reject`; `payload` is copied. */
export function receiveMetadata(
  fetch: MetadataFetch,
  key: PeerNumber,
  message: Extract<MetadataMessage, { kind: "data" | "reject" }>,
  now: number,
): MetadataOutcome {
  const peer = fetch.peers.get(key);
  const { current } = fetch;
  if (peer === undefined || current === undefined || fetch.stage !== "fetching") return NONE;
  const { piece } = message;
  const wasAsked = peer.asked.delete(piece);
  if (message.kind === "reject") {
    if (wasAsked) refuse(peer, now);
    return NONE;
  }
  // An answer that came too late is no offence, and no use either.
  if (!wasAsked || current.pieces[piece] !== undefined) return NONE;
  const { payload, totalSize } = message;
  const wanted = metadataPieceSize(current.size, piece);
  if (payload.length !== wanted || (totalSize !== undefined && totalSize !== current.size)) {
    removeMetadataPeer(fetch, key);
    return {
      kind: "violation",
      why: `${payload.length} bytes as metadata piece ${piece}, where ${wanted} belong`,
    };
  }
  peer.refusals = 0;
  current.pieces[piece] = payload.slice();
  current.senders[piece] = key;
  current.received++;
  if (current.received < current.pieces.length) return NONE;
  fetch.stage = "checking";
  for (const other of fetch.peers.values()) other.asked.clear();
  return { kind: "assembled", bytes: joined(current) };
}

/**
 * Whether the assembled bytes had the right digest. Returns the peers that sent wrong data, already
 * dropped here. After a match everything is done; after a mismatch call `requestMetadata` again.
 */
export function concludeMetadata(fetch: MetadataFetch, matches: boolean): PeerNumber[] {
  const { current, failed } = fetch;
  assert(fetch.stage === "checking" && current !== undefined, "metadata was assembled");
  fetch.current = undefined;
  if (matches) {
    fetch.stage = "done";
    fetch.failed = undefined;
    return failed === undefined ? [] : liarsOf(failed, current);
  }
  fetch.stage = "fetching";
  const senders = new Set(current.senders);
  if (senders.size > 1) {
    fetch.failed ??= current;
    return [];
  }
  const [liar] = senders;
  fetch.peers.delete(liar!);
  return [liar!];
}

/** When `requestMetadata` has something to do next, in ms; undefined while only events can tell. */
export function nextMetadataDeadline(fetch: MetadataFetch, now: number): number | undefined {
  if (fetch.stage !== "fetching") return undefined;
  let at = Infinity;
  for (const peer of fetch.peers.values()) {
    if (peer.size === undefined) continue;
    if (peer.waitUntilMs > now) at = Math.min(at, peer.waitUntilMs);
    for (const sentMs of peer.asked.values()) {
      const duplicateMs = sentMs + METADATA_DUPLICATE_MS;
      at = Math.min(at, duplicateMs > now ? duplicateMs : sentMs + METADATA_TIMEOUT_MS);
    }
  }
  return at === Infinity ? undefined : at;
}

/** For people: bytes here and in all; undefined while no peer has named a size. */
export function metadataProgress(
  fetch: MetadataFetch,
): { readonly bytesDone: number; readonly bytesTotal: number } | undefined {
  const { current } = fetch;
  if (current === undefined) return undefined;
  let bytesDone = 0;
  for (const piece of current.pieces) bytesDone += piece?.length ?? 0;
  return { bytesDone, bytesTotal: current.size };
}

const NONE: MetadataOutcome = { kind: "none" };

/** The size that most of those who can be asked name; the first one of them when alone. */
function startAssembly(fetch: MetadataFetch, now: number): Assembly | undefined {
  const votes = new Map<number, number>();
  let alone: PeerNumber | undefined;
  for (const [key, { size, waitUntilMs }] of fetch.peers) {
    if (size === undefined || waitUntilMs > now) continue;
    votes.set(size, (votes.get(size) ?? 0) + 1);
    alone ??= key;
  }
  if (alone === undefined) return undefined;
  let size = 0;
  if (fetch.failed !== undefined) size = fetch.peers.get(alone)!.size!;
  else for (const [named, count] of votes) if (count > (votes.get(size) ?? 0)) size = named;
  return {
    size,
    pieces: new Array(metadataPieceCount(size)).fill(undefined),
    senders: [],
    received: 0,
    alone: fetch.failed === undefined ? undefined : alone,
  };
}

function mayAsk(current: Assembly, key: PeerNumber, peer: FetchPeer, now: number): boolean {
  return peer.size === current.size && peer.waitUntilMs <= now &&
    (current.alone === undefined || current.alone === key);
}

function isAskedEnough(fetch: MetadataFetch, piece: number, now: number): boolean {
  let requesters = 0;
  for (const { asked } of fetch.peers.values()) {
    const sentMs = asked.get(piece);
    if (sentMs === undefined) continue;
    requesters++;
    if (now - sentMs < METADATA_DUPLICATE_MS) return true;
  }
  return requesters >= METADATA_REQUESTERS_MAX;
}

/** Requests without an answer are given up; so is an assembly that no remaining peer can finish. */
function expire(fetch: MetadataFetch, now: number): void {
  for (const peer of fetch.peers.values()) {
    let isLate = false;
    for (const [piece, sentMs] of peer.asked) {
      if (now - sentMs < METADATA_TIMEOUT_MS) continue;
      peer.asked.delete(piece);
      isLate = true;
    }
    if (isLate) refuse(peer, now);
  }
  const { current } = fetch;
  if (current === undefined) return;
  for (const [key, peer] of fetch.peers) {
    if (mayAsk(current, key, peer, now)) return;
  }
  fetch.current = undefined;
}

function refuse(peer: FetchPeer, now: number): void {
  const waitMs = METADATA_RETRY_FIRST_MS * 2 ** Math.min(peer.refusals, 10);
  peer.waitUntilMs = now + Math.min(METADATA_RETRY_LAST_MS, waitMs);
  peer.refusals++;
}

/** Peers whose pieces are not those of the metadata that matched, or who named another size. */
function liarsOf(failed: Assembly, right: Assembly): PeerNumber[] {
  const liars = new Set<PeerNumber>();
  for (const [piece, sender] of failed.senders.entries()) {
    const sent = failed.pieces[piece]!;
    const wanted = right.pieces[piece];
    if (failed.size !== right.size || wanted === undefined || !isSame(sent, wanted)) {
      liars.add(sender);
    }
  }
  return [...liars];
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function joined({ pieces, size }: Assembly): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece!, at);
    at += piece!.length;
  }
  return bytes;
}
