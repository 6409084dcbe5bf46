/** Settings that several commands have. */
import type { PeerAddress } from "../bytes/address.ts";
import type { DiscoverySettings } from "./discovery_options.ts";

/** Format of a command's output. */
export interface OutputSettings {
  /** Events as JSON lines on stdout. */
  readonly json: boolean;
  /** Errors only on stderr. */
  readonly quiet: boolean;
}

/** Whether torrents use the DHT, and where it begins. */
export interface DhtChoice {
  readonly isOn: boolean;
  /** In place of the well-known nodes; none: those. */
  readonly nodes: readonly PeerAddress[];
}

/** What a peer needs, whether it starts complete or not. */
export interface PeerSettings extends OutputSettings {
  /** IP address to listen on; undefined is every address of both families. */
  readonly host: string | undefined;
  /** 0 picks a free one; undefined is PEER_PORT_DEFAULT or the next free one. */
  readonly port: number | undefined;
  /** The address that trackers are to note for us; undefined leaves it to them. */
  readonly announceIp: string | undefined;
  /** What a torrent names on this machine and in private networks is asked whatever it is. */
  readonly allowLocal: boolean;
  /** Peers to dial besides those the trackers name. */
  readonly peers: readonly PeerAddress[];
  readonly dht: DhtChoice;
  /** Bytes a second. */
  readonly upLimit: number | undefined;
  /** Bytes a second. */
  readonly downLimit: number | undefined;
  /** Stop seeding once uploaded / size reaches this. */
  readonly seedRatio: number | undefined;
  /** Stop seeding after this time. */
  readonly seedTimeMs: number | undefined;
  /** Give up if no tracker and no peer answers within this time. */
  readonly timeoutMs: number | undefined;
  /** Nothing unless given. */
  readonly discovery?: DiscoverySettings;
}

/** `--trace`: what the core is fed goes to a file, so that the run can be replayed. */
export interface TraceSettings {
  /** Of the first torrent; those after it get ".2", ".3" appended. */
  readonly path: string;
  /** Real addresses of peers stay in it. */
  readonly keepsAddresses: boolean;
}
