/** Binds the output to this process's own streams and terminal. */
import type { Canvas } from "../../core/cli/progress_view.ts";
import { type TerminalTraits, terminalTraits } from "../../core/cli/terminal.ts";
import { createOutput, type Output } from "./output.ts";

/** What a terminal that does not tell its size most likely has. */
const COLUMNS_DEFAULT = 80;
const ROWS_DEFAULT = 24;
/** A pipe: wide enough for all columns of a table. */
const PIPE_COLUMNS = 120;

export interface ProcessOutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly onStdoutClosed?: () => void;
}

/** Output on this process's stdout and stderr. Reads the environment for NO_COLOR, TERM and LANG. */
export function createProcessOutput(options: ProcessOutputOptions): Output {
  const traits = terminalTraits(Deno.env.toObject(), Deno.stderr.isTerminal(), Deno.build.os);
  const output = createOutput({
    ...options,
    stdout: Deno.stdout,
    stderr: Deno.stderr,
    canvas: traits.movable ? () => ({ ...terminalSize(), ...paintTraits(traits) }) : undefined,
  });
  // Unix only: Windows has no job control.
  if (traits.movable && Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGCONT", output.resumed);
  }
  return output;
}

/** What stdout can show: for tables and screens. A pipe is as wide as a common terminal. */
export function stdoutCanvas(): Canvas {
  const traits = terminalTraits(Deno.env.toObject(), Deno.stdout.isTerminal(), Deno.build.os);
  const size = Deno.stdout.isTerminal()
    ? terminalSize()
    : { columns: PIPE_COLUMNS, rows: ROWS_DEFAULT };
  return { ...size, ...paintTraits(traits) };
}

function paintTraits({ unicode, colour }: TerminalTraits) {
  return { unicode, colour };
}

function terminalSize(): { columns: number; rows: number } {
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || COLUMNS_DEFAULT, rows: rows || ROWS_DEFAULT };
  } catch {
    return { columns: COLUMNS_DEFAULT, rows: ROWS_DEFAULT };
  }
}
