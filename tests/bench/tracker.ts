/**
 * `bench tracker`: announces a second over HTTP and UDP, compared with opentracker and the tracker
 * of Node, with the same load and alternating; then latency by swarm size, and memory.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { opentracker, type Tracker } from "../interop/clients/tracker.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { atLeast, atMost, type Figure, printFigures, shorten } from "./figures.ts";
import { median } from "./report.ts";
import { type Load, loadHttp, type LoadResult, loadUdp, swarmHash } from "./tracker_load.ts";
import { type MemoryResult, PEERS } from "./tracker_memory.ts";
import { measureRedisTrackers } from "./tracker_redis.ts";
import { bittorrentTracker } from "./tracker_rival.ts";

export const TRACKER_USAGE =
  `tracker [--seconds 4] [--runs 3] [--swarms 1000] [--peers 50000] [--serve] [--json]
  tt, opentracker and bittorrent-tracker under the same announces, which name 50 peers; latency in a
  swarm of 100 and one of 100,000; memory of a million torrents. Needs wrk and opentracker.
  --serve: only the rates, of tt, of its announces behind Deno.serve, and of opentracker.`;

const SMALL_SWARM = 100;
const LARGE_SWARM = 100_000;
const MEMORY_MB_MAX = 450;
/** A full response has 300 bytes of peers; swarms that are still filling have fewer. */
const ANSWER_BYTES_MIN = 200;
/** From the target table: the required multiple of another tracker's rate. */
const TARGETS: Readonly<Record<Kind, Readonly<Record<string, number>>>> = {
  "HTTP, a connection per announce": { opentracker: 1 },
  "HTTP, keep-alive": { opentracker: 3, "bittorrent-tracker": 5 },
  UDP: { opentracker: 1, "bittorrent-tracker": 5 },
};
type Kind = "HTTP, a connection per announce" | "HTTP, keep-alive" | "UDP";
const KINDS: Readonly<Record<Kind, (load: Load) => Promise<LoadResult>>> = {
  // The load that fills the swarms runs first.
  UDP: loadUdp,
  "HTTP, a connection per announce": (load) => loadHttp(load, false),
  "HTTP, keep-alive": (load) => loadHttp(load, true),
};

/** In memory, as the other trackers do. */
const tt: Tracker = {
  name: "tt",
  missing: () => Promise.resolve(undefined),
  async start({ place, port }) {
    const args = ["tracker", "--host", place.host, "--port", String(port), "--store", "memory"];
    const argv = await ttCommand([...args, "--trust-ip-param", "--quiet"]);
    const tracker = new ClientProcess({ place, port, argv });
    await tracker.waitForListening();
    return tracker;
  },
};

/** The tracker's announces behind `Deno.serve` instead of our own HTTP server. */
const denoServe: Tracker = {
  name: "Deno.serve",
  missing: () => Promise.resolve(undefined),
  async start({ place, port }) {
    const program = fileURLToPath(new URL("tracker_deno_serve.ts", import.meta.url));
    const argv = [Deno.execPath(), "run", "--quiet", "--allow-net", program];
    const tracker = new ClientProcess({
      place,
      port,
      argv: [...argv, place.host, String(port)],
    });
    await tracker.waitForListening();
    return tracker;
  },
};

/** Runs the benchmark; `args` as in the usage. */
export async function benchTracker(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "4" },
      runs: { type: "string", default: "3" },
      swarms: { type: "string", default: "1000" },
      peers: { type: "string", default: "50000" },
      serve: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const size = {
    seconds: Number(values.seconds),
    swarms: Number(values.swarms),
    peers: Number(values.peers),
  };
  const trackers: Tracker[] = [];
  const rivals = values.serve ? [denoServe, opentracker] : [opentracker, bittorrentTracker];
  for (const tracker of [tt, ...rivals]) {
    const missing = await tracker.missing();
    if (missing === undefined) trackers.push(tracker);
    else console.error(`Without ${tracker.name}: ${missing}`);
  }
  const runs = Number(values.runs);
  const figures = await compareRates(trackers, size, runs);
  if (values.serve) return printFigures("behind Deno.serve, medians", figures, values.json);
  figures.push(await compareLatency(size.seconds, runs), await measureMemory());
  figures.push(...await compareStores(size));
  const title = `${size.peers} peers in ${size.swarms} swarms, medians of ${values.runs} runs`;
  printFigures(title, figures, values.json);
}

