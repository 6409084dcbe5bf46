/**
 * `bench daemon`: a daemon with thousands of complete torrents, compared with Transmission and
 * qBittorrent: adding them, listing them, memory and CPU while idle, and a restart.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hasProgram } from "../support/process.ts";
import { openScratch } from "../support/content.ts";
import { measureActive } from "./daemon_active.ts";
import {
  countAnnounces,
  qbittorrentSubject,
  type Subject,
  transmissionSubject,
  ttSubject,
  until,
  wait,
} from "./daemon_subjects.ts";
import { atMost, type Figure, printFigures, shorten } from "./figures.ts";
import { makeSmallTorrents, type SmallTorrent } from "../support/many_torrents.ts";
import { readProcessCost } from "./process_cost.ts";
import { readSize } from "./report.ts";
import { describeProfile, INSPECT_PORTS, Profiler } from "./profile.ts";

export const DAEMON_USAGE =
  `daemon [--torrents 2000] [--seconds 20] [--beside transmission,qbittorrent|none] [--profile] [--json]
     [--active 100] [--size 16M] [--runs 3]
  A daemon full of complete torrents: adding, asking, memory, idle CPU, restart; beside
  transmission-daemon and qbittorrent-nox where they are installed. --profile shows where tt's
  CPU time goes in each phase. Then --active downloads of --size bytes each at once,
  against one of as many bytes, --runs times.`;

const ASKS = 15;
/** Time for work left over from adding, such as saving and collecting garbage. */
const SETTLE_MS = 40_000;
const EXIT_MS = 60_000;
const ANNOUNCE_DEADLINE_MS = 120_000;
const MEMORY_BYTES_MAX = 250e6;
const ASK_MS_MAX = 50;
const ADD_SECONDS_MAX = 10;
const ANNOUNCE_SECONDS_MAX = 10;

interface Measured {
  /** Until the last torrent is added. */
  readonly addSeconds: number;
  /** Until the last torrent seeds. */
  readonly addCpuSeconds: number;
  readonly askMs: number;
  readonly residentBytes: number;
  readonly idlePercent: number;
  readonly listedSeconds: number;
  readonly announcedSeconds: number;
  readonly announcedCpuSeconds: number;
}

export async function benchDaemon(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      torrents: { type: "string", default: "2000" },
      seconds: { type: "string", default: "20" },
      beside: { type: "string", default: "transmission,qbittorrent" },
      active: { type: "string", default: "100" },
      size: { type: "string", default: "16M" },
      runs: { type: "string", default: "3" },
      profile: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const count = Number(flags.torrents);
  await using scratch = await openScratch("tt-bench-");
  await using tracker = countAnnounces();
  const content = join(scratch.path, "content");
  const torrents = await makeSmallTorrents(content, count, tracker.url);
  const measured = new Map<string, Measured>();
  const others = [
    {
      name: "transmission",
      program: "transmission-daemon",
      open: () => transmissionSubject(join(scratch.path, "transmission")),
    },
    {
      name: "qbittorrent",
      program: "qbittorrent-nox",
      open: () => qbittorrentSubject(join(scratch.path, "qbittorrent")),
    },
  ];
  const subjects: Subject[] = [ttSubject(join(scratch.path, "tt"), flags.profile)];
  for (const { name, program, open } of others) {
    if (!flags.beside.split(",").includes(name)) continue;
    if (await hasProgram(program)) subjects.push(open());
    else console.error(`${program} is not installed`);
  }
  for (const subject of subjects) {
    try {
      const result = await measure(subject, torrents, content, tracker, Number(flags.seconds));
      measured.set(subject.name, result);
    } catch (error) {
      if (subject.name === "tt") throw error;
      // A failed subject does not discard the figures of the others.
      console.error(error instanceof Error ? error.message : error);
    }
  }
  const active = Number(flags.active) === 0
    ? []
    : await measureActive(Number(flags.active), readSize(flags.size), Number(flags.runs));
  print(count, measured, active, flags.json);
}

