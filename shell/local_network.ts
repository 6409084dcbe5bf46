/** What the system reports about the local network. */
import { isLoopbackIp, isPrivateIp, parseIp } from "../core/bytes/ip.ts";

/** Of one interface that is not loopback. */
export interface LocalInterface {
  readonly name: string;
  /** IPv4, as text. */
  readonly ip: string;
  readonly netmask: string;
}

/** IPv4 addresses of this machine, loopback apart; none where the system does not tell. */
export function localInterfaces(): LocalInterface[] {
  try {
    return Deno.networkInterfaces()
      .filter(({ family, address }) => family === "IPv4" && !isLoopbackIp(address))
      .map(({ name, address, netmask }) => ({ name, ip: address, netmask }));
  } catch {
    return [];
  }
}

/** One interface with IPv6 addresses beyond its own link. */
export interface Ipv6Interface {
  readonly name: string;
  /** The system's number for it. */
  readonly index: number;
  /** Not loopback and not link-local; at least one. */
  readonly ips: readonly string[];
}

/** None where the system does not tell. */
export function ipv6Interfaces(): Ipv6Interface[] {
  try {
    const found = new Map<string, { index: number; ips: string[] }>();
    for (const { family, name, address, scopeid } of Deno.networkInterfaces()) {
      if (family !== "IPv6" || isLoopbackIp(address)) continue;
      const entry = found.get(name) ?? { index: 0, ips: [] };
      found.set(name, entry);
      // The system reports the number with the link-local address only.
      if (isLinkLocal(address)) entry.index = scopeid ?? 0;
      else entry.ips.push(address);
    }
    return [...found].map(([name, entry]) => ({ name, ...entry }))
      .filter(({ index, ips }) => index > 0 && ips.length > 0);
  } catch {
    return [];
  }
}

function isLinkLocal(ip: string): boolean {
  return ip.toLowerCase().startsWith("fe80:");
}

/** Whether an interface has an IPv6 address beyond its own link; yes where the system does not tell. */
export function hasIpv6(): boolean {
  try {
    return Deno.networkInterfaces().some(({ family, address }) =>
      family === "IPv6" && !isLoopbackIp(address) && !isLinkLocal(address)
    );
  } catch {
    return true;
  }
}

/**
 * The default gateway's IPv4 address; undefined when there is none. Linux keeps the routes in a file,
 * which the runtime lets only a program with all permissions read. Otherwise it is a guess: the first
 * address of a private network that we are in, where routers mostly are. A wrong guess costs that host
 * a few datagrams that it ignores, and UPnP finds the gateway without any guess.
 */
export async function defaultGateway(): Promise<string | undefined> {
  try {
    return gatewayOf(await Deno.readTextFile("/proc/net/route"));
  } catch {
    const home = localInterfaces().find(({ ip }) => isPrivateIp(ip));
    return home && firstHostOf(home.ip, home.netmask);
  }
}

/** The first address of the network; undefined where that is our own. */
export function firstHostOf(ip: string, netmask: string): string | undefined {
  const mask = netmask.split(".").map(Number);
  const first = ip.split(".").map((part, i) => Number(part) & mask[i]!);
  first[3]! |= 1;
  const text = first.join(".");
  return text === ip || parseIp(text) === undefined ? undefined : text;
}

/** The gateway in the text of /proc/net/route: hexadecimal, in the byte order of the machine. */
export function gatewayOf(routes: string): string | undefined {
  for (const line of routes.split("\n").slice(1)) {
    const [, destination, gateway, flags] = line.split(/\s+/);
    const isDefault = destination === "00000000" && (parseInt(flags ?? "0", 16) & 2) !== 0;
    if (!isDefault || !/^[0-9A-F]{8}$/i.test(gateway ?? "")) continue;
    const bytes = gateway!.match(/../g)!.map((part) => parseInt(part, 16));
    const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
    const ip = (isLittleEndian ? bytes.reverse() : bytes).join(".");
    return parseIp(ip) === undefined ? undefined : ip;
  }
  return undefined;
}
