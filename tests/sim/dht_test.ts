/** A small simulated DHT; `deno task bench dht` runs the large one. */
import { assertEquals } from "@std/assert";
import { quantile, runDht } from "./dht_run.ts";

const SEED = 20_261_121;
const NODES = 300;

Deno.test(`announced peers are found under churn and NAT (seed ${SEED})`, () => {
  const report = runDht({
    seed: SEED,
    nodes: NODES,
    torrents: 80,
    behindNat: 1 / 3,
    churn: 0.2,
    hostile: 0,
  });
  assertEquals(report.found, report.lookups);
  // Nodes that cannot be reached first are in hardly any table.
  assertEquals(report.natEntries < 0.01, true, `${report.natEntries}`);
  assertEquals(quantile(report.hops, 1) <= 4, true, "log2(300 / 8), rounded down to whole hops");
  assertEquals(quantile(report.queries, 0.5) <= 25, true);
});

Deno.test(`a tenth of hostile nodes does not hide peers (seed ${SEED})`, () => {
  const report = runDht({
    seed: SEED,
    nodes: NODES,
    torrents: 80,
    behindNat: 1 / 3,
    churn: 0.2,
    hostile: 0.1,
    attackedTorrents: 3,
    sybilsEach: 16,
  });
  assertEquals(report.found >= 76, true, `${report.found} of ${report.lookups}`);
  assertEquals(report.foundAttacked, report.attacked);
  for (const { dht, hostile } of report.world.nodes) {
    if (hostile !== undefined) continue;
    for (const swarm of dht.peers.swarms.values()) {
      for (const { endpoint } of swarm.values()) {
        assertEquals(
          endpoint.endsWith("\0\x01"),
          false,
          "no announce with a forged token is stored",
        );
      }
    }
  }
});

Deno.test("the same seed gives the same run", () => {
  const run = () => {
    const { world: _, ...figures } = runDht({
      seed: SEED,
      nodes: 60,
      torrents: 20,
      behindNat: 1 / 3,
      churn: 0.2,
      hostile: 0.1,
    });
    return figures;
  };
  assertEquals(run(), run());
});
