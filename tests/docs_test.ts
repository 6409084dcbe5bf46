/** What the documents mention exists: files, tests, packages. */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);
const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  ...[...Deno.readDirSync(new URL("docs/", ROOT))].map(({ name }) => `docs/${name}`)
    .filter((path) => path.endsWith(".md")),
];
/**
 * A path in this repository: not the tail of a longer one, and without the full stop of its
 * sentence.
 */
const PATH = /(?<![\w./-])(?:core|shell|tests|docs)\/(?:[\w*./-]*[\w*/])?|\.ci\/run\b/g;
const TESTS_NAMED_MIN = 60;

for (const path of DOCUMENTS) {
  Deno.test(`every file that ${path} names exists`, () => {
    const named = new Set(pathsIn(read(path)));
    assertEquals([...named].filter((name) => !isThere(name)), []);
  });
}

Deno.test("missing files are detected; a full stop and a pattern are handled", () => {
  const text =
    "See `core/bytes/no.ts`, core/bytes/hex.ts. Or `tests/shell/driver_*_test.ts`, a/core/b.";
  const names = pathsIn(text);
  assertEquals(names.map((name) => [name, isThere(name)]), [
    ["core/bytes/no.ts", false],
    ["core/bytes/hex.ts", true],
    ["tests/shell/driver_*_test.ts", true],
  ]);
});

Deno.test("every test that docs/conformance.md names exists in the named file", () => {
  let count = 0;
  for (const line of read("docs/conformance.md").split("\n")) {
    for (const [, path, names] of line.matchAll(/`(tests\/[\w/]+_test\.ts)`((?:,? "[^"]+")+)/g)) {
      const source = read(path!);
      for (const [, name] of names!.matchAll(/"([^"]+)"/g)) {
        assert(source.includes(name!), `${path} has no test "${name}"`);
        count++;
      }
    }
  }
  assert(count >= TESTS_NAMED_MIN, `only ${count} tests were found in the table`);
});

Deno.test("the README has a row for every package, and no other row", () => {
  const readme = read("README.md");
  const section = readme.slice(
    readme.indexOf("## Dependencies"),
    readme.indexOf("## Deliberately absent"),
  );
  const rows = [...section.matchAll(/^\| `([^`]+)` /gm)].map(([, name]) => name!);
  const imports = ["deno.json", "shell/page/app/deno.json"]
    .flatMap((path) => Object.keys(JSON.parse(read(path)).imports));
  assertEquals(rows.sort(), imports.sort());
});

function pathsIn(text: string): string[] {
  return [...text.matchAll(PATH)].map(([path]) => path);
}

function isThere(path: string): boolean {
  const end = path.lastIndexOf("/") + 1;
  const folder = path.slice(0, end), name = path.slice(end);
  if (name.includes("*")) {
    const pattern = new RegExp(`^${name.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
    return [...Deno.readDirSync(new URL(folder, ROOT))].some((entry) => pattern.test(entry.name));
  }
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}
