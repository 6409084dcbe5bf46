/**
 * Everything a command says. Results go to stdout; events and progress go to stderr, as live bars
 * that redraw in place on a terminal, else as one plain line every few seconds. With `json`, events,
 * progress and results are JSON lines on stdout, and stderr keeps the errors.
 *
 * Writes are synchronous, so lines of the two streams keep their order. A reader that has gone
 * (`tt ... | head -1`) ends the output, never the program.
 */
import {
  eventText,
  isRoutineEvent,
  type OutputEvent,
  type ProgressEvent,
  progressEvent,
} from "../../core/cli/events.ts";
import { isRoutine } from "../../core/cli/left_out.ts";
import { BLOCKS_MAX, renderPlainLine, renderScreen } from "../../core/cli/progress.ts";
import type { Canvas, ProgressView } from "../../core/cli/progress_view.ts";
import { type ResultEvent, resultText } from "../../core/cli/results.ts";
import { printable } from "../../core/cli/text.ts";
import { createLiveArea, type LiveArea } from "./live_area.ts";

/** Five frames a second look live and cost nothing. */
export const FRAME_MS = 200;

/**
 * After such a pause the process was probably suspended. The next frame waits, so that the signal which
 * reports it comes first.
 */
const SUSPENDED_MS = 1_000;

/** A log should not fill up with progress. */
export const PLAIN_LINE_MS = 5_000;

/** A change of state is printed between two plain lines, after this time at most. */
export const PLAIN_LOOK_MS = 1_000;

/** Scripts that watch want a steady, readable pace. */
export const JSON_PROGRESS_MS = 1_000;

/** `Deno.stdout` and `Deno.stderr` are these. */
export interface TextSink {
  writeSync(bytes: Uint8Array): number;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** Of stderr; asked before each frame, since windows are resized. Undefined: no live bars. */
  readonly canvas: (() => Canvas) | undefined;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  /** Called once when stdout is closed by its reader. */
  readonly onStdoutClosed?: () => void;
}

export interface Output {
  /** Says what happened. */
  event(event: Exclude<OutputEvent, ProgressEvent>): void;
  /** Mentions something that is neither news for scripts nor an error. */
  notice(sentence: string): void;
  /** Answers the user's question. */
  result(result: ResultEvent): void;
  /** Prints text on stdout as it is: help, version, tables. */
  text(text: string): void;
  /** How often to call `progress`; undefined: progress is not shown. */
  readonly viewMs: number | undefined;
  /** Shows how all torrents are doing; call it as often as it changes, too often is skipped. */
  progress(views: readonly ProgressView[]): void;
  /** To be called when the process goes on after it was suspended: the terminal is another one now. */
  resumed(): void;
  /** Shows the last progress once more and gives the terminal back. Call it before leaving. */
  finish(): void;
}

export function createOutput(options: OutputOptions): Output {
  const { json, quiet, now = () => performance.now() } = options;
  const stdout = createWriter(options.stdout, options.onStdoutClosed);
  const stderr = createWriter(options.stderr);
  const live = !json && !quiet && options.canvas !== undefined
    ? createLiveArea(stderr, options.canvas)
    : undefined;
  const show = createProgress(options, live, { stdout, stderr, now });
  let torrents = 0;

  return {
    viewMs: lookMs(options, live),
    event(event) {
      if (json) stdout(JSON.stringify(event) + "\n");
      const isForQuiet = event.event === "left-out" && !isRoutine(event.reason);
      if (event.event !== "error" && (json || (quiet && !isForQuiet))) return;
      if (live !== undefined && torrents > BLOCKS_MAX && isRoutineEvent(event)) return;
      const text = eventText(event);
      if (text !== undefined) interrupt(live, () => stderr(text + "\n"));
    },
    notice(sentence) {
      if (!json && !quiet) interrupt(live, () => stderr(printable(sentence) + "\n"));
    },
    result(result) {
      const line = json ? JSON.stringify(result) : resultText(result);
      interrupt(live, () => stdout(line + "\n"));
    },
    text(text) {
      interrupt(live, () => stdout(text.endsWith("\n") ? text : text + "\n"));
    },
    progress(views) {
      torrents = views.length;
      show(views, false);
    },
    resumed: () => live?.forget(),
    finish() {
      show(undefined, true);
      live?.close();
    },
  };
}

function lookMs({ json, quiet }: OutputOptions, live: LiveArea | undefined): number | undefined {
  if (quiet && !json) return undefined;
  return json || live !== undefined ? FRAME_MS : PLAIN_LOOK_MS;
}

type Write = (text: string) => void;

interface Streams {
  readonly stdout: Write;
  readonly stderr: Write;
  readonly now: () => number;
}

/** `force` shows the latest views though the time for them has not come. */
type ShowProgress = (views: readonly ProgressView[] | undefined, force: boolean) => void;

function createProgress(
  { json, quiet }: OutputOptions,
  live: LiveArea | undefined,
  { stdout, stderr, now }: Streams,
): ShowProgress {
  const periodMs = json ? JSON_PROGRESS_MS : live !== undefined ? FRAME_MS : PLAIN_LINE_MS;
  let latest: readonly ProgressView[] = [];
  let isShown = true;
  let shownAt = -Infinity;
  let shownStates = "";
  return (views, force) => {
    if (views !== undefined) {
      latest = views;
      isShown = false;
    }
    if (isShown || (quiet && !json)) return;
    // A change of state is news: it does not wait for its turn.
    const states = latest.map((view) => view.state).join();
    const sinceMs = now() - shownAt;
    if (!force && states === shownStates && sinceMs < periodMs) return;
    if (live !== undefined && !force && Number.isFinite(sinceMs) && sinceMs > SUSPENDED_MS) {
      shownAt = now();
      return;
    }
    isShown = true;
    shownAt = now();
    shownStates = states;
    if (json) { for (const view of latest) stdout(JSON.stringify(progressEvent(view)) + "\n"); }
    else if (live !== undefined) live.draw((canvas) => renderScreen(latest, canvas));
    else for (const view of latest) stderr(renderPlainLine(view) + "\n");
  };
}

/** Lets other text through: the bars move below it. */
function interrupt(live: LiveArea | undefined, write: () => void): void {
  live?.erase();
  write();
  live?.redraw();
}

const encoder = new TextEncoder();

function createWriter(sink: TextSink, onClosed?: () => void): Write {
  let isOpen = true;
  return (text) => {
    if (!isOpen) return;
    const bytes = encoder.encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += sink.writeSync(bytes.subarray(at));
    } catch {
      // EPIPE, a full disk behind a redirection: nothing can be said any more, by whatever means.
      isOpen = false;
      onClosed?.();
    }
  };
}
