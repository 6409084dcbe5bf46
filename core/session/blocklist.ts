/**
 * Address ranges whose peers are refused. Three formats are read, a rule per line, in any mix:
 *
 *     Some organisation:1.2.3.0-1.2.3.255                P2P, as PeerGuardian writes it
 *     001.002.003.000 - 001.002.003.255 , 100 , Some     DAT, as eMule does; from 128 on it allows
 *     10.0.0.0/8   or   2001:db8::/32   or   10.0.0.1    CIDR
 *
 * Lines that begin with "#" or ";" are comments.
 */
import { IPV4_SIZE, parseIp } from "../bytes/ip.ts";
import { fail, ok, type Result } from "../bytes/result.ts";

/** Characters of a list; the largest public ones have some 30 MB. */
export const BLOCKLIST_LENGTH_MAX = 100_000_000;

/** DAT: ranges of this level and above are allowed. */
const LEVEL_ALLOWED = 128;

/** Sorted ranges without overlaps; the two lists run in parallel. */
interface Ranges<T> {
  readonly first: readonly T[];
  readonly last: readonly T[];
}

export interface Blocklist {
  /** Rules that were read. */
  readonly size: number;
  readonly v4: Ranges<number>;
  readonly v6: Ranges<bigint>;
}

export const NO_BLOCKLIST: Blocklist = {
  size: 0,
  v4: { first: [], last: [] },
  v6: { first: [], last: [] },
};

/** Lines that are no rule are passed over. Errors: a sentence when no line is one. */
export function parseBlocklist(text: string): Result<Blocklist, string> {
  const v4: [number, number][] = [];
  const v6: [bigint, bigint][] = [];
  let hasLines = false;
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    hasLines = true;
    const range = readLine(line);
    if (range === undefined) continue;
    const [first, last] = range;
    if (first.length === IPV4_SIZE) v4.push([Number(toBigInt(first)), Number(toBigInt(last))]);
    else v6.push([toBigInt(first), toBigInt(last)]);
  }
  const size = v4.length + v6.length;
  if (hasLines && size === 0) return fail("no line of it is a range of addresses");
  return ok({ size, v4: merge(v4), v6: merge(v6) });
}

/** Whether the list refuses the address; what is no address is not refused. */
export function isBlocked(list: Blocklist, ip: string): boolean {
  if (list.size === 0) return false;
  const bytes = parseIp(ip);
  if (bytes === undefined) return false;
  return bytes.length === IPV4_SIZE
    ? isWithin(list.v4, Number(toBigInt(bytes)))
    : isWithin(list.v6, toBigInt(bytes));
}

type Bounds = readonly [Uint8Array, Uint8Array];

function readLine(line: string): Bounds | undefined {
  const dat = /^([\d.]+)\s*-\s*([\d.]+)\s*,\s*(\d{1,3})\s*(?:,|$)/.exec(line);
  if (dat !== null) {
    if (Number(dat[3]) >= LEVEL_ALLOWED) return undefined;
    return bounds(withoutZeros(dat[1]!), withoutZeros(dat[2]!));
  }
  const p2p = /(?:^|:)([\d.]+)\s*-\s*([\d.]+)$/.exec(line) ??
    // The shortest name, since an IPv6 address has colons as well.
    /^(?:.*?:)??\s*([0-9a-f:.]+)\s*-\s*([0-9a-f:.]+)$/i.exec(line);
  if (p2p !== null) return bounds(withoutZeros(p2p[1]!), withoutZeros(p2p[2]!));
  return cidr(line);
}

/** "001.002.003.000" is how some lists write 1.2.3.0. */
function withoutZeros(text: string): string {
  return text.replace(/\b0+(?=\d)/g, "");
}

function bounds(firstText: string, lastText: string): Bounds | undefined {
  const first = parseIp(firstText);
  const last = parseIp(lastText);
  if (first === undefined || last === undefined || first.length !== last.length) return undefined;
  return toBigInt(first) <= toBigInt(last) ? [first, last] : undefined;
}

function cidr(line: string): Bounds | undefined {
  const parts = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(line);
  const first = parts === null ? undefined : parseIp(parts[1]!);
  if (first === undefined) return undefined;
  const prefix = parts![2] === undefined ? first.length * 8 : Number(parts![2]);
  if (prefix > first.length * 8) return undefined;
  const last = first.map((byte, at) => byte | 0xff >> Math.max(0, Math.min(8, prefix - 8 * at)));
  const base = first.map((byte, at) => byte & ~(0xff >> Math.max(0, Math.min(8, prefix - 8 * at))));
  return [base, last];
}

function toBigInt(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = value << 8n | BigInt(byte);
  return value;
}

function merge<T extends number | bigint>(ranges: [T, T][]): Ranges<T> {
  ranges.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  const first: T[] = [];
  const last: T[] = [];
  for (const [from, to] of ranges) {
    const end = last.at(-1);
    if (end !== undefined && from <= end) {
      if (to > end) last[last.length - 1] = to;
    } else {
      first.push(from);
      last.push(to);
    }
  }
  return { first, last };
}

/** The last range that begins at or before the value decides. */
function isWithin<T extends number | bigint>({ first, last }: Ranges<T>, value: T): boolean {
  let low = 0;
  let high = first.length;
  while (low < high) {
    const middle = low + high >>> 1;
    if (first[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value <= last[low - 1]!;
}
