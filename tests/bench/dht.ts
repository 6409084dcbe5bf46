/**
 * `deno task bench dht`: a simulated DHT of thousands of nodes on a virtual clock
 * (tests/sim/dht_run.ts), honest and with hostile nodes, compared with measurements of real
 * networks:
 *
 * - Maymounkov, Mazieres, "Kademlia" (IPTPS 2002): a lookup takes log2(nodes / k) hops at most.
 * - Crosby, Wallach, "An Analysis of BitTorrent's Two Kademlia-Based DHTs" (Rice, 2007): median
 *   lookups of over a minute, for want of dead-node eviction and timeouts.
 * - Jimenez, Osmani, Knutsson, "Sub-Second Lookups on a Large-Scale Kademlia-Based Overlay" (P2P
 *   2011): in the mainline DHT many lookups take less than a second; medians of 100 to 200 ms with
 *   their changes to routing tables and lookups.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type DhtRunReport, quantile, runDht } from "../sim/dht_run.ts";
import { atLeast, atMost, type Figure, printFigures } from "./figures.ts";

export const DHT_USAGE = `dht [--nodes N] [--torrents N] [--seed N] [--honest | --hostile] [--json]
  Lookups in a simulated DHT with NAT and churn, honest and with a tenth of hostile nodes.`;

const BEHIND_NAT = 1 / 3;
const CHURN = 0.2;
const HOSTILE = 0.1;
/** Fraction of the torrents that sybil nodes surround, and how many nodes each. */
const ATTACKED = 0.02;
const SYBILS_EACH = 16;
const FOUND_MIN = 0.99;
const FOUND_HOSTILE_MIN = 0.95;
/** The slowest and the typical result of the improved lookups that were published. */
const FIRST_PEER_MAX_MS = 1_000;
const K = 8;
const TABLES_COPIED = 500;

export function benchDht(args: readonly string[]): Promise<void> {
  const nodes = numberAfter(args, "--nodes", 10_000);
  const torrents = numberAfter(args, "--torrents", 1_000);
  const seed = numberAfter(args, "--seed", 1);
  const json = args.includes("--json");
  const base = { seed, nodes, torrents, behindNat: BEHIND_NAT, churn: CHURN };
  if (!args.includes("--hostile")) {
    const before = heapBytes();
    const { report, seconds } = timed(() => runDht({ ...base, hostile: 0 }));
    const bytes = (heapBytes() - before) / report.world.nodes.length;
    printFigures(`${nodes} nodes, a third behind NAT, 20 % churn, seed ${seed}`, [
      found(report, FOUND_MIN),
      ...figuresOf(report, nodes, FIRST_PEER_MAX_MS),
      tableMemory(report),
      { what: "memory a node, with its simulated host", measured: kibibytes(bytes) },
      cost(report, seconds),
    ], json);
  }
  if (!args.includes("--honest")) {
    const attackedTorrents = Math.ceil(torrents * ATTACKED);
    const { report, seconds } = timed(() =>
      runDht({ ...base, hostile: HOSTILE, attackedTorrents, sybilsEach: SYBILS_EACH })
    );
    printFigures(`The same with 10 % hostile nodes, and sybils next to 2 % of the torrents`, [
      found(report, FOUND_HOSTILE_MIN),
      {
        what: "found of the torrents with sybils",
        measured: `${report.foundAttacked} of ${report.attacked}`,
        target: atLeast(report.foundAttacked / report.attacked, FOUND_HOSTILE_MIN),
      },
      ...figuresOf(report, nodes),
      cost(report, seconds),
    ], json);
  }
  return Promise.resolve();
}

function found({ found, lookups }: DhtRunReport, min: number): Figure {
  return {
    what: "lookups that find the peer",
    measured: `${found} of ${lookups}`,
    target: atLeast(found / lookups, min),
  };
}

function figuresOf(report: DhtRunReport, nodes: number, firstPeerMaxMs?: number): Figure[] {
  const { hops, queries, firstPeerMs, durationMs, tableSizes } = report;
  const spread = (values: readonly number[], unit = "") =>
    [0.5, 0.9, 0.99].map((part) => `${quantile(values, part)}${unit}`).join(" / ");
  const hopsMax = Math.ceil(Math.log2(nodes / K));
  return [
    {
      what: "hops to the first peer (median / 90 % / 99 %)",
      measured: spread(hops),
      beside: `Kademlia: at most ${hopsMax}`,
      target: atMost(quantile(hops, 1), hopsMax),
    },
    {
      what: "queries a lookup",
      measured: spread(queries),
      beside: `Kademlia: at least the ${K} closest nodes`,
    },
    {
      what: "time to the first peer",
      measured: spread(firstPeerMs, " ms"),
      beside: "mainline, improved: 100 to 200 ms (2011)",
      ...(firstPeerMaxMs === undefined
        ? {}
        : { target: atMost(quantile(firstPeerMs, 0.99), firstPeerMaxMs, " ms") }),
    },
    {
      what: "time to the end of a lookup",
      measured: spread(durationMs, " ms"),
      beside: "mainline: over a minute (2007)",
    },
    {
      what: "nodes in a table",
      measured: spread(tableSizes),
      beside: `Kademlia: about ${Math.round(K * (Math.log2(nodes / K) + 1))}`,
    },
    {
      what: "entries that are gone, and that none can ask first",
      measured: `${percent(report.deadEntries)}, ${percent(report.natEntries)}`,
    },
    {
      what: "packets a node and second, with announces and churn",
      measured: report.packetsPerNodeSecond.toFixed(2),
    },
  ];
}

/** Measured on copies, which share nothing with the rest of the simulation. */
function tableMemory({ world }: DhtRunReport): Figure {
  const nodes = world.nodes.filter(({ isAlive, hostile }) => isAlive && hostile === undefined);
  const sample = nodes.slice(0, TABLES_COPIED).map(({ dht }) => dht.networks[0]!.table);
  const before = heapBytes();
  const copies = sample.map((table) => structuredClone(table));
  const bytes = (heapBytes() - before) / copies.length;
  const entries = copies.reduce((sum, { size }) => sum + size, 0) / copies.length;
  return {
    what: "memory of a table with its replacements",
    measured: `${kibibytes(bytes)}, ${(bytes / entries).toFixed(0)} bytes a node`,
  };
}

/** In use, after garbage collection. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return Deno.memoryUsage().heapUsed;
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(0)} KiB`;
}

function cost({ packets }: DhtRunReport, seconds: number): Figure {
  const rate = Math.round(packets / seconds / 1_000);
  return {
    what: "packets simulated",
    measured: packets.toLocaleString("en"),
    beside: `${seconds.toFixed(0)} s, ${rate},000 a second`,
  };
}

function percent(part: number): string {
  return `${(100 * part).toFixed(part < 0.01 ? 2 : 0)} %`;
}

function timed(run: () => DhtRunReport): { report: DhtRunReport; seconds: number } {
  const startedMs = performance.now();
  const report = run();
  return { report, seconds: (performance.now() - startedMs) / 1_000 };
}

function numberAfter(args: readonly string[], name: string, byDefault: number): number {
  const at = args.indexOf(name);
  if (at < 0) return byDefault;
  const value = Number(args[at + 1]);
  if (!Number.isSafeInteger(value)) throw new Error(`Give a number after ${name}; ${DHT_USAGE}`);
  return value;
}
