/**
 * Tries mutants on the tests that execute them, in processes that keep the tests loaded.
 *
 * A failure counts only if the same test passes right afterwards without the mutant; one that took too
 * long, only if it then takes far less. Otherwise it is tried again in a new process: an earlier mutant may
 * have left something behind, or the machine may have been busy.
 */
import type { Plan, PlannedMutant, Verdict } from "./plan.ts";
import { type Recording, recordTests, type Test } from "./record.ts";
import { TestProcess } from "./test_process.ts";

/** What a test may take beyond FACTOR times what it takes without a mutant. */
const HANG_MS = 8_000;
const FACTOR = 4;
/** Until a test that did not end in time says so: then it blocks its process. */
const ANSWER_MS = 4_000;
/**
 * Time that the tests of one mutant may take without it. Code that everything uses is executed by every
 * test; beyond its own tests only the most promising of them are tried.
 */
const TESTS_MS_MAX = 3_000;
/** Time for other tests of a mutant of what happens while modules are loaded: any of them may notice. */
const STATIC_MS = 10_000;

export interface LoadedOptions {
  /** Test files within the copy. */
  readonly files: readonly string[];
  readonly processes: number;
  /** HANG_MS unless given. */
  readonly hangMs?: number;
  /** TESTS_MS_MAX unless given. */
  readonly testsMs?: number;
}

/** Tries each of the mutants; tests that fail without one are not used. */
export async function runLoaded(
  plan: Plan,
  chosen: readonly PlannedMutant[],
  { files, processes, hangMs = HANG_MS, testsMs = TESTS_MS_MAX }: LoadedOptions,
): Promise<Verdict[]> {
  if (chosen.length === 0) return [];
  const recording = await recordTests(plan, files, processes);
  for (const name of recording.leftOut) console.log(`left out, fails without a mutant: ${name}`);
  const covering = coverTable(recording);
  const quickest = withinTime(recording.tests.toSorted((a, b) => a.ms - b.ms), STATIC_MS);
  const verdicts: Verdict[] = [];
  const kills = new Map<string, number>();
  const killsOf = (path: string, test: string) => kills.get(`${path} ${test}`) ?? 0;
  const queue = [...chosen];
  await Promise.all(Array.from({ length: processes }, async () => {
    using runner = new Runner(plan.root, hangMs);
    for (let mutant; (mutant = queue.pop()) !== undefined;) {
      const isStatic = recording.static.has(mutant.id);
      const near = pickTests(plan, mutant, covering.get(mutant.id) ?? [], testsMs);
      const tests = isStatic ? [...new Set([...near, ...quickest])] : near;
      // First those that killed most of the source's other mutants.
      const { path } = mutant;
      tests.sort((a, b) => killsOf(path, b.name) - killsOf(path, a.name));
      const killedBy = await runner.firstFailure(mutant.id, isStatic, tests);
      verdicts.push({ mutant, killedBy });
      if (killedBy === undefined) continue;
      kills.set(`${path} ${killedBy}`, killsOf(path, killedBy) + 1);
    }
  }));
  return verdicts;
}

/** For each mutant the tests that execute its code. */
function coverTable({ tests }: Recording): Map<number, Test[]> {
  const table = new Map<number, Test[]>();
  for (const test of tests) {
    for (const mutant of test.mutants) {
      const list = table.get(mutant);
      if (list === undefined) table.set(mutant, [test]);
      else list.push(test);
    }
  }
  return table;
}

/**
 * Tests of files with the source's name first, then of its folder, the quickest first; then others, those first
 * that execute most of the source in their time.
 */
