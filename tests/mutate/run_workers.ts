/** Mutants of pure code: workers that keep the tests loaded and try one mutant after the other. */
import type { Verdict } from "./main.ts";
import { importsOf, listSources, type Plan, type PlannedMutant } from "./plan.ts";
import type { CoveredTest, FromWorker, ToWorker } from "./worker.ts";

const TEST_FOLDERS = ["tests/core", "tests/sim", "tests/fuzz"];
/** A mutant that makes a loop endless ends with its worker. */
const HANG_MS = 3_000;
/**
 * Time that the tests of one mutant may take without it. A part of the core that everything uses is
 * executed by every test; beyond its own tests only the quickest of them are tried.
 */
const TESTS_MS_MAX = 1_500;

class TestWorker {
  #worker: Worker | undefined;
  readonly #files: readonly string[];

  constructor(files: readonly string[]) {
    this.#files = files;
  }

  /** What each test covers, without a mutant. */
  async measure(): Promise<readonly CoveredTest[]> {
    this.#worker = startWorker();
    const answer = await ask(this.#worker, { kind: "load", files: this.#files, measure: true });
    if (answer?.kind !== "loaded") throw new Error("The tests did not load");
    return answer.tests;
  }

  async run(
    mutant: number,
    tests: readonly number[],
    limitMs: number,
  ): Promise<string | undefined> {
    if (this.#worker === undefined) {
      this.#worker = startWorker();
      await ask(this.#worker, { kind: "load", files: this.#files, measure: false });
    }
    const answer = await ask(this.#worker, { kind: "run", mutant, tests }, limitMs);
    if (answer?.kind === "ran") return answer.killedBy;
    this.close();
    return "timeout";
  }

  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

/** Tries each mutant on the tests that execute it, the quickest first. */
export async function runInWorkers(
  plan: Plan,
  chosen: readonly PlannedMutant[],
): Promise<Verdict[]> {
  if (chosen.length === 0) return [];
  const mutated = new Set(plan.mutants.map(({ path }) => path));
  const files = listSources(plan.root, TEST_FOLDERS)
    .filter((path) => path.endsWith("_test.ts"))
    .filter((path) => [...importsOf(plan.root, path)].some((name) => mutated.has(name)))
    .map((path) => `file://${plan.root}/${path}`);
  const workers = Array.from(
    { length: navigator.hardwareConcurrency },
    () => new TestWorker(files),
  );
  const tests = await workers[0]!.measure();
  const covering = coverTable(tests);
  const verdicts: Verdict[] = [];
  const queue = [...chosen];
  await Promise.all(workers.map(async (worker) => {
    for (let mutant; (mutant = queue.pop()) !== undefined;) {
      const { indexes, normalMs } = pickTests(mutant, covering.get(mutant.id) ?? [], tests);
      const killedBy = indexes.length === 0
        ? undefined
        : await worker.run(mutant.id, indexes, HANG_MS + 3 * normalMs);
      verdicts.push({ mutant, killedBy });
    }
    worker.close();
  }));
  return verdicts;
}

/** For each mutant the tests that execute its code, the quickest first. */
function coverTable(tests: readonly CoveredTest[]): Map<number, number[]> {
  const table = new Map<number, number[]>();
  const order = tests.map((_, index) => index).sort((a, b) => tests[a]!.ms - tests[b]!.ms);
  for (const index of order) {
    const test = tests[index]!;
    if (!test.passed) console.log(`left out, fails without a mutant: ${test.name}`);
    if (!test.passed) continue;
    for (const mutant of test.mutants) {
      const list = table.get(mutant);
      if (list === undefined) table.set(mutant, [index]);
      else list.push(index);
    }
  }
  return table;
}

/** The mutant's own tests first, then others, as many as the time allows. */
function pickTests(
  { path }: PlannedMutant,
  covering: readonly number[],
  tests: readonly CoveredTest[],
): { readonly indexes: number[]; readonly normalMs: number } {
  const folder = `/tests/${path.slice(0, path.lastIndexOf("/") + 1)}`;
  const isOwn = (index: number) => tests[index]!.file.includes(folder);
  const own = covering.filter(isOwn), others = covering.filter((index) => !isOwn(index));
  const indexes: number[] = [];
  let normalMs = 0;
  for (const index of [...own, ...others]) {
    if (indexes.length > 0 && normalMs + tests[index]!.ms > TESTS_MS_MAX) continue;
    indexes.push(index);
    normalMs += tests[index]!.ms;
  }
  return { indexes, normalMs };
}

function startWorker(): Worker {
  return new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
}

/** The worker's next message; undefined when it takes too long or fails. */
function ask(worker: Worker, message: ToWorker, limitMs?: number): Promise<FromWorker | undefined> {
  const { promise, resolve } = Promise.withResolvers<FromWorker | undefined>();
  const timer = limitMs === undefined ? undefined : setTimeout(() => resolve(undefined), limitMs);
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    if (message.kind === "load") console.error(event.message);
    resolve(undefined);
  };
  worker.postMessage(message);
  return promise.finally(() => clearTimeout(timer));
}
