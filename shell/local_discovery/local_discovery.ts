/**
 * Local service discovery on real sockets: one that hears the group, and one for each interface to
 * send from. Quiet in every failure: a machine without multicast is as common as one with it.
 *
 * Deliberately absent: the IPv6 group, which hosts that share a network reach by IPv4 as well.
 */
import { encodeLocalAnnounce, LSD_GROUP_V4, LSD_PORT } from "../../core/local_discovery/codec.ts";
import {
  addLocalTorrent,
  createLocalDiscovery,
  hearLocalAnnounce,
  localAnnounceSent,
  type LocalDiscovery as Machine,
  type LocalPeer,
  nextLocalAnnounceMs,
  planLocalAnnounce,
  removeLocalTorrent,
} from "../../core/local_discovery/machine.ts";
import type { InfoHash } from "../../core/metainfo/types.ts";
import { now } from "../clock.ts";
import { localInterfaces } from "../local_network.ts";

/** Bytes of the random cookie. */
const COOKIE_BYTES = 8;
/** Longest sleep of the runtime's timers. */
const TIMER_MAX_MS = 2 ** 31 - 1;
/** Interfaces that are announced on; a host has few, a router of containers has hundreds. */
const INTERFACES_MAX = 16;

export interface LocalDiscoveryOptions {
  /** Where we listen for peers. */
  readonly port: number;
  /** The address that we listen on; undefined is all. */
  readonly host: string | undefined;
  readonly onPeer: (peer: LocalPeer) => void;
}

export class LocalDiscovery {
  readonly #machine: Machine;
  readonly #options: LocalDiscoveryOptions;
  #hearing: Deno.DatagramConn | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: LocalDiscoveryOptions) {
    this.#options = options;
    const cookie = crypto.getRandomValues(new Uint8Array(COOKIE_BYTES)).toHex();
    this.#machine = createLocalDiscovery(options.port, cookie, now());
  }

  /** The caller leaves out private torrents. */
  add(infoHash: InfoHash): void {
    if (this.#isClosed) return;
    addLocalTorrent(this.#machine, infoHash, now());
    this.#hearing ??= this.#open();
    this.#arm();
  }

  remove(infoHash: InfoHash): void {
    removeLocalTorrent(this.#machine, infoHash);
    this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#hearing?.close();
    this.#hearing = undefined;
  }

  /** Undefined where the system gives no such socket. */
  #open(): Deno.DatagramConn | undefined {
    try {
      const conn = Deno.listenDatagram({
        transport: "udp",
        hostname: "0.0.0.0",
        port: LSD_PORT,
        reuseAddress: true,
      });
      this.#hear(conn).catch(() => {});
      this.#join(conn).catch(() => {});
      return conn;
    } catch {
      return undefined;
    }
  }

  async #join(conn: Deno.DatagramConn): Promise<void> {
    for (const ip of this.#addresses()) {
      try {
        await conn.joinMulticastV4(LSD_GROUP_V4, ip);
      } catch {
        // This interface has no multicast.
      }
    }
  }

  async #hear(conn: Deno.DatagramConn): Promise<void> {
    for await (const [bytes, from] of conn) {
      if (from.transport !== "udp") continue;
      const peer = hearLocalAnnounce(this.#machine, bytes, from.hostname, now());
      if (peer !== undefined) this.#options.onPeer(peer);
    }
  }

  #addresses(): string[] {
    const { host } = this.#options;
    const all = localInterfaces().map(({ ip }) => ip).slice(0, INTERFACES_MAX);
    return host === undefined || host === "0.0.0.0" || host === "::"
      ? all
      : all.filter((ip) => ip === host);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const at = nextLocalAnnounceMs(this.#machine);
    if (this.#isClosed || at === Infinity) return;
    const waitMs = Math.min(TIMER_MAX_MS, Math.max(0, at - now()));
    this.#timer = setTimeout(() => void this.#announce(), waitMs);
    Deno.unrefTimer(this.#timer);
  }

  async #announce(): Promise<void> {
    const announce = planLocalAnnounce(this.#machine, now());
    if (announce !== undefined) {
      const bytes = encodeLocalAnnounce(announce, 4);
      const sent = await Promise.all(this.#addresses().map((ip) => sendFrom(ip, bytes)));
      localAnnounceSent(this.#machine, sent.includes(true), now());
    }
    this.#arm();
  }
}

/** A socket bound to an interface's address sends to the group there, whatever the routes are. */
async function sendFrom(ip: string, bytes: Uint8Array): Promise<boolean> {
  try {
    const conn = Deno.listenDatagram({ transport: "udp", hostname: ip, port: 0 });
    try {
      await conn.send(bytes, { transport: "udp", hostname: LSD_GROUP_V4, port: LSD_PORT });
      return true;
    } finally {
      conn.close();
    }
  } catch {
    return false;
  }
}
