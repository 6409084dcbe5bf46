/** Whole swarms with one super-seeder: what it sends, and that every peer completes. */
import { assert } from "@std/assert";
import { reportOf, type SwarmReport } from "../../core/sim/report.ts";
import { createSwarm, runSwarm, type SwarmOptions } from "../../core/sim/swarm.ts";
import { RULE_10 } from "../../core/sim/options.ts";
import { sha1 } from "../../shell/hash/sha1.ts";

/** 30 leechers and 240 pieces, unless told otherwise. */
function run(options: Partial<SwarmOptions>): SwarmReport {
  const swarm = createSwarm({
    seed: 1,
    seeders: 1,
    peers: 30,
    size: 240 * 65_536,
    pieceLength: 65_536,
    up: 500_000,
    down: 5_000_000,
    shareRule: RULE_10,
    freeRidersPercent: 0,
    churnPercent: 0,
    ...options,
  }, sha1);
  while (!runSwarm(swarm, 1_000));
  return reportOf(swarm);
}

Deno.test("a super-seeder sends less than 1.1 copies until 30 leechers are complete, and less than others", () => {
  for (const seed of [1, 2]) {
    const shown = run({ seed, superSeed: true });
    const usual = run({ seed });
    const copies = `${shown.seederCopies} copies instead of ${usual.seederCopies}`;
    assert(shown.completed === 30, `seed ${seed}: ${shown.completed} are complete`);
    assert(shown.seederCopies < 1.1, `seed ${seed}: ${copies}`);
    assert(shown.seederCopies < usual.seederCopies, `seed ${seed}: ${copies}`);
  }
});

Deno.test("leechers of a super-seeder all finish though some give nothing and some leave", () => {
  for (const seed of [1, 2]) {
    const options = { seed, peers: 12, size: 60 * 65_536, freeRidersPercent: 30, churnPercent: 30 };
    const report = run({ ...options, superSeed: true });
    assert(report.completed === report.downloaders, `seed ${seed}: ${report.completed}`);
  }
});

Deno.test("two leechers, and leechers alone, finish with a super-seeder", () => {
  for (const peers of [1, 2]) {
    const report = run({ peers, superSeed: true });
    assert(report.completed === peers);
    assert(report.honest.worst! < 3 * report.boundSeconds, `${report.honest.worst} s`);
  }
});
