/**
 * Write tokens: what a node must have received before it may store something here, so that no node
 * can add another's address to a swarm. Nothing is stored about the tokens handed out: a token is a
 * hash over the sender's address, the target and a secret that changes.
 *
 * Spec: BEP 5, tokens; BEP 44, write token.
 */
import type { Sha1 } from "./bloom.ts";
import { type Endpoint, ipOf } from "./endpoint.ts";
import type { NodeId } from "./node_id.ts";

/** Spec: BEP 5, "a secret that changes every five minutes and tokens up to ten minutes old". */
export const TOKEN_PERIOD_MS = 5 * 60_000;
/** Bytes of a token: too many to try them all in ten minutes. */
const TOKEN_SIZE = 8;

export interface Tokens {
  /** Never leaves this process; at least 20 bytes from the system's generator. */
  readonly secret: Uint8Array;
}

/** The token for the node at `asker` and `target` at `now`. */
export function createToken(
  tokens: Tokens,
  asker: Endpoint,
  target: NodeId,
  now: number,
  sha1: Sha1,
): Uint8Array {
  return tokenOf(tokens, asker, target, Math.floor(now / TOKEN_PERIOD_MS), sha1);
}

/** Whether `token` was given to the same address for the same target in this period or the last. */
export function isTokenValid(
  tokens: Tokens,
  token: Uint8Array,
  asker: Endpoint,
  target: NodeId,
  now: number,
  sha1: Sha1,
): boolean {
  if (token.length !== TOKEN_SIZE) return false;
  const period = Math.floor(now / TOKEN_PERIOD_MS);
  return [period, period - 1].some((at) => {
    const wanted = tokenOf(tokens, asker, target, at, sha1);
    let difference = 0;
    for (let i = 0; i < TOKEN_SIZE; i++) difference |= wanted[i]! ^ token[i]!;
    return difference === 0;
  });
}

function tokenOf(
  { secret }: Tokens,
  asker: Endpoint,
  target: NodeId,
  period: number,
  sha1: Sha1,
): Uint8Array {
  const ip = ipOf(asker);
  const input = new Uint8Array(secret.length + 8 + target.length + ip.length);
  input.set(secret);
  new DataView(input.buffer).setFloat64(secret.length, period);
  writeText(input, secret.length + 8, target);
  writeText(input, secret.length + 8 + target.length, ip);
  return sha1(input).slice(0, TOKEN_SIZE);
}

function writeText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}
