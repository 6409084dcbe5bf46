/**
 * What one process does on the network that it is in, for all its torrents: local discovery and the
 * port mapping. A process that listens on a loopback address does neither, whatever the settings are.
 */
import type { PeerAddress } from "../core/bytes/address.ts";
import { isLoopbackIp } from "../core/bytes/ip.ts";
import type { DiscoverySettings } from "../core/cli/discovery_options.ts";
import type { InfoHash } from "../core/metainfo/info_hash.ts";
import { LocalDiscovery } from "./local_discovery/local_discovery.ts";
import { type MappedPort, PortMapping } from "./port_mapping/port_mapping.ts";

/** The part of a torrent's driver that discovery uses. */
export interface Discoverer {
  readonly infoHashes: readonly InfoHash[];
  addPeers(addresses: readonly PeerAddress[], source: "lsd"): void;
}

export class SessionDiscovery {
  readonly #drivers = new Map<InfoHash, Discoverer>();
  readonly #lsd: LocalDiscovery | undefined;
  readonly #portmap: PortMapping | undefined;
  #mapped: MappedPort | undefined;

  constructor(
    settings: DiscoverySettings,
    host: string | undefined,
    port: number,
    onMapped: (mapped: MappedPort | undefined) => void = () => {},
  ) {
    const isLoopback = host !== undefined && isLoopbackIp(host);
    if (settings.lsd && !isLoopback) {
      this.#lsd = new LocalDiscovery({
        port,
        host,
        onPeer: ({ address, infoHashes }) => {
          for (const hash of infoHashes) this.#drivers.get(hash)?.addPeers([address], "lsd");
        },
      });
    }
    if (settings.portmap && !isLoopback) {
      const onChange = (mapped: MappedPort | undefined) => {
        if (this.#mapped !== undefined || mapped !== undefined) onMapped(mapped);
        this.#mapped = mapped;
      };
      this.#portmap = new PortMapping({ port, onChange });
    }
  }

  /** The port that the gateway keeps open for us, if it does. */
  get mapped(): MappedPort | undefined {
    return this.#mapped;
  }

  /** The torrent joins its swarm. Private ones stay out of local discovery. Spec: BEP 27. */
  join(driver: Discoverer, isPrivate: boolean): void {
    this.#portmap?.start();
    if (this.#lsd === undefined || isPrivate) return;
    for (const hash of driver.infoHashes) {
      this.#drivers.set(hash, driver);
      this.#lsd.add(hash);
    }
  }

  leave(driver: Discoverer): void {
    for (const hash of driver.infoHashes) {
      if (!this.#drivers.delete(hash)) continue;
      this.#lsd?.remove(hash);
    }
  }

  /** Takes the mapping back; resolves after about a second at the latest. */
  async close(): Promise<void> {
    this.#lsd?.close();
    await this.#portmap?.stop();
  }
}
