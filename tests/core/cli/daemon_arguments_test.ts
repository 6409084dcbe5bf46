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
