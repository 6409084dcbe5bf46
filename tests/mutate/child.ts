/**
 * Runs tests in a process of its own, with one mutant active at a time. The tests are the project's own
 * test files: `Deno.test` only collects them here. A process, not a worker: what hangs can be killed.
 *
 * A line of JSON in, a line out behind MARK: `record` (a test file; answered by what each of its tests
 * executes), `run` (a mutant and a test; answered by how it went). Ends with its input, which closes when
 * the process that tries the mutants is killed. Programs and threads that tests start are told the active
 * mutant by the environment, and write what they execute into a folder (see instrument.ts).
 */
import { ACTIVE_VARIABLE, GUARD, SEEN_VARIABLE } from "./instrument.ts";

interface Collected {
  readonly name: string;
  /** Permissions of a single test are given by the runner of tests only: it may fail here. */
  readonly mayFail: boolean;
  readonly run: (context: unknown) => unknown;
}

export interface RecordedTest {
  /** Among those of the file. */
  readonly index: number;
  readonly name: string;
  readonly passed: boolean;
  readonly ms: number;
  /** Numbers of the mutants whose code the test executed. */
  readonly mutants: readonly number[];
  /** Whether a program or a thread that it started executed some. */
  readonly startsOthers: boolean;
}

export type ToChild =
  | { readonly kind: "record"; readonly file: string }
  | {
    readonly kind: "run";
    readonly mutant: number;
    /** Whether the mutant is active while the file is loaded, too. */
    readonly isStatic: boolean;
    readonly file: string;
    readonly index: number;
    readonly limitMs: number;
  };

export type FromChild =
  | {
    readonly kind: "recorded";
    readonly tests: readonly RecordedTest[];
    /** Mutants whose code runs when a module is loaded, such as a table that it fills. */
    readonly static: readonly number[];
  }
  | {
    readonly kind: "ran";
    readonly outcome: "passed" | "failed" | "late";
    readonly ms: number;
  };

/** Before each answer: what tests print is something else. */
export const MARK = "\u0001";

/** No test takes longer when it is recorded; one that does is left out. */
const TEST_MS_MAX = 60_000;

/** The tests of each file that was loaded. */
const loaded = new Map<string, readonly Collected[]>();
let collected: Collected[] = [];
let executed = new Set<number>();
/** What is executed is noted only then: a test may pass millions of guards. */
let isRecording = false;
let active = 0;

type TestBody = (context: unknown) => unknown;
type TestDefinition = {
  readonly name: string;
  readonly fn: TestBody;
  readonly ignore?: boolean;
  readonly permissions?: unknown;
};

function collect(
  first: string | TestDefinition,
  second?: TestBody | object,
  third?: TestBody,
): void {
  if (typeof first === "object" && first.ignore === true) return;
  const name = typeof first === "string" ? first : first.name;
  const run = typeof first === "object" ? first.fn : (third ?? second) as TestBody;
  const mayFail = typeof first === "object" && first.permissions !== undefined;
  collected.push({ name, mayFail, run });
}

const context = {
  step: async (first: string | TestDefinition, body?: TestBody) => {
    await (typeof first === "string" ? body! : first.fn)(context);
    return true;
  },
};

function activate(mutant: number): void {
  active = mutant;
  Deno.env.set(ACTIVE_VARIABLE, String(mutant));
}

async function load(file: string): Promise<readonly Collected[]> {
  if (!loaded.has(file)) {
    collected = [];
    await import(file);
    loaded.set(file, collected);
  }
  return loaded.get(file)!;
}

async function runTest(
  test: Collected,
  limitMs: number,
): Promise<Extract<FromChild, { kind: "ran" }>> {
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), limitMs);
  const started = performance.now();
  const ended = (async () => {
    try {
      await test.run(context);
      return "passed";
    } catch {
      return "failed";
    }
  })();
  const outcome = await Promise.race([ended, late.promise]);
  clearTimeout(timer);
  return { kind: "ran", outcome, ms: performance.now() - started };
}

async function record(file: string): Promise<FromChild> {
  const seen = Deno.makeTempDirSync({ prefix: "tt-seen-" });
  Deno.env.set(SEEN_VARIABLE, seen);
  activate(0);
  isRecording = true;
  const tests = await load(file);
  const atLoad = [...executed];
  const results: RecordedTest[] = [];
  for (const [index, test] of tests.entries()) {
    executed = new Set();
    const { outcome, ms } = await runTest(test, TEST_MS_MAX);
    const others = takeSeen(seen);
    const mutants = [...executed.union(others)];
    const startsOthers = others.size > 0;
    if (outcome !== "passed" && test.mayFail) continue;
    const { name } = test;
    results.push({ index, name, passed: outcome === "passed", ms, mutants, startsOthers });
  }
  return { kind: "recorded", tests: results, static: atLoad };
}

/** What started programs and threads wrote into the folder since the last time. */
function takeSeen(folder: string): Set<number> {
  const seen = new Set<number>();
  for (const { name } of Deno.readDirSync(folder)) {
    const lines = Deno.readTextFileSync(`${folder}/${name}`).split("\n");
    // A program that is being killed may have written half of its last line.
    for (const line of lines.slice(0, -1)) seen.add(Number(line));
    Deno.removeSync(`${folder}/${name}`);
  }
  return seen;
}

async function answer(message: ToChild): Promise<FromChild> {
  if (message.kind === "record") return await record(message.file);
  const { mutant, isStatic, file, index, limitMs } = message;
  if (isStatic) activate(mutant);
  try {
    const tests = await load(file);
    activate(mutant);
    return await runTest(tests[index]!, limitMs);
  } catch {
    return { kind: "ran", outcome: "failed", ms: 0 };
  } finally {
    activate(0);
  }
}

if (import.meta.main) {
  const scope = globalThis as unknown as Record<string, unknown>;
  scope[GUARD] = (id: number) => {
    if (isRecording) executed.add(id);
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
