/** `tt shell`: a prompt on the running daemon, or on its own session while it runs. */
import { join } from "node:path";
import process from "node:process";
import { createInterface, type Interface } from "node:readline/promises";
import type { Command, ShellCommand } from "../../core/cli/command.ts";
import { completeShellLine, parseShellLine, shellHelp } from "../../core/cli/shell_line.ts";
import { formatPart } from "../../core/cli/format.ts";
import { printable } from "../../core/cli/text.ts";
import { DaemonClient } from "../daemon/client.ts";
import { stateFolder } from "../daemon/endpoint.ts";
import { makePrivateFolder, readPrivateFile, replacePrivateFile } from "../daemon/private_file.ts";
import { Failure } from "../failure.ts";
import { Stopped } from "../stop_signal.ts";
import { createProcessOutput } from "../terminal/process_output.ts";
import { toCommandError } from "./command_error.ts";
import type { Context } from "./context.ts";
import { choose } from "./remote.ts";

const HISTORY_LINES_MAX = 1000;

/** How command lines are read and carried out. */
export interface Interpreter {
  /** Throws a CommandError. */
  readonly parse: (argv: readonly string[]) => Command;
  readonly dispatch: (command: Command, context: Context) => Promise<void>;
}

export async function shell(
  command: ShellCommand,
  context: Context,
  interpreter: Interpreter,
): Promise<void> {
  const folder = stateFolder(command.state);
  const own = await openOwnSession(command, folder, context, interpreter);
  try {
    await prompt(folder, context, interpreter);
  } finally {
    await own?.close();
  }
}

/** A daemon inside of this process, unless one is running. */
async function openOwnSession(
  command: ShellCommand,
  folder: string,
  { output, signal }: Context,
  { parse, dispatch }: Interpreter,
): Promise<{ close(): Promise<void> } | undefined> {
  if (await isRunning(folder, signal)) {
    output.notice("Connected to the running daemon; it keeps running after end");
    return undefined;
  }
  const argv = ["daemon", "--rpc", "127.0.0.1:0", "--quiet", "--state", folder, ...command.session];
  const stop = new AbortController();
  const quiet = createProcessOutput({ json: false, quiet: true });
  let hasEnded = false;
  const running = dispatch(parse(argv), { output: quiet, signal: stop.signal });
  running.then(() => hasEnded = true, () => hasEnded = true);
  while (!hasEnded && !await isRunning(folder, signal)) {
    await new Promise((done) => setTimeout(done, 20));
    signal.throwIfAborted();
  }
  if (hasEnded) await running;
  output.notice("No daemon is running: torrents run for as long as this prompt is open");
  return {
    async close() {
      stop.abort(new Stopped("the prompt was left"));
      await running;
    },
  };
}

async function isRunning(folder: string, signal: AbortSignal): Promise<boolean> {
  try {
    const client = await DaemonClient.open(folder, signal);
    await client.call("session_get", { fields: ["version"] });
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "no-daemon") return false;
    throw error;
  }
}

async function prompt(folder: string, context: Context, interpreter: Interpreter): Promise<void> {
  const { output, signal } = context;
  const client = await DaemonClient.open(folder, signal);
  await makePrivateFolder(folder);
  const historyPath = join(folder, "history");
  const history = (await readPrivateFile(historyPath) ?? "").split("\n").filter((line) =>
    line !== ""
  );
  const isTerminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const lines = createInterface({
    input: process.stdin,
    output: isTerminal ? process.stdout : undefined,
    terminal: isTerminal,
    history: history.toReversed(),
    historySize: HISTORY_LINES_MAX,
    removeHistoryDuplicates: true,
    prompt: "tt> ",
    completer: async (line: string): Promise<[string[], string]> => {
      const { found, word } = completeShellLine(line, await namesOf(client));
      return [found.length === 1 ? [`${found[0]} `] : [...found], word];
    },
  });
  const onAbort = () => lines.close();
  signal.addEventListener("abort", onAbort);
  const typed: string[] = [];
  try {
    // A line that is not wanted is dropped; on an empty one, Ctrl-C leaves.
    lines.on("SIGINT", () => {
      if (lines.line === "") return lines.close();
      lines.write(null, { ctrl: true, name: "e" });
      lines.write(null, { ctrl: true, name: "u" });
    });
    // After Ctrl-D the cursor is still behind the prompt.
    const onEnd = () => isTerminal && output.text("\n");
    for await (const line of readLines(lines, onEnd)) {
      if (line.trim() !== "") typed.push(line);
      if (!await carryOut(line, { folder, client, context, interpreter })) break;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    lines.close();
    const kept = [...history, ...typed].slice(-HISTORY_LINES_MAX);
    if (isTerminal) await replacePrivateFile(historyPath, kept.join("\n") + "\n");
    output.finish();
  }
}

/** Each line, and the prompt before it. What was piped in at once waits for its turn. */
async function* readLines(lines: Interface, onEnd: () => void): AsyncGenerator<string> {
  const waiting: string[] = [];
  let isClosed = false;
  let wake = () => {};
  lines.on("line", (line: string) => {
    waiting.push(line);
    wake();
  });
  lines.on("close", () => {
    isClosed = true;
    wake();
  });
  while (true) {
    if (waiting.length === 0) {
      if (isClosed) return onEnd();
      lines.prompt();
      await new Promise<void>((resolve) => wake = resolve);
    }
    const line = waiting.shift();
    if (line !== undefined) yield line;
  }
}

interface Prompt {
  readonly folder: string;
  readonly client: DaemonClient;
  readonly context: Context;
  readonly interpreter: Interpreter;
}

/** False when the prompt is to be left. Errors are printed, and the prompt stays. */
async function carryOut(
  line: string,
  { folder, client, context, interpreter }: Prompt,
): Promise<boolean> {
  const { output, signal } = context;
  const parsed = parseShellLine(line);
  if (!parsed.ok) {
    output.event({ event: "error", code: "unknown-command", message: parsed.error });
    return true;
  }
  const request = parsed.value;
  try {
    switch (request.kind) {
      case "nothing":
        break;
      case "end":
        return false;
      case "clear":
        output.text("\x1b[2J\x1b[H");
        break;
      case "help":
        output.text(shellHelp());
        break;
      case "pieces":
        await countPieces(client, request.names, context);
        break;
      case "command": {
        const [name] = request.argv;
        const needsState = !["show", "create", "verify", "config", "help"].includes(name!);
        const argv = needsState ? [...request.argv, "--state", folder] : request.argv;
        await interpreter.dispatch(interpreter.parse(argv), { output, signal });
        break;
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = toCommandError(error);
    output.event({ event: "error", code, message });
  }
  return true;
}

async function countPieces(
  client: DaemonClient,
  names: readonly string[],
  { output }: Context,
): Promise<void> {
  const chosen = await choose(client, names.length === 0 ? ["all"] : names);
  const fields = ["name", "piece_count", "pieces"];
  const ids = chosen.map(({ id }) => id);
  for (const torrent of await client.list("torrent_get", { ids, fields }, "torrents")) {
    const bits = Uint8Array.fromBase64(String(torrent.pieces));
    let here = 0;
    for (let byte of bits) for (; byte !== 0; byte &= byte - 1) here++;
    output.text(
      `${printable(String(torrent.name))}: ${
        formatPart(here, Number(torrent.piece_count), "piece")
      }\n`,
    );
  }
}

async function namesOf(client: DaemonClient): Promise<string[]> {
  try {
    const torrents = await client.list("torrent_get", { fields: ["name"] }, "torrents");
    return torrents.map(({ name }) => String(name));
  } catch {
    return [];
  }
}
