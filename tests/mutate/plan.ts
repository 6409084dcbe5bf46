/** Which files are mutated, and the copy of the tree in which that happens. */
import { instrument, type Mutant } from "./instrument.ts";

export interface PlannedMutant extends Mutant {
  /** Path of the source within the project. */
  readonly path: string;
}

export interface Plan {
  /** The copy: a whole project whose chosen sources hold their mutants. */
  readonly root: string;
  readonly sources: readonly string[];
  readonly mutants: readonly PlannedMutant[];
}

/** What a copy consists of, as far as the project has it. */
const COPIED = ["main.ts", "deno.json", "deno.lock", "core", "shell", "tests"];

/** Every `.ts` file under `paths`, sorted. A path may be a file or a folder of the project. */
export function listSources(project: string, paths: readonly string[]): string[] {
  const found: string[] = [];
  const visit = (path: string) => {
    const info = Deno.statSync(`${project}/${path}`);
    if (info.isFile) return void (path.endsWith(".ts") && found.push(path));
    for (const { name } of Deno.readDirSync(`${project}/${path}`)) visit(`${path}/${name}`);
  };
  for (const path of paths) if (exists(`${project}/${path}`)) visit(path.replace(/\/+$/, ""));
  return found.sort();
}

/** `core/x` or `shell/x` of a source; `shell` of a source directly in it. */
export function moduleOf(path: string): string {
  return path.split("/").slice(0, -1).slice(0, 2).join("/");
}

/** Copies the project and writes the mutants of `sources` into the copy. */
export function makePlan(project: string, sources: readonly string[]): Plan {
  const root = Deno.makeTempDirSync({ prefix: "tt-mutate-" });
  for (const name of COPIED) if (exists(`${project}/${name}`)) copy(project, root, name);
  const mutants: PlannedMutant[] = [];
  for (const path of sources) {
    const made = instrument(path, Deno.readTextFileSync(`${project}/${path}`), mutants.length + 1);
    Deno.writeTextFileSync(`${root}/${path}`, made.text);
    for (const mutant of made.mutants) mutants.push({ ...mutant, path });
  }
  return { root, sources, mutants };
}

/** Removes the copy, and what tests that were killed left mounted in it. */
export function dropPlan(plan: Plan): void {
  const mounts = exists("/proc/mounts") ? Deno.readTextFileSync("/proc/mounts") : "";
  for (const line of mounts.split("\n")) {
    const path = line.split(" ")[1] ?? "";
    if (path.startsWith(`${plan.root}/`)) {
      new Deno.Command("umount", { args: ["-l", path] }).outputSync();
    }
  }
  Deno.removeSync(plan.root, { recursive: true });
}

function copy(from: string, to: string, path: string): void {
  if (Deno.statSync(`${from}/${path}`).isFile) {
    return Deno.copyFileSync(`${from}/${path}`, `${to}/${path}`);
  }
  Deno.mkdirSync(`${to}/${path}`);
  for (const { name } of Deno.readDirSync(`${from}/${path}`)) copy(from, to, `${path}/${name}`);
}

export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Every file that `path` imports, directly or not, by relative specifiers; paths within the project. */
export function importsOf(project: string, path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  const text = Deno.readTextFileSync(`${project}/${path}`);
  for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+\.ts)"/g)) {
    const target = new URL(specifier!, `file:///${path}`).pathname.slice(1);
    importsOf(project, target, seen);
  }
  return seen;
}

/** As many of the items, the same ones for the same seed. */
export function sample<T>(items: readonly T[], count: number, seed: number): T[] {
  if (items.length <= count) return [...items];
  const shuffled = [...items];
  let state = seed >>> 0 || 1;
  for (let i = shuffled.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = state % (i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled.slice(0, count);
}

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: PlannedMutant;
  /** The test that failed, "timeout", or undefined for a survivor. */
  readonly killedBy: string | undefined;
}
