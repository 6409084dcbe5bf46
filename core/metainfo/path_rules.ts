/**
 * Turns the names in a torrent into paths that are safe to create below the download folder.
 *
 * Whatever a torrent says, the resulting paths cannot leave the folder, cannot touch our state in
 * `.tt`, and no two files share one. Odd names are rewritten, not refused; `parse.ts` refuses only
 * what has no meaning (no component at all, a component that is no string, absurd depth or length).
 *
 * In both rule sets:
 * - "." and ".." become "_" and "__", an empty component becomes "_".
 * - "/", "\", control characters and the controls that reorder text become "_".
 * - Bytes that are not UTF-8 become "_" (see `textOfBytes`).
 * - A first component ".tt", or one that some file system takes for it, becomes "_tt": in any case,
 *   in compatibility forms, or with characters in it that HFS+ ignores.
 * - A component over 255 bytes is shortened; its extension stays.
 * - A file whose path is taken, by a file or a folder, becomes "name (2).ext", and so on, in the
 *   torrent's order. A folder whose path is taken by a file becomes "name (2)" for all its files.
 *
 * "portable" rules besides, for file systems that ignore case or reserve names:
 * - <>:"|?* become "_"; so does a dot or space at the end.
 * - A reserved device name gets a "_": "CON_", "com1_.txt". A first component "TT~1", which is the
 *   short name of ".tt" on FAT and NTFS, becomes "_T~1".
 * - Paths that differ only in case or in Unicode normalisation count as the same.
 *
 * "posix" rules keep those names, because content shared from such a system has them on disk.
 */

import { type BencodeNode, utf8Text } from "../bencode/node.ts";

export type PathRules = "posix" | "portable";

/** The limit of every common file system. */
export const COMPONENT_BYTES_MAX = 255;
/** An extension longer than this is taken for part of the name. */
const EXTENSION_BYTES_MAX = 32;

/** Holds our resume state. Lower case. */
const STATE_FOLDER = ".tt";
/** The first file keeps its name, so the next is number 2. */
const FIRST_NUMBER = 2;
/** Room for " (1000000)"; a torrent holds fewer names. */
const NUMBER_BYTES_MAX = 10;

