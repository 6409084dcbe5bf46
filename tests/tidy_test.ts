/**
 * Style as a failing test: reads every file of the project and reports each violation as file:line
 * and rule. Needs nothing but --allow-read. Each rule is first run on a bad snippet, to prove that
 * it can fail.
 */
import { assertEquals } from "@std/assert";
import { checkSource, importCircles, layerOf, type Rule, RULES } from "./tidy/rules.ts";
import { MIRRORED_LINES_MIN, mirrorFaults } from "./tidy/mirror.ts";
import { readSource } from "./tidy/source.ts";

const ROOT = new URL("../", import.meta.url);
const FOLDERS = ["core/", "shell/", "tests/", ".ci/"];
const FILES = ["main.ts", "deno.json", "deno.lock", "README.md", "CHANGELOG.md"];
/** Other file types are data. */
const ENDINGS = /\.(tsx?|js|mjs|json|lock|md|py|sh|html|css|txt)$|\/run$/;

Deno.test("every file follows the project rules", () => {
  const faults = projectFiles().flatMap((path) =>
    checkSource(readSource(path, Deno.readTextFileSync(new URL(path, ROOT))))
  );
  assertEquals(faults, []);
});

Deno.test("the walk covers the project", () => {
  const paths = projectFiles();
  for (const path of ["deno.json", "core/bytes/result.ts", "tests/tidy_test.ts"]) {
    assertEquals(paths.includes(path), true, path);
  }
});

Deno.test("no files import each other in a circle", () => {
  const paths = projectFiles().filter((path) => /\.tsx?$/.test(path));
  const sources = paths.map((path) => readSource(path, Deno.readTextFileSync(new URL(path, ROOT))));
  assertEquals(importCircles(sources), []);
});

Deno.test("circles of imports are found, those of types too, and composed state is none", () => {
  const circlesOf = (files: Record<string, string>) =>
    importCircles(Object.entries(files).map(([path, text]) => readSource(path, text)));
  const two = ["shell/a.ts", "shell/b/b.ts"];
  const back = 'import "../a.ts";';
  assertEquals(circlesOf({ "shell/a.ts": 'import "./b/b.ts";', "shell/b/b.ts": back }), [two]);
  const type = 'import type { B } from "./b/b.ts";';
  assertEquals(circlesOf({ "shell/a.ts": type, "shell/b/b.ts": back }), [two]);
  assertEquals(circlesOf({ "shell/a.ts": `// ${type}`, "shell/b/b.ts": back }), []);
  const three = {
    "core/a/a.ts": 'import { b } from "./b.ts";',
    "core/a/b.ts": 'export * from "./c.ts";',
    "core/a/c.ts": 'import { type A, x } from "./a.ts"; import "./none.ts";',
  };
  assertEquals(circlesOf(three), [["core/a/a.ts", "core/a/b.ts", "core/a/c.ts"]]);
  const state = 'import { createPart } from "./part.ts";';
  const part = (clause: string) => ({ "core/a/state.ts": state, "core/a/part.ts": clause });
  assertEquals(circlesOf(part('import type { State } from "./state.ts";')), []);
  assertEquals(circlesOf(part('import { type State } from "./state.ts";')), []);
  assertEquals(circlesOf(part('import { make } from "./state.ts";')).length, 1);
});

Deno.test("tests mirror the tree", () => {
  const paths = projectFiles().filter((path) => /^(core|tests)\/.*\.ts$/.test(path));
  const sources = paths.map((path) => readSource(path, Deno.readTextFileSync(new URL(path, ROOT))));
  assertEquals(mirrorFaults(sources), []);
});

Deno.test("a large file without a test is found, and so is an index that does not fit", () => {
  const large = "export function f() {}\n" + "f();\n".repeat(MIRRORED_LINES_MIN);
  const faultsOf = (files: Record<string, string>, index = {}) =>
    mirrorFaults(Object.entries(files).map(([path, text]) => readSource(path, text)), index);
  const file = { "core/a/b.ts": large };
  assertEquals(faultsOf(file).length, 1);
  assertEquals(faultsOf({ "core/a/b.ts": "export function f() {}" }), []);
  assertEquals(faultsOf({ "core/a/b.ts": large.replace("export ", "") }), []);
  assertEquals(faultsOf({ ...file, "tests/core/a/b_test.ts": "" }), []);
  const test = { "tests/core/a/c_test.ts": 'import "../../../core/a/b.ts";' };
  assertEquals(faultsOf({ ...file, ...test }), []);
  const far = { "tests/core/d/c_test.ts": 'import "./kit.ts";', "tests/core/d/kit.ts": "" };
  const index = { "core/a/b.ts": "tests/core/d/c_test.ts" };
  assertEquals(faultsOf({ ...file, ...far }, index), [
    "core/a/b.ts: tests/core/d/c_test.ts does not run it",
  ]);
  far["tests/core/d/kit.ts"] = 'import "../../../core/a/b.ts";';
  assertEquals(faultsOf({ ...file, ...far }, index), []);
  assertEquals(faultsOf(far, index).length, 1, "it is gone");
});

