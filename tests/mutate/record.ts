/**
 * Owns what is known of the tests before mutants are tried on them: how long each takes, and which code it
 * executes, also in programs and threads that it starts. Recordings are kept between runs, and hold for as
 * long as the test file and everything that it can execute stay the same.
 */
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import type { FromChild } from "./child.ts";
import { exists, importsOf, listSources, type Plan } from "./plan.ts";
import { TestProcess } from "./test_process.ts";
import { startsPrograms } from "./tests_that_matter.ts";

/** By the hash of what they hold for, in the system's folder for temporary files. */
const KEPT = `${tmpdir()}/tt-mutate-recordings`;

export interface Test {
  /** Path within the project. */
  readonly file: string;
  /** Among those of the file. */
  readonly index: number;
  readonly name: string;
  readonly ms: number;
  readonly mutants: ReadonlySet<number>;
  readonly startsOthers: boolean;
}

export interface Recording {
  /** Those that pass without a mutant. */
  readonly tests: readonly Test[];
  /** Mutants whose code is executed while modules are loaded. */
  readonly static: ReadonlySet<number>;
  /** Names of tests that failed without a mutant, and test files that did not load. */
  readonly leftOut: readonly string[];
}

type Recorded = Extract<FromChild, { kind: "recorded" }>;

/** Runs the tests of each file in a process of its own, `count` files at a time. */
export async function recordTests(
  plan: Plan,
  files: readonly string[],
  count: number,
): Promise<Recording> {
  const tests: Test[] = [], leftOut: string[] = [];
  const atLoad = new Set<number>();
  const queue = [...files];
  await Promise.all(Array.from({ length: count }, async () => {
    for (let file; (file = queue.shift()) !== undefined;) {
      const recorded = await recordFile(plan, file);
      if (recorded === undefined) {
        leftOut.push(file);
        continue;
      }
      for (const id of recorded.static) atLoad.add(id);
      for (const { index, name, ms, passed, mutants, startsOthers } of recorded.tests) {
        if (!passed) leftOut.push(`${file}: ${name}`);
        else tests.push({ file, index, name, ms, mutants: new Set(mutants), startsOthers });
      }
    }
  }));
  return { tests, static: atLoad, leftOut };
}

async function recordFile(plan: Plan, file: string): Promise<Recorded | undefined> {
  const path = `${KEPT}/${hashOf(plan, file)}.json`;
  if (exists(path)) return JSON.parse(Deno.readTextFileSync(path));
  using child = new TestProcess(plan.root);
  const recorded = await child.ask(
    { kind: "record", file: `file://${plan.root}/${file}` },
    "recorded",
  );
  if (recorded !== undefined) {
    Deno.mkdirSync(KEPT, { recursive: true });
    Deno.writeTextFileSync(`${path}.${Deno.pid}`, JSON.stringify(recorded));
    Deno.renameSync(`${path}.${Deno.pid}`, path);
  }
  return recorded;
}

/** Of all sources that the test file can execute, of the numbers of their mutants, and of what records. */
function hashOf(plan: Plan, file: string): string {
  const paths = new Set([...importsOf(plan.root, file), ...plan.sources]);
  if (startsPrograms(plan.root, file)) {
    for (const path of listSources(plan.root, ["main.ts", "core", "shell"])) paths.add(path);
  }
  const hash = createHash("sha256");
  for (const tool of ["child.ts", "instrument.ts"]) {
    hash.update(Deno.readTextFileSync(new URL(tool, import.meta.url)));
  }
  for (const path of [file, ...[...paths].sort()]) {
    hash.update(`${path}\n${Deno.readTextFileSync(`${plan.root}/${path}`)}\n`);
  }
  return hash.digest("hex");
}
