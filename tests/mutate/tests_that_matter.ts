/**
 * Which test files may notice a mutant of a module. A test of everything notices as well, but takes as
 * long as everything: a behaviour belongs to the tests of its own module, or of the module that
 * composes it.
 */
import { importsOf, listSources } from "./plan.ts";

/** Tests of other modules that hold behaviour of this one, besides its own folder. */
const NEIGHBOURS: Readonly<Record<string, readonly string[]>> = {
  "core/hash_exchange": ["tests/core/transfer"],
  "core/limits": ["tests/core/swarm", "tests/core/torrent"],
  "core/metainfo": ["tests/core/hash_exchange", "tests/shell/make_v2_torrent_test.ts"],
  "core/sim": [
    ...["tests/sim/model_test.ts", "tests/sim/share_rule_test.ts", "tests/sim/swarm_test.ts"],
    ...["tests/sim/v2_test.ts", "tests/sim/whole_swarm_test.ts", "tests/sim/hostile_test.ts"],
  ],
  "core/swarm": ["tests/core/torrent"],
  "core/torrent": ["tests/core/swarm", "tests/core/transfer"],
  "core/tracker": ["tests/core/swarm"],
  "core/transfer": ["tests/core/torrent"],
  "core/wire": ["tests/core/torrent", "tests/fuzz/wire_fuzz_test.ts"],
  "shell": ["tests/shell/life", "tests/shell/net"],
  "shell/announce": ["tests/shell/tracker/udp"],
  "shell/disk": ["tests/shell/life", "tests/shell/driver_saving_test.ts"],
  "shell/hash": ["tests/shell/driver_v2_test.ts"],
  "shell/life": ["tests/shell/session_test.ts", "tests/shell/life_v2_test.ts"],
  "shell/net": ["tests/shell/driver_hostile_test.ts", "tests/shell/bottle_test.ts"],
};

/** These start `tt` as a process of its own. */
const STARTS = /\b(?:startGet|startSeed|runTt|Tt\.start|DaemonKit|startTracker\(\[)/;

/**
 * Paths within the project. With `programs`, all tests of the shell: any of them may start a program that
 * executes the module.
 */
export function testsThatMatter(
  project: string,
  module: string,
  sources: readonly string[],
  programs: boolean,
): string[] {
  const own = `tests/${module}`;
  if (programs && own.startsWith("tests/shell")) {
    return listSources(project, ["tests/shell"]).filter((path) => path.endsWith("_test.ts"));
  }
  const files = listSources(project, [own, ...NEIGHBOURS[module] ?? []])
    .filter((path) => path.endsWith("_test.ts"))
    // `shell` itself has its tests directly in tests/shell.
    .filter((path) => module !== "shell" || !path.startsWith(own) || isDirectlyIn(path, own))
    .filter((path) => {
      const imports = importsOf(project, path);
      return sources.some((source) => imports.has(source)) || path.startsWith(own);
    });
  return files.filter((path) => programs || !startsPrograms(project, path));
}

export function startsPrograms(project: string, path: string): boolean {
  return STARTS.test(Deno.readTextFileSync(`${project}/${path}`));
}

function isDirectlyIn(path: string, folder: string): boolean {
  return !path.slice(folder.length + 1).includes("/");
}
