/**
 * The multicast groups of local discovery on real sockets: one that receives from a group, and one for each
 * interface and announce to send from. Quiet in every failure: a machine without multicast is as common
 * as one with it.
 */
import { createSocket } from "node:dgram";
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import { LSD_GROUP_V4, LSD_GROUP_V6, LSD_PORT } from "../../core/local_discovery/codec.ts";
import { type Ipv6Interface, ipv6Interfaces, localInterfaces } from "../local_network.ts";

/** Interfaces that are announced on; a host has few, a router of containers has hundreds. */
const INTERFACES_MAX = 16;

/** One interface, as one group is reached on it. */
export interface GroupInterface {
  readonly version: IpVersion;
  /** To send from. */
  readonly ip: string;
  /** As sockets name it: its IPv4 address, or its IPv6 zone. */
  readonly name: string;
  /** The system's number for it; undefined for IPv4, which goes by address. */
  readonly index: number | undefined;
}

/** Where a group is reached; only on the interface of `host`, unless that is every address. */
export function groupInterfaces(
  version: IpVersion,
  host: string | undefined,
): readonly GroupInterface[] {
  const isEvery = host === undefined || host === "::" || (host === "0.0.0.0" && version === 4);
  const chosen = (ip: string) => isEvery || ip === host;
  const found = version === 4
    ? localInterfaces().filter(({ ip }) => chosen(ip))
      .map(({ ip }) => ({ version, ip, name: ip, index: undefined }))
    : ipv6Interfaces().flatMap((found) => {
      const ip = found.ips.find(chosen);
      return ip === undefined ? [] : [ofIpv6Interface(found, ip)];
    });
  return found.slice(0, INTERFACES_MAX);
}

function ofIpv6Interface({ name, index }: Ipv6Interface, ip: string): GroupInterface {
  // Windows names zones by number, all others by name.
  const zone = Deno.build.os === "windows" ? index : name;
  return { version: 6, ip, name: `::%${zone}`, index };
}

/** Passes on what the group's members on these interfaces send; undefined where there is no such socket. */
export function listenToGroup(
  version: IpVersion,
  interfaces: readonly GroupInterface[],
  onDatagram: (bytes: Uint8Array, ip: string) => void,
): { close(): void } | undefined {
  if (interfaces.length === 0) return undefined;
  try {
    const conn = Deno.listenDatagram({
      transport: "udp",
      hostname: version === 4 ? "0.0.0.0" : "::",
      port: LSD_PORT,
      reuseAddress: true,
    });
    receive(conn, onDatagram).catch(() => {});
    join(conn, interfaces).catch(() => {});
    return conn;
  } catch {
    return undefined;
  }
}

async function receive(
  conn: Deno.DatagramConn,
  onDatagram: (bytes: Uint8Array, ip: string) => void,
): Promise<void> {
  for await (const [bytes, from] of conn) {
    // The system gives the IPv6 socket what the IPv4 socket gets, too.
    if (from.transport !== "udp" || from.hostname.startsWith("::ffff:")) continue;
    onDatagram(bytes, from.hostname);
  }
}

async function join(
  conn: Deno.DatagramConn,
  interfaces: readonly GroupInterface[],
): Promise<void> {
  for (const { ip, index } of interfaces) {
    try {
      if (index === undefined) await conn.joinMulticastV4(LSD_GROUP_V4, ip);
      else await conn.joinMulticastV6(LSD_GROUP_V6, index);
    } catch {
      // This interface has no multicast.
    }
  }
}

/**
 * Whether the datagram left. The runtime's own sockets cannot choose the interface of an IPv6 multicast:
 * the address that they are bound to does not decide it, as it does with IPv4.
 */
export function sendToGroup(from: GroupInterface, bytes: Uint8Array): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createSocket(from.version === 4 ? "udp4" : "udp6");
  const finish = (succeeded: boolean) => {
    resolve(succeeded);
    socket.removeAllListeners();
    // A socket closed by an error cannot be closed again.
    socket.on("error", () => {});
    try {
      socket.close();
    } catch {
      // See above.
    }
  };
  socket.on("error", () => finish(false));
  socket.bind(0, from.ip, () => {
    try {
      socket.setMulticastInterface(from.name);
      const group = from.version === 4 ? LSD_GROUP_V4 : LSD_GROUP_V6;
      socket.send(bytes, LSD_PORT, group, (error) => finish(error === null || error === undefined));
    } catch {
      finish(false);
    }
  });
  return promise;
}
