/**
 * `deno task mutate [PATH...] [--sample N] [--seed S] [--all]`: changes the sources one small thing at a
 * time and tells which changes no test notices.
 *
 * Pure code (`core/`) runs in workers, where a mutant costs the milliseconds of the tests that execute
 * it; a file of the shell runs its tests in a process for each mutant. Survivors that change nothing a
 * caller can see are listed in `equivalent.txt`, by path and text, and do not count.
 */
import { parseArgs } from "node:util";
import { runInProcesses } from "./run_processes.ts";
import { runInWorkers } from "./run_workers.ts";
import { dropPlan, listSources, makePlan, type PlannedMutant, sample } from "./plan.ts";

export interface Verdict {
  readonly mutant: PlannedMutant;
  /** The test that failed, "timeout", or undefined for a survivor. */
  readonly killedBy: string | undefined;
}

const SAMPLE_DEFAULT = 400;

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    sample: { type: "string", default: String(SAMPLE_DEFAULT) },
    seed: { type: "string", default: "1" },
    all: { type: "boolean", default: false },
  },
});

const project = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const paths = positionals.length > 0 ? positionals : ["core"];
const plan = makePlan(project, listSources(project, paths));
try {
  const count = values.all ? Infinity : Number(values.sample);
  const chosen = sample(plan.mutants, count, Number(values.seed));
  console.log(`${plan.mutants.length} mutants; ${chosen.length} are tried, seed ${values.seed}`);
  const isCore = ({ path }: PlannedMutant) => path.startsWith("core/");
  const verdicts = [
    ...await runInWorkers(plan, chosen.filter(isCore)),
    ...await runInProcesses(plan, chosen.filter((mutant) => !isCore(mutant))),
  ];
  report(verdicts);
} finally {
  dropPlan(plan);
}
// A worker that was ended in an endless loop may keep the process alive.
Deno.exit();

function report(verdicts: readonly Verdict[]): void {
  const equivalents = readEquivalents();
  const folders = new Map<string, { killed: number; survived: number; equivalent: number }>();
  for (const { mutant, killedBy } of verdicts) {
    const folder = mutant.path.slice(0, mutant.path.lastIndexOf("/"));
    const sums = folders.get(folder) ?? { killed: 0, survived: 0, equivalent: 0 };
    folders.set(folder, sums);
    if (killedBy !== undefined) sums.killed++;
    else if (equivalents.has(keyOf(mutant))) sums.equivalent++;
    else {
      sums.survived++;
      console.log(`survived  ${mutant.path}:${mutant.line}  ${mutant.before}  ->  ${mutant.after}`);
    }
  }
  let killed = 0, survived = 0;
  for (const [folder, sums] of [...folders].sort()) {
    killed += sums.killed;
    survived += sums.survived;
    const share = percent(sums.killed, sums.killed + sums.survived);
    console.log(
      `${folder.padEnd(32)} ${share}  ${sums.killed} killed, ${sums.survived} survived, ` +
        `${sums.equivalent} equivalent`,
    );
  }
  console.log(`${"all".padEnd(32)} ${percent(killed, killed + survived)}`);
}

/** Lines of "path | before | after"; a mutant keeps its name when lines move. */
function readEquivalents(): Set<string> {
  const text = Deno.readTextFileSync(new URL("equivalent.txt", import.meta.url));
  return new Set(text.split("\n").map((line) => line.split(" # ")[0]!.trim()));
}

function keyOf({ path, before, after }: PlannedMutant): string {
  return `${path} | ${before} | ${after}`.trim();
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "   -  " : `${(100 * part / whole).toFixed(1).padStart(5)} %`;
}
