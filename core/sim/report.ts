/** What a swarm's run comes to, as numbers. Times in seconds, sizes in bytes. */
import { transferOf } from "../torrent/state.ts";
import { boundSeconds, type Swarm, type SwarmOptions } from "./swarm.ts";
import type { Node } from "./node.ts";
import { formatHash } from "../bytes/value_hash.ts";

/** From a downloader's first moment to its last piece; undefined if none finished. */
export interface Completion {
  readonly first: number | undefined;
  readonly median: number | undefined;
  readonly worst: number | undefined;
}

export interface SwarmReport {
  readonly options: SwarmOptions;
  readonly pieces: number;
  readonly pieceLength: number;
  /** Downloaders that were to finish, and that did. */
  readonly downloaders: number;
  readonly completed: number;
  /** Simulated time. */
  readonly seconds: number;
  /** The fluid lower bound. */
  readonly boundSeconds: number;
  /** Those that play fair. */
  readonly honest: Completion;
  /** Those that give nothing; undefined without any. */
  readonly riders: Completion | undefined;
  /** Worst completion over the bound. */
  readonly boundRatio: number | undefined;
  /** Bytes that came twice, late or wrong, of all that came. */
  readonly wastedBytes: number;
  readonly receivedBytes: number;
  /** Uploaded over size, of honest downloaders. */
  readonly shareRatio: {
    readonly least: number;
    readonly median: number;
    readonly most: number;
  };
  /** Jain's index of honest downloaders' share ratios: 1 when all gave the same. */
  readonly fairness: number;
  /** Debts at the end, by state. */
  readonly debts: Readonly<Record<"paid" | "waived" | "owing", number>>;
  /** Upload of the seeders over size. */
  readonly seederCopies: number;
  /** Inputs that the cores took. */
  readonly events: number;
  /** 16 hexadecimal digits for all decisions of all peers. */
  readonly trace: string;
}

/** Sums the run up, finished or not. */
export function reportOf(swarm: Swarm): SwarmReport {
  const { options, world, downloaders } = swarm;
  const honest = downloaders.filter((node) => node.options.misbehaviour === undefined);
  const riders = downloaders.filter((node) => node.options.misbehaviour !== undefined);
  const ratios = honest.map(({ torrent }) => transferOf(torrent).uploaded / options.size).sort(
    ascending,
  );
  const fair = completionOf(honest);
  const bound = boundSeconds(options);
  const debts = { paid: 0, waived: 0, owing: 0 };
  for (const { torrent } of honest) {
    const { share } = transferOf(torrent);
    if (share !== undefined) debts[share]++;
  }
  const seeders = world.nodes.filter((node) => node.options.have === "seed");
  return {
    options,
    pieces: world.geometry.pieceCount,
    pieceLength: world.geometry.pieceLength,
    downloaders: downloaders.length,
    completed: downloaders.filter((node) => node.completedMs !== undefined).length,
    seconds: world.now / 1_000,
    boundSeconds: bound,
    honest: fair,
    riders: riders.length > 0 ? completionOf(riders) : undefined,
    boundRatio: fair.worst === undefined ? undefined : fair.worst / bound,
    wastedBytes: sum(downloaders, ({ torrent }) => transferOf(torrent).wasted),
    receivedBytes: world.tally.bytesTaken,
    shareRatio: {
      least: ratios[0] ?? 0,
      median: ratios[ratios.length >> 1] ?? 0,
      most: ratios.at(-1) ?? 0,
    },
    fairness: jainIndex(ratios),
    debts,
    seederCopies: sum(seeders, ({ torrent }) => transferOf(torrent).uploaded) / options.size,
    events: world.tally.events,
    trace: formatHash(world.trace),
  };
}

/** Spec: Jain, Chiu and Hawe 1984: (sum x)^2 / (n sum x^2). 1 for no numbers or only zeros. */
export function jainIndex(values: readonly number[]): number {
  const total = values.reduce((a, b) => a + b, 0);
  const squares = values.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? 1 : total * total / (values.length * squares);
}

function completionOf(nodes: readonly Node[]): Completion {
  const times = nodes.flatMap(({ completedMs, joinedMs }) =>
    completedMs === undefined ? [] : [(completedMs - joinedMs) / 1_000]
  ).sort(ascending);
  const isWhole = times.length === nodes.length;
  return {
    first: times[0],
    median: times[nodes.length >> 1],
    worst: isWhole ? times.at(-1) : undefined,
  };
}

function ascending(a: number, b: number): number {
  return a - b;
}

function sum(nodes: readonly Node[], of: (node: Node) => number): number {
  return nodes.reduce((total, node) => total + of(node), 0);
}
