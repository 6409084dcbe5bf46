/**
 * `deno task mutate [PATH...] [--sample N] [--seed S] [--all] [--programs] [--table]`: changes the sources one
 * small thing at a time and tells which changes no test notices.
 *
 * One module after the other (`core/x`, `shell/x`), N mutants of each. A mutant costs the milliseconds of
 * the tests that execute it.
 * Survivors that change nothing a caller can see are listed in `equivalent.txt`, with the reason, and do
 * not count. `--table` also writes the figures to FIGURES.md, and keeps the rows of other modules.
 * `--programs` tries mutants of the shell on tests of the command line, too, whose `tt` runs in the process of
 * the test here (see tests/support/tt_here.ts). The first run then executes each test of the shell once, which
 * takes minutes, to know which code it executes.
 */
import { parseArgs } from "node:util";
import { runLoaded } from "./run_loaded.ts";
import { dropPlan, listSources, makePlan, moduleOf, sample, type Verdict } from "./plan.ts";
import { isEquivalent, percent, readEquivalents, readTable, type Sums, tableOf } from "./report.ts";
import { testsThatMatter } from "./tests_that_matter.ts";

const SAMPLE_DEFAULT = 60;
const PROCESSES_MAX = 2;
/** Time for the tests of one mutant when they start programs. */
const PROGRAMS_MS = 12_000;
const TABLE = new URL("FIGURES.md", import.meta.url).pathname;
/** Generated, or started by hand: nothing that a test could hold. */
const LEFT_OUT = ["shell/page/assets.ts", "shell/page/build.ts", "shell/page/app/"];

if (import.meta.main) await main();

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      sample: { type: "string", default: String(SAMPLE_DEFAULT) },
      seed: { type: "string", default: "1" },
      all: { type: "boolean", default: false },
      table: { type: "boolean", default: false },
      programs: { type: "boolean", default: false },
    },
  });
  const project = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
  const equivalents = readEquivalents(
    Deno.readTextFileSync(new URL("equivalent.txt", import.meta.url)),
  );
  const paths = positionals.length > 0 ? positionals : ["core", "shell"];
  const sources = new Set(paths.flatMap((path) => sourcesIn(project, [path])));
  const rows: Sums[] = [];
  for (const [module, files] of Map.groupBy(sources, moduleOf)) {
    const started = performance.now();
    const { all, verdicts } = await tryModule(project, module, files, {
      count: values.all ? Infinity : Number(values.sample),
      seed: Number(values.seed),
      programs: values.programs,
    });
    const row = sumUp(module, all, verdicts, equivalents);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(
      `${module}: ${percent(row.killed, row.survived)}  ${row.killed} killed, ` +
        `${row.survived} survived, ${row.equivalent} equivalent of ${all} (${seconds} s)\n`,
    );
    rows.push(row);
    if (values.table) writeTable(rows);
  }
  console.log(tableOf(rows));
}

/** Replaces the rows of these modules. What stands before the table says how they were measured, and stays. */
function writeTable(rows: readonly Sums[]): void {
  const text = Deno.readTextFileSync(TABLE);
  const all = new Map([...readTable(text), ...rows].map((row) => [row.module, row]));
  const sorted = [...all.values()].sort((a, b) => a.module < b.module ? -1 : 1);
  Deno.writeTextFileSync(TABLE, `${text.slice(0, text.indexOf("| module"))}${tableOf(sorted)}\n`);
}

function sourcesIn(project: string, paths: readonly string[]): string[] {
  return listSources(project, paths)
    .filter((path) => !LEFT_OUT.some((prefix) => path.startsWith(prefix)));
}

interface Choice {
  readonly count: number;
  readonly seed: number;
  /** Whether tests that start programs are tried, too. */
  readonly programs: boolean;
}

async function tryModule(
  project: string,
  module: string,
  files: readonly string[],
  { count, seed, programs }: Choice,
): Promise<{ readonly all: number; readonly verdicts: readonly Verdict[] }> {
  // Tests of the shell are recorded once for all its modules.
  const isShell = module.startsWith("shell");
  const plan = makePlan(project, isShell ? sourcesIn(project, ["shell"]) : files);
  try {
    const own = plan.mutants.filter(({ path }) =>
      moduleOf(path) === module && files.includes(path)
    );
    const chosen = sample(own, count, seed);
    const verdicts = await runLoaded(plan, chosen, {
      files: testsThatMatter(project, module, files, programs),
      processes: Math.min(PROCESSES_MAX, navigator.hardwareConcurrency),
      ...(programs ? { testsMs: PROGRAMS_MS } : {}),
    });
    return { all: own.length, verdicts };
  } finally {
    dropPlan(plan);
  }
}

function sumUp(
  module: string,
  all: number,
  verdicts: readonly Verdict[],
  equivalents: ReadonlySet<string>,
): Sums {
  const survivors = verdicts.filter(({ killedBy }) => killedBy === undefined)
    .map(({ mutant }) => mutant);
  const found = survivors.filter((mutant) => !isEquivalent(equivalents, mutant))
    .sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line);
  for (const { path, line, before, after } of found) {
    console.log(`survived  ${path}:${line}  ${before}  ->  ${after}`);
  }
  return {
    module,
    all,
    killed: verdicts.length - survivors.length,
    survived: found.length,
    equivalent: survivors.length - found.length,
  };
}
