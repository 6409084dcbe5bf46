/**
 * A world of a few programs that a seed creates and disturbs: each is a session of several
 * torrents. Limits and selections change, torrents pause, move, are checked and removed,
 * connections break, disks fail, trackers fail, programs are stopped and killed. Everything in it
 * is the product's own code, except the clock, the network, the disk, the tracker and the restarts
 * of programs.
 */
import { createRng, nextUint32, randomBelow, type Rng } from "../../../core/bytes/random.ts";
import { hashValue, NO_EFFECTS } from "../../../core/bytes/value_hash.ts";
import { magnetLink } from "../../../core/metainfo/magnet.ts";
import { PRIORITY_NORMAL, PRIORITY_SKIP } from "../../../core/transfer/availability.ts";
import { currentFolder } from "../../../shell/life/moving.ts";
import type { TorrentEvent } from "../../../shell/life/types.ts";
import { readMagnet } from "../../../shell/magnet/metadata_stage.ts";
import type { TorrentHandle } from "../../../shell/session.ts";
import type { Content } from "./contents.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { MemoryNetwork } from "./memory_network.ts";
import { MemoryTracker } from "./memory_tracker.ts";
import { type Computer, PORT, Program } from "./program.ts";
import { VirtualClock } from "./virtual_clock.ts";

const RATES = [undefined, undefined, 30_000, 100_000, 400_000];
/** From then on there are no disturbances. */
const CALM_MS = 60_000;
/** Longest time of any world. */
const END_MS = 30 * 60_000;
const STEP_MS = 500;
/** Bytes of a burst within a limit, and those in flight when it was set. */
const BURST_BYTES = 300_000;
const FOLDERS = ["/d", "/e"] as const;

/** What a user wants of one torrent, whatever happens to the programs that run it. */
interface Task {
  readonly content: Content;
  dir: string;
  /** The target of its last move. */
  moveTo: string;
  /** Known by its magnet link only. */
  isMagnet: boolean;
  isPaused: boolean;
  priorities: number[] | undefined;
}

interface Host extends Computer {
  readonly tasks: Task[];
  program: Program | undefined;
  restartMs: number;
  runs: number;
  /** Bytes uploaded by its torrents when they first joined their swarms in this run. */
  before: Map<TorrentHandle, number>;
  /** Its limit, when it was set, and the bytes uploaded by then. */
  limit: { readonly rate: number | undefined; readonly sinceMs: number; readonly bytes: number };
}

export class World {
  readonly clock = new VirtualClock();
  /** What happened, with times. */
  readonly log: string[] = [];
  readonly #rng: Rng;
  readonly #network: MemoryNetwork;
  readonly #tracker = new MemoryTracker();
  readonly #hosts: Host[];
  readonly #contents: readonly Content[];
  readonly #seed: number;

