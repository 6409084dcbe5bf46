import { assertEquals, assertMatch } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { configPath, parseCommand } from "../../../core/cli/arguments.ts";
import { COMMAND_NAMES, optionsOf } from "../../../core/cli/commands.ts";
import { parseGlob } from "../../../core/metainfo/glob.ts";
import { optionName } from "../../../core/cli/option.ts";
import { accept, OUTPUT, PEER, refuse, words } from "./command_kit.ts";

const CREATION = {
  announceTiers: [],
  isPrivate: false,
  pieceLength: undefined,
  format: undefined,
  webSeeds: [],
  source: undefined,
  exclude: [],
  keepSystemFiles: false,
  followSymlinks: false,
  out: undefined,
  force: false,
};

const EVERY_FILE = {
  choose: false,
  select: [],
  exclude: [],
  priorityHigh: [],
  priorityLow: [],
  sequential: false,
  firstLast: false,
};

Deno.test("every command has defaults for all its options", () => {
  assertEquals(accept("tracker"), {
    kind: "tracker",
    host: "127.0.0.1",
    port: 8000,
    intervalSeconds: 300,
    data: "tt-tracker.db",
    store: "file",
    accessLog: undefined,
    catalogToken: undefined,
    registeredOnly: false,
    deny: undefined,
    addressRate: undefined,
    totalRate: undefined,
    maxPeers: undefined,
    maxTorrents: undefined,
    fullScrape: false,
    trustedProxy: [],
    trustIpParam: false,
    ...OUTPUT,
  });
  assertEquals(accept("seed a b"), {
    kind: "seed",
    sources: ["a", "b"],
    dir: undefined,
    catalogToken: undefined,
    noRegister: false,
    resume: false,
    superSeed: false,
    handOver: undefined,
    trace: undefined,
    ...CREATION,
    ...PEER,
  });
  assertEquals(accept("get x.torrent"), {
    kind: "get",
    sources: ["x.torrent"],
    tracker: undefined,
    trace: undefined,
    dir: "downloads",
    moveTo: undefined,
    typed: new Map(),
    resume: false,
    noSeed: false,
    saveTorrent: undefined,
    ...EVERY_FILE,
    handOver: undefined,
    shareRule: { percent: 10, strict: false },
    ...PEER,
  });
  assertEquals(accept("create a"), {
    kind: "create",
    paths: ["a"],
    comment: undefined,
    ...CREATION,
    ...OUTPUT,
  });
  assertEquals(accept("show x"), {
    kind: "show",
    sources: ["x"],
    files: false,
    saveTorrent: undefined,
    ...PEER,
  });
  assertEquals(accept("verify x"), {
    kind: "verify",
    torrents: ["x"],
    dir: undefined,
    select: [],
    exclude: [],
    ...OUTPUT,
  });
  const tracker = "http://127.0.0.1:8000/announce";
  assertEquals(accept("list a b"), { kind: "list", words: ["a", "b"], tracker, ...OUTPUT });
  assertEquals(accept("fetch x"), {
    kind: "fetch",
    names: ["x"],
    tracker,
    out: undefined,
    force: false,
    ...OUTPUT,
  });
  assertEquals(accept("peers x"), {
    kind: "peers",
    names: ["x"],
    tracker: undefined,
    state: undefined,
    ...OUTPUT,
  });
  assertEquals(accept("demo"), { kind: "demo" });
  assertEquals(accept("simulate --peers 9 --free-riders 5% --size 2M --up 500K"), {
    kind: "simulate",
    swarm: {
      peers: 9,
      seeders: 1,
      seed: 1,
      size: 2_000_000,
      pieceLength: undefined,
      format: undefined,
      up: 500_000,
      down: 10_000_000,
      shareRule: { percent: 10, strict: false },
      superSeed: false,
      freeRidersPercent: 5,
      churnPercent: 0,
    },
    plot: undefined,
    ...OUTPUT,
  });
});

Deno.test("options set the fields of a download", () => {
  const line = "get a --dir d --no-seed --share-rule 20,strict --port 0 --peer 127.0.0.1:7000 " +
    "--peer=[::1]:7001 --up-limit 1.5M --down-limit 512K --timeout 30 --host ::1 --json --quiet " +
    "--announce-ip 192.0.2.7 --allow-local b";
  assertEquals(accept(line), {
    kind: "get",
    sources: ["a", "b"],
    tracker: undefined,
    trace: undefined,
    dir: "d",
    moveTo: undefined,
    typed: new Map([
      ["shareRule", ["20,strict"]],
      ["upLimit", ["1.5M"]],
      ["downLimit", ["512K"]],
    ]),
    resume: false,
    noSeed: true,
    saveTorrent: undefined,
    ...EVERY_FILE,
    handOver: undefined,
    shareRule: { percent: 20, strict: true },
    host: "::1",
    port: 0,
    announceIp: "192.0.2.7",
    allowLocal: true,
    discovery: { lsd: true, portmap: true },
    peers: [{ ip: "127.0.0.1", port: 7000 }, { ip: "::1", port: 7001 }],
    dht: { isOn: true, nodes: [] },
    upLimit: 1_500_000,
    downLimit: 512_000,
    seedRatio: undefined,
    seedTimeMs: undefined,
    timeoutMs: 30_000,
    json: true,
    quiet: true,
  });
});

