/** The daemon's part of arguments.ts: from values of options to commands. */
import { fail, ok, type Result } from "../bytes/result.ts";
import type { SessionChange } from "../rpc/session_settings.ts";
import type { DaemonCommand, DaemonCommands } from "./daemon_command.ts";
import { DAEMON_COMMANDS } from "./daemon_commands.ts";
import type { Options, Values } from "./option.ts";
import { type Origin, originsOf, resolveSettings, type Sources } from "./settings.ts";
import type { UsageError } from "./usage_error.ts";
import type { CommandSpec } from "./command_spec.ts";

export type DaemonCommandName = keyof typeof DAEMON_COMMANDS;

type DaemonValues = Values<typeof DAEMON_COMMANDS.daemon.options>;

/** Whether the name is of one of these commands. */
export function isDaemonCommand(name: string): name is DaemonCommandName {
  return Object.hasOwn(DAEMON_COMMANDS, name);
}

/** Errors: see UsageError. */
export function buildDaemonCommand(
  name: DaemonCommandName,
  operands: readonly string[],
  sources: Sources,
): Result<DaemonCommands, UsageError> {
  switch (name) {
    case "daemon":
      return build(
        DAEMON_COMMANDS.daemon,
        sources,
        (values) => daemonCommand(values, originsOf(DAEMON_COMMANDS.daemon, sources)),
      );
    case "add":
      return build(
        DAEMON_COMMANDS.add,
        sources,
        ({ label, ...values }) => {
          const labels = label.flatMap((list) => list.split(","));
          return ok({ kind: "add", sources: operands, labels, ...values });
        },
      );
    case "status":
      return build(
        DAEMON_COMMANDS.status,
        sources,
        (values) => ok({ kind: "status", names: operands, ...values }),
      );
    case "pause":
    case "recheck":
    case "why":
      return build(
        DAEMON_COMMANDS[name],
        sources,
        (values) => ok({ kind: name, names: operands, now: false, ...values }),
      );
    case "resume":
      return build(
        DAEMON_COMMANDS.resume,
        sources,
        (values) => ok({ kind: name, names: operands, ...values }),
      );
    case "remove":
      return build(
        DAEMON_COMMANDS.remove,
        sources,
        (values) => ok({ kind: "remove", names: operands, ...values }),
      );
    case "move":
      return build(
        DAEMON_COMMANDS.move,
        sources,
        (values) =>
          ok({ kind: "move", names: operands.slice(0, -1), dir: operands.at(-1)!, ...values }),
      );
    case "limit":
      return build(DAEMON_COMMANDS.limit, sources, (values) => {
        const { down, up, ratio } = values;
        if (down === undefined && up === undefined && ratio === undefined) return missingLimit();
        return ok({ kind: "limit", names: operands, ...values });
      });
    case "log":
      return build(
        DAEMON_COMMANDS.log,
        sources,
        (values) => ok({ kind: "log", names: operands, ...values }),
      );
    case "shell":
      return build(DAEMON_COMMANDS.shell, sources, ({ dir, host, port, state }) => {
        const session = [
          ...(dir === undefined ? [] : ["--dir", dir]),
          ...(host === undefined ? [] : ["--host", host]),
          ...(port === undefined ? [] : ["--port", String(port)]),
        ];
        return ok({ kind: "shell", state, session });
      });
    case "stop":
      return build(DAEMON_COMMANDS.stop, sources, (values) => ok({ kind: "stop", ...values }));
  }
}

function build<O extends Options>(
  spec: CommandSpec<O>,
  sources: Sources,
  toCommand: (values: Values<O>) => Result<DaemonCommands, UsageError>,
): Result<DaemonCommands, UsageError> {
  const values = resolveSettings(spec, sources);
  return values.ok ? toCommand(values.value) : values;
}

