/**
 * `deno task bench SUBJECT`: the cost of `tt`, measured beside the cost of others in the same run.
 */
import { ATTACK_USAGE, benchAttack } from "./attack.ts";
import { benchCheck, CHECK_USAGE } from "./check.ts";
import { benchCore, CORE_USAGE } from "./core.ts";
import { benchDaemon, DAEMON_USAGE } from "./daemon.ts";
import { benchDht, DHT_USAGE } from "./dht.ts";
import { ATTACKERS_USAGE, benchAttackers } from "./eight_attackers.ts";
import { benchDisk, DISK_USAGE } from "./disk.ts";
import { benchIdle, IDLE_USAGE } from "./idle.ts";
import { benchMany, MANY_USAGE } from "./many.ts";
import { benchMagnet, MAGNET_USAGE } from "./magnet.ts";
import { benchMemory, MEMORY_USAGE } from "./memory.ts";
import { benchPage, PAGE_USAGE } from "./page.ts";
import { benchScenarios, SCENARIOS_USAGE } from "./scenarios.ts";
import { benchStart, START_USAGE } from "./start.ts";
import { benchSim, SIM_USAGE } from "./sim.ts";
import { benchStream, STREAM_USAGE } from "./stream.ts";
import { benchSwarm, SWARM_USAGE } from "./swarm.ts";
import { benchWebSeed, WEBSEED_USAGE } from "./webseed.ts";
import { benchTracker, TRACKER_USAGE } from "./tracker.ts";
import { benchV2, V2_USAGE } from "./v2.ts";

const SUBJECTS: Readonly<
  Record<string, { usage: string; run(args: readonly string[]): Promise<void> }>
> = {
  attack: { usage: ATTACK_USAGE, run: benchAttack },
  attackers: { usage: ATTACKERS_USAGE, run: benchAttackers },
  check: { usage: CHECK_USAGE, run: benchCheck },
  core: { usage: CORE_USAGE, run: benchCore },
  daemon: { usage: DAEMON_USAGE, run: benchDaemon },
  dht: { usage: DHT_USAGE, run: benchDht },
  disk: { usage: DISK_USAGE, run: benchDisk },
  idle: { usage: IDLE_USAGE, run: benchIdle },
  many: { usage: MANY_USAGE, run: benchMany },
  magnet: { usage: MAGNET_USAGE, run: benchMagnet },
  memory: { usage: MEMORY_USAGE, run: benchMemory },
  page: { usage: PAGE_USAGE, run: benchPage },
  scenarios: { usage: SCENARIOS_USAGE, run: benchScenarios },
  start: { usage: START_USAGE, run: benchStart },
  sim: { usage: SIM_USAGE, run: benchSim },
  stream: { usage: STREAM_USAGE, run: benchStream },
  swarm: { usage: SWARM_USAGE, run: benchSwarm },
  tracker: { usage: TRACKER_USAGE, run: benchTracker },
  v2: { usage: V2_USAGE, run: benchV2 },
  webseed: { usage: WEBSEED_USAGE, run: benchWebSeed },
};

const [name = "", ...args] = Deno.args;
const subject = Object.hasOwn(SUBJECTS, name) ? SUBJECTS[name] : undefined;
const asksForHelp = Deno.args.includes("--help");
if (subject === undefined || asksForHelp) {
  const usages = subject === undefined ? Object.values(SUBJECTS) : [subject];
  const usage = "Usage: deno task bench SUBJECT [OPTIONS]";
  const text = [usage, ...usages.map((subject) => subject.usage)].join("\n\n");
  if (asksForHelp) console.log(text);
  else console.error(`${name === "" ? "Name a subject" : `Unknown subject ${name}`}\n\n${text}`);
  Deno.exit(asksForHelp ? 0 : 2);
}
try {
  await subject.run(args);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
