/**
 * The command line as a pure function: arguments, environment and the config file's text in, a
 * command or one sentence out. The shell reads the file that `configPath` names.
 */
import { toDiscovery } from "./discovery_options.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import type { Command } from "./command.ts";
import type { PeerSettings, TraceSettings } from "./common_settings.ts";
import {
  COMMAND_NAMES,
  type CommandName,
  COMMANDS,
  type CommandSpec,
  GLOBAL_OPTIONS,
  isCommandName,
  optionsOf,
} from "./commands.ts";
import { SHELLS } from "./completions.ts";
import { type ConfigEntry, parseConfig } from "./config_file.ts";
import { toDhtCommand } from "./dht_command.ts";
import { buildDaemonCommand, isDaemonCommand } from "./daemon_arguments.ts";
import { nearestWord } from "./nearest.ts";
import { rememberedOf } from "./remembered.ts";
import type { Options, Values } from "./option.ts";
import { resolveSettings, settingsInForce, type Sources } from "./settings.ts";
import { scanTokens, type Tokens } from "./tokens.ts";
import { selectionOf, type selectionOptions } from "./selection_options.ts";
import { quote, type UsageError } from "./usage_error.ts";

type Environment = Readonly<Record<string, string>>;

/** The command line up to and after the command's name. */
interface Line {
  /** As typed; undefined when there is none. */
  readonly word: string | undefined;
  readonly name: CommandName | undefined;
  readonly before: Tokens;
  readonly after: Tokens;
}

/** A config file that was read. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** The config file that is named: by `--config`, else by TT_CONFIG, else none. */
export function configPath(argv: readonly string[], env: Environment): string | undefined {
  const { before, after } = scanLine(argv);
  const path = after.given.get("config")?.at(-1) ?? before.given.get("config")?.at(-1);
  return path ?? (env.TT_CONFIG || undefined);
}

/**
 * `argv` without the program's name. `file` is that of `configPath`, or the customary one. Help and
 * version win over any mistake. Errors: see UsageError; the exit code for all of them is 2.
 */
export function parseCommand(
  argv: readonly string[],
  env: Environment,
  file?: ConfigFile,
): Result<Command, UsageError> {
  const { word, name, before, after } = scanLine(argv);
  const asked = (key: string) => before.given.has(key) || after.given.has(key);
  if (asked("version") || name === "version") return ok({ kind: "version" });
  if (before.error !== undefined) return fail(before.error);
  if (word === undefined) return ok({ kind: "help", topic: undefined });
  if (name === undefined) return unknownCommand(word);
  if (asked("help")) return ok({ kind: "help", topic: name });
  if (after.error !== undefined) return fail(after.error);

  const misplaced = checkOperands(name, after.operands);
  if (misplaced !== undefined) return fail(misplaced);
  if (name === "help") return parseHelp(after.operands[0]);
  if (name === "demo" || name === "man") return ok({ kind: name });
  if (name === "completions") return parseCompletions(after.operands[0]!);

  let config: readonly ConfigEntry[] = [];
  if (file !== undefined) {
    const parsed = parseConfig(file.text, file.path);
    if (!parsed.ok) return parsed;
    config = parsed.value;
  }
  return buildCommand(name, after.operands, { flags: after.given, env, config });
}

function scanLine(argv: readonly string[]): Line {
  const before = scanTokens(argv, GLOBAL_OPTIONS, undefined, true);
  const word = before.operands[0] ?? before.rest[0];
  const name = word !== undefined && isCommandName(word) ? word : undefined;
  const options = name === undefined ? GLOBAL_OPTIONS : optionsOf(name);
  // After "--" a command has no options.
  const rest = before.operands.length > 0
    ? ["--", ...before.operands.slice(1)]
    : before.rest.slice(1);
  return { word, name, before, after: scanTokens(rest, options, name) };
}

