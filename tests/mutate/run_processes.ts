/** Mutants that tests see only through programs which they start: a test process for each mutant. */
import { fileURLToPath } from "node:url";
import type { Verdict } from "./plan.ts";
import { exists, importsOf, type Plan, type PlannedMutant } from "./plan.ts";

/** Test files tried for one source, the nearest first. */
const TEST_FILES_MAX = 3;
const LIMIT_MS = 120_000;
const GUARD = fileURLToPath(new URL("guard.ts", import.meta.url));

/** Tries each mutant on those of the test files that are nearest to its source. */
export async function runInProcesses(
  plan: Plan,
  chosen: readonly PlannedMutant[],
  files: readonly string[],
  limitMs = LIMIT_MS,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const mutant of chosen) {
    const near = nearest(plan, mutant.path, files);
    verdicts.push({ mutant, killedBy: await runTests(plan.root, mutant.id, near, limitMs) });
  }
  return verdicts;
}

/** Those named as the source is, then those that import fewest other files. */
function nearest(plan: Plan, source: string, files: readonly string[]): string[] {
  const name = source.split("/").at(-1)!.replace(/\.ts$/, "");
  const sizes = new Map(files.map((path) => [path, importsOf(plan.root, path).size]));
  const isNamed = (path: string) => path.split("/").at(-1)!.includes(name);
  return files
    .toSorted((a, b) => Number(isNamed(b)) - Number(isNamed(a)) || sizes.get(a)! - sizes.get(b)!)
    .slice(0, TEST_FILES_MAX);
}

async function runTests(
  root: string,
  mutant: number,
  files: readonly string[],
  limitMs: number,
): Promise<string | undefined> {
  if (files.length === 0 || !exists(root)) return undefined;
  const test = ["test", "--quiet", "--no-check", "--allow-all", "--fail-fast", ...files];
  const guard = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-run", GUARD, Deno.execPath(), ...test],
    cwd: root,
    env: { TT_MUTANT: String(mutant), NO_COLOR: "1" },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    guard.stdin.close();
  }, limitMs);
  const { success } = await guard.status;
  clearTimeout(timer);
  if (isLate) return "timeout";
  await guard.stdin.close().catch(() => {});
  return success ? undefined : "a test file";
}
