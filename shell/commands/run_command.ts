/** From a command line to an exit code. */
import { type ConfigFile, configPath, parseCommand } from "../../core/cli/arguments.ts";
import type { Command } from "../../core/cli/command.ts";
import { EXIT, type ExitCode } from "../../core/cli/exit_codes.ts";
import { completionScript } from "../../core/cli/completions.ts";
import { manPage } from "../../core/cli/man.ts";
import { helpText } from "../../core/cli/help.ts";
import { defaultConfigPath } from "../../core/cli/state_paths.ts";
import { namedFileError } from "../disk/named_file.ts";
import { Stopped, stopSignal } from "../stop_signal.ts";
import type { Output } from "../terminal/output.ts";
import { createProcessOutput, stdoutCanvas } from "../terminal/process_output.ts";
import { CLIENT_NAME, VERSION } from "../version.ts";
import { CommandError, toCommandError } from "./command_error.ts";
import { config } from "./config.ts";
import type { Context } from "./context.ts";
import { create } from "./create.ts";
import { dht } from "./dht.ts";
import { demo } from "./demo.ts";
import { fetchTorrents } from "./fetch.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { peers } from "./peers.ts";
import { add, limit, log, manage, move, remove, stop } from "./remote.ts";
import { removeFromCatalog } from "./remove_from_catalog.ts";
import { replay } from "./replay.ts";
import { seed } from "./seed.ts";
import { simulate } from "./simulate.ts";
import { show } from "./show.ts";
import { stream } from "./stream.ts";
import { status } from "./status.ts";
import { verify } from "./verify.ts";

/** What a command line runs in; this process, except in tests. */
export interface Host {
  readonly env: () => Readonly<Record<string, string>>;
  readonly createOutput: typeof createProcessOutput;
  /** As `stopSignal`. */
  readonly stopSignal: (beforeExit: () => void) => AbortController;
}

const PROCESS: Host = {
  env: () => Deno.env.toObject(),
  createOutput: createProcessOutput,
  stopSignal,
};

/** Does what `argv` asks for, on the host's output. Never throws. */
export async function runCommandLine(
  argv: readonly string[],
  host: Host = PROCESS,
): Promise<ExitCode> {
  const plain = host.createOutput({ json: false, quiet: false });
  let command: Command;
  try {
    command = parse(argv, host.env());
  } catch (error) {
    return report(error, plain);
  }
  return await execute(command, host);
}

/** Throws a CommandError. */
function parse(argv: readonly string[], env: Readonly<Record<string, string>>): Command {
  const parsed = parseCommand(argv, env, readConfig(argv, env));
  if (parsed.ok) return parsed.value;
  throw new CommandError(EXIT.usage, parsed.error.code, parsed.error.message);
}

/** Runs a command that was understood. */
async function execute(command: Command, host: Host): Promise<ExitCode> {
  const stop: AbortController = host.stopSignal(() => output.finish());
  const output = host.createOutput({
    json: "json" in command && command.json,
    quiet: "quiet" in command && command.quiet,
    onStdoutClosed: () => stop.abort(new Stopped("the reader of stdout has closed it")),
  });
  try {
    await dispatch(command, { output, signal: stop.signal }, host);
    output.finish();
    return EXIT.done;
  } catch (error) {
    output.finish();
    return error instanceof Stopped ? EXIT.interrupted : report(error, output);
  }
}

async function dispatch(command: Command, context: Context, host: Host): Promise<void> {
  switch (command.kind) {
    case "tracker": {
      // Its database takes a moment to load, which the other commands need not wait for.
      const { tracker } = await import("./tracker.ts");
      return await tracker(command, context);
    }
    case "seed":
      return await seed(command, context);
    case "get":
      return await get(command, context);
    case "stream":
      return await stream(command, context);
    case "create":
      return await create(command, context);
    case "show":
      return await show(command, context);
    case "verify":
      return await verify(command, context);
    case "list":
      return await list(command, context);
    case "fetch":
      return await fetchTorrents(command, context);
    case "peers":
      return await peers(command, context);
    case "dht":
      return await dht(command, context);
    case "replay":
      return await replay(command, context);
    case "simulate":
      return await simulate(command, context);
    case "daemon": {
      // Its database takes a moment to load, which the other commands need not wait for.
      const { daemon } = await import("./daemon.ts");
      return await daemon(command, context);
    }
    case "add":
      return await add(command, context);
    case "status":
      return await status(command, context);
    case "pause":
    case "resume":
    case "recheck":
    case "why":
      return await manage(command, context);
    case "remove": {
      const { tracker, names, catalogToken } = command;
      return tracker === undefined
        ? await remove(command, context)
        : await removeFromCatalog(tracker, names, catalogToken, context);
    }
    case "move":
      return await move(command, context);
    case "limit":
      return await limit(command, context);
    case "log":
      return await log(command, context);
    case "stop":
      return await stop(command, context);
    case "shell": {
      const { shell } = await import("./shell.ts");
      return await shell(command, context, {
        parse: (argv) => parse(argv, host.env()),
        dispatch: (inner, innerContext) => dispatch(inner, innerContext, host),
      });
    }
    case "config":
      return config(command, context);
    case "demo":
      return await demo(context);
    case "completions":
      return context.output.text(completionScript(command.shell));
    case "man":
      return context.output.text(manPage(VERSION));
    case "help":
      return context.output.text(helpText(command.topic, stdoutCanvas().columns));
    case "version":
      return context.output.text(CLIENT_NAME.replace("/", " "));
  }
}

/** Says what went wrong, in one sentence unless TT_DEBUG asks for all. */
function report(error: unknown, output: Output): ExitCode {
  const { exit, code, message, isTold } = toCommandError(error);
  if (!isTold) output.event({ event: "error", code, message });
  if (Deno.env.get("TT_DEBUG") === "1") console.error(error);
  return exit;
}

/** The file that is named must be there; the one at the customary place may be missing. */
function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): ConfigFile | undefined {
  const named = configPath(argv, env);
  const path = named ?? defaultConfigPath(env);
  if (path === undefined) return undefined;
  try {
    return { path, text: Deno.readTextFileSync(path) };
  } catch (error) {
    if (named === undefined && error instanceof Deno.errors.NotFound) return undefined;
    const file = `the config file ${path}`;
    const { message } = namedFileError(error, "read", file, "check --config or TT_CONFIG");
    throw new CommandError(EXIT.usage, "bad-config", message);
  }
}
