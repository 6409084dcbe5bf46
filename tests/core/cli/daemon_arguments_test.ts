import { assertEquals, assertMatch } from "@std/assert";
import { parseCommand } from "../../../core/cli/arguments.ts";
import type { Command } from "../../../core/cli/command.ts";
import { settingResult, settingText } from "../../../core/cli/config_results.ts";

function parse(line: string, env: Record<string, string>, config: string | undefined) {
  const argv = line.split(" ").filter((word) => word !== "");
  const file = config === undefined ? undefined : { path: "the config file", text: config };
  return parseCommand(argv, env, file);
}

function accept(line: string, env: Record<string, string> = {}, config?: string): Command {
  const parsed = parse(line, env, config);
  if (!parsed.ok) throw new Error(`Refused: ${parsed.error.message}`);
  return parsed.value;
}

function refuse(line: string, env: Record<string, string> = {}, config?: string): string {
  const parsed = parse(line, env, config);
  if (parsed.ok) throw new Error(`Accepted: ${JSON.stringify(parsed.value)}`);
  return `${parsed.error.code}: ${parsed.error.message}`;
}

Deno.test("config prints effective values and their sources, and hides secrets", () => {
  const command = accept(
    "config port up-limit dir tracker catalog-token no-seed",
    { TT_UP_LIMIT: "2M" },
    'port = 7000\ntracker = ["udp://a:1", "udp://b:2"]\ncatalog-token = "0123456789"',
  );
  const settings = command.kind === "config" ? command.settings : [];
  assertEquals(settings.map((setting) => settingText(settingResult(setting))), [
    "port = 7000                             # line 1 of the config file",
    'up-limit = "2M"                         # TT_UP_LIMIT',
    '# dir = "downloads"                     # default',
    'tracker = ["udp://a:1", "udp://b:2"]    # line 2 of the config file',
    "# catalog-token                         # line 3 of the config file, hidden",
    "# no-seed = false                       # default",
  ]);
});

Deno.test("the output of config is a valid config file", () => {
  const all = accept("config");
  const settings = all.kind === "config" ? all.settings : [];
  const text = settings.map((setting) => settingText(settingResult(setting))).join("\n");
  assertEquals(accept("get x", {}, text), accept("get x"));
  assertEquals(accept("tracker", {}, text), accept("tracker"));
});

Deno.test("config suggests the closest name for an unknown setting", () => {
  assertEquals(
    refuse("config prot"),
    'missing-operand: There is no setting "prot"; did you mean port?',
  );
  assertEquals(
    refuse("config", { TT_PORT: "x" }),
    'bad-value: Variable TT_PORT "x" is not a port; give a number from 0 to 65535',
  );
});

Deno.test("--daemon and --state select the daemon that receives the torrents", () => {
  const get = accept("get x.torrent --daemon --state s");
  assertEquals(get.kind === "get" && get.handOver, { state: "s" });
  const seed = accept("seed x", { TT_DAEMON: "yes" });
  assertEquals(seed.kind === "seed" && seed.handOver, { state: undefined });
});

Deno.test("daemon settings become session settings, by precedence", () => {
  const command = accept(
    "daemon --up-limit 2M --alt-time 22:00-06:30 --max-downloads 0",
    { TT_SEED_RATIO: "1.5" },
    'down-limit = "500K"\nalt-days = "mon-fri"',
  );
  assertEquals(command.kind === "daemon" && command.strong, {
    speed_limit_up_enabled: true,
    speed_limit_up: 2000,
    alt_speed_time_enabled: true,
    alt_speed_time_begin: 1320,
    alt_speed_time_end: 390,
    download_queue_enabled: false,
    seed_ratio_limited: true,
    seed_ratio_limit: 1.5,
  });
  assertEquals(command.kind === "daemon" && command.weak, {
    download_dir: "downloads",
    speed_limit_down_enabled: true,
    speed_limit_down: 500,
    alt_speed_time_day: 62,
  });
});

Deno.test("a daemon listens on other addresses only with TLS or --allow-plain-http", () => {
  assertMatch(refuse("daemon --rpc 0.0.0.0:9091"), /^conflict: .*give --cert and --key/);
  assertMatch(refuse("daemon --rpc 127.0.0.1:1 --cert a"), /^conflict: .*go together/);
  assertMatch(refuse("daemon --rpc-user a"), /^conflict: .*go together/);
  assertEquals(accept("daemon --rpc 0.0.0.0:9091 --allow-plain-http").kind, "daemon");
  assertEquals(accept("daemon --rpc [::1]:9091").kind, "daemon");
  assertMatch(refuse("daemon --rpc 9091"), /is not an address to listen on/);
  assertMatch(refuse("daemon --alt-time 25:00-06:00"), /is not a time span/);
  assertMatch(refuse("daemon --alt-days mon-xyz"), /is not a list of days/);
  assertMatch(refuse("limit film"), /needs a limit/);
  const off = accept("limit --down off");
  assertEquals(off.kind === "limit" && [off.down, off.up], [null, undefined]);
});

