/** The project rules, each a function from one file to its violations. */
import { importsOf, lineAt, type Source } from "./source.ts";

export interface Fault {
  readonly offset: number;
  readonly rule: string;
}

/**
 * The modules of the core, from the bottom up. A module may import those of the layers below its
 * own, except the ones of LEAVES; modules of one layer do not import each other.
 */
export const LAYERS: readonly (readonly string[])[] = [
  ["bytes"],
  ["bencode", "limits", "port_mapping", "stream"],
  ["metainfo", "dht"],
  ["wire", "hash_exchange", "tracker", "local_discovery", "web_seed"],
  ["swarm", "transfer", "tracker_server"],
  ["torrent"],
  ["session", "trace", "sim"],
  ["rpc"],
  ["cli"],
];

/** Independent modules, and the modules of the core that may import them whatever their layer. */
const LEAVES: Readonly<Record<string, readonly string[]>> = {
  stream: [],
  port_mapping: [],
  local_discovery: [],
  dht: [],
  session: ["rpc", "cli"],
  web_seed: ["torrent"],
  tracker_server: ["sim", "cli"],
  trace: ["cli"],
  sim: ["cli"],
};

/**
 * Files that compose a state of parts which other files own. These use the whole as a type, though
 * its composer imports them: such imports vanish at run time, and make no circle.
 */
const COMPOSERS = /^core\/\w+\/(?:state|peer|source)\.ts$/;

/**
 * Folders of the shell with restricted importers; folders that are not listed may be imported by
 * all of the shell. The commands are the top layer.
 */
export const SHELL_TOPS: Readonly<Record<string, readonly string[]>> = {
  commands: [],
  terminal: ["commands"],
  daemon: ["commands"],
  page: ["commands", "daemon"],
  tracker: ["commands"],
};

/** Packages without effects, which the core may use by their names in deno.json. */
const PURE_PACKAGES: readonly string[] = ["@std/toml", "get-east-asian-width"];

const FILE_LINES_MAX = 500;

/** Names that reach outside the core: the machine, the clock, randomness, the network, timers. */
const IMPURE_NAMES = [
  "Deno",
  "Date",
  "performance",
  "Temporal",
  "crypto",
  "Promise",
  "console",
  "globalThis",
  "process",
  "navigator",
  "Worker",
  "Intl",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "queueMicrotask",
  "async",
  "await",
].join("|");
/** A name after a single dot is a property; after `...` it is a name again. */
const IMPURE = new RegExp(
  `(?<![^.]\\.)\\b(?:(?:${IMPURE_NAMES})\\b(?!\\s*\\??:)|fetch\\s*\\()|\\bMath\\s*\\.\\s*random\\b|` +
    `\\b(?:localeCompare|toLocale\\w+)\\b`,
  "g",
);

/** Written so that this file does not break its own rules. */
const UNFINISHED = new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME"].join("|")})\\b`, "g");
const MACHINE_PATH = new RegExp(
  `(?<![\\w.:/}~*-])/(?:${["work", "root", "home", "Users"].join("|")})(?![\\w-])`,
  "g",
);
const REGISTRY_HOST = new RegExp(
  [
    "\\bregistry\\.[\\w-]+\\.",
    "\\bnpmjs\\.",
    "\\bjsr\\.io",
    "\\bartifactory",
    "\\besm\\.sh",
    "\\bunpkg\\.",
  ]
    .join("|"),
  "gi",
);