async function measure(
  subject: Subject,
  torrents: readonly SmallTorrent[],
  content: string,
  tracker: ReturnType<typeof countAnnounces>,
  seconds: number,
): Promise<Measured> {
  const wanted = torrents.length;
  console.error(`${subject.name} ...`);
  let client = await subject.start();
  const profiled = <T>(phase: string, work: () => Promise<T>) =>
    subject.isProfiled ? profile(phase, work) : work();
  try {
    const atStart = await readProcessCost(client.pid);
    const { addSeconds, addCpuSeconds } = await profiled("adding", async () => {
      const addFrom = performance.now();
      await subject.add(torrents, content);
      const addSeconds = since(addFrom);
      await until(
        async () => (await subject.count()).seeding === wanted,
        `${subject.name}: seed all`,
      );
      const { cpuSeconds } = await readProcessCost(client.pid);
      return { addSeconds, addCpuSeconds: cpuSeconds - atStart.cpuSeconds };
    });
    const asks: number[] = [];
    await profiled("asking", async () => {
      for (let ask = 0; ask < ASKS; ask++) {
        const from = performance.now();
        await subject.ask();
        asks.push(performance.now() - from);
      }
    });
    await wait(SETTLE_MS);
    const before = await readProcessCost(client.pid);
    const idleFrom = performance.now();
    await profiled("idle", () => wait(1000 * seconds));
    const after = await readProcessCost(client.pid);
    const idlePercent = 100 * (after.cpuSeconds - before.cpuSeconds) / since(idleFrom);
    await subject.stop();
    // Some save slowly, and lose their state when they are killed.
    await Promise.race([client.exited, wait(EXIT_MS)]);
    await client.stop();

    tracker.reset();
    const restartFrom = performance.now();
    client = await subject.start();
    await until(async () => (await subject.count()).listed === wanted, `${subject.name}: list all`);
    const listedSeconds = since(restartFrom);
    const announcedSeconds = await profiled("restart", async () => {
      const isDone = () => Promise.resolve(tracker.count() === wanted);
      const announced = until(isDone, `${subject.name}: announce all`, ANNOUNCE_DEADLINE_MS);
      if (subject.name === "tt") await announced;
      // Some spread their announces over many minutes.
      else if (await announced.then(() => false, () => true)) return Infinity;
      return since(restartFrom);
    });
    const announcedCpuSeconds = (await readProcessCost(client.pid)).cpuSeconds;
    await subject.stop();
    const askMs = asks.toSorted((a, b) => a - b)[Math.floor(ASKS / 2)]!;
    return {
      ...{ addSeconds, addCpuSeconds, askMs, residentBytes: after.residentBytes, idlePercent },
      ...{ listedSeconds, announcedSeconds, announcedCpuSeconds },
    };
  } finally {
    await client.stop();
  }
}

async function profile<T>(phase: string, work: () => Promise<T>): Promise<T> {
  const profiler = await Profiler.start(INSPECT_PORTS.seeder);
  const result = await work();
  console.error(`tt ${phase}\n${describeProfile(await profiler.stop())}`);
  return result;
}

function print(
  count: number,
  measured: ReadonlyMap<string, Measured>,
  active: readonly Figure[],
  isJson: boolean,
): void {
  const tt = measured.get("tt");
  const others = [...measured].filter(([name]) => name !== "tt");
  const rows: Figure[] = [];
  const row = (
    what: string,
    pick: (of: Measured) => number,
    show: (value: number) => string,
    target: Figure["target"],
  ) => {
    const ratioTo = (of: Measured) =>
      tt === undefined ? "" : ` (ratio ${shorten(pick(tt) / pick(of))})`;
    const beside = others.map(([name, of]) => `${name} ${show(pick(of))}${ratioTo(of)}`).join(", ");
    rows.push({ what, measured: tt === undefined ? "-" : show(pick(tt)), beside, target });
  };
  const figure = (value: number | undefined) => value ?? Infinity;
  const other = (name: string) => measured.get(name);
  row(
    "added",
    (of) => of.addSeconds,
    (s) => `${shorten(s)} s`,
    atMost(figure(tt?.addSeconds), ADD_SECONDS_MAX, " s"),
  );
  row(
    "CPU time until all seed",
    (of) => of.addCpuSeconds,
    (s) => `${shorten(s)} s`,
    undefined,
  );
  row(
    "asked for all, 20 fields",
    (of) => of.askMs,
    (ms) => `${shorten(ms)} ms`,
    atMost(figure(tt?.askMs), ASK_MS_MAX, " ms"),
  );
  row(
    "resident",
    (of) => of.residentBytes,
    (bytes) => `${shorten(bytes / 1e6)} MB`,
    atMost(figure(tt?.residentBytes) / 1e6, MEMORY_BYTES_MAX / 1e6, " MB"),
  );
  row(
    "idle, of a core",
    (of) => of.idlePercent,
    (percent) => `${shorten(percent)} %`,
    atMost(figure(tt?.idlePercent), round(other("transmission")?.idlePercent ?? 1), " %"),
  );
  row(
    "restarted until all listed",
    (of) => of.listedSeconds,
    (s) => `${shorten(s)} s`,
    atMost(figure(tt?.listedSeconds), round(other("qbittorrent")?.listedSeconds ?? 10), " s"),
  );
  row(
    "restarted until all announced",
    (of) => of.announcedSeconds,
    (s) => `${shorten(s)} s`,
    atMost(figure(tt?.announcedSeconds), ANNOUNCE_SECONDS_MAX, " s"),
  );
  row(
    "CPU time from there",
    (of) => of.announcedCpuSeconds,
    (s) => `${shorten(s)} s`,
    undefined,
  );
  printFigures(`A daemon with ${count} complete torrents`, [...rows, ...active], isJson);
}

function since(ms: number): number {
  return (performance.now() - ms) / 1000;
}

/** Two digits are precise enough. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
