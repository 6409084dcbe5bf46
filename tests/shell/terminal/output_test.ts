import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ProgressView } from "../../../core/cli/progress_view.ts";
import {
  createOutput,
  FRAME_MS,
  JSON_PROGRESS_MS,
  type OutputOptions,
  PLAIN_LINE_MS,
} from "../../../shell/terminal/output.ts";
import { createProcessOutput } from "../../../shell/terminal/process_output.ts";
import { Screen } from "./screen.ts";

const VIEW: ProgressView = {
  infoHash: "0123456789abcdef0123456789abcdef01234567",
  name: "film",
  state: "downloading",
  bytesDone: 500,
  bytesTotal: 1000,
  downRate: 100,
  upRate: 0,
  peers: 1,
  seeders: undefined,
  etaSeconds: 5,
  waitingFor: undefined,
  uploaded: 0,
  ratio: 0,
};

const LISTENING = { event: "listening", host: undefined, port: 6881, url: undefined } as const;
const FAILURE = { event: "error", code: "disk-full", message: "The disk is full" } as const;

/** A sink that records its input, at most `chunk` bytes a write. */
class Sink {
  text = "";
  isOpen = true;

  constructor(readonly chunk = Infinity, readonly screen?: Screen) {}

  writeSync(bytes: Uint8Array): number {
    if (!this.isOpen) throw new Deno.errors.BrokenPipe("closed");
    const taken = bytes.subarray(0, Math.min(bytes.length, this.chunk));
    const text = new TextDecoder("latin1").decode(taken);
    this.text += text;
    this.screen?.write(text);
    return taken.length;
  }
}

/** An output with its own clock, and what it wrote. */
function open(options: Partial<OutputOptions>, sinks = { stdout: new Sink(), stderr: new Sink() }) {
  const clock = { now: 0 };
  const output = createOutput({
    json: false,
    quiet: false,
    canvas: undefined,
    now: () => clock.now,
    ...sinks,
    ...options,
  });
  return { output, clock, ...sinks };
}

function onScreen(columns = 60, rows = 8) {
  const screen = new Screen(columns, rows);
  const canvas = () => ({
    columns: screen.columns,
    rows: screen.rows,
    unicode: false,
    colour: true,
  });
  const sinks = { stdout: new Sink(Infinity, screen), stderr: new Sink(Infinity, screen) };
  return { screen, ...open({ canvas }, sinks) };
}

Deno.test("events go to stderr as sentences and results to stdout", () => {
  const { output, stdout, stderr } = open({});
  output.event(LISTENING);
  output.text("usage");
  output.text("help\n");
  output.event(FAILURE);
  assertEquals(stderr.text, "Listening for peers on port 6881\nError: The disk is full\n");
  assertEquals(stdout.text, "usage\nhelp\n");
});

Deno.test("among many torrents on a terminal, routine events of each are not printed", () => {
  const torrent = { infoHash: VIEW.infoHash, name: VIEW.name, url: "http://tracker.test/announce" };
  const answer = { event: "tracker", ...torrent, peers: 1, seeders: 1, leechers: 0 } as const;
  for (const torrents of [1, 3]) {
    const { output, stderr } = onScreen();
    output.progress(Array(torrents).fill(VIEW));
    output.event({ ...answer, error: undefined });
    output.event({ ...answer, error: "no answer" });
    assertEquals(stderr.text.includes("answered with"), torrents === 1);
    assertStringIncludes(stderr.text, "failed: no answer");
  }
});

Deno.test("with json everything is a line on stdout, and stderr has the errors", () => {
  const { output, stdout, stderr } = open({ json: true });
  const { infoHash, name } = VIEW;
  output.event(LISTENING);
  output.progress([VIEW]);
  output.result({
    event: "verified",
    infoHash,
    name,
    piecesGood: 1,
    pieces: 1,
    badFiles: [],
    badRanges: [],
  });
  output.event(FAILURE);
  output.finish();
  const events = stdout.text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(events.map(({ event }) => event), ["listening", "progress", "verified", "error"]);
  assertEquals(events[0], { event: "listening", port: 6881 });
  assertEquals(stderr.text, "Error: The disk is full\n");
});

Deno.test("quiet keeps errors and results, and removes nothing from json", () => {
  const { output, stdout, stderr } = open({ quiet: true });
  const { infoHash, name } = VIEW;
  output.event(LISTENING);
  output.progress([VIEW]);
  output.result({
    event: "verified",
    infoHash,
    name,
    piecesGood: 1,
    pieces: 1,
    badFiles: [],
    badRanges: [],
  });
  output.event(FAILURE);
  output.finish();
  assertEquals(stderr.text, "Error: The disk is full\n");
  assertEquals(stdout.text, "film: all good, 1 piece checked\n");

  const both = open({ quiet: true, json: true });
  both.output.event(LISTENING);
  both.output.progress([VIEW]);
  assertEquals(both.stdout.text.split("\n").length, 3);
});

Deno.test("without a terminal a plain line is printed every few seconds and at each state change", () => {
  const { output, clock, stderr } = open({});
  const lines = () => stderr.text.split("\n").length - 1;
  output.progress([VIEW]);
  clock.now += PLAIN_LINE_MS - 1;
  output.progress([VIEW]);
  assertEquals(lines(), 1);
  clock.now += 1;
  output.progress([VIEW]);
  assertEquals(lines(), 2);
  output.progress([{ ...VIEW, state: "seeding" }]);
  assertEquals(lines(), 3);
  output.finish();
  assertEquals(lines(), 3);
});

Deno.test("the last progress is shown at the end even if it came too soon", () => {
  const { output, stderr } = open({});
  output.progress([VIEW]);
  output.progress([{ ...VIEW, bytesDone: 900 }]);
  output.finish();
  assertStringIncludes(stderr.text, "film: 90.0 % of 1.0 kB");
});

