/**
 * Runs tests in a process of its own, with one mutant active at a time. The tests are the project's own
 * test files: `Deno.test` only collects them here. A process, not a worker: what hangs can be killed.
 *
 * A line of JSON in, a line out behind MARK: `load` (test files; answered by `loaded` with what each test
 * covers), `run` (a mutant and the tests to try on it; answered by `ran`). Ends with its input, which closes
 * when the process that tries the mutants is killed.
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

export type ToChild =
  | {
    readonly kind: "load";
    readonly files: readonly string[];
    readonly measure: boolean;
    /** Active while the files are loaded, and from then on; 0 for none. */
    readonly mutant: number;
  }
  | { readonly kind: "run"; readonly mutant: number; readonly tests: readonly number[] };

export type FromChild =
  | {
    readonly kind: "loaded";
    readonly tests: readonly CoveredTest[];
    /** Mutants whose code runs when a module is loaded, such as a table that it fills. */
    readonly static: readonly number[];
  }
  | { readonly kind: "ran"; readonly killedBy: string | undefined };

/** Before each answer: what tests print is something else. */
export const MARK = "\u0001";

/** No test takes longer when it is measured; one that does is left out. */
const TEST_MS_MAX = 30_000;

const tests: Collected[] = [];
let covered = new Set<number>();
let active = 0;
let currentFile = "";

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

const context = {
  step: async (first: string | TestDefinition, body?: TestBody) => {
    await (typeof first === "string" ? body! : first.fn)(context);
    return true;
  },
};

/** Whether the test passes with the active mutant. */
async function passes(test: Collected): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((_, reject) => timer = setTimeout(reject, TEST_MS_MAX));
  try {
    await Promise.race([test.run(context), late]);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

async function load(
  files: readonly string[],
  measure: boolean,
  mutant: number,
): Promise<FromChild> {
  active = mutant;
  for (const file of files) {
    currentFile = file;
    await import(file);
  }
  const loaded = [...covered];
  const results: CoveredTest[] = [];
  for (const test of measure ? tests : []) {
    covered = new Set();
    const started = performance.now();
    const passed = await passes(test);
    const ms = performance.now() - started;
    results.push({ name: test.name, file: test.file, passed, ms, mutants: [...covered] });
  }
  return { kind: "loaded", tests: results, static: loaded };
}

async function run(mutant: number, indexes: readonly number[]): Promise<FromChild> {
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

async function answer(message: ToChild): Promise<FromChild> {
  return message.kind === "load"
    ? await load(message.files, message.measure, message.mutant)
    : await run(message.mutant, message.tests);
}

if (import.meta.main) {
  const scope = globalThis as unknown as Record<string, unknown>;
  scope[GUARD] = (id: number) => {
    covered.add(id);
    return id === active;
  };
  (Deno as unknown as Record<string, unknown>).test = Object.assign(collect, {
    ignore: () => {},
    only: collect,
  });
  // A test that failed may leave promises behind that nobody waits for.
  globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());
  const input = new Worker(new URL("input.ts", import.meta.url), { type: "module" });
  input.onmessage = async ({ data }) => {
    console.log(MARK + JSON.stringify(await answer(JSON.parse(data))));
  };
}
