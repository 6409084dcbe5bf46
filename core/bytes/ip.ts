/**
 * IP addresses as bytes and as canonical text. An IPv4 address that comes wrapped in IPv6
 * (`::ffff:192.0.2.1`) is IPv4 here, so that one host has one text. Scopes (`%eth0`), brackets and
 * octal-looking parts (`010.0.0.1`) are no addresses.
 */
import { assert } from "./result.ts";

export const IPV4_SIZE = 4;
export const IPV6_SIZE = 16;

const IPV6_GROUPS = 8;
const DOT = 0x2e, DIGIT_0 = 0x30, DIGIT_9 = 0x39;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/** The longest text of an address: eight full groups, the last two written as IPv4. */
const IP_TEXT_MAX = 45;

/** 4 or 16 bytes in network order; undefined unless `text` is an address. Spec: RFC 4291, 2.2. */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.length > IP_TEXT_MAX) return undefined;
  if (!text.includes(":")) return parseIpv4(text);
  const bytes = parseIpv6(text);
  return bytes !== undefined && isMapped(bytes) ? bytes.slice(MAPPED_PREFIX.length) : bytes;
}

/** Canonical text of 4 or 16 bytes: lower case, the longest run of zeros as `::`. Spec: RFC 5952. */
export function formatIp(bytes: Uint8Array): string {
  assert(bytes.length === IPV4_SIZE || bytes.length === IPV6_SIZE, "an IP has 4 or 16 bytes");
  if (bytes.length === IPV4_SIZE) return bytes.join(".");
  if (isMapped(bytes)) return bytes.subarray(MAPPED_PREFIX.length).join(".");
  const groups: number[] = [];
  for (let i = 0; i < IPV6_SIZE; i += 2) groups.push(bytes[i]! * 256 + bytes[i + 1]!);
  const text = (from: number, to: number) =>
    groups.slice(from, to).map((group) => group.toString(16)).join(":");
  const run = longestZeroRun(groups);
  if (run.length < 2) return text(0, IPV6_GROUPS);
  return `${text(0, run.start)}::${text(run.start + run.length, IPV6_GROUPS)}`;
}

/** The text that `formatIp` gives for the same address; undefined unless `text` is an address. */
export function canonicalIp(text: string): string | undefined {
  const bytes = parseIp(text);
  return bytes && formatIp(bytes);
}

/** This machine: 127.0.0.0/8 or ::1. False for what is no address. */
export function isLoopbackIp(text: string): boolean {
  const bytes = parseIp(text);
  if (bytes === undefined) return false;
  if (bytes.length === IPV4_SIZE) return bytes[0] === 127;
  return bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0);
}

/**
 * A network that is not the public one: RFC 1918, carrier NAT (RFC 6598), link-local, and unique
 * local IPv6 (RFC 4193). Loopback is not among them. False for what is no address.
 */
export function isPrivateIp(text: string): boolean {
  const bytes = parseIp(text);
  if (bytes === undefined) return false;
  const a = bytes[0]!, b = bytes[1]!;
  if (bytes.length === IPV6_SIZE) return (a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80);
  return a === 10 || (a === 172 && (b & 0xf0) === 16) || (a === 192 && b === 168) ||
    (a === 169 && b === 254) || (a === 100 && (b & 0xc0) === 64);
}

/** Reads the digits itself, since each address of a peer exchange message is parsed. */
function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(IPV4_SIZE);
  let index = 0, value = 0, digits = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : DOT;
    if (code === DOT) {
      if (digits === 0 || index === IPV4_SIZE) return undefined;
      bytes[index++] = value;
      value = digits = 0;
    } else {
      if (code < DIGIT_0 || code > DIGIT_9 || (digits > 0 && value === 0)) return undefined;
      value = value * 10 + code - DIGIT_0;
      digits++;
      if (value > 255) return undefined;
    }
  }
  return index === IPV4_SIZE ? bytes : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = parseGroups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_SIZE - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  const bytes = new Uint8Array(IPV6_SIZE);
  bytes.set(head);
  bytes.set(tail, IPV6_SIZE - tail.length);
  return bytes;
}

/** Bytes of groups joined by colons; only the address's last group may be written as IPv4. */
function parseGroups(text: string, endsAddress: boolean): number[] | undefined {
  const bytes: number[] = [];
  if (text === "") return bytes;
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
      continue;
    }
    const ipv4 = endsAddress && i === groups.length - 1 ? parseIpv4(group) : undefined;
    if (ipv4 === undefined) return undefined;
    bytes.push(...ipv4);
  }
  return bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  return MAPPED_PREFIX.every((byte, i) => bytes[i] === byte);
}

/** The first of the longest runs of zero groups. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
