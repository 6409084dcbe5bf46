/**
 * Which addresses to trust: proxies in front of the tracker, and clients that may send their own
 * `ip`.
 */
import { canonicalIp, IPV4_SIZE, IPV6_SIZE, parseIp } from "../../bytes/ip.ts";

/** A range of addresses, such as 10.0.0.0/8. */
export interface Network {
  /** 4 or 16 bytes. */
  readonly ip: Uint8Array;
  /** Leading bits that its addresses have in common. */
  readonly prefix: number;
}

/** "10.0.0.0/8", "2001:db8::/32" or one address; undefined for anything else. */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", prefixText, ...rest] = text.split("/");
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0) return undefined;
  if (prefixText === undefined) return { ip, prefix: ip.length * 8 };
  if (!/^\d{1,3}$/.test(prefixText)) return undefined;
  // An IPv4 network may be written in its IPv6 form, whose first 96 bits are no part of the
  // address.
  const wrapped = address.includes(":") && ip.length === IPV4_SIZE;
  const prefix = Number(prefixText) - (wrapped ? 8 * (IPV6_SIZE - IPV4_SIZE) : 0);
  return prefix >= 0 && prefix <= ip.length * 8 ? { ip, prefix } : undefined;
}

/** Whether the address, of 4 or 16 bytes, is in the network. */
export function isInNetwork(ip: Uint8Array, network: Network): boolean {
  if (ip.length !== network.ip.length) return false;
  for (let bit = 0; bit < network.prefix; bit += 8) {
    const mask = 0xff00 >> Math.min(8, network.prefix - bit);
    if (((ip[bit >>> 3]! ^ network.ip[bit >>> 3]!) & mask & 0xff) !== 0) return false;
  }
  return true;
}

/**
 * Who asks through proxies, canonical text: the last address of X-Forwarded-For that is no trusted
 * proxy, for each one appends the address of its client. Undefined when there is none.
 */
export function forwardedIp(header: string, trusted: readonly Network[]): string | undefined {
  const hops = header.split(",");
  while (hops.length > 0) {
    const text = canonicalIp(hops.pop()!.trim());
    if (text === undefined) return undefined;
    const ip = parseIp(text)!;
    if (!trusted.some((network) => isInNetwork(ip, network))) return text;
  }
}
