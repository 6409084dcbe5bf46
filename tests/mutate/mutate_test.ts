/** The mutation tool, tested: what it changes, and a project whose verdicts are known. */
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { openScratch } from "../support/content.ts";
import { instrument } from "./instrument.ts";
import { dropPlan, makePlan, moduleOf, sample } from "./plan.ts";
import { isEquivalent, percent, readEquivalents, readTable, tableOf } from "./report.ts";
import { recordTests } from "./record.ts";
import { runLoaded, Runner } from "./run_loaded.ts";
import { testsThatMatter } from "./tests_that_matter.ts";
import { within } from "../support/until.ts";

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
  assertEquals(mutantsOf("return -1;"), ["-1 -> (1)"]);
});

Deno.test("a mutant knows the function that it is in", () => {
  const text =
    "const one = (a) => -a; function f(a) { return () => -a; } class C { m(a) { return -a; } }";
  assertEquals(instrument("a.ts", text, 1).mutants.map(({ inside }) => inside), ["", "f", "m"]);
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
const kept = new Map<number, number>();
export const double = (n: number): number => {
  if (n < 0) return n;
  if (!kept.has(n)) kept.set(n, n + n);
  return kept.get(n)!;
};
`;
const TEST = `import { add, count, double, square } from "../../../core/a/a.ts";
Deno.test("sums", () => {
  if (add(2, 1) !== 3 || count(3) !== 3 || square(2) !== 4) throw new Error("wrong");
});
Deno.test("doubles", () => {
  if (double(2) !== 4) throw new Error("wrong");
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
  const own = testsThatMatter(dir.path, "core/a", ["core/a/a.ts"], false);
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
      "12 ((n) <= (0))": undefined,
      "12 (0 + 1)": undefined,
      // Seen only where the number is not known yet, and wrong from then on.
      "13 !!(kept.has(n))": "doubles",
      "13 ((n) - (n))": "doubles",
      "13 ": "doubles",
    });
  } finally {
    dropPlan(plan);
  }
});

Deno.test("mutants are active in programs and threads that tests start, and known to be executed there", async () => {
  await using dir = await openScratch("tt-mutate-test-");
  const files = {
    "core/a/a.ts": "export const add = (a: number, b: number): number => a + b;",
    "core/a/program.ts": `import { add } from "./a.ts"; console.log(add(2, 1));`,
    "core/a/thread.ts": `import { add } from "./a.ts"; postMessage(add(2, 1));`,
    "tests/core/a/a_test.ts": `
const urlOf = (name: string) => new URL("../../../core/a/" + name, import.meta.url);
Deno.test("in a program", async () => {
  const args = ["run", "--allow-env", "--allow-write", urlOf("program.ts").href];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (new TextDecoder().decode(stdout) !== "3\\n") throw new Error("wrong");
});
Deno.test("in a thread", async () => {
  const thread = new Worker(urlOf("thread.ts"), { type: "module" });
  const { data } = await new Promise((resolve) => thread.onmessage = resolve) as MessageEvent;
  thread.terminate();
  if (data !== 3) throw new Error("wrong");
});`,
  };
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(`${dir.path}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeTextFile(`${dir.path}/${path}`, text);
  }
  const plan = makePlan(dir.path, ["core/a/a.ts"]);
  try {
    const recording = await recordTests(plan, ["tests/core/a/a_test.ts"], 1);
    assertEquals(recording.leftOut, []);
    assertEquals(recording.tests.map(({ mutants, startsOthers }) => [[...mutants], startsOthers]), [
      [[1], true],
      [[1], true],
    ]);
    for (const test of recording.tests) {
      using runner = new Runner(plan.root, 30_000);
      assertEquals(await runner.firstFailure(1, false, [test]), test.name);
    }
  } finally {
    dropPlan(plan);
  }
});

Deno.test("what fails without the mutant as well does not count, nor does what takes long anyway", async () => {
  await using dir = await openScratch("tt-mutate-test-");
  const files = {
    "core/a/a.ts": "export const add = (a: number, b: number): number => a + b;",
    "tests/core/a/a_test.ts": `import { add } from "../../../core/a/a.ts";
let runs = 0;
Deno.test("passes once", () => { if (add(2, 1) !== 3 || runs++ > 0) throw new Error("wrong"); });
Deno.test("takes long", async () => { await new Promise(() => add(2, 1)); });
`,
  };
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(`${dir.path}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeTextFile(`${dir.path}/${path}`, text);
  }
  const plan = makePlan(dir.path, ["core/a/a.ts"]);
  try {
    const testOf = (index: number) => ({
      ...{ file: "tests/core/a/a_test.ts", index, name: "it", ms: 1 },
      ...{ mutants: new Set([1]), startsOthers: false },
    });
    using runner = new Runner(plan.root, 500);
    // The first failure is the mutant's: passes once without it, and in no later run.
    assertEquals(await runner.firstFailure(1, false, [testOf(0)]), "it");
    assertEquals(await runner.firstFailure(99, false, [testOf(0)]), undefined);
    assertEquals(await runner.firstFailure(1, false, [testOf(1)]), undefined);
  } finally {
    dropPlan(plan);
  }
});

