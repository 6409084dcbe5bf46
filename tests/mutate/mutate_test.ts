/** The mutation tool, tested: what it changes, and a project whose verdicts are known. */
import { assertEquals } from "@std/assert";
import { openScratch } from "../support/content.ts";
import { instrument } from "./instrument.ts";
import { dropPlan, makePlan, moduleOf, sample } from "./plan.ts";
import { keyOf, percent, readEquivalents, readTable, tableOf } from "./report.ts";
import { runLoaded } from "./run_loaded.ts";
import { testsThatMatter } from "./tests_that_matter.ts";

/** Each mutant of a function's body, as "before -> after". */
function mutantsOf(body: string): string[] {
  return instrument("a.ts", `function f(a, b) { ${body} }`, 1).mutants
    .map(({ before, after }) => `${before} -> ${after}`);
}

Deno.test("operators, conditions, literals and statements are changed, one at a time", () => {
  assertEquals(mutantsOf("return a < b;"), ["a < b -> ((a) <= (b))"]);
  assertEquals(mutantsOf("return a && !b;"), ["!b -> !!(b)", "a && !b -> ((a) || (!b))"]);
  assertEquals(mutantsOf("return a + 1;"), ["1 -> (1 + 1)", "a + 1 -> ((a) - (1))"]);
  assertEquals(mutantsOf("if (a) b();"), ["a -> true", "a -> false", "b(); -> "]);
  assertEquals(mutantsOf("a += 2;"), ["2 -> (2 + 1)", "a += 2 -> (a -= 2)", "a += 2; -> "]);
  assertEquals(mutantsOf("return a ?? b;"), ["a ?? b -> (a)"]);
  assertEquals(mutantsOf("return true;"), ["true -> false"]);
});

Deno.test("large numbers, messages, types and constants of a module are left alone", () => {
  assertEquals(mutantsOf("return 60_000;"), []);
  assertEquals(mutantsOf('return "a" + b;'), []);
  assertEquals(mutantsOf("const c = (x: 1 | 2) => x;"), []);
  assertEquals(instrument("a.ts", "const LIMIT = 5 * 7;", 1).mutants, []);
});

Deno.test("mutated code does what it did while no mutant is active, and else what is said", () => {
  const { text, mutants } = instrument("a.ts", "export const f = (a) => a > 3 ? a - 1 : -a;", 1);
  const plain = text.slice(text.indexOf("\n")).replace("export const f =", "return");
  const results = (active: number) => {
    const f = new Function("__isMutant", plain)((id: number) => id === active);
    return [2, 3, 4].map((a) => f(a));
  };
  assertEquals(results(0), [-2, -3, 3]);
  const byChange = mutants.map(({ id, before, after }) => [`${before} -> ${after}`, results(id)]);
  assertEquals(Object.fromEntries(byChange), {
    "3 -> (3 + 1)": [-2, -3, -4],
    "a > 3 -> ((a) >= (3))": [-2, 2, 3],
    "1 -> (1 + 1)": [-2, -3, 2],
    "a - 1 -> ((a) + (1))": [-2, -3, 5],
    "-a -> (a)": [2, 3, 3],
  });
});

const SOURCE = `export const add = (a: number, b: number): number => a + b;
export const unused = (a: number): number => a * 2;
export const count = (n: number): number => {
  let i = 0;
  while (i < n) i++;
  return i;
};
const squares = Array.from({ length: 3 }, (_, i) => i * i);
export const square = (n: number): number => squares[n]!;
`;
const TEST = `import { add, count, square } from "../../../core/a/a.ts";
Deno.test("sums", () => {
  if (add(2, 1) !== 3 || count(3) !== 3 || square(2) !== 4) throw new Error("wrong");
});
Deno.test("prints, and fails without a mutant", () => {
  console.log("{}");
  throw new Error("always");
});
`;

Deno.test("mutants that a test executes are killed, others survive, endless ones end", async () => {
  await using dir = await openScratch("tt-mutate-test-");
  for (const [path, text] of [["core/a/a.ts", SOURCE], ["tests/core/a/a_test.ts", TEST]] as const) {
    await Deno.mkdir(`${dir.path}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeTextFile(`${dir.path}/${path}`, text);
  }
  const { own } = testsThatMatter(dir.path, "core/a", ["core/a/a.ts"]);
  assertEquals(own, ["tests/core/a/a_test.ts"]);
  const plan = makePlan(dir.path, ["core/a/a.ts"]);
  try {
    const options = { files: own, processes: 1, hangMs: 500 };
    const verdicts = await runLoaded(plan, plan.mutants, options);
    const found = Object.fromEntries(
      verdicts.map(({ mutant: { line, after }, killedBy }) => [`${line} ${after}`, killedBy]),
    );
    assertEquals(found, {
      "1 ((a) - (b))": "sums",
      "2 (2 + 1)": undefined,
      "2 ((a) / (2))": undefined,
      "4 (0 + 1)": undefined,
      "5 ((i) <= (n))": "sums",
      "5 i--": "timeout",
      "8 ((i) / (i))": "sums",
    });
  } finally {
    dropPlan(plan);
  }
});

Deno.test("a sample is as large as asked for, and the same for the same seed", () => {
  const items = Array.from({ length: 100 }, (_, i) => i);
  assertEquals(sample(items, 10, 3), sample(items, 10, 3));
  assertEquals(new Set(sample(items, 10, 3)).size, 10);
  assertEquals(sample(items, 1_000, 3), items);
});

Deno.test("equivalents are known by path and change, and do not count", () => {
  const mutant = { id: 1, path: "core/a/a.ts", line: 7, before: "a < b", after: "((a) <= (b))" };
  const known = readEquivalents("# head\ncore/a/a.ts | a < b | ((a) <= (b)) # no difference\n");
  assertEquals(known.has(keyOf(mutant)), true);
  assertEquals(known.has(keyOf({ ...mutant, after: "((a) > (b))" })), false);
  assertEquals([percent(3, 1), percent(0, 0)], ["75.0 %", "-"]);
  assertEquals([moduleOf("core/a/b/c.ts"), moduleOf("shell/d.ts")], ["core/a", "shell"]);
  const rows = [{ module: "core/a", all: 9, killed: 3, survived: 1, equivalent: 2 }];
  const table = tableOf(rows);
  assertEquals(readTable(table), rows);
  assertEquals(table.split("\n").slice(2).map((line) => line.match(/[\w./%]+/g)), [
    ["core/a", "9", "6", "3", "1", "2", "75.0", "%"],
    ["all", "9", "6", "3", "1", "2", "75.0", "%"],
  ]);
});