const UTF8 = new TextEncoder();
const LOSSY_UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
// deno-lint-ignore no-control-regex
const UNSAFE_ANYWHERE = /[/\\\x00-\x1f\x7f-\x9f\p{Bidi_Control}]/gu;
const UNSAFE_ON_WINDOWS = /[<>:"|?*]/g;
/** HFS+ compares names as if these were not there. */
const IGNORED_BY_SYSTEMS = /\p{Default_Ignorable_Code_Point}/gu;
const SHORT_STATE_FOLDER = /^\.?tt~\d+$/i;
const DEVICE_NAME = /^(con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?= *(?:\.|$))/i;

/** A name as text; undefined when `node` is no string. */
export function nameText(node: BencodeNode | undefined): string | undefined {
  return node?.kind === "bytes" ? textOfBytes(node.value) : undefined;
}

/** Bytes read as UTF-8; each part that is not UTF-8 becomes "_". */
export function textOfBytes(bytes: Uint8Array): string {
  return utf8Text(bytes) ?? LOSSY_UTF8.decode(bytes).replaceAll("\ufffd", "_");
}

/** One component that is safe by itself; see the module header for what becomes of what. */
export function safeComponent(name: string, rules: PathRules): string {
  let safe = name.replace(UNSAFE_ANYWHERE, "_");
  if (rules === "portable") {
    safe = safe.replace(UNSAFE_ON_WINDOWS, "_").replace(DEVICE_NAME, "$1_");
  }
  if (safe === "") safe = "_";
  if (safe === "." || safe === "..") safe = safe.replaceAll(".", "_");
  safe = shorten(safe);
  return rules === "portable" ? safe.replace(/[. ]$/, "_") : safe;
}

/** A torrent's whole path, safe, but not kept apart from others. For what never reaches the disk. */
export function safePath(components: readonly string[], rules: PathRules): string[] {
  return components.map((component, depth) => {
    const safe = safeComponent(component, rules);
    return depth === 0 && mayBeStateFolder(safe, rules) ? `_${safe.slice(1)}` : safe;
  });
}

/** Whether a system may open our state folder under this name. */
function mayBeStateFolder(name: string, rules: PathRules): boolean {
  if (rules === "portable" && SHORT_STATE_FOLDER.test(name)) return true;
  const folded = name.normalize("NFKC").replace(IGNORED_BY_SYSTEMS, "").toLowerCase();
  // Windows drops dots and blanks at the end.
  return folded.replace(/[. ]+$/, "") === STATE_FOLDER;
}

/** Gives out paths below one download folder, each to one file only. Paths in it are folded. */
export interface PathAssigner {
  readonly rules: PathRules;
  /** Every file and folder given out so far. */
  readonly taken: Set<string>;
  /** A folder as wanted -> the name it got. */
  readonly folders: Map<string, string>;
  /** A path without its number -> the next number to try. */
  readonly nextNumber: Map<string, number>;
}

/** An assigner for one torrent that has given out nothing yet. */
export function createPathAssigner(rules: PathRules): PathAssigner {
  return { rules, taken: new Set(), folders: new Map(), nextNumber: new Map() };
}

/** The path of the next file; `components` has at least one. Order of calls decides who is renamed. */
export function assignPath(assigner: PathAssigner, components: readonly string[]): string[] {
  const path = safePath(components, assigner.rules);
  const last = path.length - 1;
  for (let depth = 0; depth < last; depth++) {
    path[depth] = enterFolder(assigner, path.slice(0, depth), path[depth]!);
  }
  path[last] = takeName(assigner, path.slice(0, last), path[last]!);
  return path;
}

function enterFolder(assigner: PathAssigner, parent: readonly string[], wanted: string): string {
  const key = foldedPath(assigner, parent, wanted);
  const known = assigner.folders.get(key);
  if (known !== undefined) return known;
  const name = takeName(assigner, parent, wanted);
  assigner.folders.set(key, name);
  return name;
}

/** Takes `wanted`, or the first numbered name beside it that is free. */
function takeName(assigner: PathAssigner, parent: readonly string[], wanted: string): string {
  let name = wanted;
  let key = foldedPath(assigner, parent, name);
  if (assigner.taken.has(key)) {
    const { stem, extension } = cutName(wanted, NUMBER_BYTES_MAX);
    // Names that are alike once cut share a counter, so no number is tried twice.
    const counter = foldedPath(assigner, parent, stem + extension);
    let number = assigner.nextNumber.get(counter) ?? FIRST_NUMBER;
    do {
      name = `${stem} (${number++})${extension}`;
      key = foldedPath(assigner, parent, name);
    } while (assigner.taken.has(key));
    assigner.nextNumber.set(counter, number);
  }
  assigner.taken.add(key);
  return name;
}

/** Two paths are the same place on the file system when their folded forms are equal. */
function foldedPath(assigner: PathAssigner, parent: readonly string[], name: string): string {
  const path = [...parent, name].join("/");
  if (assigner.rules === "posix") return path;
  // Upper case first: it alone unites letters such as sharp s and "ss".
  return path.replace(IGNORED_BY_SYSTEMS, "").normalize("NFC").toUpperCase().toLowerCase()
    .normalize("NFC");
}

function shorten(name: string): string {
  if (fits(name)) return name;
  const { stem, extension } = cutName(name, 0);
  return stem + extension;
}

/** The name in two parts, cut between characters so that they and `spare` bytes fit the limit. */
function cutName(name: string, spare: number): { stem: string; extension: string } {
  const dot = name.lastIndexOf(".");
  const hasExtension = dot > 0 && byteLength(name.slice(dot)) <= EXTENSION_BYTES_MAX;
  const extension = hasExtension ? name.slice(dot) : "";
  const whole = hasExtension ? name.slice(0, dot) : name;
  const room = COMPONENT_BYTES_MAX - spare - byteLength(extension);
  const { read } = UTF8.encodeInto(whole, new Uint8Array(room));
  return { stem: whole.slice(0, read), extension };
}

function fits(name: string): boolean {
  // A UTF-16 unit takes three bytes at most, so most names need no encoding.
  return name.length * 3 <= COMPONENT_BYTES_MAX || byteLength(name) <= COMPONENT_BYTES_MAX;
}

function byteLength(text: string): number {
  return UTF8.encode(text).length;
}
