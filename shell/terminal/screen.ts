/**
 * A whole terminal for a program that stays: the alternate screen, drawn anew, and single keys. The
 * terminal gets back what it showed before. Spec: xterm control sequences, private modes 25 and
 * 1049.
 */
import type { Canvas } from "../../core/cli/progress_view.ts";
import { stdoutCanvas } from "./process_output.ts";

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const ERASE_LINE_END = "\x1b[K";
const ERASE_BELOW = "\x1b[J";

export interface Screen {
  canvas(): Canvas;
  draw(lines: readonly string[]): void;
  /** "a", "up", "enter", "ctrl-c"; undefined at the timeout or when the signal aborts. */
  key(timeoutMs: number, signal: AbortSignal): Promise<string | undefined>;
  close(): void;
}

/** Undefined unless both input and output are a terminal. */
export function openScreen(): Screen | undefined {
  if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) return undefined;
  const encoder = new TextEncoder();
  const write = (text: string) => Deno.stdout.writeSync(encoder.encode(text));
  Deno.stdin.setRaw(true);
  write(ENTER);
  const keys: string[] = [];
  let wake = () => {};
  let isOpen = true;
  const reader = Deno.stdin.readable.getReader();
  const readAll = async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done || !isOpen) break;
      keys.push(...readKeys(new TextDecoder().decode(value)));
      wake();
    }
  };
  readAll().catch(() => {});
  return {
    canvas: stdoutCanvas,
    draw(lines) {
      const { rows } = stdoutCanvas();
      const shown = lines.slice(0, rows);
      write(`${HOME}${shown.map((line) => line + ERASE_LINE_END).join("\r\n")}${ERASE_BELOW}`);
    },
    async key(timeoutMs, signal) {
      if (keys.length === 0) await waitFor(timeoutMs, signal, (resolve) => wake = resolve);
      return keys.shift();
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      write(LEAVE);
      Deno.stdin.setRaw(false);
      reader.cancel().catch(() => {});
    },
  };
}

async function waitFor(
  timeoutMs: number,
  signal: AbortSignal,
  onWake: (resolve: () => void) => void,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  onWake(resolve);
  const timer = setTimeout(resolve, timeoutMs);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

const SEQUENCES: Readonly<Record<string, string>> = {
  "\x1b[A": "up",
  "\x1b[B": "down",
  "\x1bOA": "up",
  "\x1bOB": "down",
  "\r": "enter",
  "\n": "enter",
  "\x03": "ctrl-c",
  "\x1b": "escape",
};

/** Bytes of a terminal in raw mode as names of keys. */
export function readKeys(text: string): string[] {
  // deno-lint-ignore no-control-regex
  const parts = text.match(/\x1b[[O][0-9;]*[A-Za-z~]|[\s\S]/gu) ?? [];
  return parts.map((part) => SEQUENCES[part] ?? part);
}
