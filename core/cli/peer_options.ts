/** Options of every command that runs torrents. */
import { dhtOptions } from "./dht_command.ts";
import { discoveryOptions } from "./discovery_options.ts";
import { flag, many, one } from "./option.ts";
import {
  readHost,
  readMinutesAsMs,
  readPeer,
  readPort,
  readRate,
  readRatio,
  readSecondsAsMs,
  readText,
} from "./values.ts";

/** Customary first port of BitTorrent peers. Spec: BEP 3, port. */
export const PEER_PORT_DEFAULT = 6881;

export const peer = {
  host: one("IP", readHost, "Listen for peers on this address, and announce from it", {
    shownDefault: "all",
  }),
  port: one("N", readPort, "Listen for peers on this port; 0 picks a free one", {
    shownDefault: `${PEER_PORT_DEFAULT}, else the next free one`,
  }),
  announceIp: one("IP", readHost, "Have trackers note this address for us", {
    shownDefault: "the one they see",
  }),
  allowLocal: flag(
    "Ask what a torrent names on this machine and in private networks, whatever it is",
  ),
  ...discoveryOptions,
  peer: many("IP:PORT", readPeer, "Connect to this peer too; repeat it for several"),
  ...dhtOptions,
  upLimit: one(
    "RATE",
    readRate,
    "Upload at most so many bytes a second, such as 500K (that is 500,000) or 1.5M",
  ),
  downLimit: one("RATE", readRate, "Download at most so many bytes a second"),
  seedRatio: one("R", readRatio, "Seed until the upload is R times the size, then leave"),
  seedTime: one("MIN", readMinutesAsMs, "Seed for so many minutes, then leave"),
  timeout: one(
    "SECONDS",
    readSecondsAsMs,
    "Give up when no tracker and no peer answers for so long",
    { shownDefault: "never" },
  ),
};

export const trace = {
  trace: one(
    "FILE",
    readText,
    "Record the run there for tt replay: no content, no passkeys, made-up addresses",
  ),
  traceAddresses: flag("Keep real addresses in the trace"),
};
