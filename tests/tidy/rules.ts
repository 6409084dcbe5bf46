/** The project rules, each a function from one file to what is wrong with it. */
import { importsOf, lineAt, type Source } from "./source.ts";

export interface Fault {
  readonly offset: number;
  readonly rule: string;
}

/** Which modules of the core a module may import besides itself. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  bytes: [],
  bencode: ["bytes"],
  metainfo: ["bytes", "bencode"],
  wire: ["bytes", "bencode", "metainfo"],
  dht: ["bytes", "bencode"],
  limits: ["bytes"],
  stream: [],
  local_discovery: ["bytes", "metainfo"],
  port_mapping: ["bytes"],
  web_seed: ["bytes", "metainfo"],
  hash_exchange: ["bytes", "metainfo"],
  tracker: ["bytes", "bencode", "metainfo", "limits"],
  tracker_server: ["bytes", "bencode", "metainfo", "tracker"],
  swarm: ["bytes", "bencode", "metainfo", "wire", "limits", "tracker"],
  transfer: ["bytes", "bencode", "metainfo", "wire", "hash_exchange", "limits"],
  torrent: [
    "bytes",
    "bencode",
    "metainfo",
    "wire",
    "hash_exchange",
    "limits",
    "tracker",
    "swarm",
    "transfer",
    "web_seed",
  ],
  trace: [
    "bytes",
    "bencode",
    "metainfo",
    "wire",
    "hash_exchange",
    "limits",
    "tracker",
    "swarm",
    "transfer",
    "torrent",
  ],
  sim: [
    "bytes",
    "bencode",
    "metainfo",
    "wire",
    "hash_exchange",
    "limits",
    "tracker",
    "tracker_server",
    "swarm",
    "transfer",
    "torrent",
  ],
  session: [
    "bytes",
    "bencode",
    "metainfo",
    "wire",
    "hash_exchange",
    "limits",
    "tracker",
    "swarm",
    "transfer",
    "torrent",
  ],
  rpc: [
    "bytes",
    "bencode",
    "metainfo",
    "wire",
    "hash_exchange",
    "limits",
    "tracker",
    "swarm",
    "transfer",
    "torrent",
    "session",
  ],
  cli: [
    "bytes",
    "bencode",
    "metainfo",
    "wire",
    "hash_exchange",
    "limits",
    "tracker",
    "tracker_server",
    "swarm",
    "transfer",
    "torrent",
    "session",
    "rpc",
    "sim",
    "trace",
  ],
};

/**
 * Folders of the shell that stand on others, and which folders may import them; what is not named here
 * is for everybody in the shell. The commands stand on top of all.
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

/** Names that reach outside the core: the machine, the clock, chance, the network, waiting. */
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
/** A name after a single dot is a property of ours; after `...` it is a name again. */
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

/** Where tests get their waits, each with an end. */
const UNTIL = "tests/support/until.ts";
/** Where tests get fast-check, with its seed. */
const FAST_CHECK = "tests/support/fast_check.ts";
/** Chance that a second run of a test would not meet again. */
const RANDOM = /\bMath\s*\.\s*random\b|\bgetRandomValues\b/g;
/** A loop that may never end, and waits in its body. */
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

/** Failures of every rule on one file, as "path:line: rule". */
export function checkSource(source: Source): string[] {
  return Object.values(RULES).flatMap((rule: Rule) => rule(source))
    .map((fault) => `${source.path}:${lineAt(source.text, fault.offset)}: ${fault.rule}`);
}

function coreImportFault(path: string, room: string, specifier: string): string | undefined {
  const allowed = LAYERS[room];
  if (allowed === undefined) return `core/${room} is not in the layer table`;
  if (PURE_PACKAGES.includes(specifier)) return undefined;
  const target = resolve(path, specifier);
  if (target === undefined) return `The core imports only itself, not ${specifier}`;
  const [top, to] = target.split("/");
  if (top !== "core") return `The core must not import ${target}`;
  return to === room || allowed.includes(to!) ? undefined : `${room} must not import ${to}`;
}

function outerImportFault(path: string, top: string, specifier: string): string | undefined {
  const target = resolve(path, specifier);
  if (top === "tests" || target === undefined) return undefined;
  if (target.startsWith("tests/")) return `${path} must not import tests`;
  return top === "shell" ? shellImportFault(path, target) : undefined;
}

/** A file directly in shell/ is of no folder. */
function shellImportFault(path: string, target: string): string | undefined {
  const folderOf = (file: string) => file.split("/").at(-2) === "shell" ? "" : file.split("/")[1]!;
  const from = folderOf(path), to = folderOf(target);
  const importers = target.startsWith("shell/") ? SHELL_TOPS[to] : undefined;
  if (importers === undefined || from === to || importers.includes(from)) return undefined;
  return `shell/${from} must not import shell/${to}`;
}

/** Path within the repository; undefined for anything that is not a relative specifier. */
function resolve(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

function matches(text: string, pattern: RegExp, rule: (found: string) => string): Fault[] {
  return [...text.matchAll(pattern)].map((m) => ({ offset: m.index, rule: rule(m[0]) }));
}