function daemonCommand(
  values: DaemonValues,
  origins: ReadonlyMap<string, Origin>,
): Result<DaemonCommand, UsageError> {
  if ((values.rpcUser === undefined) !== (values.rpcPassword === undefined)) {
    return conflict("Options --rpc-user and --rpc-password go together; give both");
  }
  if ((values.cert === undefined) !== (values.key === undefined)) {
    return conflict("Options --cert and --key go together; give both");
  }
  if (!isLoopback(values.rpc.host) && values.cert === undefined && !values.allowPlainHttp) {
    return conflict(
      `Option --rpc ${values.rpc.host} can be reached from other machines: give --cert and --key, or ` +
        "--allow-plain-http if a proxy or a VPN protects it",
    );
  }
  const weak: Record<string, unknown> = {};
  const strong: Record<string, unknown> = {};
  for (const key of Object.keys(values) as (keyof DaemonValues)[]) {
    const origin = origins.get(key) ?? "default";
    const isWeak = origin === "config" || origin === "default";
    if (origin === "default" && key !== "dir" && key !== "maxDownloads") continue;
    Object.assign(isWeak ? weak : strong, sessionChange(key, values));
  }
  return ok({
    kind: "daemon",
    rpc: values.rpc,
    state: values.state,
    host: values.host,
    announceIp: values.announceIp,
    allowLocal: values.allowLocal,
    dhtNodes: values.dhtNode,
    shareRule: values.shareRule,
    dir: values.dir,
    weak,
    strong,
    allowHost: values.allowHost,
    rpcUser: values.rpcUser,
    rpcPassword: values.rpcPassword,
    cert: values.cert,
    key: values.key,
    allowPlainHttp: values.allowPlainHttp,
    watchFolder: values.watchFolder,
    blocklist: values.blocklist,
    webhook: values.webhook,
    log: values.log,
    json: values.json,
    quiet: values.quiet,
  });
}

/** What an option means for the session. The folder is made absolute by the shell. */
function sessionChange(key: keyof DaemonValues, values: DaemonValues): SessionChange {
  switch (key) {
    case "dir":
      return { download_dir: values.dir };
    case "port":
      return values.port === undefined ? {} : { peer_port: values.port };
    case "dht":
      return { dht_enabled: values.dht };
    case "upLimit":
      return values.upLimit == null
        ? { speed_limit_up_enabled: false }
        : { speed_limit_up_enabled: true, speed_limit_up: kilobytes(values.upLimit) };
    case "downLimit":
      return values.downLimit == null
        ? { speed_limit_down_enabled: false }
        : { speed_limit_down_enabled: true, speed_limit_down: kilobytes(values.downLimit) };
    case "altUpLimit":
      return values.altUpLimit == null ? {} : { alt_speed_up: kilobytes(values.altUpLimit) };
    case "altDownLimit":
      return values.altDownLimit == null ? {} : { alt_speed_down: kilobytes(values.altDownLimit) };
    case "altTime":
      return values.altTime === undefined ? {} : {
        alt_speed_time_enabled: true,
        alt_speed_time_begin: values.altTime.begin,
        alt_speed_time_end: values.altTime.end,
      };
    case "altDays":
      return values.altDays === undefined ? {} : { alt_speed_time_day: values.altDays };
    case "maxDownloads":
      return {
        download_queue_enabled: values.maxDownloads > 0,
        ...(values.maxDownloads > 0 ? { download_queue_size: values.maxDownloads } : {}),
      };
    case "maxSeeds":
      return {
        seed_queue_enabled: values.maxSeeds > 0,
        ...(values.maxSeeds > 0 ? { seed_queue_size: values.maxSeeds } : {}),
      };
    case "seedRatio":
      return { seed_ratio_limited: true, seed_ratio_limit: values.seedRatio };
    case "seedIdle":
      return { idle_seeding_limit_enabled: true, idle_seeding_limit: values.seedIdle };
    case "maxPeers":
      return { peer_limit_global: values.maxPeers };
    case "paused":
      return { start_added_torrents: !values.paused };
    case "lsd":
      return { lpd_enabled: values.lsd };
    case "portmap":
    case "noPortmap":
      return { port_forwarding_enabled: values.portmap && !values.noPortmap };
    case "incompleteDir":
      return values.incompleteDir === undefined
        ? {}
        : { incomplete_dir: values.incompleteDir, incomplete_dir_enabled: true };
    case "blocklist":
      return { blocklist_enabled: values.blocklist !== undefined };
    default:
      return {};
  }
}

/** The protocol counts in kB/s; less than one would be none. */
function kilobytes(rateBytesPerSecond: number): number {
  return Math.max(1, Math.round(rateBytesPerSecond / 1000));
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}

function conflict(message: string): Result<never, UsageError> {
  return fail({ code: "conflict", message });
}

function missingLimit(): Result<never, UsageError> {
  const message = "Command limit needs a limit; give --down, --up or --ratio";
  return fail({ code: "missing-operand", message });
}
