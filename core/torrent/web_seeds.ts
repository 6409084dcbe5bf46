/**
 * Web servers as sources of pieces: which are asked, and what becomes of one that fails. An open
 * one is a peer of the transfer without a connection of the swarm: it has everything, is never
 * served, and so counts nothing under the share rule.
 *
 * A server that is busy or out of reach is tried again after delays that double; one that sends
 * wrong data is dropped: its answers are not the torrent's, or a piece that it sent alone fails its
 * check.
 */
import type { View } from "../bytes/view.ts";
import { isFinished } from "../transfer/content.ts";
import { onHaveAll } from "../transfer/offers.ts";
import type { Link } from "../transfer/peer.ts";
import { addPeer, removePeer } from "../transfer/peers.ts";
import { onUnchoke } from "../transfer/requests.ts";
import { PIPELINE_MAX } from "../transfer/limits.ts";
import type { Transfer } from "../transfer/state.ts";
import { retryPauseMs } from "../web_seed/judge.ts";
import type { WebSeedKind } from "../web_seed/urls.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import type { Verdict } from "../transfer/pieces.ts";
import { banSender } from "./peers.ts";
import type { Effect } from "./protocol.ts";
import type { Torrent } from "./state.ts";

/** Asked at once; a torrent may name a hundred, mostly mirrors of each other. */
export const WEB_SEEDS_OPEN_MAX = 4;

export interface WebSeedOptions {
  /** A number like a connection's, never used before in this process. */
  readonly key: PeerKey;
  readonly url: string;
  readonly seedKind: WebSeedKind;
}

interface Own {
  readonly options: WebSeedOptions;
  stage: "waiting" | "open" | "dropped";
  /** In a row. */
  failures: number;
  /** When it may be opened, monotonic ms. */
  nextMs: number;
  /** What went wrong last. */
  why: string | undefined;
  /** Payload that it sent. */
  bytes: number;
}

export type WebSeed = View<Own>;
export type WebSeeds = ReadonlyMap<PeerKey, WebSeed>;

export interface WebSeedFacts {
  readonly url: string;
  readonly state: "active" | "waiting" | "dropped";
  /** Payload that it sent in this run. */
  readonly downloaded: number;
  /** Why it waits or was dropped. */
  readonly why: string | undefined;
}

/** None was asked yet. */
export function createWebSeeds(all: readonly WebSeedOptions[]): WebSeeds {
  return new Map(all.map((options): [PeerKey, Own] => [options.key, {
    options,
    stage: "waiting",
    failures: 0,
    nextMs: 0,
    why: undefined,
    bytes: 0,
  }]));
}

/** Whether time alone may change something: a server is at work or will be asked. */
export function hasWebSeeds({ webSeeds, transfer }: Torrent): boolean {
  if (webSeeds.size === 0 || transfer === undefined || isFinished(transfer)) return false;
  for (const { stage } of webSeeds.values()) if (stage !== "dropped") return true;
  return false;
}

/** Opens those whose time has come, while wanted pieces are missing. */
export function openWebSeeds(
  { webSeeds }: Torrent,
  transfer: Transfer,
  now: number,
  effects: Effect[],
): void {
  if (webSeeds.size === 0 || isFinished(transfer) || transfer.diskFailed) return;
  let open = 0;
  for (const { stage } of webSeeds.values()) if (stage === "open") open++;
  for (const seed of webSeeds.values()) {
    if (open >= WEB_SEEDS_OPEN_MAX) return;
    if (seed.stage !== "waiting" || seed.nextMs > now) continue;
    open++;
    (seed as Own).stage = "open";
    const { key, url, seedKind } = seed.options;
    const peer = addPeer(transfer, linkOf(seed.options), now);
    onHaveAll(transfer, peer);
    onUnchoke(transfer, peer, now);
    effects.push({ kind: "open-web-seed", peer: key, url, seedKind });
  }
}

/** The server failed; the shell has closed its link. Spec: BEP 19, BEP 17. */
export function onWebSeedFailed(
  torrent: Torrent,
  key: PeerKey,
  failure: {
    readonly verdict: "wait" | "drop";
    readonly why: string;
    readonly waitMs?: number | undefined;
  },
  now: number,
  effects: Effect[],
): void {
  const seed = torrent.webSeeds.get(key) as Own | undefined;
  if (seed?.stage !== "open") return;
  const { verdict, why, waitMs } = failure;
  leave(torrent, seed, effects);
  seed.why = why;
  seed.stage = verdict === "drop" ? "dropped" : "waiting";
  seed.nextMs = now + retryPauseMs(++seed.failures, waitMs);
  report(seed, effects);
}

/** A piece that it sent alone fails its check. False when the key is not a web server's. */
function convictWebSeed(torrent: Torrent, key: PeerKey, effects: Effect[]): boolean {
  const seed = torrent.webSeeds.get(key) as Own | undefined;
  if (seed === undefined) return false;
  if (seed.stage === "open") {
    effects.push({ kind: "close-web-seed", peer: key });
    leave(torrent, seed, effects);
  }
  seed.stage = "dropped";
  seed.why = "it sent a piece that fails its check";
  report(seed, effects);
  return true;
}

/** The torrent is finished or stops. */
export function closeWebSeeds(torrent: Torrent, effects: Effect[]): void {
  for (const seed of torrent.webSeeds.values()) {
    if (seed.stage !== "open") continue;
    effects.push({ kind: "close-web-seed", peer: seed.options.key });
    leave(torrent, seed, effects);
    (seed as Own).stage = "waiting";
  }
}

/** A block of `length` bytes came from the server and was wanted. */
export function countWebSeedBytes({ webSeeds }: Torrent, key: PeerKey, length: number): void {
  const seed = webSeeds.get(key) as Own | undefined;
  if (seed === undefined) return;
  seed.bytes += length;
  seed.failures = 0;
}

/** For people, in the order in which the torrent names them. */
export function webSeedFacts({ webSeeds }: Torrent): WebSeedFacts[] {
  return [...webSeeds.values()].map(({ options, stage, bytes, why }) => ({
    url: options.url,
    state: stage === "open" ? "active" : stage,
    downloaded: bytes,
    why: stage === "open" ? undefined : why,
  }));
}

function leave({ transfer }: Torrent, seed: WebSeed, effects: Effect[]): void {
  const peer = transfer?.peers.get(seed.options.key);
  if (transfer !== undefined && peer !== undefined) removePeer(transfer, peer, effects);
}

function report({ options: { url }, stage, why }: WebSeed, effects: Effect[]): void {
  const isDropped = stage === "dropped";
  effects.push({ kind: "report", report: { kind: "web-seed-failed", url, isDropped, why: why! } });
}

/** A server has no peer address, and is reported by its URL. */
function linkOf({ key }: WebSeedOptions): Link {
  return {
    key,
    address: { ip: "0.0.0.0", port: 0 },
    id: new Uint8Array(20),
    features: { fast: true, extended: false, dht: false },
    reqq: PIPELINE_MAX,
    isUploadOnly: true,
    isWebSeed: true,
  };
}

/** Bans each peer that a piece convicts, and gives up each web seed. */
export function banSenders(
  torrent: Torrent,
  { piece, culprits }: Verdict,
  now: number,
  effects: Effect[],
): void {
  const why = `sent a piece (${piece}) that fails its check`;
  for (const culprit of culprits) {
    if (convictWebSeed(torrent, culprit.key, effects)) continue;
    banSender(torrent, culprit, why, now, effects);
  }
}