Deno.test("some settings of tracker, add and limit have separate names in the environment", () => {
  const env = { TT_PORT: "7000", TT_HOST: "::1", TT_TRACKER_PORT: "7001" };
  const tracker = accept("tracker", env, 'tracker-host = "0.0.0.0"\nport = 9');
  assertEquals(tracker.kind === "tracker" && [tracker.host, tracker.port], ["0.0.0.0", 7001]);
  const get = accept("get x", env);
  assertEquals(get.kind === "get" && [get.host, get.port], ["::1", 7000]);
});

Deno.test("each setting of a daemon changes what it names in the session, and nothing else", () => {
  const cases: [string, Record<string, unknown>][] = [
    ["--dir /d", { download_dir: "/d" }],
    ["--incomplete-dir /i", { incomplete_dir: "/i", incomplete_dir_enabled: true }],
    ["--port 7000", { peer_port: 7000 }],
    ["--dht off", { dht_enabled: false }],
    ["--lsd off", { lpd_enabled: false }],
    ["--portmap on", { port_forwarding_enabled: true }],
    ["--portmap off", { port_forwarding_enabled: false }],
    ["--no-portmap", { port_forwarding_enabled: false }],
    ["--no-portmap=false", { port_forwarding_enabled: true }],
    ["--up-limit 2M", { speed_limit_up_enabled: true, speed_limit_up: 2000 }],
    ["--up-limit off", { speed_limit_up_enabled: false }],
    ["--down-limit 1500", { speed_limit_down_enabled: true, speed_limit_down: 2 }],
    ["--down-limit off", { speed_limit_down_enabled: false }],
    ["--alt-up-limit 10K", { alt_speed_up: 10 }],
    ["--alt-up-limit off", {}],
    ["--alt-down-limit 1K", { alt_speed_down: 1 }],
    ["--alt-down-limit off", {}],
    ["--alt-time 01:00-02:30", {
      alt_speed_time_enabled: true,
      alt_speed_time_begin: 60,
      alt_speed_time_end: 150,
    }],
    ["--alt-days sun", { alt_speed_time_day: 1 }],
    ["--max-downloads 3", { download_queue_enabled: true, download_queue_size: 3 }],
    ["--max-downloads 0", { download_queue_enabled: false }],
    ["--max-seeds 1", { seed_queue_enabled: true, seed_queue_size: 1 }],
    ["--max-seeds 0", { seed_queue_enabled: false }],
    ["--seed-ratio 0", { seed_ratio_limited: true, seed_ratio_limit: 0 }],
    ["--seed-idle 5", { idle_seeding_limit_enabled: true, idle_seeding_limit: 5 }],
    ["--max-peers 9", { peer_limit_global: 9 }],
    ["--paused", { start_added_torrents: false }],
    ["--paused=false", { start_added_torrents: true }],
    ["--blocklist b", { blocklist_enabled: true }],
    ["--webhook http://h/ --state s --quiet", {}],
  ];
  for (const [options, change] of cases) {
    const command = accept(`daemon ${options}`);
    assertEquals(command.kind === "daemon" && command.strong, change, options);
  }
});

Deno.test("a daemon without options changes only where downloads go, and how many run", () => {
  assertEquals(accept("daemon"), {
    kind: "daemon",
    rpc: { host: "127.0.0.1", port: 9091 },
    state: undefined,
    host: undefined,
    announceIp: undefined,
    allowLocal: false,
    dhtNodes: [],
    shareRule: { percent: 10, strict: false },
    dir: "downloads",
    weak: { download_dir: "downloads", download_queue_enabled: true, download_queue_size: 5 },
    strong: {},
    allowHost: [],
    rpcUser: undefined,
    rpcPassword: undefined,
    cert: undefined,
    key: undefined,
    allowPlainHttp: false,
    watchFolder: undefined,
    blocklist: undefined,
    webhook: undefined,
    log: undefined,
    json: false,
    quiet: false,
  });
});

