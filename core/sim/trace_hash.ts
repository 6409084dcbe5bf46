/**
 * A number that stands for everything that a world did: every effect of every peer, in order, with its
 * time. Two runs with the same number took the same decisions.
 */
import { unreachable } from "../bytes/result.ts";
import type { Effect } from "../torrent/protocol.ts";

/** Two 32-bit lanes, because 2^32 is not enough to trust over millions of effects. */
export interface TraceHash {
  a: number;
  b: number;
}

/** The hash of nothing. */
export function createTraceHash(): TraceHash {
  return { a: 0x811c9dc5, b: 0x9e3779b9 };
}

/** 16 hexadecimal digits. */
export function traceText(hash: TraceHash): string {
  const word = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
  return word(hash.a) + word(hash.b);
}

/** Mixes in one number; only its low 32 bits count. */
export function mix(hash: TraceHash, value: number): void {
  hash.a = Math.imul(hash.a ^ value, 0x01000193);
  hash.b = Math.imul((hash.b << 13 | hash.b >>> 19) ^ value, 0x85ebca6b);
}

/** Mixes in an effect. */
export function mixEffect(hash: TraceHash, effect: Effect): void {
  mixWord(hash, effect.kind);
  switch (effect.kind) {
    case "send": {
      const { message } = effect;
      mix(hash, effect.peer);
      mixWord(hash, message.kind);
      if ("piece" in message) mix(hash, message.piece);
      if ("begin" in message) mix(hash, message.begin);
      return;
    }
    case "request":
    case "upload":
      mix(hash, effect.peer);
      for (const number of effect.blocks) mix(hash, number);
      return;
    case "take-back-uploads":
      mix(hash, effect.peer);
      for (const number of effect.blocks ?? []) mix(hash, number);
      return;
    case "pause-reading":
    case "resume-reading":
      return mix(hash, effect.peer);
    case "close":
      mix(hash, effect.peer);
      return mixWord(hash, effect.why);
    case "dial":
      mix(hash, effect.job);
      return mixWord(hash, effect.address.ip);
    case "ask-hashes":
    case "answer-hashes":
    case "reject-hashes":
      mix(hash, effect.peer);
      return mix(hash, effect.range.index);
    case "compare-leaves":
    case "check-piece":
    case "write-piece":
      mix(hash, effect.job);
      return mix(hash, effect.piece);
    case "drop-piece":
      return mix(hash, effect.piece);
    case "announce":
      mix(hash, effect.job);
      return mix(hash, effect.request.left);
    case "save-state":
      mix(hash, effect.state.uploaded);
      for (const byte of effect.state.pieces) mix(hash, byte);
      return;
    case "open-web-seed":
    case "close-web-seed":
      return mix(hash, effect.peer);
    case "check-metadata":
      return mix(hash, effect.job);
    case "report":
      return mixWord(hash, effect.report.kind);
    default:
      return unreachable(effect);
  }
}

function mixWord(hash: TraceHash, word: string): void {
  mix(hash, word.length);
  mix(hash, word.charCodeAt(0));
  mix(hash, word.charCodeAt(word.length - 1));
}
