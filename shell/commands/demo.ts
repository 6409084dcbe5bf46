/**
 * `tt demo`: a tracker, a seeder and two downloaders in this process, on real sockets and real files,
 * with a table and a verdict. It shows within seconds that everything works on this machine.
 */
import { join } from "node:path";
import type { PeerSettings } from "../../core/cli/common_settings.ts";
import type { OutputEvent } from "../../core/cli/events.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { formatBytes, formatDuration, formatRate } from "../../core/cli/format.ts";
import { wrapText } from "../../core/cli/text.ts";
import { toHex } from "../../core/bytes/hex.ts";
import { sha1 } from "../hash/sha1.ts";
import { parseTorrent } from "../load_torrent.ts";
import { makeTorrent } from "../make_torrent.ts";
import type { Output } from "../terminal/output.ts";
import { stdoutCanvas } from "../terminal/process_output.ts";
import { TorrentRun } from "./torrent_run.ts";
import { startTracker } from "../tracker/server.ts";
import { Session } from "../session.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";
import type { TorrentPlan } from "./run_torrents.ts";

/** Long enough to watch, short enough to wait for. */
const CONTENT_BYTES = 32 * 1024 * 1024;
const PIECE_LENGTH = 256 * 1024;
/** The seeder is slow on purpose: the downloaders must help each other. */
const SEEDER_LIMIT = 12_000_000;
const HOST = "127.0.0.1";
const FILE_NAME = "demo.bin";
const VIEW_MS = 100;
const HEADINGS = ["", "complete after", "downloaded", "uploaded", "content", "share rule"];
const SHORT_HEADINGS = ["", "time", "down", "up", "content"];

const SETTINGS: PeerSettings = {
  host: HOST,
  port: 0,
  peers: [],
  announceIp: undefined,
  allowLocal: false,
  dht: { isOn: false, nodes: [] },
  upLimit: undefined,
  downLimit: undefined,
  seedRatio: undefined,
  seedTimeMs: undefined,
  timeoutMs: undefined,
  json: false,
  quiet: false,
};

/** One of the three, and what it said. */
interface Actor {
  readonly role: string;
  readonly dir: string;
  readonly run: TorrentRun;
  readonly session: Session;
  readonly events: OutputEvent[];
}

export async function demo(context: Context): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tt-demo-" });
  try {
    await play(folder, context);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function play(folder: string, { output, signal }: Context): Promise<void> {
  const content = randomBytes(CONTENT_BYTES);
  const seedDir = join(folder, "seeder");
  await Deno.mkdir(seedDir);
  await Deno.writeFile(join(seedDir, FILE_NAME), content);
  const tracker = await startTracker({ host: HOST, port: 0 });
  const leave = new AbortController();
  const stop = AbortSignal.any([signal, leave.signal]);
  const made = await makeTorrent(join(seedDir, FILE_NAME), {
    announceTiers: [[tracker.url]],
    pieceLength: PIECE_LENGTH,
  });
  const loaded = parseTorrent(made.bytes, FILE_NAME);
  const { columns } = stdoutCanvas();
  const intro = `Sharing ${formatBytes(CONTENT_BYTES)} from one seeder, limited to ` +
    `${formatRate(SEEDER_LIMIT)}, with two downloaders over sockets on ${HOST}. ` +
    `The tracker is ${tracker.url}`;
  output.text(`${wrapText(intro, columns - 1).join("\n")}\n`);
  const shareRule = { percent: 10, strict: false };
  const download = { kind: "download", resume: false, noSeed: false, shareRule } as const;
  const seeder = createActor("seeder", {
    ...{ loaded, dir: seedDir, role: { kind: "seed", isChecked: true } as const },
  }, SEEDER_LIMIT);
  const leechers = ["downloader 1", "downloader 2"].map((role, index) =>
    createActor(role, { loaded, dir: join(folder, `${index + 1}`), role: download }, undefined)
  );
  const actors = [seeder, ...leechers];
  const view = () =>
    output.progress(actors.map(({ run, role }) => ({ ...run.view(), name: role })));
  const timer = setInterval(view, VIEW_MS);
  try {
    const lives = actors.map(({ run }) => run.execute(stop));
    const complete = Promise.all(leechers.map(({ events }) => untilComplete(events, stop)));
    await Promise.race([complete, ...lives]);
    view();
    leave.abort();
    await Promise.allSettled(lives);
    view();
  } finally {
    clearInterval(timer);
    for (const { session } of actors) await session.close();
    await tracker.stop();
  }
  signal.throwIfAborted();
  output.finish();
  await judge(actors, content, output);
}

function createActor(role: string, plan: TorrentPlan, upLimit: number | undefined): Actor {
  const session = new Session({ ...SETTINGS, upLimit, defaultPort: 0, dht: undefined });
  const events: OutputEvent[] = [];
  const silent: Output = {
    viewMs: undefined,
    event: (event) => events.push(event),
    notice() {},
    result() {},
    text() {},
    progress() {},
    resumed() {},
    finish() {},
  };
  const run = new TorrentRun({ ...plan, session, settings: SETTINGS, output: silent });
  return { role, dir: plan.dir, run, session, events };
}

async function untilComplete(events: readonly OutputEvent[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !events.some(({ event }) => event === "complete")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The table, and the verdict that the exit code repeats. */
async function judge(
  actors: readonly Actor[],
  content: Uint8Array,
  output: Output,
): Promise<void> {
  const wanted = toHex(sha1(content));
  const rows: string[][] = [];
  let allRight = true;
  for (const { role, dir, events } of actors) {
    const file = await Deno.readFile(join(dir, FILE_NAME)).catch(() => new Uint8Array());
    const isSame = toHex(sha1(file)) === wanted;
    allRight &&= isSame;
    const find = <K extends OutputEvent["event"]>(kind: K) =>
      events.findLast((event) => event.event === kind) as
        | Extract<OutputEvent, { event: K }>
        | undefined;
    const complete = find("complete"), stopped = find("stopped"), share = find("share");
    rows.push([
      role,
      complete === undefined ? "-" : formatDuration(complete.seconds),
      stopped === undefined ? "?" : formatBytes(stopped.downloaded),
      stopped === undefined ? "?" : formatBytes(stopped.uploaded),
      isSame ? "identical" : "DIFFERENT",
      share?.state ?? "-",
    ]);
  }
  output.text(tableText(rows, stdoutCanvas().columns));
  if (!allRight) {
    const message = "The demo failed: a copy differs from the original; please report it";
    throw new CommandError(EXIT.mismatch, "mismatch", message);
  }
  const verdict = "Verdict: it works. Both copies are identical to the original.";
  output.text(`\n${wrapText(verdict, stdoutCanvas().columns - 1).join("\n")}`);
}

/** Columns padded to their widest cell; a narrow terminal gets shorter headings and no share rule. */
function tableText(rows: readonly string[][], columns: number): string {
  const wide = linesOf([HEADINGS, ...rows]);
  if (wide.every((line) => line.length < columns)) return wide.join("\n");
  return linesOf([SHORT_HEADINGS, ...rows.map((row) => row.slice(0, -1))]).join("\n");
}

function linesOf(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) =>
    row.map((cell, at) => at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))
      .join("  ").trimEnd()
  );
}

function randomBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const step = 65_536;
  for (let at = 0; at < size; at += step) crypto.getRandomValues(bytes.subarray(at, at + step));
  return bytes;
}
