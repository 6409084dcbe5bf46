/**
 * Owns the trackers of one row of the tracker's figures: two processes that share their swarms in
 * Redis, and one that keeps them in memory. The caller generates the load.
 */
import { join } from "node:path";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch } from "../support/content.ts";
import { startRedis } from "../support/redis_kit.ts";

/** Announces a second that the trackers on these ports answer together. */
export type TrackerLoad = (ports: readonly number[]) => Promise<number>;

/** Announces a second. */
export interface RedisFigures {
  readonly oneInMemory: number;
  readonly oneOnRedis: number;
  readonly twoOnRedis: number;
}

/** Applies the same load to one tracker in memory, one on Redis and two on Redis, in this order. */
export async function measureRedisTrackers(load: TrackerLoad): Promise<RedisFigures> {
  const oneInMemory = await measure("memory", 1, load);
  const onRedis = async (count: number) => {
    await using redis = await startRedis();
    return await measure(redis.url, count, load);
  };
  return { oneInMemory, oneOnRedis: await onRedis(1), twoOnRedis: await onRedis(2) };
}

async function measure(store: string, count: number, load: TrackerLoad): Promise<number> {
  await using scratch = await openScratch("tt-bench-");
  await using trackers = new AsyncDisposableStack();
  const ports: number[] = [];
  for (let i = 0; i < count; i++) {
    const port = freshPort();
    const args = ["tracker", "--port", `${port}`, "--store", store];
    const data = join(scratch.path, `${i}.db`);
    const argv = await ttCommand([...args, "--data", data, "--quiet"]);
    const tracker = trackers.use(new ClientProcess({ place: loopback, port, argv }));
    await tracker.waitForListening();
    ports.push(port);
  }
  return await load(ports);
}