function buildCommand(
  name: Exclude<CommandName, "help" | "version" | "demo" | "man" | "completions">,
  operands: readonly string[],
  sources: Sources,
): Result<Command, UsageError> {
  if (isDaemonCommand(name)) return buildDaemonCommand(name, operands, sources);
  switch (name) {
    case "tracker":
      return build(
        COMMANDS.tracker,
        sources,
        ({ interval, ...values }) => ok({ kind: "tracker", ...values, intervalSeconds: interval }),
      );
    case "seed":
      return build(COMMANDS.seed, sources, (values) => {
        if (operands.length === 0 && !values.resume) return missingPath();
        return checkOut(values, operands) ?? ok({
          kind: "seed",
          resume: values.resume,
          superSeed: values.superSeed,
          sources: operands,
          dir: values.dir,
          catalogToken: values.catalogToken,
          noRegister: values.noRegister,
          handOver: values.daemon ? { state: values.state } : undefined,
          trace: traceSettings(values),
          ...creationSettings(values),
          ...peerSettings(values),
        });
      });
    case "get":
      return build(COMMANDS.get, sources, (values) => {
        const { tracker, dir, moveTo, resume, noSeed, saveTorrent, shareRule } = values;
        const { choose, sequential, firstLast } = values;
        if (operands.length === 0 && !resume) return missingSource();
        if (choose && operands.length !== 1) return chooseOfOne();
        return ok({
          kind: "get",
          sources: operands,
          ...{ tracker, dir, moveTo, resume, noSeed, saveTorrent, shareRule },
          ...{ choose, sequential, firstLast, ...selectionOf(values) },
          typed: rememberedOf(sources.flags),
          handOver: values.daemon ? { state: values.state } : undefined,
          trace: traceSettings(values),
          ...peerSettings(values),
        });
      });
    case "stream":
      return build(COMMANDS.stream, sources, (values) => {
        const { tracker, dir, streamPort, keep, shareRule } = values;
        return ok({
          kind: "stream",
          source: operands[0]!,
          file: operands[1],
          ...{ tracker, dir, streamPort, keep, shareRule },
          trace: traceSettings(values),
          ...peerSettings(values),
        });
      });
    case "create":
      return build(COMMANDS.create, sources, (values) =>
        checkOut(values, operands) ?? ok({
          kind: "create",
          paths: operands,
          comment: values.comment,
          ...creationSettings(values),
          ...outputSettings(values),
        }));
    case "show":
      return build(
        COMMANDS.show,
        sources,
        ({ files, saveTorrent, ...values }) => {
          const nothing = { upLimit: undefined, downLimit: undefined, quiet: false };
          const goals = { seedRatio: undefined, seedTime: undefined };
          const settings = peerSettings({ ...values, ...nothing, ...goals });
          return ok({ kind: "show", sources: operands, files, saveTorrent, ...settings });
        },
      );
    case "verify":
      return build(
        COMMANDS.verify,
        sources,
        (values) => ok({ kind: "verify", torrents: operands, ...values }),
      );
    case "list":
      return build(
        COMMANDS.list,
        sources,
        (values) => ok({ kind: "list", words: operands, ...values }),
      );
    case "fetch":
      return build(
        COMMANDS.fetch,
        sources,
        (values) => checkOut(values, operands) ?? ok({ kind: "fetch", names: operands, ...values }),
      );
    case "peers":
      return build(
        COMMANDS.peers,
        sources,
        (values) => ok({ kind: "peers", names: operands, ...values }),
      );
    case "dht":
      return build(COMMANDS.dht, sources, (values) => toDhtCommand(operands, values));
    case "replay":
      return build(
        COMMANDS.replay,
        sources,
        (values) => ok({ kind: "replay", path: operands[0]!, ...values }),
      );
    case "config":
      return build(COMMANDS.config, sources, ({ json }) => {
        const settings = settingsInForce(operands, sources);
        return settings.ok
          ? ok({ kind: "config", names: operands, json, settings: settings.value })
          : settings;
      });
    case "simulate":
      return build(COMMANDS.simulate, sources, ({ json, quiet, plot, ...values }) => {
        const { freeRiders, churn, ...swarm } = values;
        return ok({
          kind: "simulate",
          swarm: { ...swarm, freeRidersPercent: freeRiders, churnPercent: churn },
          ...{ plot, json, quiet },
        });
      });
  }
}

function build<O extends Options>(
  spec: CommandSpec<O>,
  sources: Sources,
  toCommand: (values: Values<O>) => Result<Command, UsageError>,
): Result<Command, UsageError> {
  const values = resolveSettings(spec, sources);
  return values.ok ? toCommand(values.value) : values;
}

type PeerValues = Omit<
  Values<typeof COMMANDS.get.options>,
  | "tracker"
  | "dir"
  | "moveTo"
  | "resume"
  | "noSeed"
  | "saveTorrent"
  | "shareRule"
  | keyof typeof selectionOptions
  | "trace"
  | "traceAddresses"
  | "daemon"
  | "state"
