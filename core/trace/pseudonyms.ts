/**
 * Pseudonyms in place of real ones, so that a trace can be shown to others: addresses, ports, peer
 * ids, tracker URLs, the info hash. One real name always gets the same pseudonym.
 *
 * A replay must decide as the real run did, so pseudonyms keep what the core looks at, and nothing
 * else:
 * - Names are equal exactly when the real ones are; IPv4 stays IPv4, what is private stays private, and
 *   loopback stays itself.
 * - Peer ids keep their order to our own (of two connections to one peer, it decides which stays).
 * - Addresses of one IPv6 /64 stay in one, and ports and addresses that are never dialled stay.
 * - Addresses of one /24 stay in one /24. The allowed fast set is a hash of the /24 and the info hash.
 *   The set would betray both, so a traced run hashes their pseudonymous forms, and its replay finds the
 *   same. No peer can tell: to others the set is arbitrary.
 */
import type { PeerAddress } from "../bytes/address.ts";
import { addressText } from "../bytes/address.ts";
import { toHex } from "../bytes/hex.ts";
import { formatIp, IPV4_SIZE, IPV6_SIZE, isLoopbackIp, isPrivateIp, parseIp } from "../bytes/ip.ts";
import { hostOf, isHostIp, isPeerPort } from "../swarm/address_rules.ts";
import { INFO_HASH_SIZE, infoHashBytes } from "../metainfo/info_hash.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";
import type { Sha1 } from "../metainfo/digests.ts";

/** Stands for free text that may name anything: what a tracker said, a path, a system's message. */
export const LEFT_OUT = "(left out)";
/** Names of content are private. */
export const PSEUDONYM_INFO_HASH = "0".repeat(2 * INFO_HASH_SIZE) as InfoHash;

/**
 * First three bytes of the first pseudonymous IPv4 address, counted up from there: 10.0.0.x for private
 * networks, 198.18.0.x for others, a range for benchmarks in which no peer is. Spec: RFC 2544.
 */
const FIRST_PRIVATE_NETWORK = 0x0a0000;
const FIRST_NETWORK = 0xc61200;
const LOOPBACK_BYTE = 127;
/** Addresses of local use and for benchmarks, whose last bytes are counted up. Spec: RFC 4193, RFC 5180. */
const PRIVATE_IPV6 = [0xfd];
const PUBLIC_IPV6 = [0x20, 0x01, 0x00, 0x02];
const PEER_ID_SIZE = 20;
/** Above every well-known port, and below as many ports as a run of a day sees. */
const FIRST_PORT = 30_000;

/** What was replaced so far. Plain data, changed only by the functions below. */
export interface Pseudonyms {
  readonly keepsAddresses: boolean;
  readonly ourId: Uint8Array;
  readonly ips: Map<string, string>;
  /** By the first three bytes of a real IPv4 address. */
  readonly networks: Map<number, Network>;
  /** By the name of the host: see `hostOf`. */
  readonly networks6: Map<string, number>;
  readonly ports: Map<number, number>;
  /** By the real id in hexadecimal. */
  readonly peerIds: Map<string, Uint8Array>;
  readonly urls: Map<string, string>;
  readonly trackerIds: Map<string, string>;
}

interface Network {
  /** First three bytes of the pseudonymous address. */
  readonly pseudonym: number;
  /** Addresses of it so far. */
  hosts: number;
}

/** `ourId` is our real peer id, 20 bytes. */
export function createPseudonyms(ourId: Uint8Array, keepsAddresses: boolean): Pseudonyms {
  return {
    keepsAddresses,
    ourId,
    ips: new Map(),
    networks: new Map(),
    networks6: new Map(),
    ports: new Map(),
    peerIds: new Map(),
    urls: new Map(),
    trackerIds: new Map(),
  };
}

/** A pseudonymous IP of the same family; loopback stays. */
export function anonymizeIp(names: Pseudonyms, ip: string): string {
  if (names.keepsAddresses) return ip;
  return recall(names.ips, ip, (count) => {
    const bytes = parseIp(ip);
    if (isLoopbackIp(ip) || !isHostIp(ip)) return ip;
    if (bytes?.length === IPV4_SIZE) {
      const network = networkOf(names, readNetwork(bytes));
      return formatIp(Uint8Array.of(...networkBytes(network.pseudonym), network.hosts++));
    }
    const pseudonym = new Uint8Array(IPV6_SIZE);
    pseudonym.set(isPrivateIp(ip) ? PRIVATE_IPV6 : PUBLIC_IPV6);
    const view = new DataView(pseudonym.buffer);
    view.setUint32(4, recall(names.networks6, hostOf(ip), (network) => network));
    view.setUint32(IPV6_SIZE - 4, count);
    return formatIp(pseudonym);
  });
}

