/** Mutants of the shell: for each one a process that runs the tests nearest to the file. */
import type { Verdict } from "./main.ts";
import { importsOf, listSources, type Plan, type PlannedMutant } from "./plan.ts";

/** Test files tried for one source, the nearest first. */
const TEST_FILES_MAX = 4;
const LIMIT_MS = 60_000;

/** Tries each mutant on the tests that import its file, and those of its folder. */
export async function runInProcesses(
  plan: Plan,
  chosen: readonly PlannedMutant[],
): Promise<Verdict[]> {
  if (chosen.length === 0) return [];
  const testFiles = listSources(plan.root, ["tests/shell"])
    .filter((path) => path.endsWith("_test.ts"))
    .map((path) => ({ path, imports: importsOf(plan.root, path) }));
  const verdicts: Verdict[] = [];
  const queue = [...chosen];
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, async () => {
    for (let mutant; (mutant = queue.pop()) !== undefined;) {
      const files = nearest(mutant.path, testFiles);
      verdicts.push({ mutant, killedBy: await runTests(plan.root, mutant.id, files) });
    }
  }));
  return verdicts;
}

interface TestFile {
  readonly path: string;
  readonly imports: ReadonlySet<string>;
}

/** Tests that import the source, the one with the most similar path and fewest imports first. */
function nearest(source: string, testFiles: readonly TestFile[]): string[] {
  const own = `tests/${source.replace(/\.ts$/, "")}`;
  const isOwn = ({ path }: TestFile) => path.startsWith(own);
  return testFiles
    .filter((file) => file.imports.has(source) || isOwn(file))
    .sort((a, b) => Number(isOwn(b)) - Number(isOwn(a)) || a.imports.size - b.imports.size)
    .slice(0, TEST_FILES_MAX)
    .map(({ path }) => path);
}

async function runTests(
  root: string,
  mutant: number,
  files: readonly string[],
): Promise<string | undefined> {
  if (files.length === 0) return undefined;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--quiet", "--no-check", "--allow-all", "--fail-fast", ...files],
    cwd: root,
    env: { TT_MUTANT: String(mutant), NO_COLOR: "1" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const { success, signal } = await child.status;
  clearTimeout(timer);
  if (signal !== null) return "timeout";
  return success ? undefined : "a test file";
}
