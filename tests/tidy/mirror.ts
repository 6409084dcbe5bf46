/**
 * Tests mirror the tree: a larger file of the core is tested by a file at its own path below `tests/`, or
 * by another test of its folder that imports it. What is tested through its neighbours is in an index.
 */
import { importsOf, type Source } from "./source.ts";

/** Smaller files are parts of what a test of their folder is about. */
export const MIRRORED_LINES_MIN = 100;

/** Files of the core without a test that imports them, each with the test that runs them. */
export const TESTED_THROUGH: Readonly<Record<string, string>> = {
  "core/cli/config_file.ts": "tests/core/cli/settings_test.ts",
  "core/cli/tokens.ts": "tests/core/cli/arguments_test.ts",
  "core/dht/lookups.ts": "tests/core/dht/step_test.ts",
  "core/dht/queries.ts": "tests/core/dht/step_test.ts",
  "core/metainfo/file_tree.ts": "tests/core/metainfo/v2_test.ts",
  "core/swarm/announcing.ts": "tests/core/torrent/running_test.ts",
  "core/swarm/metadata_extension.ts": "tests/core/torrent/exchange_test.ts",
  "core/torrent/deadlines.ts": "tests/core/torrent/running_test.ts",
  "core/torrent/peers.ts": "tests/core/swarm/identity_test.ts",
  "core/torrent/settle.ts": "tests/core/torrent/running_test.ts",
  "core/trace/shape.ts": "tests/core/trace/replay_test.ts",
  "core/transfer/content.ts": "tests/core/transfer/wanted_test.ts",
  "core/transfer/state.ts": "tests/core/transfer/picker_test.ts",
};

const EXPORTED_FUNCTION = /^export (?:function|class)\b/m;

/** What breaks the rule among all files of the core and of the tests, as "path: fault". */
export function mirrorFaults(
  sources: readonly Source[],
  index: Readonly<Record<string, string>> = TESTED_THROUGH,
): string[] {
  const imports = new Map(sources.map((source) => [source.path, importsFrom(source)]));
  const faults: string[] = [];
  for (const { path, text, code } of sources) {
    const isLarge = text.trimEnd().split("\n").length >= MIRRORED_LINES_MIN;
    const mustMirror = path.startsWith("core/") && isLarge && EXPORTED_FUNCTION.test(code);
    const isMirrored = isTestedInItsFolder(path, imports);
    const test = index[path];
    if (test === undefined) {
      if (mustMirror && !isMirrored) faults.push(`${path}: has no test below tests/${path}`);
    } else if (!reaches(test, path, imports)) {
      faults.push(`${path}: ${test} does not run it`);
    }
  }
  const gone = Object.keys(index).filter((path) => !imports.has(path));
  return [...faults, ...gone.map((path) => `${path}: is in the index and not in the tree`)];
}

type Imports = ReadonlyMap<string, readonly string[]>;

function importsFrom(source: Source): string[] {
  return importsOf(source)
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => new URL(specifier, `file:///${source.path}`).pathname.slice(1));
}

function isTestedInItsFolder(path: string, imports: Imports): boolean {
  if (imports.has(`tests/${path.replace(/\.ts$/, "_test.ts")}`)) return true;
  const folder = `tests/${path.split("/").slice(0, 2).join("/")}/`;
  return [...imports].some(([from, to]) => from.startsWith(folder) && to.includes(path));
}

/** Whether the first imports the second, through others or not. */
function reaches(from: string, to: string, imports: Imports): boolean {
  const seen = new Set([from]);
  for (const path of seen) for (const next of imports.get(path) ?? []) seen.add(next);
  return from.endsWith("_test.ts") && imports.has(from) && seen.has(to);
}
