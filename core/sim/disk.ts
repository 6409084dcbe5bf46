/**
 * A disk without bytes: what is known of each piece on it, what a program that is killed finds again,
 * and what a machine that lost power finds. Writes take time, fail, and fill the room up.
 */
import { type Bitfield, createBitfield, hasBit, setBit } from "../bytes/bitfield.ts";
import { assert } from "../bytes/result.ts";
import type { SavedState } from "../torrent/protocol.ts";
import type { DiskOptions } from "./options.ts";

/** What is where a piece belongs. */
const NOTHING = 0;
/** A write is under way or was cut short. */
const TORN = 1;
/** Right, in the system's cache. */
const WRITTEN = 2;
/** Right, and safe from a power cut. */
const FLUSHED = 3;

/** A disk answers within this by default. */
const DELAY_MS = 2;

export interface Disk {
  readonly delayMs: number;
  /** Bytes that still fit. */
  room: number;
  /** NOTHING to FLUSHED for each piece. */
  readonly pieces: Uint8Array;
  saved: SavedState | undefined;
}

/** A disk that holds `have` from the start. */
export function createDisk(have: Bitfield, options: DiskOptions = {}): Disk {
  const pieces = new Uint8Array(have.count);
  for (let piece = 0; piece < have.count; piece++) if (hasBit(have, piece)) pieces[piece] = FLUSHED;
  return {
    delayMs: options.delayMs ?? DELAY_MS,
    room: options.room ?? Infinity,
    pieces,
    saved: undefined,
  };
}

/** Whether the piece can be read and is right. */
export function isOnDisk(disk: Disk, piece: number): boolean {
  return disk.pieces[piece]! >= WRITTEN;
}

/** A write begins; whether it will fit. */
export function beginWrite(disk: Disk, piece: number, bytes: number): boolean {
  disk.pieces[piece] = TORN;
  if (bytes > disk.room) return false;
  disk.room -= bytes;
  return true;
}

/** The write is done. */
export function endWrite(disk: Disk, piece: number): void {
  disk.pieces[piece] = WRITTEN;
}

/** A save begins: it must claim only what is there. */
export function checkClaim(disk: Disk, state: SavedState): void {
  const claim = { bytes: state.pieces, count: disk.pieces.length };
  for (let piece = 0; piece < claim.count; piece++) {
    assert(!hasBit(claim, piece) || isOnDisk(disk, piece), "a state claims only what was written");
  }
}

/** The content was flushed, then the state replaced. */
export function endSave(disk: Disk, state: SavedState): void {
  const claim = { bytes: state.pieces, count: disk.pieces.length };
  for (let piece = 0; piece < claim.count; piece++) {
    if (hasBit(claim, piece)) disk.pieces[piece] = FLUSHED;
  }
  disk.saved = state;
}

/** The machine lost power: what was not flushed is gone. */
export function losePower(disk: Disk): void {
  for (let piece = 0; piece < disk.pieces.length; piece++) {
    if (disk.pieces[piece] === WRITTEN) disk.pieces[piece] = TORN;
  }
}

/**
 * The pieces that the next run starts with: those that the saved state claims, which must be right, or
 * with `rehash` all that are right, claimed or not.
 */
export function recover(disk: Disk, rehash: boolean): Bitfield {
  const have = createBitfield(disk.pieces.length);
  if (!rehash) {
    if (disk.saved !== undefined) {
      checkClaim(disk, disk.saved);
      have.bytes.set(disk.saved.pieces);
    }
    return have;
  }
  for (let piece = 0; piece < have.count; piece++) if (isOnDisk(disk, piece)) setBit(have, piece);
  return have;
}

/** Whether a piece is wholly absent; for tests that look for leftovers. */
export function isAbsent(disk: Disk, piece: number): boolean {
  return disk.pieces[piece] === NOTHING;
}
