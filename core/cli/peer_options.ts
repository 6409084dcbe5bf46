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
  announceIp: one("IP", readHost, "Address to announce to trackers", {
    shownDefault: "the one that they see",
  }),
  allowLocal: flag(
    "Do not restrict URLs in a torrent that point to this machine or private networks",
  ),
  ...discoveryOptions,
  peer: many("IP:PORT", readPeer, "Also connect to this peer; may be repeated"),
  ...dhtOptions,
  upLimit: one(
    "RATE",
    readRate,
    "Maximum upload rate in bytes per second, such as 500K (500,000) or 1.5M",
  ),
  downLimit: one("RATE", readRate, "Maximum download rate in bytes per second"),
  seedRatio: one("R", readRatio, "Seed until the upload reaches R times the size, then exit"),
  seedTime: one("MIN", readMinutesAsMs, "Seed for this many minutes, then exit"),
  timeout: one(
    "SECONDS",
    readSecondsAsMs,
    "Give up if no tracker and no peer answers within this time",
    { shownDefault: "never" },
  ),
};

export const trace = {
  trace: one(
    "FILE",
    readText,
    "Record the run in this file for tt replay, without content or passkeys and with pseudonymous " +
      "addresses",
  ),
  traceAddresses: flag("Record real addresses in the trace"),
};
