/**
 * Runs tests inside one worker, with one mutant active at a time. The tests are the project's own test
 * files: `Deno.test` only collects them here.
 *
 * Messages in: `load` (test files; answered by `loaded` with what each test covers), `run` (a mutant and
 * the tests to try on it; answered by `ran`).
 */
import { GUARD } from "./instrument.ts";

interface Collected {
  readonly name: string;
  readonly file: string;
  readonly run: (context: unknown) => unknown;
}

export interface CoveredTest {
  readonly name: string;
  readonly file: string;
  readonly passed: boolean;
  readonly ms: number;
  /** Numbers of the mutants whose code the test ran. */
  readonly mutants: readonly number[];
}

export type ToWorker =
  | { readonly kind: "load"; readonly files: readonly string[]; readonly measure: boolean }
  | { readonly kind: "run"; readonly mutant: number; readonly tests: readonly number[] };

export type FromWorker =
  | { readonly kind: "loaded"; readonly tests: readonly CoveredTest[] }
  | { readonly kind: "ran"; readonly killedBy: string | undefined };

const tests: Collected[] = [];
let covered = new Set<number>();
let active = 0;
let currentFile = "";

const scope = globalThis as unknown as Record<string, unknown>;
scope[GUARD] = (id: number) => {
  covered.add(id);
  return id === active;
};

type TestBody = (context: unknown) => unknown;
type TestDefinition = { readonly name: string; readonly fn: TestBody; readonly ignore?: boolean };

function collect(
  first: string | TestDefinition,
  second?: TestBody | object,
  third?: TestBody,
): void {
  if (typeof first === "object" && first.ignore === true) return;
  const name = typeof first === "string" ? first : first.name;
  const run = typeof first === "object" ? first.fn : (third ?? second) as TestBody;
  tests.push({ name, file: currentFile, run });
}
(Deno as unknown as Record<string, unknown>).test = Object.assign(collect, {
  ignore: () => {},
  only: collect,
});

const context = {
  step: async (first: string | TestDefinition, body?: TestBody) => {
    await (typeof first === "string" ? body! : first.fn)(context);
    return true;
  },
};

/** Whether the test passes with the active mutant. */
async function passes(test: Collected): Promise<boolean> {
  try {
    await test.run(context);
    return true;
  } catch {
    return false;
  }
}

async function load(files: readonly string[], measure: boolean): Promise<FromWorker> {
  for (const file of files) {
    currentFile = file;
    await import(file);
  }
  const results: CoveredTest[] = [];
  for (const test of measure ? tests : []) {
    covered = new Set();
    const started = performance.now();
    const passed = await passes(test);
    const ms = performance.now() - started;
    results.push({ name: test.name, file: test.file, passed, ms, mutants: [...covered] });
  }
  return { kind: "loaded", tests: results };
}

async function run(mutant: number, indexes: readonly number[]): Promise<FromWorker> {
  active = mutant;
  let killedBy: string | undefined;
  for (const index of indexes) {
    covered = new Set();
    const test = tests[index]!;
    if (await passes(test)) continue;
    killedBy = test.name;
    break;
  }
  active = 0;
  return { kind: "ran", killedBy };
}

const self = globalThis as unknown as {
  onmessage: (event: { data: ToWorker }) => void;
  postMessage: (message: FromWorker) => void;
};
self.onmessage = async ({ data }) => {
  self.postMessage(
    data.kind === "load"
      ? await load(data.files, data.measure)
      : await run(data.mutant, data.tests),
  );
};