Deno.test("login and certificate need both of their halves, and open the RPC port to others", () => {
  assertEquals(accept("daemon --rpc-user a --rpc-password b").kind, "daemon");
  assertMatch(refuse("daemon --rpc-password b"), /^conflict: .*rpc-user and --rpc-password go tog/);
  assertEquals(accept("daemon --rpc 0.0.0.0:1 --cert c --key k").kind, "daemon");
  assertMatch(refuse("daemon --key k"), /^conflict: Options --cert and --key go together/);
  assertMatch(refuse("daemon --rpc [::2]:1"), /^conflict: Option --rpc ::2 can be reached/);
  assertEquals(accept("daemon --rpc 127.3.2.1:1").kind, "daemon");
});

Deno.test("commands for a daemon are complete without options", () => {
  const remote = { state: undefined, json: false, quiet: false };
  const every = { select: [], exclude: [], priorityHigh: [], priorityLow: [] };
  const some = { names: ["a", "b"], ...remote };
  assertEquals(accept("add a b"), {
    kind: "add",
    sources: ["a", "b"],
    dir: undefined,
    moveTo: undefined,
    paused: false,
    labels: [],
    sequential: false,
    firstLast: false,
    ...every,
    ...remote,
  });
  const labelled = accept("add a --label x,y --label z");
  assertEquals(labelled.kind === "add" && labelled.labels, ["x", "y", "z"]);
  assertEquals(accept("status a b"), { kind: "status", watch: false, sort: "activity", ...some });
  for (const kind of ["pause", "resume", "recheck", "why"] as const) {
    assertEquals(accept(`${kind} a b`), { kind, now: false, ...some });
  }
  assertEquals(accept("resume a b --now"), { kind: "resume", ...some, now: true });
  assertEquals(accept("remove a b"), {
    kind: "remove",
    data: false,
    tracker: undefined,
    catalogToken: undefined,
    ...some,
  });
  assertEquals(accept("move a b c"), { kind: "move", dir: "c", find: false, ...some });
  assertEquals(accept("limit a b --ratio 2"), {
    kind: "limit",
    down: undefined,
    up: undefined,
    ratio: 2,
    ...some,
  });
  for (const option of ["--down 1K", "--up 1K"]) {
    assertEquals(accept(`limit ${option}`).kind, "limit");
  }
  assertEquals(accept("log a b"), { kind: "log", follow: false, ...some });
  assertEquals(accept("stop"), { kind: "stop", ...remote });
});

Deno.test("the prompt hands options of its own session on", () => {
  assertEquals(accept("shell"), { kind: "shell", state: undefined, session: [] });
  assertEquals(accept("shell --dir d --host ::1 --port 0 --state s"), {
    kind: "shell",
    state: "s",
    session: ["--dir", "d", "--host", "::1", "--port", "0"],
  });
});

Deno.test("config has a default only where one can be written down, from any command", () => {
  const command = accept("config host seed-ratio json max-peers tracker dht label");
  const settings = command.kind === "config" ? command.settings : [];
  assertEquals(settings.map((setting) => settingText(settingResult(setting)).split(/ +# d/)[0]), [
    "# host",
    "# seed-ratio",
    "# json = false",
    "# max-peers",
    '# tracker = "http://127.0.0.1:8000/announce"',
    '# dht = "on"',
    "# label",
  ]);
  assertMatch(refuse("config nonsense"), /There is no setting "nonsense"; run tt config for all$/);
});

Deno.test("a setting is a plain number or switch only where it is one, and lists are lists", () => {
  const line = (value: string | readonly string[] | undefined, origin = "TT_X") =>
    settingText({ event: "setting", name: "x", value, origin });
  const text = (value: string) => line(value).split("#")[0]!.trim();
  assertEquals(["0", "12", "true", "false", "01", "1.5", "-1", 'a"b'].map(text), [
    ...["x = 0", "x = 12", "x = true", "x = false", 'x = "01"', 'x = "1.5"', 'x = "-1"'],
    'x = "a\\"b"',
  ]);
  assertEquals(text("123456789012345"), "x = 123456789012345");
  assertEquals(text("1234567890123456"), 'x = "1234567890123456"');
  assertEquals(line(["1", "a"]), 'x = [1, "a"]                            # TT_X');
  assertEquals(line("n".repeat(50)), `x = "${"n".repeat(50)}" # TT_X`);
  assertEquals(line("a\u009b").includes("\u009b"), false);
});

Deno.test("a single setting can be asked for, and one download may run", () => {
  const config = accept("config port");
  assertEquals(config.kind === "config" && config.settings.map(({ name }) => name), ["port"]);
  const daemon = accept("daemon --max-downloads 1");
  assertEquals(daemon.kind === "daemon" && daemon.strong, {
    download_queue_enabled: true,
    download_queue_size: 1,
  });
});