function pickTests(
  plan: Plan,
  { path }: PlannedMutant,
  covering: readonly Test[],
  testsMs: number,
): Test[] {
  const folder = `tests/${path.slice(0, path.lastIndexOf("/") + 1)}`;
  const name = path.slice(path.lastIndexOf("/") + 1, -".ts".length);
  const isOwn = ({ file, startsOthers }: Test) =>
    !startsOthers && (file.startsWith(folder) || file.includes(name));
  const ids = plan.mutants.filter((mutant) => mutant.path === path).map(({ id }) => id);
  const costs = new Map(covering.map((test) => {
    const count = ids.filter((id) => test.mutants.has(id)).length;
    return [test, (test.ms + 50) / count];
  }));
  // The first test of a file is slow, since nothing is compiled yet: time alone would leave it out.
  const isNamed = ({ file }: Test) => Number(file.includes(`/${name}_`));
  const own = covering.filter(isOwn)
    .toSorted((a, b) => isNamed(b) - isNamed(a) || a.ms - b.ms);
  const others = covering.filter((test) => !isOwn(test))
    .toSorted((a, b) => costs.get(a)! - costs.get(b)!);
  return withinTime([...own, ...others], testsMs);
}

/** The first, and of the others as many as the time allows. */
function withinTime(tests: readonly Test[], testsMs: number): Test[] {
  let ms = 0;
  return tests.filter((test, i) => {
    if (i > 0 && ms + test.ms > testsMs) return false;
    ms += test.ms;
    return true;
  });
}

/** Owns one process with loaded tests, and replaces it when it may be spoilt. */
export class Runner implements Disposable {
  readonly #root: string;
  readonly #hangMs: number;
  #process: TestProcess | undefined;

  constructor(root: string, hangMs: number) {
    this.#root = root;
    this.#hangMs = hangMs;
  }

  /** The name of the test that fails with the mutant, "timeout" for one that does not end, or undefined. */
  async firstFailure(
    mutant: number,
    isStatic: boolean,
    tests: readonly Test[],
  ): Promise<string | undefined> {
    if (isStatic) this.#replace();
    const wasUsed = this.#process !== undefined;
    let killedBy = await this.#tryAll(mutant, isStatic, tests);
    if (killedBy === undefined && wasUsed) {
      // A module may have kept an answer from before, which hides what makes it.
      this.#replace();
      killedBy = await this.#tryAll(mutant, isStatic, tests);
    }
    // Only this mutant was active while the modules were loaded.
    if (isStatic) this.#replace();
    return killedBy;
  }

  async #tryAll(
    mutant: number,
    isStatic: boolean,
    tests: readonly Test[],
  ): Promise<string | undefined> {
    for (const test of tests) {
      const killedBy = await this.#try(mutant, isStatic, test);
      if (killedBy !== undefined) return killedBy;
    }
    return undefined;
  }

  async #try(mutant: number, isStatic: boolean, test: Test): Promise<string | undefined> {
    for (const isAgain of [false, true]) {
      if (isAgain) this.#replace();
      const outcome = await this.#run(mutant, isStatic, test);
      if (outcome === "passed") return undefined;
      // What it started may still run, and what it waited for may still come. In a new process it was
      // the mutant itself that left something behind, such as a wrong answer that a module keeps.
      if (outcome === "late" || test.startsOthers || isStatic || isAgain) this.#replace();
      const isRight = await this.#run(0, false, test, outcome === "late") === "passed";
      if (isRight) return outcome === "late" ? "timeout" : test.name;
    }
    this.#replace();
    return undefined;
  }

  /** With `isQuick`, a test that takes half of its limit is late already. */
  async #run(
    mutant: number,
    isStatic: boolean,
    { file, index, ms }: Test,
    isQuick = false,
  ): Promise<"passed" | "failed" | "late"> {
    this.#process ??= new TestProcess(this.#root);
    const limitMs = (this.#hangMs + FACTOR * ms) / (isQuick ? 2 : 1);
    const url = `file://${this.#root}/${file}`;
    const message = { kind: "run", mutant, isStatic, file: url, index, limitMs } as const;
    const answer = await this.#process.ask(message, "ran", limitMs + ANSWER_MS + this.#hangMs);
    if (answer === undefined) this.#replace();
    return answer?.outcome ?? "late";
  }

  #replace(): void {
    this.#process?.kill();
    this.#process = undefined;
  }

  [Symbol.dispose](): void {
    this.#replace();
  }
}