Deno.test("options set the fields of a new torrent", () => {
  const line = "create a --tracker http://h:1,udp://h:2 --tracker http://h/a,b --private " +
    "--piece-length 1M --out o.torrent --force --comment hello --source S --web-seed http://w/ " +
    "--exclude *.tmp --keep-system-files --follow-symlinks --format hybrid";
  assertEquals(accept(line), {
    kind: "create",
    paths: ["a"],
    comment: "hello",
    announceTiers: [["http://h:1/announce", "udp://h:2"], ["http://h/a,b"]],
    isPrivate: true,
    pieceLength: 1_048_576,
    format: "hybrid",
    webSeeds: ["http://w/"],
    source: "S",
    exclude: [parseGlob("*.tmp")!],
    keepSystemFiles: true,
    followSymlinks: true,
    out: "o.torrent",
    force: true,
    ...OUTPUT,
  });
  assertMatch(refuse("create a --web-seed udp://w/"), /is not a web seed URL/);
  assertMatch(refuse("create a --exclude [a"), /is not a pattern/);
  assertMatch(refuse("create a --tracker http://h,ftp://x"), /is not a tracker's URL/);
  assertMatch(refuse("create a --out - --json"), /^conflict: .*both write to stdout/);
});

Deno.test("get --resume without SOURCE resumes all unfinished downloads", () => {
  const command = accept("get --resume --dir d");
  assertEquals(command.kind === "get" && [command.sources, command.resume], [[], true]);
  assertEquals(
    refuse("get"),
    "missing-operand: Command get needs a SOURCE, or --resume to resume unfinished downloads",
  );
});

Deno.test("help and version take precedence over all errors", () => {
  assertEquals(accept(""), { kind: "help", topic: undefined });
  assertEquals(accept("--help"), { kind: "help", topic: undefined });
  assertEquals(accept("help"), { kind: "help", topic: undefined });
  assertEquals(accept("help get"), { kind: "help", topic: "get" });
  assertEquals(accept("get --bogus --port --help"), { kind: "help", topic: "get" });
  assertEquals(accept("-h seed"), { kind: "help", topic: "seed" });
  assertEquals(accept("--version"), { kind: "version" });
  assertEquals(accept("version"), { kind: "version" });
  assertEquals(accept("get -V --bogus"), { kind: "version" });
  for (const name of COMMAND_NAMES) {
    if (name !== "version") assertEquals(accept(`${name} -h`), { kind: "help", topic: name });
  }
});

Deno.test("names that start with a dash are accepted after --", () => {
  const command = accept("seed --quiet -- --odd -h");
  assertEquals(command.kind === "seed" && command.sources, ["--odd", "-h"]);
});

Deno.test("an unknown command or option is answered with the closest match", () => {
  assertEquals(refuse("gte x"), 'unknown-command: Command "gte" is unknown; did you mean get?');
  assertEquals(
    refuse("frobnicate"),
    'unknown-command: Command "frobnicate" is unknown; run tt help for the list',
  );
  assertEquals(
    refuse("help veryfy"),
    'unknown-command: Command "veryfy" is unknown; did you mean verify?',
  );
  assertEquals(
    refuse("get x --seedratio 2"),
    'unknown-option: Option "--seedratio" is not one of tt get; did you mean --seed-ratio?',
  );
  assertEquals(
    refuse("get x --up=2"),
    'unknown-option: Option "--up" is not one of tt get; did you mean --up-limit?',
  );
  assertEquals(
    refuse("verify x --no-seed"),
    'unknown-option: Option "--no-seed" is not one of tt verify; it belongs to get',
  );
  assertEquals(
    refuse("tracker --dir x"),
    'unknown-option: Option "--dir" is not one of tt tracker; it belongs to seed, get, stream, verify, daemon, add and shell',
  );
  assertEquals(
    refuse("get x --xyzzy"),
    'unknown-option: Option "--xyzzy" is not one of tt get; run tt help get',
  );
  assertEquals(
    refuse("--json get x"),
    'unknown-option: Option "--json" is not one of tt; options follow the command',
  );
  assertEquals(
    refuse("--xyzzy get x"),
    'unknown-option: Option "--xyzzy" is not one of tt; run tt help',
  );
  assertEquals(
    refuse("daemon --detach"),
    'unknown-option: Option "--detach" is not one of tt daemon; it may not start programs; run it in the background by: setsid tt daemon --quiet &',
  );
  assertEquals(
    refuse("get -x y"),
    'unknown-option: Option "-x" is not one of tt get; run tt help get',
  );
});

Deno.test("a missing or invalid value is reported with its option", () => {
  assertEquals(
    refuse("get x --dir"),
    "missing-value: Option --dir needs a value; write --dir DIR",
  );
  assertEquals(
    refuse("get x --dir --json"),
    "missing-value: Option --dir needs a value; write --dir DIR",
  );
  assertEquals(
    refuse("get x --port -1"),
    'bad-value: Option --port "-1" is not a port; give a number from 0 to 65535',
  );
  assertEquals(
    refuse("get x --json=maybe"),
    'bad-value: Option --json "maybe" is neither true nor false',
  );
  assertEquals(
    refuse("get x --peer 127.0.0.1:1 --peer localhost:2"),
    'bad-value: Option --peer "localhost:2" is not a peer; give IP:PORT, such as 192.0.2.1:6881 ' +
      "or [2001:db8::1]:6881",
  );
  assertEquals(refuse("get x --dir="), 'bad-value: Option --dir "" is empty; give a value');
});

Deno.test("error messages stay short and printable for any input", () => {
  const message = refuse(`get x --port ${"\x1b".repeat(5000)}`);
  assertMatch(message, /^[ -~…]{1,800}$/);
});

Deno.test("the number of operands is checked", () => {
  assertEquals(
    refuse("seed", { TT_RESUME: "yes" }),
    "missing-operand: Command seed needs a PATH, or --resume to seed what earlier runs seeded",
  );
  assertEquals(
    refuse("demo now"),
    'extra-operand: Command demo takes no argument such as "now"; remove it',
  );
  assertEquals(
    refuse("help get seed"),
    'extra-operand: Command help takes one COMMAND; remove "seed"',
  );
  const empty = parseCommand(["show", ""], {});
  assertEquals(!empty.ok && empty.error.code, "missing-operand");
});

Deno.test("the config file comes from --config, else TT_CONFIG, else there is none", () => {
  const env = { TT_CONFIG: "env.conf" };
  assertEquals(configPath(words("get x --config a --config b"), env), "b");
  assertEquals(configPath(words("--config a get x"), env), "a");
  assertEquals(configPath(words("get x --config=a"), env), "a");
  assertEquals(configPath(words("get x"), env), "env.conf");
  assertEquals(configPath(words("get x"), { TT_CONFIG: "" }), undefined);
  assertEquals(configPath(words("get --dir=--config x"), {}), undefined);
  assertEquals(configPath(words("seed -- --config x"), {}), undefined);
});

Deno.test("no command line, environment or config file makes the parser throw", () => {
  const known = COMMAND_NAMES.flatMap((name) => [
    name,
    ...Object.keys(optionsOf(name)).map((key) => `--${optionName(key)}`),
  ]);
  const word = fc.oneof(fc.constantFrom(...known, "--", "-", "-h", "x", "1"), fc.string());
  const env = fc.dictionary(fc.constantFrom("TT_PORT", "TT_PEER", "TT_CONFIG"), fc.string());
  fc.assert(fc.property(
    fc.array(word, { maxLength: 8 }),
    env,
    fc.option(fc.string(), { nil: undefined }),
    (argv, variables, config) => {
      configPath(argv, variables);
      const file = config === undefined ? undefined : { path: "tt.toml", text: config };
      const parsed = parseCommand(argv, variables, file);
      if (!parsed.ok) assertMatch(parsed.error.message, /^[A-Z].*[^.]$/s);
    },
  ));
});

Deno.test("files and folders, a trace and a daemon are handed on as given", () => {
  const seed = accept("seed --resume --trace t --trace-addresses --super-seed --dir d");
  assertEquals(seed.kind === "seed" && [seed.sources, seed.trace, seed.superSeed, seed.dir], [
    ...[[], { path: "t", keepsAddresses: true }, true, "d"],
  ]);
  const get = accept(
    "get a --trace t --daemon --dht-node 127.0.0.1:1 --seed-ratio 2 --seed-time 1",
  );
  if (get.kind !== "get") throw new Error(get.kind);
  assertEquals(get.trace, { path: "t", keepsAddresses: false });
  assertEquals(get.handOver, { state: undefined });
  assertEquals(get.dht, { isOn: true, nodes: [{ ip: "127.0.0.1", port: 1 }] });
  assertEquals([get.seedRatio, get.seedTimeMs], [2, 60_000]);
  assertEquals(accept("stream a 2 --keep --stream-port 5"), {
    kind: "stream",
    source: "a",
    file: "2",
    tracker: undefined,
    dir: "downloads",
    streamPort: 5,
    keep: true,
    shareRule: { percent: 10, strict: false },
    trace: undefined,
    ...PEER,
  });
  assertEquals(accept("replay a --at 3 --why 1"), {
    ...{ kind: "replay", path: "a", at: 3, why: "1", json: false },
  });
  assertEquals(accept("completions zsh"), { kind: "completions", shell: "zsh" });
  assertEquals(accept("man"), { kind: "man" });
});

Deno.test("a choice on the terminal is of one torrent", () => {
  const choice = "conflict: Option --choose asks about one SOURCE; name one, or use --select";
  assertEquals(refuse("get a b --choose"), choice);
  assertEquals(refuse("get --resume --choose"), choice);
  const get = accept("get a --choose");
  assertEquals(get.kind === "get" && get.choose, true);
});

Deno.test("what is written to stdout and JSON go together only one at a time", () => {
  for (const line of ["seed a --out -", "create a --json", "fetch a --out o --json"]) {
    assertEquals(accept(line).kind, line.split(" ")[0]);
  }
  assertMatch(refuse("fetch a --out - --json"), /^conflict: .*both write to stdout/);
  assertMatch(refuse("fetch a b --out o"), /^conflict: .* 2 torrents were given/);
  assertEquals(accept("create a b").kind, "create");
});

Deno.test("operands are named where one is missing, empty or too many", () => {
  assertEquals(
    refuse("create"),
    "missing-operand: Command create needs a PATH; run tt help create",
  );
  assertEquals(
    refuse("stream a 1 x"),
    'extra-operand: Command stream takes one SOURCE; remove "x"',
  );
  assertEquals(
    refuse("stop now"),
    [
      'extra-operand: Command stop takes no argument such as "now"; remove it',
    ][0],
  );
  const empty = parseCommand(["list", "a", ""], {});
  assertEquals(empty, {
    ok: false,
    error: { code: "missing-operand", message: "Command list was given an empty WORD; name one" },
  });
  assertEquals(
    refuse("completions csh"),
    [
      'bad-value: There are no completions for "csh"; name bash, zsh or fish',
    ][0],
  );
});

Deno.test("a dash alone is an operand, and a value may begin with one dash", () => {
  const list = accept("list - a");
  assertEquals(list.kind === "list" && list.words, ["-", "a"]);
  const create = accept("create a --comment -x");
  assertEquals(create.kind, "create");
});

Deno.test("a value that is written empty is the user's, and is refused where one is needed", () => {
  assertEquals(
    refuse("create a --source="),
    'bad-value: Option --source "" is empty; give a value',
  );
});

Deno.test("the first mistake is the one that is reported", () => {
  assertMatch(refuse("get x --bogus --port"), /"--bogus" is not one of tt get/);
  assertMatch(refuse("get x --port --bogus"), /Option --port needs a value/);
  assertMatch(refuse("get x --bogus=1"), /Option "--bogus" is not/);
  assertMatch(refuse("get x --seed-=1"), /did you mean --seed-ratio\?/);
  assertMatch(refuse("tracker --no-register"), /it belongs to seed$/);
  assertMatch(refuse("verify x --stream-port 1"), /it belongs to stream$/);
  assertMatch(refuse("verify x --super-seed"), /it belongs to seed and simulate$/);
});

Deno.test("a flag takes the next word for an operand, and so does its letter", () => {
  const status = accept("status -w film");
  assertEquals(status.kind === "status" && [status.watch, status.names], [true, ["film"]]);
  const json = accept("list --json a");
  assertEquals(json.kind === "list" && [json.json, json.words], [true, ["a"]]);
});

Deno.test("what is quoted in a message is cut at a hundred characters", () => {
  const quoted = (length: number) => refuse("x".repeat(length)).split('"')[1]!.length;
  assertEquals([quoted(99), quoted(100), quoted(101), quoted(500)], [99, 100, 100, 100]);
});

Deno.test("after two dashes even a command's options are operands", () => {
  const list = accept("-- list --json a");
  assertEquals(list.kind === "list" && [list.words, list.json], [["--json", "a"], false]);
  assertEquals(accept("-- version"), { kind: "version" });
  assertMatch(refuse("--choose get x"), /"--choose" is not one of tt; options follow the command$/);
  assertEquals(refuse("x".repeat(100)).includes("…"), false);
});
