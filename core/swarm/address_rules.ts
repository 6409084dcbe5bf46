/** Which addresses are dialled at all. A list of peers must not make us attack other services or broadcast. */
import type { PeerAddress } from "../bytes/address.ts";
import { toHex } from "../bytes/hex.ts";
import { IPV4_SIZE, parseIp } from "../bytes/ip.ts";

/** Ports below are for services that the system's owner runs; no BitTorrent client picks one. */
const FIRST_UNPRIVILEGED_PORT = 1024;
/** Well-known services above: databases, remote desktops, telephony, chat, caches, search. */
const SERVICE_PORTS = new Set([
  ...[1433, 1521, 2049, 2375, 2376, 3306, 3389, 5060, 5061, 5432, 5672, 5900, 5984, 6379, 6667],
  ...[9042, 9092, 9200, 9300, 11211, 27017],
]);
/** Bytes of an IPv6 address that one customer of a provider has for itself. */
const IPV6_NETWORK_SIZE = 8;

/** Whether a port is one that peers may be dialled at without the user's word. */
export function isPeerPort(port: number): boolean {
  return port >= FIRST_UNPRIVILEGED_PORT && port <= 0xffff && !SERVICE_PORTS.has(port);
}

/** Whether the address may be one of a single host: not unspecified, multicast or broadcast. */
export function isHostIp(ip: string): boolean {
  const bytes = parseIp(ip);
  if (bytes === undefined) return false;
  if (bytes.length === IPV4_SIZE) return bytes[0] !== 0 && bytes[0]! < 224;
  return bytes[0] !== 0xff && bytes.some((byte) => byte !== 0);
}

/** Whether the address may be dialled. What the user typed may be at any port. */
export function mayBeDialled({ ip, port }: PeerAddress, isTyped: boolean): boolean {
  return isHostIp(ip) && (isTyped ? port > 0 && port <= 0xffff : isPeerPort(port));
}

/** What counts as one host: an IPv4 address, or an IPv6 network of 64 bits. */
export function hostOf(ip: string): string {
  const bytes = parseIp(ip);
  if (bytes === undefined || bytes.length === IPV4_SIZE) return ip;
  return toHex(bytes.subarray(0, IPV6_NETWORK_SIZE));
}