/** Without end; it prints first, as a sign that it has begun, who is to be killed if nobody does. */
const ENDLESS = "console.log(`looping ${Deno.pid}.`); for (;;);";

/** Fails unless the program and what it started, which loop without end, are gone once its input ends. */
async function endsWithItsInput(args: readonly string[], input: string): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", ...args],
    detached: true,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  let looping: number | undefined;
  try {
    await writer.write(new TextEncoder().encode(input));
    const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!/looping (\d+)\./.test(text)) {
      const { value, done } = await within(output.read(), "the endless loop");
      assertEquals(done, false, text);
      text += value;
    }
    looping = Number(/looping (\d+)\./.exec(text)![1]);
    await writer.close();
    // Whoever still runs would hold it open.
    assertEquals((await within(output.read(), "the end of the loop")).done, true);
  } catch (error) {
    Deno.kill(looping ?? child.pid, "SIGKILL");
    throw error;
  } finally {
    await child.status;
  }
}

Deno.test("a process of mutants that loops ends when whoever started it is gone", async () => {
  await using dir = await openScratch("tt-mutate-test-");
  const file = `${dir.path}/endless_test.ts`;
  await Deno.writeTextFile(file, `Deno.test("endless", () => { ${ENDLESS} });`);
  const question = { kind: "record", file: `file://${file}` };
  const child = fileURLToPath(new URL("child.ts", import.meta.url));
  await endsWithItsInput([child], JSON.stringify(question) + "\n");
});

Deno.test("programs that tests started end with the process that runs the tests", async () => {
  await using dir = await openScratch("tt-mutate-test-");
  const program = `${dir.path}/program.ts`, file = `${dir.path}/endless_test.ts`;
  await Deno.writeTextFile(program, ENDLESS);
  const start = `new Deno.Command(Deno.execPath(), { args: ["run", "${program}"] }).spawn();`;
  await Deno.writeTextFile(file, `Deno.test("starts", () => { ${start} for (;;); });`);
  const question = { kind: "record", file: `file://${file}` };
  const child = fileURLToPath(new URL("child.ts", import.meta.url));
  await endsWithItsInput([child], JSON.stringify(question) + "\n");
});

Deno.test("a sample is as large as asked for, and the same for the same seed", () => {
  const items = Array.from({ length: 100 }, (_, i) => i);
  assertEquals(sample(items, 10, 3), sample(items, 10, 3));
  assertEquals(new Set(sample(items, 10, 3)).size, 10);
  assertEquals(sample(items, 1_000, 3), items);
});

Deno.test("equivalents are known by path and change, in their file or in one function of it", () => {
  const known = readEquivalents(
    "# head\na.ts | a > b | ((a) >= (b)) # equal anyway\na.ts f | 0 | (0 + 1) # of no use\n",
  );
  const isKnown = (inside: string, before: string, after: string, path = "a.ts") =>
    isEquivalent(known, { path, inside, id: 1, line: 3, before, after });
  assertEquals(isKnown("g", "a > b", "((a) >= (b))"), true);
  assertEquals(isKnown("g", "a > b", "((a) > (b))"), false);
  assertEquals(isKnown("g", "a > b", "((a) >= (b))", "b.ts"), false);
  assertEquals(["f", "g", ""].map((inside) => isKnown(inside, "0", "(0 + 1)")), [
    true,
    false,
    false,
  ]);
});

Deno.test("the table has a row for each module, and is read back", () => {
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