  /** Has a few of `contents`. */
  constructor(seed: number, contents: readonly Content[]) {
    this.#seed = seed;
    const rng = this.#rng = createRng(seed);
    const { clock } = this;
    const network = this.#network = new MemoryNetwork({
      ...{ clock, rng },
      latencyMs: 1 + randomBelow(rng, 100),
      bytesPerSecond: 50_000 * (1 + randomBelow(rng, 100)),
      windowBytes: 16_384 << randomBelow(rng, 4),
      breaksOneIn: randomBelow(rng, 2) === 0 ? 0 : 4,
    });
    this.#contents = contents.filter(() => randomBelow(rng, 2) === 0);
    if (this.#contents.length === 0) this.#contents = [pickOne(rng, contents)];
    this.#hosts = Array.from({ length: 2 + randomBelow(rng, 3) }, (_, index): Host => ({
      ...{ ip: `10.0.0.${index + 1}`, disk: new MemoryDisk(clock, rng) },
      ...{ clock, network, tracker: this.#tracker, program: undefined },
      ...{ restartMs: randomBelow(rng, 2_000), runs: 0, before: new Map() },
      limit: { rate: undefined, sinceMs: 0, bytes: 0 },
      tasks: this.#contents.map((content) => ({
        ...{ content, dir: FOLDERS[0], moveTo: FOLDERS[0], isPaused: false },
        ...{ isMagnet: randomBelow(rng, 4) === 0, priorities: undefined },
      })),
    }));
    for (const { files } of this.#contents) {
      const host = pickOne(rng, this.#hosts);
      for (const [path, bytes] of files) host.disk.put(`${FOLDERS[0]}/${path}`, bytes);
      host.tasks.find(({ content }) => content.files === files)!.isMagnet = false;
    }
    if (randomBelow(rng, 3) === 0) this.#hosts.at(-1)!.disk.failsOneIn = 8;
  }

  /** Runs until every program is complete. Throws an error that names the seed. */
  async run(): Promise<void> {
    try {
      await this.#runUntilComplete();
      for (const host of this.#hosts) await this.#stop(host);
      await this.clock.run(60_000);
      this.#check();
    } catch (error) {
      const message = error instanceof Error ? error.stack : String(error);
      throw new Error(`Seed ${this.#seed}: ${message}\n${this.log.slice(-60).join("\n")}`);
    }
  }

  /** One hash of everything that happened. */
  get hash(): number {
    return hashValue(NO_EFFECTS, this.log);
  }

  async #runUntilComplete(): Promise<void> {
    while (this.clock.now() < END_MS) {
      for (const host of this.#hosts) await this.#tend(host);
      await this.clock.run(STEP_MS);
      if (this.log.some((line) => /WRONG|CRASH/.test(line))) throw new Error("It went wrong");
      if (this.#isCalm && this.#hosts.every((host) => this.#isComplete(host))) return;
    }
    const state = this.#hosts.map(({ ip, program }) => {
      const torrents = program?.session.list().map((torrent) => {
        const { state, bytesHave, bytesTotal, swarm } = torrent.facts();
        return `${torrent.name} ${state} ${bytesHave}/${bytesTotal}, ${swarm?.peers} peers`;
      });
      return `${ip} ${torrents?.join("; ")}`;
    });
    throw new Error(`Not complete after ${END_MS} ms:\n${state.join("\n")}`);
  }

  get #isCalm(): boolean {
    return this.clock.now() >= CALM_MS;
  }

  #isComplete({ tasks, program }: Host): boolean {
    return program !== undefined && tasks.every((task) => {
      const { state, bytesHave, bytesTotal } = torrentOf(program, task)?.facts() ?? {};
      return state === "seeding" && bytesHave === bytesTotal;
    });
  }

  async #tend(host: Host): Promise<void> {
    this.#checkLimits(host);
    if (host.program === undefined) {
      if (this.clock.now() >= host.restartMs) this.#start(host);
      return;
    }
    for (const task of host.tasks) this.#tendTask(host, host.program, task);
    if (!this.#isCalm) await this.#disturb(host, randomBelow(this.#rng, 100));
  }

  /**
   * The user's actions: resumes after a failure, and wants everything once there are no
   * disturbances.
   */
  #tendTask(host: Host, program: Program, task: Task): void {
    const torrent = torrentOf(program, task);
    if (torrent === undefined) return;
    task.dir = torrent.dir;
    const { state, failure } = torrent.facts();
    if (state === "failed") {
      host.disk.failsOneIn = 0;
      if (failure?.code === "occupied") {
        for (const path of task.content.files.keys()) host.disk.take(`${task.dir}/${path}`);
      }
      torrent.resume();
    } else if (this.#isCalm && task.isPaused) {
      task.isPaused = false;
      torrent.resume();
    }
    if (this.#isCalm && task.priorities !== undefined) {
      task.priorities = undefined;
      torrent.setFilePriorities(task.content.loaded.metainfo.files.map(() => PRIORITY_NORMAL));
    }
  }

  async #disturb(host: Host, chance: number): Promise<void> {
    const rng = this.#rng;
    if (chance === 0) await this.#stop(host);
    else if (chance === 1) this.#kill(host);
    else if (chance === 2) this.#tracker.isDown = !this.#tracker.isDown;
    else if (chance < 6) {
      const rate = this.#rate();
      host.program!.session.setLimits({ upLimit: rate, downLimit: this.#rate() });
      this.#noteLimit(host, rate);
    } else if (chance < 17) this.#command(host, pickOne(rng, host.tasks), chance);
  }

  /** One command of a user, in any state of the torrent. */
  #command(host: Host, task: Task, chance: number): void {
    const torrent = torrentOf(host.program!, task);
    if (torrent === undefined) return;
    const rng = this.#rng;
    const say = (what: string) =>
      this.#say(`${host.ip} ${task.content.loaded.metainfo.name}: ${what}`);
    if (chance < 9) {
      task.isPaused = !task.isPaused;
      say(task.isPaused ? "pause" : "resume");
      if (task.isPaused) torrent.pause();
      else torrent.resume();
    } else if (chance === 9) {
      say("recheck");
      torrent.recheck();
    } else if (chance === 10) {
      task.moveTo = pickOne(rng, FOLDERS);
      say(`move to ${task.moveTo}`);
      torrent.move(task.moveTo);
    } else if (chance < 13) {
      torrent.setLimits({ upLimit: this.#rate(), downLimit: this.#rate() });
    } else if (chance < 15) {
      const { files } = task.content.loaded.metainfo;
      const some = () => randomBelow(rng, 2) === 0 ? PRIORITY_SKIP : PRIORITY_NORMAL;
      task.priorities = files.map(some);
      say(`want ${task.priorities.join("")}`);
      torrent.setFilePriorities(task.priorities);
    } else if (chance === 15) {
      say("remove");
      const program = host.program!;
      const added = torrent.remove(false).then(() => this.#add(host, program, task));
      added.catch((error) => this.#say(`CRASH ${error.stack}`));
    } else torrent.setOrder({ isSequential: randomBelow(rng, 2) === 0 });
  }

  #noteLimit(host: Host, rate: number | undefined): void {
    host.limit = { rate, sinceMs: this.clock.now(), bytes: uploadedBy(host) };
  }

  #checkLimits(host: Host): void {
    const { ip, program, limit: { rate, sinceMs, bytes } } = host;
    if (program === undefined || rate === undefined) return;
    const uploaded = uploadedBy(host) - bytes;
    const most = BURST_BYTES + rate * (this.clock.now() - sinceMs) / 1000;
    if (uploaded > most) throw new Error(`${ip} uploaded ${uploaded} bytes, over ${most}`);
  }

  #rate(): number | undefined {
    return pickOne(this.#rng, RATES);
  }

  #start(host: Host): void {
    const run = ++host.runs;
    const upLimit = this.#rate();
    const limits = { upLimit, downLimit: this.#rate() };
    const program = host.program = new Program(host, nextUint32(this.#rng), limits);
    this.#say(`${host.ip} starts`);
    program.session.subscribe((torrent, event) => {
      if (host.runs !== run) return;
      if (event.kind === "joined" && !host.before.has(torrent)) {
        host.before.set(torrent, torrent.facts().uploaded);
      }
      this.#onEvent(host.ip, torrent, event);
    });
    for (const task of host.tasks) {
      this.#add(host, program, task).catch((error) => {
        if (host.program === program) this.#say(`CRASH ${error.stack}`);
      });
    }
    host.before = new Map();
    host.limit = { rate: upLimit, sinceMs: this.clock.now(), bytes: 0 };
  }

  async #add(host: Host, program: Program, task: Task): Promise<void> {
    const { session, system: { fileSystem } } = program;
    const peers = this.#hosts.filter((other) => other !== host)
      .map(({ ip }) => ({ ip, port: PORT }));
    let { loaded } = task.content;
    task.dir = await currentFolder(loaded, task.dir, task.moveTo, fileSystem);
    // Content that moved before there was any state: its user knows where it is.
    const isAt = (dir: string) => {
      return [...task.content.files.keys()].some((path) => host.disk.bytesOf(`${dir}/${path}`));
    };
    if (!isAt(task.dir) && isAt(task.moveTo)) task.dir = task.moveTo;
    if (host.program !== program) return;
    if (task.isMagnet) {
      const link = magnetLink(loaded.metainfo);
      const stage = await session.fetch({ magnet: readMagnet(link), dir: task.dir, peers });
      loaded = await stage.loaded(new AbortController().signal);
      if (host.program !== program) return;
    }
    task.isMagnet = false;
    const { isPaused: paused, priorities: filePriorities } = task;
    const role = { kind: "download", resume: true } as const;
    session.add({ loaded, dir: task.dir, role, peers, paused, filePriorities });
  }

  async #stop(host: Host): Promise<void> {
    const { program } = host;
    if (program === undefined) return;
    this.#say(`${host.ip} stops`);
    const torrents = host.tasks.map((task) => torrentOf(program, task));
    host.program = undefined;
    await program.stop();
    for (const [i, task] of host.tasks.entries()) task.dir = torrents[i]?.dir ?? task.dir;
    this.#rest(host);
  }

  #kill(host: Host): void {
    this.#say(`${host.ip} is killed`);
    host.program!.kill();
    host.program = undefined;
    this.#rest(host);
  }

  #rest(host: Host): void {
    host.runs++;
    host.restartMs = this.clock.now() + randomBelow(this.#rng, 10_000);
  }

  #onEvent(ip: string, { name }: TorrentHandle, event: TorrentEvent): void {
    const isWrong = ["piece-failed", "peer-banned", "unreadable"].includes(event.kind);
    const why = event.kind === "failed" ? ` ${event.failure.message}` : "";
    const isCrash = event.kind === "failed" && event.failure.kind === "internal";
    this.#say(`${ip} ${name}: ${isWrong ? "WRONG " : isCrash ? "CRASH " : ""}${event.kind}${why}`);
  }

  #check(): void {
    for (const { ip, disk, tasks } of this.#hosts) {
      for (const { content: { files }, dir } of tasks) {
        for (const [path, bytes] of files) {
          const found = disk.bytesOf(`${dir}/${path}`);
          if (found?.length !== bytes.length || !found.every((b, i) => b === bytes[i])) {
            throw new Error(`${ip} has other content at ${dir}/${path}`);
          }
        }
      }
    }
    const open = this.#network.openCount;
    if (open > 0) throw new Error(`${open} connections outlive their programs`);
  }

  #say(what: string): void {
    this.log.push(`${this.clock.now().toFixed(3)} ${what}`);
  }
}

function torrentOf({ session }: Program, { content }: Task): TorrentHandle | undefined {
  return session.get(content.loaded.metainfo.infoHash);
}

/** Of all its torrents, in this run. */
function uploadedBy({ before }: Host): number {
  return [...before].reduce((sum, [torrent, bytes]) => sum + torrent.facts().uploaded - bytes, 0);
}

function pickOne<T>(rng: Rng, items: readonly T[]): T {
  return items[randomBelow(rng, items.length)]!;
}
