/** Mutants of code that runs where its tests run: processes that keep the tests loaded. */
import { type CoveredTest, type FromChild, MARK, type ToChild } from "./child.ts";
import { TextLineStream } from "./lines.ts";
import type { Verdict } from "./plan.ts";
import type { Plan, PlannedMutant } from "./plan.ts";

/** A mutant that makes a loop endless ends with its process. A busy machine is not a verdict. */
const HANG_MS = 8_000;
const HANG_FACTOR = 6;
/**
 * Time that the tests of one mutant may take without it. Code that everything uses is executed by every
 * test; beyond its own tests only the quickest of them are tried.
 */
const TESTS_MS_MAX = 3_000;
/** Time for the tests of a mutant of what happens while modules are loaded: any of them may notice. */
const STATIC_MS = 10_000;
/** An endless loop that allocates ends here. */
const HEAP_MIB_MAX = 1_500;

export interface LoadedOptions {
  /** Test files within the copy. */
  readonly files: readonly string[];
  readonly processes: number;
  /** Beyond what the tests take without a mutant; HANG_MS unless given. */
  readonly hangMs?: number;
}

class LoadedTests {
  #child: Child | undefined;
  readonly #files: readonly string[];
  readonly #root: string;

  constructor(root: string, files: readonly string[]) {
    this.#root = root;
    this.#files = files;
  }

  /** What each test covers, without a mutant. */
  async measure(): Promise<Extract<FromChild, { kind: "loaded" }>> {
    this.#child = new Child(this.#root);
    const answer = await this.#child.ask(this.#load(0, true));
    if (answer?.kind !== "loaded") throw new Error("The tests did not load");
    return answer;
  }

  #load(mutant: number, measure = false): ToChild {
    return { kind: "load", files: this.#files, measure, mutant };
  }

  /** As `run`, for a mutant of what happens while modules are loaded: in a process of its own. */
  async runStatic(
    mutant: number,
    tests: readonly number[],
    limitMs: number,
  ): Promise<string | undefined> {
    const child = new Child(this.#root);
    try {
      const loaded = await child.ask(this.#load(mutant), limitMs);
      if (loaded?.kind !== "loaded") return "loading";
      const answer = await child.ask({ kind: "run", mutant, tests }, limitMs);
      return answer?.kind === "ran" ? answer.killedBy : "timeout";
    } finally {
      child.kill();
    }
  }

  /**
   * The name of the test that fails with the mutant, "timeout" for tests that do not end or end their
   * process, or undefined. A process that died of what an earlier mutant left gets another chance.
   */
  async run(
    mutant: number,
    tests: readonly number[],
    limitMs: number,
  ): Promise<string | undefined> {
    for (const isLast of [false, true]) {
      const isFresh = this.#child === undefined;
      if (this.#child === undefined) {
        this.#child = new Child(this.#root);
        await this.#child.ask(this.#load(0));
      }
      const answer = await this.#child.ask({ kind: "run", mutant, tests }, limitMs);
      if (answer?.kind === "ran") return answer.killedBy;
      this.close();
      if (isLast || isFresh) break;
    }
    return "timeout";
  }

  close(): void {
    this.#child?.kill();
    this.#child = undefined;
  }
}

/** Tries each mutant on the tests that execute it, the quickest of its own first. */
export async function runLoaded(
  plan: Plan,
  chosen: readonly PlannedMutant[],
  { files, processes: count, hangMs = HANG_MS }: LoadedOptions,
): Promise<Verdict[]> {
  if (chosen.length === 0) return [];
  if (files.length === 0) return chosen.map((mutant) => ({ mutant, killedBy: undefined }));
  const urls = files.map((path) => `file://${plan.root}/${path}`);
  const processes = Array.from({ length: count }, () => new LoadedTests(plan.root, urls));
  const { tests, static: atLoad } = await processes[0]!.measure();
  const covering = coverTable(tests);
  const isStatic = new Set(atLoad);
  const quickest = { indexes: [...quickFirst(tests)], normalMs: STATIC_MS };
  const verdicts: Verdict[] = [];
  const queue = [...chosen];
  await Promise.all(processes.map(async (loaded) => {
    for (let mutant; (mutant = queue.pop()) !== undefined;) {
      const { id } = mutant;
      const { indexes, normalMs } = isStatic.has(id)
        ? quickest
        : pickTests(mutant, covering.get(id) ?? [], tests);
      const limitMs = hangMs + HANG_FACTOR * normalMs;
      const killedBy = indexes.length === 0
        ? undefined
        : isStatic.has(id)
        ? await loaded.runStatic(id, indexes, limitMs)
        : await loaded.run(id, indexes, limitMs);
      verdicts.push({ mutant, killedBy });
    }
    loaded.close();
  }));
  return verdicts;
}

/** Those that take least, together as long as one mutant may take. */
function* quickFirst(tests: readonly CoveredTest[]): Generator<number> {
  let ms = 0;
  const order = tests.map((_, index) => index).sort((a, b) => tests[a]!.ms - tests[b]!.ms);
  for (const index of order) {
    ms += tests[index]!.ms;
    if (ms > STATIC_MS) return;
    if (tests[index]!.passed) yield index;
  }
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

/** Tests of the module's folder first, then others, as many as the time allows. */
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

/** A process of child.ts, asked one thing at a time. */
class Child {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;

  constructor(root: string) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-check", "--allow-all"],
        `--v8-flags=--max-old-space-size=${HEAP_MIB_MAX}`,
        new URL("child.ts", import.meta.url).href,
      ],
      cwd: root,
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
  }

  /** Undefined when it takes too long, or ends. */
  async ask(message: ToChild, limitMs?: number): Promise<FromChild | undefined> {
    const timer = limitMs === undefined ? undefined : setTimeout(() => this.kill(), limitMs);
    try {
      await this.#input.write(new TextEncoder().encode(JSON.stringify(message) + "\n"));
      for (;;) {
        const { value, done } = await this.#lines.read();
        if (done) return undefined;
        if (value.startsWith(MARK)) return JSON.parse(value.slice(MARK.length));
      }
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}
