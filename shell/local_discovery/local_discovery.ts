/**
 * Local service discovery over IPv4 and IPv6: feeds the machine of `core/local_discovery` with what the
 * groups' members send, and sends what is due on every interface.
 */
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import { encodeLocalAnnounce } from "../../core/local_discovery/codec.ts";
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
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { now } from "../clock.ts";
import { groupInterfaces, listenToGroup, sendToGroup } from "./multicast.ts";

/** Bytes of the random cookie. */
const COOKIE_BYTES = 8;
/** Longest sleep of the runtime's timers. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const VERSIONS: readonly IpVersion[] = [4, 6];

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
  /** The sockets that hear the groups; undefined until the first torrent. */
  #hearing: readonly { close(): void }[] | undefined;
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
    for (const socket of this.#hearing ?? []) socket.close();
  }

  #open(): readonly { close(): void }[] {
    return VERSIONS.flatMap((version) => {
      const interfaces = groupInterfaces(version, this.#options.host);
      const ownIps = interfaces.map(({ ip }) => ip);
      return listenToGroup(version, interfaces, (bytes, ip) => {
        const peer = hearLocalAnnounce(this.#machine, bytes, { ip, ownIps }, now());
        if (peer !== undefined) this.#options.onPeer(peer);
      }) ?? [];
    });
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
      const sent = VERSIONS.flatMap((version) => {
        const bytes = encodeLocalAnnounce(announce, version);
        const interfaces = groupInterfaces(version, this.#options.host);
        return interfaces.map((from) => sendToGroup(from, bytes));
      });
      const hasSent = (await Promise.all(sent)).includes(true);
      localAnnounceSent(this.#machine, hasSent, now());
    }
    this.#arm();
  }
}