>;
type TraceValues = Pick<Values<typeof COMMANDS.get.options>, "trace" | "traceAddresses">;
type CreationValues = Omit<Values<typeof COMMANDS.create.options>, "comment" | "json" | "quiet">;

function peerSettings(values: PeerValues): PeerSettings {
  const { host, port, announceIp, allowLocal, upLimit, downLimit, seedRatio } = values;
  return {
    ...{ host, port, announceIp, allowLocal, upLimit, downLimit, seedRatio },
    peers: values.peer,
    dht: { isOn: values.dht, nodes: values.dhtNode },
    seedTimeMs: values.seedTime,
    timeoutMs: values.timeout,
    discovery: toDiscovery(values),
    ...outputSettings(values),
  };
}

function traceSettings({ trace: path, traceAddresses }: TraceValues): TraceSettings | undefined {
  return path === undefined ? undefined : { path, keepsAddresses: traceAddresses };
}

function creationSettings(values: CreationValues) {
  const { tracker, private: isPrivate, webSeed, ...rest } = values;
  const { pieceLength, format, source, exclude, keepSystemFiles, followSymlinks, out, force } =
    rest;
  return {
    ...{ announceTiers: tracker, isPrivate, pieceLength, format, webSeeds: webSeed, source },
    ...{ exclude, keepSystemFiles, followSymlinks, out, force },
  };
}

function outputSettings({ json, quiet }: { readonly json: boolean; readonly quiet: boolean }) {
  return { json, quiet };
}

function parseCompletions(word: string): Result<Command, UsageError> {
  const shell = SHELLS.find((name) => name === word);
  if (shell !== undefined) return ok({ kind: "completions", shell });
  const message = `There are no completions for ${quote(word)}; name bash, zsh or fish`;
  return fail({ code: "bad-value", message });
}

function parseHelp(topic: string | undefined): Result<Command, UsageError> {
  if (topic === undefined) return ok({ kind: "help", topic });
  return isCommandName(topic) ? ok({ kind: "help", topic }) : unknownCommand(topic);
}

function checkOperands(name: CommandName, operands: readonly string[]): UsageError | undefined {
  const { name: wanted, min, max } = COMMANDS[name].operands;
  if (operands.length < min) {
    const message = `Command ${name} needs a ${wanted}; run tt help ${name}`;
    return { code: "missing-operand", message };
  }
  if (operands.length > max) {
    const extra = quote(operands[max]!);
    const message = max === 0
      ? `Command ${name} takes no argument such as ${extra}; remove it`
      : `Command ${name} takes one ${wanted}; remove ${extra}`;
    return { code: "extra-operand", message };
  }
  const empty = operands.includes("");
  return empty
    ? { code: "missing-operand", message: `Command ${name} was given an empty ${wanted}; name one` }
    : undefined;
}

function checkOut(
  { out, json }: { readonly out: string | undefined; readonly json: boolean },
  operands: readonly string[],
): Result<never, UsageError> | undefined {
  if (out === "-" && json) {
    const message = "Options --out - and --json both write to stdout; drop one of them";
    return fail({ code: "conflict", message });
  }
  if (out === undefined || operands.length === 1) return undefined;
  return fail({
    code: "conflict",
    message: `Option --out names one file, but ${operands.length} torrents were given; give one`,
  });
}

function chooseOfOne(): Result<never, UsageError> {
  const message = "Option --choose asks about one SOURCE; name one, or use --select";
  return fail({ code: "conflict", message });
}

function missingPath(): Result<never, UsageError> {
  return fail({
    code: "missing-operand",
    message: "Command seed needs a PATH, or --resume to seed what earlier runs seeded",
  });
}

function missingSource(): Result<never, UsageError> {
  return fail({
    code: "missing-operand",
    message: "Command get needs a SOURCE, or --resume to resume unfinished downloads",
  });
}

function unknownCommand(word: string): Result<never, UsageError> {
  const nearest = nearestWord(word, COMMAND_NAMES);
  const advice = nearest === undefined ? "run tt help for the list" : `did you mean ${nearest}?`;
  return fail({ code: "unknown-command", message: `Command ${quote(word)} is unknown; ${advice}` });
}
