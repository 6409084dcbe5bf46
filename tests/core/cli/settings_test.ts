import { assertEquals, assertMatch } from "@std/assert";
import { accept, refuse } from "./command_kit.ts";

Deno.test("options that cannot be combined are refused", () => {
  assertEquals(
    refuse("get x --no-seed --seed-ratio 2"),
    "conflict: Option --no-seed and --seed-ratio cannot be combined; remove one",
  );
  assertEquals(
    refuse("get x", {}, "no-seed = true\nseed-time = 5\n"),
    "conflict: Line 1 of the config file: no-seed and Line 2 of the config file: seed-time " +
      "cannot be combined; remove one",
  );
  for (const command of ["seed", "create"]) {
    assertEquals(
      refuse(`${command} a b --out c`),
      "conflict: Option --out names one file, but 2 torrents were given; give one",
    );
  }
});

Deno.test("when two sources conflict, the one with higher precedence wins", () => {
  const plain = accept("get x --no-seed", { TT_SEED_RATIO: "2" });
  assertEquals(plain.kind === "get" && [plain.noSeed, plain.seedRatio], [true, undefined]);
  const ratio = accept("get x --seed-ratio 2", {}, "no-seed = true");
  assertEquals(ratio.kind === "get" && [ratio.noSeed, ratio.seedRatio], [false, 2]);
  const off = accept("get x --no-seed=false --seed-ratio 2");
  assertEquals(off.kind === "get" && [off.noSeed, off.seedRatio], [false, 2]);
});

Deno.test("precedence is options, environment, config file, defaults", () => {
  const dir = (line: string, env: Record<string, string>, config?: string) => {
    const command = accept(line, env, config);
    return command.kind === "get" && command.dir;
  };
  assertEquals(dir("get x --dir flag", { TT_DIR: "env" }, 'dir = "config"'), "flag");
  assertEquals(dir("get x", { TT_DIR: "env" }, 'dir = "config"'), "env");
  assertEquals(dir("get x", { TT_DIR: "" }, 'dir = "config"'), "config");
  assertEquals(dir("get x", {}, 'up-limit = "2M"'), "downloads");
  assertEquals(dir("get x --dir one --dir two", {}), "two");
});

Deno.test("an environment variable lists trackers with blanks, a config file repeats them", () => {
  const both = ["udp://a:1", "udp://b:2"];
  const trackers = (env: Record<string, string>, config?: string) => {
    const command = accept("create x", env, config);
    return command.kind === "create" && command.announceTiers.flat();
  };
  assertEquals(trackers({ TT_TRACKER: " udp://a:1  udp://b:2 " }), both);
  assertEquals(trackers({}, 'tracker = "udp://a:1 udp://b:2"'), both);
  assertEquals(trackers({}, 'tracker = ["udp://a:1", "udp://b:2"]'), both);
});

Deno.test("an error about an invalid value names its source", () => {
  assertEquals(
    refuse("get x", { TT_PORT: "x" }),
    'bad-value: Variable TT_PORT "x" is not a port; give a number from 0 to 65535',
  );
  assertEquals(
    refuse("get x --config c.conf", {}, '# mine\n\nport = "x"'),
    'bad-value: Line 3 of c.conf: port "x" is not a port; give a number from 0 to 65535',
  );
});

