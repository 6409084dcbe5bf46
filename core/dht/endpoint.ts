/**
 * Where a node is reached: IP address and UDP port as the BEPs pack them (6 or 18 bytes, network
 * order), kept as byte text, so that one endpoint has one key and costs little. And what an address
 * says by itself: which networks it belongs to, who may speak of it, whether anything can be sent
 * there at all.
 */
import type { PeerAddress } from "../bytes/address.ts";
import type { IpVersion } from "../bytes/compact_peers.ts";
import { formatIp, IPV4_SIZE, IPV6_SIZE, parseIp } from "../bytes/ip.ts";
import { textAt } from "./node_id.ts";

/** 6 or 18 characters U+0000 to U+00FF. Spec: BEP 5, contact encoding; BEP 32, nodes6. */
export type Endpoint = string;

const PORT_SIZE = 2;
/** Bytes of a packed endpoint, per IP version. */
export const ENDPOINT4_SIZE = IPV4_SIZE + PORT_SIZE;
export const ENDPOINT6_SIZE = IPV6_SIZE + PORT_SIZE;

/** The endpoint in `size` (6 or 18) bytes at `at`; the caller has checked that they are there. */
export function readEndpoint(bytes: Uint8Array, at: number, size: number): Endpoint {
  if (size !== ENDPOINT4_SIZE) return textAt(bytes, at, size);
  // deno-fmt-ignore
  return String.fromCharCode(
    bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!, bytes[at + 4]!, bytes[at + 5]!,
  );
}

/** Undefined when `ip` is not an address. */
export function endpointOf({ ip, port }: PeerAddress): Endpoint | undefined {
  const bytes = parseIp(ip);
  return bytes && textAt(bytes, 0, bytes.length) + String.fromCharCode(port >>> 8, port & 255);
}

/** The address as text and the port. */
export function addressOf(endpoint: Endpoint): PeerAddress {
  const size = endpoint.length - PORT_SIZE;
  const ip = new Uint8Array(size);
  for (let i = 0; i < size; i++) ip[i] = endpoint.charCodeAt(i);
  return { ip: formatIp(ip), port: portOf(endpoint) };
}

/** 0..65535 */
export function portOf(endpoint: Endpoint): number {
  const at = endpoint.length - PORT_SIZE;
  return endpoint.charCodeAt(at) * 256 + endpoint.charCodeAt(at + 1);
}

/** The same host on another port. */
export function withPort(endpoint: Endpoint, port: number): Endpoint {
  return ipOf(endpoint) + String.fromCharCode(port >>> 8, port & 255);
}

/** The IP address alone, 4 or 16 characters. */
export function ipOf(endpoint: Endpoint): string {
  return endpoint.slice(0, -PORT_SIZE);
}

/** 4 or 6. */
export function ipVersionOf(endpoint: Endpoint): IpVersion {
  return endpoint.length === ENDPOINT4_SIZE ? 4 : 6;
}

/**
 * What counts as one host: an IPv4 address, or the /64 that one IPv6 customer has. On loopback it is
 * the endpoint, so that nodes of one machine can form a network.
 */
export function hostKey(endpoint: Endpoint): string {
  if (endpoint.length === ENDPOINT4_SIZE) {
    return scopeOf(endpoint) === 0 ? endpoint : ipOf(endpoint);
  }
  return scopeOf(endpoint) === 0 ? endpoint : endpoint.slice(0, 8);
}

/**
 * What one party can own as a whole: the /24 of a public IPv4 address, the /48 of an IPv6 one.
 * Private networks have no such limit; undefined.
 */
export function networkKey(endpoint: Endpoint): string | undefined {
  if (scopeOf(endpoint) !== SCOPE_PUBLIC) return undefined;
  return endpoint.slice(0, endpoint.length === ENDPOINT4_SIZE ? 3 : 6);
}

export const SCOPE_LOOPBACK = 0;
export const SCOPE_PRIVATE = 1;
export const SCOPE_PUBLIC = 2;

/** How far away an endpoint is: this machine, a private or link-local network, anywhere. */
export function scopeOf(endpoint: Endpoint): number {
  const a = endpoint.charCodeAt(0), b = endpoint.charCodeAt(1);
  if (endpoint.length === ENDPOINT4_SIZE) {
    if (a === 127) return SCOPE_LOOPBACK;
    const isPrivate = a === 10 || (a === 172 && (b & 0xf0) === 16) || (a === 192 && b === 168) ||
      (a === 169 && b === 254) || (a === 100 && (b & 0xc0) === 64);
    return isPrivate ? SCOPE_PRIVATE : SCOPE_PUBLIC;
  }
  if ((a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80)) return SCOPE_PRIVATE;
  return endpoint.startsWith(LOOPBACK6) ? SCOPE_LOOPBACK : SCOPE_PUBLIC;
}

/**
 * Whether a node at `source` may name `endpoint`: public nodes have no reason to name
 * addresses of our own network, and following them would let others aim our packets there.
 */
export function mayName(source: Endpoint, endpoint: Endpoint): boolean {
  return isUsable(endpoint) && scopeOf(endpoint) >= scopeOf(source);
}

/** Whether a packet can be sent there: no port 0, no unspecified, multicast or mapped address. */
export function isUsable(endpoint: Endpoint): boolean {
  if (portOf(endpoint) === 0) return false;
  const first = endpoint.charCodeAt(0);
  if (endpoint.length === ENDPOINT4_SIZE) return first !== 0 && first < 224;
  if (first === 0xff || endpoint.startsWith(MAPPED)) return false;
  return !endpoint.startsWith(UNSPECIFIED6);
}

const LOOPBACK6 = "\0".repeat(15) + "\x01";
const UNSPECIFIED6 = "\0".repeat(16);
const MAPPED = "\0".repeat(10) + "\xff\xff";
