/**
 * A world of a few peers that a seed makes and disturbs: limits that change, connections that break,
 * disks that fail, programs that are stopped and killed. Everything in it is the product's own code, but
 * for the clock, the network, the disk and the hand that starts programs again.
 */
import { createRng, nextUint32, randomBelow, type Rng } from "../../../core/bytes/random.ts";
import type { LoadedTorrent } from "../../../shell/load_torrent.ts";
import { hashValue, NO_EFFECTS } from "../../../core/bytes/value_hash.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { MemoryNetwork } from "./memory_network.ts";
import { Node, PORT } from "./node.ts";
import { VirtualClock } from "./virtual_clock.ts";

const RATES = [undefined, undefined, 30_000, 100_000, 400_000];
/** No world needs more. */
const END_MS = 30 * 60_000;
const STEP_MS = 500;

interface Host {
  readonly ip: string;
  readonly disk: MemoryDisk;
  node: Node | undefined;
  restartMs: number;
  runs: number;
  /** Its limit, since when, and what it had uploaded then. */
  limit: { readonly rate: number | undefined; readonly sinceMs: number; readonly bytes: number };
}

/** What a limit lets through at once, and what was on its way when it was set. */
const BURST_BYTES = 300_000;

export class World {
  readonly clock = new VirtualClock();
  /** What happened, with times. */
  readonly log: string[] = [];
  readonly #rng: Rng;
  readonly #network: MemoryNetwork;
  readonly #hosts: Host[];
  readonly #loaded: LoadedTorrent;
  readonly #content: Uint8Array;
  readonly #seed: number;

  constructor(seed: number, loaded: LoadedTorrent, content: Uint8Array) {
    this.#seed = seed;
    this.#rng = createRng(seed);
    this.#loaded = loaded;
    this.#content = content;
    const rng = this.#rng, { clock } = this;
    this.#network = new MemoryNetwork({
      ...{ clock, rng },
      latencyMs: 1 + randomBelow(rng, 100),
      bytesPerSecond: 50_000 * (1 + randomBelow(rng, 100)),
      windowBytes: 16_384 << randomBelow(rng, 4),
      breaksOneIn: randomBelow(rng, 2) === 0 ? 0 : 4,
    });
    const count = 2 + randomBelow(rng, 3);
    this.#hosts = Array.from({ length: count }, (_, index) => ({
      ip: `10.0.0.${index + 1}`,
      disk: new MemoryDisk(clock, rng),
      node: undefined,
      ...{ restartMs: randomBelow(rng, 2_000), runs: 0 },
      limit: { rate: undefined, sinceMs: 0, bytes: 0 },
    }));
    this.#hosts[0]!.disk.put("/d/f.bin", content);
    if (randomBelow(rng, 3) === 0) this.#hosts.at(-1)!.disk.failsOneIn = 8;
  }

  /** Runs until everybody has everything. Throws an error that names the seed. */
  async run(): Promise<void> {
    try {
      await this.#runUntilComplete();
      await this.#stopAll();
      this.#check();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`Seed ${this.#seed}: ${message}\n${this.log.slice(-40).join("\n")}`);
    }
  }

  /** One number for all that happened. */
  get hash(): number {
    return hashValue(NO_EFFECTS, this.log);
  }

  async #runUntilComplete(): Promise<void> {
    while (this.clock.now() < END_MS) {
      for (const host of this.#hosts) await this.#tend(host);
      await this.clock.run(STEP_MS);
      if (this.log.some((line) => /WRONG|CRASH|LOST/.test(line))) throw new Error("It went wrong");
      if (this.#hosts.every(({ node }) => node?.isComplete && !node.hasFailed)) return;
    }
    const state = this.#hosts.map(({ ip, node }) => {
      const { piecesHave, peers, downRate } = node?.facts ?? {};
      return `${ip} has ${piecesHave} pieces and ${peers} peers, ${downRate} B/s`;
    });
    throw new Error(`Not complete after ${END_MS} ms: ${state.join("; ")}`);
  }

  async #tend(host: Host): Promise<void> {
    this.#checkLimit(host);
    if (host.node === undefined) {
      if (this.clock.now() >= host.restartMs) await this.#start(host);
    } else if (host.node.hasFailed) {
      // Whoever uses it makes room and starts it again.
      host.disk.failsOneIn = 0;
      await this.#stop(host);
    } else await this.#disturb(host, randomBelow(this.#rng, 100));
  }

  async #disturb(host: Host, chance: number): Promise<void> {
    if (chance === 0) await this.#stop(host);
    else if (chance === 1) this.#kill(host);
    else if (chance < 7) {
      const rate = this.#rate();
      host.node!.setLimits(rate, this.#rate());
      this.#noteLimit(host, rate);
    }
  }

  #noteLimit(host: Host, rate: number | undefined): void {
    const bytes = host.node!.facts!.uploaded;
    host.limit = { rate, sinceMs: this.clock.now(), bytes };
  }

  #checkLimit({ ip, node, limit: { rate, sinceMs, bytes } }: Host): void {
    if (node === undefined || rate === undefined) return;
    const uploaded = node.facts!.uploaded - bytes;
    const most = BURST_BYTES + rate * (this.clock.now() - sinceMs) / 1000;
    if (uploaded > most) throw new Error(`${ip} uploaded ${uploaded} bytes, over ${most}`);
  }

  #rate(): number | undefined {
    return RATES[randomBelow(this.#rng, RATES.length)];
  }

  async #start(host: Host): Promise<void> {
    const { ip, disk } = host;
    const run = ++host.runs;
    const upLimit = this.#rate();
    const node = new Node({
      ...{ ip, disk, loaded: this.#loaded, clock: this.clock, network: this.#network.of(ip) },
      peers: this.#hosts.map((other) => ({ ip: other.ip, port: PORT })),
      ...{ upLimit, downLimit: this.#rate(), seed: nextUint32(this.#rng) },
      say: (what) => {
        if (host.runs === run) this.#say(`${ip} ${what}`);
      },
    });
    host.node = node;
    await this.clock.settle(node.start());
    this.#noteLimit(host, upLimit);
  }

  async #stop(host: Host): Promise<void> {
    this.#say(`${host.ip} stops`);
    await this.clock.settle(host.node!.stop());
    if (host.node!.memory.retainedBytes > 0) throw new Error("Piece buffers outlive their torrent");
    this.#rest(host);
  }

  /** Its sockets close, and nothing that it was about to do happens. */
  #kill(host: Host): void {
    this.#say(`${host.ip} is killed`);
    host.disk.kill();
    this.#network.unplug(host.ip);
    host.runs++;
    this.#rest(host);
  }

  #rest(host: Host): void {
    host.node = undefined;
    host.restartMs = this.clock.now() + randomBelow(this.#rng, 10_000);
  }

  async #stopAll(): Promise<void> {
    for (const host of this.#hosts) await this.#stop(host);
    await this.clock.run(60_000);
  }

  #check(): void {
    for (const { ip, disk } of this.#hosts) {
      const bytes = disk.bytesOf("/d/f.bin");
      if (
        bytes?.length !== this.#content.length || !bytes.every((b, i) => b === this.#content[i])
      ) {
        throw new Error(`${ip} has other content`);
      }
    }
    const open = this.#network.openCount;
    if (open > 0) throw new Error(`${open} connections outlive their programs`);
  }

  #say(what: string): void {
    this.log.push(`${this.clock.now().toFixed(3)} ${what}`);
  }
}