async function compareRates(
  trackers: readonly Tracker[],
  size: Pick<Load, "seconds" | "swarms" | "peers">,
  runs: number,
): Promise<Figure[]> {
  const infoHashes = Array.from({ length: size.swarms }, (_, index) => swarmHash(index));
  const rates = new Map<string, number[]>();
  for (let run = 0; run < runs; run++) {
    for (const tracker of trackers) {
      const port = freshPort();
      await using running = await tracker.start({ place: loopback, port, infoHashes });
      for (const [kind, load] of Object.entries(KINDS)) {
        const result = await load({ ...size, host: running.host, port });
        if (result.bytes < ANSWER_BYTES_MIN) {
          throw new Error(`${tracker.name} answers ${kind} with ${result.bytes} bytes only`);
        }
        const key = `${kind} ${tracker.name}`;
        rates.set(key, [...rates.get(key) ?? [], result.answersPerSecond]);
      }
    }
  }
  const rateOf = (kind: string, tracker: string) => median(rates.get(`${kind} ${tracker}`)!);
  const figures: Figure[] = [];
  for (const [kind, targets] of Object.entries(TARGETS)) {
    for (const { name } of trackers) {
      if (name === "tt") continue;
      const [ours, theirs] = [rateOf(kind, "tt"), rateOf(kind, name)];
      figures.push({
        what: `${kind}, beside ${name}`,
        measured: `${shorten(ours)}/s`,
        beside: `${shorten(theirs)}/s`,
        target: targets[name] === undefined ? undefined : atLeast(ours / theirs, targets[name]),
      });
    }
  }
  return figures;
}

/** At half of the highest load, in one small and one large swarm, alternating. */
async function compareLatency(seconds: number, runs: number): Promise<Figure> {
  const sizes = [SMALL_SWARM, LARGE_SWARM];
  const loads = sizes.map((peers) => {
    return { host: loopback.host, port: freshPort(), swarms: 1, peers, seconds, claimsIps: true };
  });
  await using trackers = new AsyncDisposableStack();
  for (const { port } of loads) {
    trackers.use(await tt.start({ place: loopback, port, infoHashes: [] }));
  }
  const highest: number[] = [];
  for (const load of loads) highest.push((await loadUdp(load)).answersPerSecond);
  const rate = Math.min(...highest) / 2;
  const p99s: number[][] = loads.map(() => []);
  for (let run = 0; run < runs; run++) {
    for (const [i, load] of loads.entries()) {
      p99s[i]!.push((await loadUdp({ ...load, rate })).p99Ms);
    }
  }
  const [small, large] = p99s.map(median);
  return {
    what: `p99 over UDP at ${shorten(rate)}/s, swarm of ${LARGE_SWARM} beside ${SMALL_SWARM}`,
    measured: `${shorten(large!)} ms`,
    beside: `${shorten(small!)} ms`,
    target: atMost(large! / small!, 1.3),
  };
}

/** The same load on one tracker in memory, and on trackers that share one Redis. */
async function compareStores(size: Pick<Load, "seconds" | "swarms" | "peers">): Promise<Figure[]> {
  const rates = await measureRedisTrackers(async (ports) => {
    const loads = ports.map((port) => loadHttp({ ...size, host: loopback.host, port }, true));
    return (await Promise.all(loads)).reduce(
      (sum, { answersPerSecond }) => sum + answersPerSecond,
      0,
    );
  });
  const beside = `${shorten(rates.oneInMemory)}/s`;
  return [
    { what: "one process on Redis", measured: `${shorten(rates.oneOnRedis)}/s`, beside },
    {
      what: "two processes on Redis, beside one in memory",
      measured: `${shorten(rates.twoOnRedis)}/s`,
      beside,
      target: atLeast(rates.twoOnRedis / rates.oneInMemory, 0.5),
    },
  ];
}

async function measureMemory(): Promise<Figure> {
  const program = fileURLToPath(new URL("tracker_memory.ts", import.meta.url));
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", program],
  }).output();
  const { bytes, processBytes }: MemoryResult = JSON.parse(new TextDecoder().decode(stdout));
  return {
    what: "memory, 1,000,000 torrents with 2,000,000 peers",
    measured: `${shorten(processBytes / 1e6)} MB`,
    beside: `${shorten(bytes / PEERS)} B a peer`,
    target: atMost(processBytes / 1e6, MEMORY_MB_MAX, " MB"),
  };
}
