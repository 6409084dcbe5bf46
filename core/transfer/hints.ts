/**
 * What a peer said of which pieces to ask it for: suggested ones, ones that it gives while it chokes us,
 * and ones that it rejected.
 *
 * Spec: BEP 6, suggest piece, allowed fast, reject request.
 */
import type { View } from "../bytes/view.ts";
import { REFUSED_FIRST_MS, REFUSED_LAST_MS } from "./limits.ts";

/** Pieces that a peer may suggest or allow; more say nothing and cost memory. */
const HINTS_MAX = 64;

/** A piece is not asked of a peer before `untilMs`; the wait was `waitMs`. */
export interface Refusal {
  readonly untilMs: number;
  readonly waitMs: number;
}

interface Own {
  /** Pieces it rejected while serving us. */
  readonly refused: Map<number, Refusal>;
  /** Pieces it lets us ask for while choking. */
  readonly allowedFast: Set<number>;
  readonly suggested: number[];
}

export type PeerHints = View<Own>;

/** It said nothing. */
export function createPeerHints(): PeerHints {
  const own: Own = { refused: new Map(), allowedFast: new Set(), suggested: [] };
  return own;
}

/** Beyond HINTS_MAX the piece is not remembered. */
export function onSuggest(peer: PeerHints, piece: number): void {
  const { suggested } = peer as Own;
  if (suggested.length < HINTS_MAX) suggested.push(piece);
}

/** Beyond HINTS_MAX the piece is not remembered. */
export function onAllowedFast(peer: PeerHints, piece: number): void {
  const { allowedFast } = peer as Own;
  if (allowedFast.size < HINTS_MAX) allowedFast.add(piece);
}

/** The latest suggestion that was not looked at, or -1. */
export function takeSuggestion(peer: PeerHints): number {
  return (peer as Own).suggested.pop() ?? -1;
}

/** Drops suggestions: what was good for then is with others by the next unchoke. */
export function dropSuggestions(peer: PeerHints): void {
  (peer as Own).suggested.length = 0;
}

/** A peer that rejects an allowed fast piece takes its word back. */
export function disallowFast(peer: PeerHints, piece: number): void {
  (peer as Own).allowedFast.delete(piece);
}

/** The peer rejected a piece while it serves us: it is not asked for it for a while. */
export function noteRefusal(peer: PeerHints, piece: number, now: number): void {
  const { refused } = peer as Own;
  const before = refused.get(piece);
  if (before !== undefined && now < before.untilMs) return;
  const waitMs = before === undefined
    ? REFUSED_FIRST_MS
    : Math.min(REFUSED_LAST_MS, 2 * before.waitMs);
  refused.set(piece, { untilMs: now + waitMs, waitMs });
}