Deno.test("every module of the core is in the layer table", () => {
  const modules = [...Deno.readDirSync(new URL("core/", ROOT))].map((entry) => entry.name);
  assertEquals(modules.filter((module) => layerOf(module) < 0), []);
});

/** A rule, the path and text of a snippet, and the number of violations in it. */
const SNIPPETS: [keyof typeof RULES, string, string, number][] = [
  ["pure", "core/torrent/a.ts", "const now = Date.now();", 1],
  ["pure", "core/torrent/a.ts", "new Date(); performance.now(); Math.random();", 3],
  ["pure", "core/torrent/a.ts", "Deno.open; crypto.subtle; fetch (url); console.log(1);", 4],
  ["pure", "core/torrent/a.ts", "setTimeout(f); setInterval(f); queueMicrotask(f);", 3],
  ["pure", "core/torrent/a.ts", "async function f(): Promise<void> { await g(); }", 3],
  ["pure", "core/torrent/a.ts", "a.localeCompare(b); globalThis.x; [...Date];", 3],
  ["pure", "core/torrent/a.ts", "`in a template ${Date.now()} too`", 1],
  ["pure", "core/torrent/a.ts", "const a = b / c; Date.now(); d / e;", 1],
  ["pure", "core/torrent/a.ts", "/* Date.now() */ x; // Promise\n/** fetch( */", 0],
  ["pure", "core/torrent/a.ts", "'Date' + \"Deno.\" + `Promise ${x.y} console`;", 0],
  ["pure", "core/torrent/a.ts", 'f("\\"", /["`]Date/g, `\\`${`${{ a: 1 }}`}Date`);', 0],
  ["pure", "core/torrent/a.ts", "x.performance; { process: 1 }; updateDate; fetchNow();", 0],
  ["pure", "shell/net/a.ts", "const now = Date.now();", 0],

  ["layers", "core/bytes/a.ts", 'import { b } from "../wire/b.ts";', 1],
  ["layers", "core/wire/a.ts", 'import type { b } from "../torrent/b.ts";', 1],
  ["layers", "core/wire/a.ts", 'export * from "../tracker/b.ts";', 1],
  ["layers", "core/torrent/a.ts", 'import "../session/b.ts";', 1],
  ["layers", "core/torrent/a.ts", 'import {\n  b,\n} from "../../shell/net/b.ts";', 1],
  ["layers", "core/torrent/a.ts", 'import("../../shell/net/b.ts");', 1],
  ["layers", "core/cli/a.ts", 'import { b } from "node:fs";', 1],
  ["layers", "core/cli/a.ts", 'import { b } from "fast-check";', 1],
  ["layers", "core/cli/a.ts", 'import { parse } from "@std/toml";', 0],
  ["layers", "core/attic/a.ts", 'import { b } from "../bytes/b.ts";', 1],
  ["layers", "shell/net/a.ts", 'import { b } from "../../tests/b.ts";', 1],
  ["layers", "main.ts", 'import { b } from "./tests/b.ts";', 1],
  ["layers", "shell/a.ts", 'import { b } from "./commands/b.ts";', 1],
  ["layers", "shell/daemon/a.ts", 'import { b } from "../commands/b.ts";', 1],
  ["layers", "shell/life/a.ts", 'import type { b } from "../terminal/b.ts";', 1],
  ["layers", "shell/a.ts", 'import { b } from "./daemon/c/b.ts";', 1],
  ["layers", "shell/commands/a.ts", 'import "../daemon/b.ts"; import "../terminal/b.ts";', 0],
  ["layers", "shell/daemon/a.ts", 'import { b } from "../session.ts"; import "./c/b.ts";', 0],
  ["layers", "core/torrent/a.ts", 'import { b } from "../wire/b.ts"; import "./c.ts";', 0],
  ["layers", "core/torrent/a.ts", '// import { b } from "../../shell/b.ts"', 0],
  ["layers", "shell/net/a.ts", 'import { b } from "../../core/wire/b.ts"; import "node:fs";', 0],

  ["testFolders", "tests/shell/a.ts", 'import { b } from "../interop/clients/b.ts";', 1],
  ["testFolders", "tests/interop/a/b.ts", 'import type { b } from "../../shell/b.ts";', 1],
  ["testFolders", "tests/interop/a.ts", 'import { b } from "../../shell/b.ts";', 0],
  [
    "testFolders",
    "tests/shell/c/a.ts",
    'import { b } from "../b.ts"; import "../../core/a.ts";',
    0,
  ],
  ["testFolders", "tests/shell/a.ts", 'import { until } from "../support/until.ts";', 0],

  ["repeatable", "tests/core/a.ts", "const seed = Math.random();", 1],
  ["repeatable", "tests/shell/a.ts", "crypto.getRandomValues(bytes);", 1],
  ["repeatable", "tests/shell/a.ts", "while (!isDone()) await sleep(5);", 1],
  ["repeatable", "tests/interop/a.ts", "while (a) {\n  await b();\n  await sleep(5);\n}", 1],
  ["repeatable", "tests/sim/a.ts", 'import fc from "fast-check";', 1],
  ["repeatable", "tests/sim/a.ts", 'import type { Arbitrary } from "fast-check";', 0],
  ["repeatable", "tests/support/fast_check.ts", 'import fc from "fast-check";', 0],
  ["repeatable", "tests/bench/a.ts", "Math.random();", 0],
  ["repeatable", "tests/shell/a.ts", "await until(() => a, 'b');", 0],

  ["specifiers", "shell/a.ts", 'import { b } from "npm:b@1";', 1],
  ["specifiers", "tests/a.ts", 'import { b } from "jsr:@b/b"; import "https://b.example/b.ts";', 2],
  ["specifiers", "shell/a.ts", 'import { b } from "node:fs"; const c = "npm:b";', 0],

  ["size", "tests/a.ts", "x;\n".repeat(501), 1],
  ["size", "tests/a.ts", "x;\n".repeat(500), 0],
  ["size", "deno.lock", "x\n".repeat(501), 0],

  ["names", "core/bytes/byteWriter.ts", "", 1],
  ["names", "shell/Net/conn.ts", "", 1],
  ["names", "shell/net-work/conn.ts", "", 1],
  ["names", "core/bytes/byte_writer.ts", "", 0],
  ["names", "README.md", "", 0],

  ["documented", "core/bytes/a.ts", "export function f() {}", 1],
  ["documented", "core/bytes/a.ts", "export const f = (a: number): number => a;", 1],
  ["documented", "core/bytes/a.ts", "// not this\nexport function* f() {}", 1],
  ["documented", "core/bytes/a.ts", "/** Why. */\nexport function f() {}\nfunction g() {}", 0],
  ["documented", "core/bytes/a.ts", "export const LIMIT = 5;", 0],
  ["documented", "shell/a.ts", "export function f() {}", 0],

  ["finished", "shell/a.ts", `// ${"TO"}DO later\n// ${"FIX"}ME`, 2],
  ["finished", "shell/a.ts", "const todo = 1;", 0],

  ["portable", "shell/a.ts", `open("${"/wo"}rk/main"); // see ${"/ro"}ot`, 2],
  ["portable", "README.md", `cd ${"/ho"}me/me`, 1],
  ["portable", "deno.lock", `"https://${"registry"}.example.org/b.tgz"`, 1],
  ["portable", "README.md", `from ${"npm"}js.com and ${"jsr"}.io`, 2],
  ["portable", "shell/a.ts", 'fetch(`${base}/home`); "https://example.org/work/"; "./root";', 0],
];

for (const rule of Object.keys(RULES) as (keyof typeof RULES)[]) {
  Deno.test(`the rule "${rule}" finds what it forbids and nothing else`, () => {
    const cases = SNIPPETS.filter(([name]) => name === rule);
    assertEquals(cases.some(([, , , count]) => count > 0), true, "no bad snippet");
    for (const [, path, text, count] of cases) {
      const faults = (RULES[rule] as Rule)(readSource(path, text));
      assertEquals(faults.length, count, `${path}: ${text.slice(0, 100)}`);
    }
  });
}

Deno.test("a violation is reported with its file, line and rule", () => {
  const source = readSource("core/bytes/a.ts", "/* two\nlines */\nconst now = Date.now();\n");
  assertEquals(checkSource(source), ["core/bytes/a.ts:3: The core must not use Date"]);
});

function projectFiles(): string[] {
  const found: string[] = FILES.filter((path) => exists(path));
  for (const folder of FOLDERS) if (exists(folder)) walk(folder, found);
  return found.sort();
}

function walk(folder: string, found: string[]): void {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = folder + entry.name;
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    if (entry.isDirectory) walk(`${path}/`, found);
    else if (entry.isFile && ENDINGS.test(path)) found.push(path);
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
