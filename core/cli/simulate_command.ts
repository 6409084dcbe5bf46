/** `tt simulate`: its options. */
import { defineCommand, NO_OPERANDS, output } from "./command_spec.ts";
import { flag, one, oneOr } from "./option.ts";
import {
  readContentSize,
  readFormat,
  readLinkRate,
  readPercent,
  readPieceLength,
  readShareRule,
  readText,
  readWhole,
} from "./values.ts";

export const SIMULATE_COMMAND = defineCommand({
  summary: "Simulate a whole swarm on a virtual clock",
  usage: ["[options]"],
  operands: NO_OPERANDS,
  about: [
    "Peers and tracker run the real code; only the network, the disks and the clock are simulated. " +
    "The same seed gives the same run, decision for decision.",
    "Prints the progress of the swarm, when all peers were complete, and how close that is to the " +
    "lower bound: content has to leave the seeders once, and every byte received has to be sent.",
  ],
  options: {
    peers: oneOr("N", readWhole(1, 20_000), "50", "Number of downloaders"),
    seeders: oneOr("N", readWhole(1, 1_000), "1", "Number of seeders at the start"),
    seed: oneOr("N", readWhole(0, 0xffff_ffff), "1", "Seed of the random number generator", {
      setting: "simulate-seed",
    }),
    size: oneOr("SIZE", readContentSize, "64M", "Size of the content"),
    pieceLength: one(
      "SIZE",
      readPieceLength,
      "Piece length in bytes, a power of two, such as 256K or 1M",
      { shownDefault: "depends on the size of the content" },
    ),
    format: one(
      "FORMAT",
      readFormat,
      "Torrent format: v1, v2 or hybrid; downloaders start without v2 piece layers",
      { shownDefault: "v1" },
    ),
    up: oneOr("RATE", readLinkRate, "1M", "Upload capacity of each peer, in bytes per second"),
    down: oneOr(
      "RATE",
      readLinkRate,
      "10M",
      "Download capacity of each peer, in bytes per second",
    ),
    shareRule: oneOr("RULE", readShareRule, "10", "Share rule of the downloaders"),
    superSeed: flag("The seeders offer pieces as tt seed --super-seed does", {
      setting: "simulate-super-seed",
    }),
    freeRiders: oneOr(
      "PERCENT",
      readPercent,
      "0",
      "Percentage of downloaders that upload nothing",
    ),
    churn: oneOr(
      "PERCENT",
      readPercent,
      "0",
      "Percentage of downloaders that leave and are replaced",
    ),
    plot: one("FILE", readText, "Write a plot of the run to this SVG file"),
    ...output,
  },
  conflicts: [],
  examples: [
    "tt simulate --peers 200 --size 256M",
    "tt simulate --free-riders 30 --churn 20 --plot swarm.svg",
  ],
});