Deno.test("json progress has a steady rate", () => {
  const { output, clock, stdout } = open({ json: true });
  for (; clock.now < 3 * JSON_PROGRESS_MS; clock.now += 100) output.progress([VIEW]);
  assertEquals(stdout.text.split("\n").length - 1, 3);
});

Deno.test("on a terminal the bars are redrawn in place", () => {
  const { output, clock, screen } = onScreen();
  output.progress([VIEW, { ...VIEW, name: "song" }]);
  clock.now += FRAME_MS - 1;
  output.progress([{ ...VIEW, bytesDone: 999 }, { ...VIEW, name: "song" }]);
  assertEquals(screen.text().match(/50.0 %/g)?.length, 2);
  assertEquals(screen.isCursorShown, false);
  clock.now += 1;
  output.progress([{ ...VIEW, bytesDone: 750 }]);
  output.finish();
  assertEquals(screen.isCursorShown, true);
  assertEquals(
    screen.text(),
    "film                              750 B of 1.0 kB, 5 s left\n" +
      "[######>.] 75.0 %  down    100 B/s  up      0 B/s    1 peer\n",
  );
});

Deno.test("text appears above the bars, on either stream", () => {
  const { output, screen } = onScreen();
  output.progress([VIEW]);
  output.event(LISTENING);
  output.text("answer");
  assertEquals(screen.text().split("\n").map((line) => line.slice(0, 16)), [
    "Listening for pe",
    "answer",
    "film            ",
    "[####>...] 50.0 ",
  ]);
});

Deno.test("bars scroll with the terminal and leave no traces", () => {
  const { output, clock, screen } = onScreen(60, 5);
  for (let piece = 0; piece < 20; piece++) {
    output.progress([VIEW]);
    output.event({ ...LISTENING, port: piece });
    clock.now += FRAME_MS;
  }
  output.finish();
  assertEquals(screen.text().split("\n").map((line) => line.slice(0, 33)), [
    "Listening for peers on port 18",
    "Listening for peers on port 19",
    "film                             ",
    "[####>...] 50.0 %  down    100 B/",
    "",
  ]);
});

Deno.test("a narrower window keeps one copy of the bars", () => {
  const { output, clock, screen } = onScreen(60, 12);
  output.progress([VIEW]);
  screen.resize(40);
  clock.now += FRAME_MS;
  output.progress([VIEW]);
  assertEquals(screen.text().match(/film/g)?.length, 1);
});

Deno.test("resizing loses no line and leaves no second copy of the bars", () => {
  const { output, clock, screen } = onScreen(60, 200);
  for (const [index, columns] of [120, 40, 100, 33, 60, 120, 50].entries()) {
    output.event({ ...LISTENING, port: 1_000 + index });
    output.progress([{ ...VIEW, bytesDone: index }]);
    screen.resize(columns);
    clock.now += FRAME_MS;
  }
  output.finish();
  const text = screen.text().replaceAll("\n", "");
  for (let index = 0; index < 7; index++) {
    assertEquals(text.includes(`port ${1_000 + index}`), true);
  }
  assertEquals(text.match(/film/g)?.length, 1);
});

Deno.test("redrawing a wrapped block in place keeps the log lines above it", () => {
  const { output, clock, screen } = onScreen(60, 200);
  output.event(LISTENING);
  for (const columns of [40, 100, 30, 120]) {
    output.progress([VIEW]);
    screen.resize(columns);
    clock.now += FRAME_MS;
  }
  output.progress([VIEW]);
  assertEquals(screen.text().split("\n").map((line) => line.slice(0, 4)), ["List", "film", "[###"]);
});

Deno.test("bars at the top of the screen leave no copy in the terminal's history", () => {
  const { output, clock, screen } = onScreen(60, 20);
  output.progress([VIEW]);
  screen.resize(40);
  clock.now += FRAME_MS;
  output.progress([{ ...VIEW, bytesDone: 600 }]);
  output.event(LISTENING);
  assertEquals(screen.history, []);
  assertEquals(screen.text().split("\n").map((line) => line.slice(0, 4)), ["List", "film", "[###"]);
});

Deno.test("after a suspension the bars are drawn below what the shell wrote", () => {
  const { output, clock, screen } = onScreen(60, 20);
  output.progress([VIEW]);
  screen.write("^Z\n[1]+  Stopped\n$ fg\ntt get film\n");
  output.resumed();
  clock.now += FRAME_MS;
  output.progress([VIEW]);
  assertEquals(screen.text().split("\n").slice(-5).map((line) => line.slice(0, 14)), [
    "[1]+  Stopped",
    "$ fg",
    "tt get film",
    "film          ",
    "[####>...] 50.",
  ]);
});

Deno.test("a closed stdout ends the output, not the program, and is reported once", () => {
  let closed = 0;
  const { output, stdout, stderr } = open({ json: true, onStdoutClosed: () => closed++ });
  stdout.isOpen = false;
  output.event(LISTENING);
  output.event(FAILURE);
  assertEquals(closed, 1);
  assertEquals(stderr.text, "Error: The disk is full\n");
  stderr.isOpen = false;
  output.event(FAILURE);
  output.finish();
});

Deno.test("a partial write is continued", () => {
  const { output, stdout } = open({}, { stdout: new Sink(3), stderr: new Sink() });
  output.text("a longer line");
  assertEquals(stdout.text, "a longer line\n");
});

Deno.test("the process's own streams can be used", () => {
  const output = createProcessOutput({ json: false, quiet: true });
  output.event(LISTENING);
  output.finish();
});
