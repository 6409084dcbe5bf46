/** What this machine knows of the network that it is in. */
import { parseIp } from "../core/bytes/ip.ts";
import { isLoopbackIp } from "../core/bytes/ip.ts";

/** Of one interface that is not loopback. */
export interface LocalInterface {
  readonly name: string;
  /** IPv4, as text. */
  readonly ip: string;
  /** Number of the interface, for IPv6 scopes; 0 when the system does not say. */
  readonly index: number;
}

/** IPv4 addresses of this machine, loopback apart; none where the system does not tell. */
export function localInterfaces(): LocalInterface[] {
  try {
    return Deno.networkInterfaces()
      .filter(({ family, address }) => family === "IPv4" && !isLoopbackIp(address))
      .map(({ name, address, scopeid }) => ({ name, ip: address, index: scopeid ?? 0 }));
  } catch {
    return [];
  }
}

/**
 * The default gateway's IPv4 address; undefined when there is none or the system does not tell. Linux
 * keeps the routes in a file; elsewhere UPnP finds the gateway.
 */
export async function defaultGateway(): Promise<string | undefined> {
  try {
    return gatewayOf(await Deno.readTextFile("/proc/net/route"));
  } catch {
    return undefined;
  }
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