/** Ports are numbered as they appear; well-known ones, which are not dialled, stay. */
export function anonymizePort(names: Pseudonyms, port: number): number {
  if (names.keepsAddresses || !isPeerPort(port)) return port;
  return recall(names.ports, port, (count) => FIRST_PORT + count);
}

/** Both halves of an address. */
export function anonymizeAddress(names: Pseudonyms, { ip, port }: PeerAddress): PeerAddress {
  return { ip: anonymizeIp(names, ip), port: anonymizePort(names, port) };
}

/** The same for a text of `addressText`. */
export function anonymizeAddressText(names: Pseudonyms, text: string): string {
  const colon = text.lastIndexOf(":");
  const ip = text.slice(0, colon).replace(/^\[|\]$/g, "");
  return addressText(anonymizeAddress(names, { ip, port: Number(text.slice(colon + 1)) }));
}

/** Starts with "<", "=" or ">" as the real id is below, equal to or above our own. */
export function anonymizePeerId(names: Pseudonyms, id: Uint8Array): Uint8Array {
  const hex = toHex(id);
  return recall(names.peerIds, hex, (count) => {
    const ours = toHex(names.ourId);
    const order = hex < ours ? "<" : hex === ours ? "=" : ">";
    const text = order + String(count).padStart(PEER_ID_SIZE - 1, "0");
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  });
}

/** Of a tracker's URL only the scheme is kept: passkeys may be in any other part. */
export function anonymizeUrl(names: Pseudonyms, url: string): string {
  return recall(names.urls, url, (count) => {
    const scheme = /^[a-z]+/i.exec(url)?.[0].toLowerCase() ?? "http";
    return `${scheme}://tracker-${count}.invalid/announce`;
  });
}

/** Of a web server's URL nothing is kept but that it is one. */
export function anonymizeWebUrl(names: Pseudonyms, url: string): string {
  return recall(names.urls, url, (count) => `http://web-seed-${count}.invalid/`);
}

/** For what a tracker gives us to be known by. */
export function anonymizeTrackerId(names: Pseudonyms, id: string): string {
  return recall(names.trackerIds, id, (count) => `id-${count}`);
}

/**
 * The hash that a traced run's core is to use: that of the pseudonymous network and info hash where it is
 * asked for that of the real ones. Spec: BEP 6, allowed fast: the first hash is of 4 and 20 bytes.
 */
export function anonymizeSha1(names: Pseudonyms, sha1: Sha1): Sha1 {
  return (bytes) => {
    if (bytes.length !== IPV4_SIZE + INFO_HASH_SIZE) return sha1(bytes);
    const pseudonym = bytes.slice();
    if (!names.keepsAddresses && bytes[0] !== LOOPBACK_BYTE) {
      pseudonym.set(networkBytes(networkOf(names, readNetwork(bytes)).pseudonym));
    }
    pseudonym.set(infoHashBytes(PSEUDONYM_INFO_HASH), IPV4_SIZE);
    return sha1(pseudonym);
  };
}

function networkOf(names: Pseudonyms, real: number): Network {
  return recall(names.networks, real, (count) => {
    const isPrivate = isPrivateIp(formatIp(Uint8Array.of(...networkBytes(real), 1)));
    const first = isPrivate ? FIRST_PRIVATE_NETWORK : FIRST_NETWORK;
    return { pseudonym: first + count - 1, hosts: 0 };
  });
}

function readNetwork(bytes: Uint8Array): number {
  return bytes[0]! * 0x1_0000 + bytes[1]! * 0x100 + bytes[2]!;
}

function networkBytes(network: number): [number, number, number] {
  return [network >>> 16, (network >>> 8) & 0xff, network & 0xff];
}

/** The pseudonym of `real` before, or `make` of how many there are now, this one included. */
function recall<K, V>(known: Map<K, V>, real: K, make: (count: number) => V): V {
  let pseudonym = known.get(real);
  if (pseudonym === undefined) known.set(real, pseudonym = make(known.size + 1));
  return pseudonym;
}
