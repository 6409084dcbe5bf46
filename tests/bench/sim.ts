/**
 * `deno task bench sim`: what simulation shows about the swarm's decisions.
 *
 * - `--seeds N`: this many small hostile worlds (tests/sim/hostile.ts); failures are listed, to be
 *   kept in tests/sim/hostile_test.ts.
 * - `--bound`: homogeneous swarms of 100, 300 and 1,000 against the fluid lower bound, share rule
 *   on and off; `--quick` skips the large one, `--peers N` runs one of that size.
 * - `--scale`: 1,000 peers and 2,000 pieces, twice: equal traces, events a second, memory. Larger
 *   swarms run once; `--pieces N` makes their content smaller.
 * - `--super-seed`: what one seeder sends until 30 leechers are complete, and with normal seeding.
 * - `--tune`: the effect of each limit of the cores (sim_tune.ts).
 */
import process from "node:process";
import { reportOf, type SwarmReport } from "../../core/sim/report.ts";
import { createSwarm, runSwarm, type SwarmOptions } from "../../core/sim/swarm.ts";
import { sha1 } from "../../shell/hash/sha1.ts";
import { runHostileWorld } from "../sim/hostile.ts";
import { benchTuning } from "./sim_tune.ts";
import { atLeast, atMost, type Figure, printFigures } from "./figures.ts";

export const SIM_USAGE =
  `sim [--seeds N [--from S]] [--bound [--peers N | --quick]] [--scale [--peers N] [--pieces N]]
      [--super-seed [--peers N] [--runs N]] [--tune [--peers N] [--runs N]] [--json]
  Swarms in simulation: hostile worlds, the fluid bound and the rule's cost, events a second, what a
  super-seeder sends.`;

const MEGABYTE = 1_000_000;
const WORST_TO_BOUND_MAX = 1.15;
const RULE_COST_MAX = 1.03;
const EVENTS_A_SECOND_MIN = 200_000;
const MEMORY_MAX = 4e9;
const SUPER_SEED_PEERS = 30;
const SUPER_SEED_RUNS = 3;
const SUPER_SEED_COPIES_MAX = 1.1;
/** Enough to see the effect of a limit, small enough for dozens of runs. */
const TUNE_PEERS = 100;
const TUNE_RUNS = 2;
/** Failures that are listed; one is enough to investigate. */
const FAILURES_SHOWN = 20;

export function benchSim(args: readonly string[]): Promise<void> {
  const json = args.includes("--json");
  if (args.includes("--seeds")) {
    benchSeeds(numberAfter(args, "--from", 0), numberAfter(args, "--seeds", 0), json);
  } else if (args.includes("--tune")) {
    const swarm = homogeneous(numberAfter(args, "--peers", TUNE_PEERS), 10, 1);
    benchTuning(swarm, numberAfter(args, "--runs", TUNE_RUNS), run);
  } else if (args.includes("--super-seed")) {
    const peers = numberAfter(args, "--peers", SUPER_SEED_PEERS);
    benchSuperSeed(peers, numberAfter(args, "--runs", SUPER_SEED_RUNS), json);
  } else if (args.includes("--scale")) {
    benchScale(numberAfter(args, "--peers", 1_000), numberAfter(args, "--pieces", 2_000), json);
  } else {
    const one = numberAfter(args, "--peers", 0);
    benchBound(one > 0 ? [one] : args.includes("--quick") ? [100, 300] : [100, 300, 1_000], json);
  }
  return Promise.resolve();
}

function numberAfter(args: readonly string[], name: string, byDefault: number): number {
  const at = args.indexOf(name);
  if (at < 0) return byDefault;
  const value = Number(args[at + 1]);
  if (!Number.isSafeInteger(value)) throw new Error(`Give a number after ${name}; ${SIM_USAGE}`);
  return value;
}

function benchSeeds(from: number, count: number, json: boolean): void {
  const startedMs = performance.now();
  const failures: { seed: number; why: string }[] = [];
  let events = 0, seconds = 0;
  for (let seed = from; seed < from + count; seed++) {
    try {
      const run = runHostileWorld(seed);
      events += run.events;
      seconds += run.seconds;
    } catch (error) {
      failures.push({ seed, why: error instanceof Error ? error.message : String(error) });
    }
  }
  const took = (performance.now() - startedMs) / 1_000;
  for (const { seed, why } of failures.slice(0, FAILURES_SHOWN)) {
    console.error(`Seed ${seed}: ${why.split("\n")[0]}`);
  }
  printFigures(`Hostile worlds ${from} to ${from + count - 1}`, [
    { what: "worlds", measured: `${count}`, beside: `${(seconds / 3_600).toFixed(0)} h simulated` },
    { what: "failures", measured: `${failures.length}`, target: atMost(failures.length, 0) },
    { what: "events", measured: `${events}`, beside: `${took.toFixed(0)} s` },
  ], json);
}

/**
 * Every peer uploads as fast as the seeder, as the bound assumes. 2,000 pieces, so that start and
 * end do not dominate: a swarm of 1,000 needs some 25 s until all peers upload, whatever the
 * content.
 */