/** Where tests import their waits, each with a deadline. */
const UNTIL = "tests/support/until.ts";
/** Where tests import fast-check, with its seed. */
const FAST_CHECK = "tests/support/fast_check.ts";
/** Randomness that a second run of a test would not repeat. */
const RANDOM = /\bMath\s*\.\s*random\b|\bgetRandomValues\b/g;
/** A loop that may never end, with a wait in its body. */
const POLL = /\bwhile \([^\n]*\)[^\n]*(?:\n[^\n]*){0,2}(?:\bsetTimeout|\bsleep)\(/g;

export type Rule = (source: Source) => Fault[];

/** Every rule by the name its self-test uses. */
export const RULES = {
  pure(source) {
    if (!source.path.startsWith("core/")) return [];
    return matches(source.code, IMPURE, (name) => `The core must not use ${name}`);
  },

  layers(source) {
    const [top, room] = source.path.split("/");
    const faults: Fault[] = [];
    for (const { specifier, offset } of importsOf(source)) {
      const why = top === "core"
        ? coreImportFault(source.path, room!, specifier)
        : outerImportFault(source.path, top!, specifier);
      if (why !== undefined) faults.push({ offset, rule: why });
    }
    return faults;
  },

  testFolders(source) {
    const [top, folder] = source.path.split("/");
    const other = folder === "shell" ? "interop" : folder === "interop" ? "shell" : undefined;
    if (top !== "tests" || other === undefined) return [];
    return importsOf(source)
      .filter(({ specifier }) => resolve(source.path, specifier)?.startsWith(`tests/${other}/`))
      .map(({ offset }) => ({
        offset,
        rule: `tests/${folder} and tests/${other} share helpers in tests/support`,
      }));
  },

  repeatable(source) {
    if (!/^tests\/(core|fuzz|interop|shell|sim|support)\//.test(source.path)) return [];
    const polls = source.path === UNTIL ? [] : matches(
      source.code,
      POLL,
      () => `Wait with until() of ${UNTIL}`,
    );
    const properties = source.path === FAST_CHECK ? [] : importsOf(source)
      .filter(({ specifier }) => specifier === "fast-check")
      .filter(({ offset }) => !/import type [^;]*$/.test(source.text.slice(0, offset)))
      .map(({ offset }) => ({ offset, rule: `Import fast-check from ${FAST_CHECK}` }));
    return [
      ...matches(source.code, RANDOM, (name) => `${name}: tests draw from a fixed seed`),
      ...polls,
      ...properties,
    ];
  },

  specifiers(source) {
    return importsOf(source)
      .filter(({ specifier }) => /^(npm|jsr|https?):/.test(specifier))
      .map(({ specifier, offset }) => ({
        offset,
        rule: `Name ${specifier} in deno.json, and import it by that name`,
      }));
  },

  size(source) {
    const lines = source.text.trimEnd().split("\n").length;
    if (!source.path.endsWith(".ts") || lines <= FILE_LINES_MAX) return [];
    return [{ offset: source.text.length, rule: `${lines} lines; ${FILE_LINES_MAX} are allowed` }];
  },

  names(source) {
    const bad = source.path.split("/").find((part, i, parts) =>
      !(i === parts.length - 1 ? /^[a-z0-9_]+(\.[a-z0-9_]+)+$/ : /^[a-z0-9_]+$/).test(part)
    );
    if (!source.path.endsWith(".ts") || bad === undefined) return [];
    return [{ offset: 0, rule: `"${bad}" is not snake_case` }];
  },

  documented(source) {
    if (!source.path.startsWith("core/")) return [];
    const exported =
      /^export (?:function\*? (\w+)|const (\w+)[^=\n]*= (?:\([^)]*\)(?:: [^=\n]+)?|\w+) =>)/gm;
    const faults: Fault[] = [];
    for (const match of source.code.matchAll(exported)) {
      if (source.text.slice(0, match.index).trimEnd().endsWith("*/")) continue;
      const rule = `Exported function ${match[1] ?? match[2]} has no doc comment`;
      faults.push({ offset: match.index, rule });
    }
    return faults;
  },

  finished(source) {
    return matches(source.text, UNFINISHED, (word) => `${word}: do it now, or leave no mark`);
  },

  portable(source) {
    return [
      ...matches(source.text, MACHINE_PATH, (path) => `${path} is a path of one machine`),
      ...matches(source.text, REGISTRY_HOST, (host) => `${host} names a registry host`),
    ];
  },
} satisfies Record<string, Rule>;

/** Violations of every rule in one file, as "path:line: rule". */
export function checkSource(source: Source): string[] {
  return Object.values(RULES).flatMap((rule: Rule) => rule(source))
    .map((fault) => `${source.path}:${lineAt(source.text, fault.offset)}: ${fault.rule}`);
}

function coreImportFault(path: string, room: string, specifier: string): string | undefined {
  const own = layerOf(room);
  if (own < 0) return `core/${room} is not in the layer table`;
  if (PURE_PACKAGES.includes(specifier)) return undefined;
  const target = resolve(path, specifier);
  if (target === undefined) return `The core imports only itself, not ${specifier}`;
  const [top, to] = target.split("/");
  if (top !== "core") return `The core must not import ${target}`;
  const isBelow = layerOf(to!) >= 0 && layerOf(to!) < own && (LEAVES[to!]?.includes(room) ?? true);
  return to === room || isBelow ? undefined : `${room} must not import ${to}`;
}

/** Counted from the bottom; -1 for a module in no layer. */
export function layerOf(room: string): number {
  return LAYERS.findIndex((layer) => layer.includes(room));
}

/**
 * Circles of imports among `sources`, each as the paths of the files in it. Imports of types count:
 * a reader of one of two files that name each other's types must read both. See COMPOSERS.
 */
export function importCircles(sources: readonly Source[]): string[][] {
  const targets = new Map(sources.map((source) => [source.path, targetsOf(source)]));
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (path: string): void => {
    order.set(path, order.size);
    lowest.set(path, order.get(path)!);
    stack.push(path);
    for (const next of targets.get(path)!) {
      if (!targets.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) {
        lowest.set(path, Math.min(lowest.get(path)!, lowest.get(next)!));
      }
    }
    if (lowest.get(path) !== order.get(path)) return;
    const members = stack.splice(stack.indexOf(path));
    if (members.length > 1) circles.push(members.sort());
  };
  for (const path of targets.keys()) if (!order.has(path)) visit(path);
  return circles;
}

function targetsOf(source: Source): string[] {
  return importsOf(source).flatMap(({ specifier, isTypeOnly }) => {
    const target = resolve(source.path, specifier);
    if (target === undefined) return [];
    const isComposed = isTypeOnly && COMPOSERS.test(target) &&
      target.split("/")[1] === source.path.split("/")[1];
    return isComposed ? [] : [target];
  });
}

function outerImportFault(path: string, top: string, specifier: string): string | undefined {
  const target = resolve(path, specifier);
  if (top === "tests" || target === undefined) return undefined;
  if (target.startsWith("tests/")) return `${path} must not import tests`;
  return top === "shell" ? shellImportFault(path, target) : undefined;
}

/** A file directly in shell/ belongs to no folder. */
function shellImportFault(path: string, target: string): string | undefined {
  const folderOf = (file: string) => file.split("/").at(-2) === "shell" ? "" : file.split("/")[1]!;
  const from = folderOf(path), to = folderOf(target);
  const importers = target.startsWith("shell/") ? SHELL_TOPS[to] : undefined;
  if (importers === undefined || from === to || importers.includes(from)) return undefined;
  return `shell/${from} must not import shell/${to}`;
}

/** Path within the repository; undefined for anything but a relative specifier. */
function resolve(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

function matches(text: string, pattern: RegExp, rule: (found: string) => string): Fault[] {
  return [...text.matchAll(pattern)].map((m) => ({ offset: m.index, rule: rule(m[0]) }));
}