Deno.test("a config file is parsed strictly; comments and blank lines are allowed", () => {
  const command = accept(
    "get x",
    {},
    '\uFEFF# mine\r\n\r\n  up-limit="2M"  \r\nprivate = true\r\n',
  );
  assertEquals(command.kind === "get" && command.upLimit, 2_000_000);
  assertEquals(
    refuse("get x", { TT_CONFIG: "tt.conf" }, "\nprot = 1"),
    'bad-config: Line 2 of tt.conf has the unknown name "prot"; did you mean port?',
  );
  assertEquals(
    refuse("get x", {}, 'config = "x"'),
    'bad-config: Line 1 of the config file has the unknown name "config"; remove it',
  );
  assertEquals(
    refuse("get x", {}, "json"),
    'bad-config: Line 1 of the config file is not a setting; write name = 1 or name = "text"',
  );
  assertEquals(
    refuse("get x", {}, "port = 1\nup-limit = 2M"),
    'bad-config: Line 2 of the config file is not a setting; write name = 1 or name = "text"',
  );
  assertEquals(
    refuse("get x", {}, "port = 1\nport = 2"),
    "bad-config: Line 2 of the config file sets port again; keep one, or write a list",
  );
  assertEquals(
    refuse("get x", {}, "port = 2020-01-01"),
    "bad-config: Line 1 of the config file: port must be a text, a number, true, false or a " +
      "list of them",
  );
  assertMatch(refuse("get x", {}, "#".repeat(300_000)), /^bad-config: .* too long/);
});

Deno.test("a name is found in its line, in quotes of either kind, with dashes and blanks", () => {
  const where = (text: string) => refuse("get x", {}, text).split(" of the config file")[0];
  assertEquals(where(`"prot" = 1`), "bad-config: Line 1");
  assertEquals(where(`\n'prot' = 1`), "bad-config: Line 2");
  assertEquals(where(`\n\n  up-limt\t= 1`), "bad-config: Line 3");
  assertMatch(
    refuse("get x", {}, "'port' = 1\n\nport = 2\n\"port\" = 3"),
    /^bad-config: Line 3 of the config file sets port again/,
  );
  assertMatch(refuse("get x", {}, "[table]\nx = 1"), /has the unknown name "table"; remove it$/);
  assertMatch(refuse("get x", {}, "peer = [[1]]"), /: peer must be a text, a number/);
});

Deno.test("a config file is as long as it may be, and numbers and switches are values", () => {
  const comment = "#".repeat(256 * 1024 - "\nport = 7".length);
  const long = accept("get x", {}, `${comment}\nport = 7`);
  assertEquals(long.kind === "get" && long.port, 7);
  assertMatch(refuse("get x", {}, `${comment}#\nport = 7`), /too long/);
  const command = accept("get x", {}, 'resume = true\nseed-ratio = 1.5\nlsd = "off"');
  assertEquals(command.kind === "get" && [command.resume, command.seedRatio, command.discovery], [
    ...[true, 1.5, { lsd: false, portmap: true }],
  ]);
});

Deno.test("texts of a list are not parted at blanks, those of one line are", () => {
  const exclude = (config: string) => {
    const command = accept("create x", {}, config);
    return command.kind === "create" && command.exclude.length;
  };
  assertEquals(exclude('exclude = ["a b", "c"]'), 2);
  assertEquals(exclude('exclude = "a b"'), 2);
  const comment = accept("create x", {}, 'comment = "a b"');
  assertEquals(comment.kind === "create" && comment.comment, "a b");
});

Deno.test("of conflicting sources the nearer one wins, whichever option it sets", () => {
  const get = (line: string, env: Record<string, string>, config?: string) => {
    const command = accept(line, env, config);
    return command.kind === "get" && [command.noSeed, command.seedRatio];
  };
  assertEquals(get("get x", { TT_NO_SEED: "yes" }, "seed-ratio = 2"), [true, undefined]);
  assertEquals(get("get x", { TT_SEED_RATIO: "2" }, "no-seed = true"), [false, 2]);
  assertEquals(get("get x", { TT_NO_SEED: "off", TT_SEED_RATIO: "2" }), [false, 2]);
  assertMatch(
    refuse("get x", { TT_NO_SEED: "1", TT_SEED_RATIO: "2" }),
    [
      /^conflict: Variable TT_NO_SEED and Variable TT_SEED_RATIO cannot be combined/,
    ][0]!,
  );
});

Deno.test("switches have the usual words", () => {
  const json = (word: string) => {
    const command = accept(`list --json=${word}`);
    return command.kind === "list" && command.json;
  };
  assertEquals(["true", "YES", "on", "1"].map(json), [true, true, true, true]);
  assertEquals(["false", "No", "off", "0"].map(json), [false, false, false, false]);
});