function homogeneous(peers: number, percent: number, seed: number): SwarmOptions {
  return {
    seed,
    peers,
    seeders: 1,
    size: 2_000 * 262_144,
    pieceLength: 262_144,
    up: MEGABYTE,
    down: 20 * MEGABYTE,
    shareRule: { percent, strict: false },
    freeRidersPercent: 0,
    churnPercent: 0,
  };
}

/** CPU `seconds`, so that load on the machine does not count; peak memory. */
function run(options: SwarmOptions): { report: SwarmReport; seconds: number; memory: number } {
  const swarm = createSwarm(options, sha1);
  const before = process.cpuUsage();
  let memory = 0;
  while (!runSwarm(swarm, 1_000)) memory = Math.max(memory, Deno.memoryUsage().rss);
  const { user, system } = process.cpuUsage(before);
  return { report: reportOf(swarm), seconds: (user + system) / 1e6, memory };
}

function benchBound(sizes: readonly number[], json: boolean): void {
  const figures: Figure[] = [];
  for (const peers of sizes) {
    const on = run(homogeneous(peers, 10, 1)).report;
    const off = run(homogeneous(peers, 0, 1)).report;
    const [worstOn, worstOff] = [on.honest.worst ?? Infinity, off.honest.worst ?? Infinity];
    figures.push({
      what: `${peers} leechers, rule on: worst completion to bound`,
      measured: `${worstOn.toFixed(1)} s`,
      beside: `${on.boundSeconds.toFixed(1)} s`,
      target: atMost(worstOn / on.boundSeconds, WORST_TO_BOUND_MAX),
    }, {
      what: `${peers} leechers: cost of the rule`,
      measured: `${worstOn.toFixed(1)} s`,
      beside: `${worstOff.toFixed(1)} s off`,
      target: atMost(worstOn / worstOff, RULE_COST_MAX),
    }, {
      what: `${peers} leechers: wasted, seeder's copies, fairness`,
      measured: `${(100 * on.wastedBytes / on.receivedBytes).toFixed(2)} %`,
      beside: `${on.seederCopies.toFixed(2)}, ${on.fairness.toFixed(3)}`,
    });
  }
  printFigures("One seeder and equals, 2,000 pieces of 256 KiB, 1 MB/s up each", figures, json);
}

/** A swarm of equal peers, and one with free riders and churn. */
function benchSuperSeed(peers: number, runs: number, json: boolean): void {
  const figures: Figure[] = [];
  for (const percent of [0, 20]) {
    for (let seed = 1; seed <= runs; seed++) {
      const options = {
        ...homogeneous(peers, 10, seed),
        ...{ size: 1_000 * 65_536, pieceLength: 65_536 },
        ...{ freeRidersPercent: percent, churnPercent: percent },
      };
      const usual = run(options).report;
      const shown = run({ ...options, superSeed: true }).report;
      const isTarget = percent === 0;
      figures.push({
        what: `${percent} % free riders and churn, seed ${seed}: copies sent`,
        measured: shown.seederCopies.toFixed(3),
        beside: `${usual.seederCopies.toFixed(3)} as usual`,
        ...isTarget && { target: atMost(shown.seederCopies, SUPER_SEED_COPIES_MAX) },
      }, {
        what: `${percent} % free riders and churn, seed ${seed}: worst completion`,
        measured: `${shown.honest.worst?.toFixed(1)} s`,
        beside: `${usual.honest.worst?.toFixed(1)} s as usual`,
      });
    }
  }
  printFigures(`Super-seeding: 1 seeder, ${peers} leechers, 1,000 pieces of 64 KiB`, figures, json);
}

function benchScale(peers: number, pieces: number, json: boolean): void {
  const options = {
    ...homogeneous(peers, 10, 1),
    size: pieces * 65_536,
    pieceLength: 65_536,
  };
  const first = run(options);
  const speed = first.report.events / first.seconds;
  const again = peers > 1_000 ? first : run(options);
  const isSame = first.report.trace === again.report.trace;
  printFigures(`${peers} peers, 1 seeder, ${first.report.pieces} pieces`, [
    {
      what: "complete",
      measured: `${first.report.completed}`,
      beside: `${peers}`,
      target: atLeast(first.report.completed / peers, 1),
    },
    {
      what: "trace",
      measured: first.report.trace,
      beside: again.report.trace,
      target: atLeast(isSame ? 1 : 0, 1),
    },
    {
      what: "events",
      measured: `${first.report.events}`,
      beside: `${first.seconds.toFixed(0)} CPU s`,
    },
    {
      what: "events a CPU second",
      measured: speed.toFixed(0),
      target: atLeast(speed, EVENTS_A_SECOND_MIN),
    },
    {
      what: "memory",
      measured: `${(first.memory / 1e6).toFixed(0)} MB`,
      target: atMost(first.memory, MEMORY_MAX),
    },
    {
      what: "worst completion to bound",
      measured: `${first.report.honest.worst?.toFixed(1)} s`,
      target: atMost(first.report.boundRatio ?? Infinity, WORST_TO_BOUND_MAX),
    },
  ], json);
}
