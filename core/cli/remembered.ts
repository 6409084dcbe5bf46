/**
 * Options of a download that hold for its later runs, too: what the user typed is kept beside the
 * torrent's state, as typed, and fills in for what is not typed again. Flags win over what is
 * remembered, and that over the environment and the config file.
 */
import { decodeBencode } from "../bencode/decode.ts";
import { encodeBencode } from "../bencode/encode.ts";
import { asList, asText, dictGet } from "../bencode/node.ts";
import type { GetCommand } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import type { Selector } from "../metainfo/selection.ts";
import { optionName } from "./option.ts";
import type { SelectionSettings } from "./selection_options.ts";

/** Keys of options of `tt get`. */
const KEYS = [
  "shareRule",
  "upLimit",
  "downLimit",
  "seedRatio",
  "seedTime",
  "moveTo",
  "select",
  "exclude",
  "priorityHigh",
  "priorityLow",
  "sequential",
  "firstLast",
] as const;

/** A new choice of files replaces the earlier one as a whole. */
const CHOICE: readonly string[] = ["select", "exclude"] satisfies (typeof KEYS[number])[];

type Key = typeof KEYS[number];

/** Texts by option key. */
export type Remembered = ReadonlyMap<string, readonly string[]>;

/** A longer option is not typed; what is kept cannot be used to fill the memory. */
const TEXTS_MAX = 100;
const BYTES_MAX = 1024 * 1024;

/** What of the typed flags is to be remembered. */
export function rememberedOf(flags: ReadonlyMap<string, readonly string[]>): Remembered {
  return new Map(KEYS.flatMap((key) => {
    const texts = flags.get(key);
    return texts === undefined ? [] : [[key, texts]];
  }));
}

/** A dictionary from option names ("share-rule") to lists of texts. */
export function encodeRemembered(remembered: Remembered): Uint8Array {
  const dict: Record<string, readonly string[]> = {};
  for (const [key, texts] of remembered) dict[optionName(key)] = texts;
  return encodeBencode(dict);
}

/** Reads what `encodeRemembered` wrote; what cannot be read any more is not remembered. */
export function decodeRemembered(bytes: Uint8Array): Remembered {
  const remembered = new Map<string, readonly string[]>();
  const root = decodeBencode(bytes, { bytesMax: BYTES_MAX });
  if (!root.ok) return remembered;
  for (const key of KEYS) {
    const texts = asList(dictGet(root.value, optionName(key)))?.map(asText);
    if (texts === undefined || texts.length === 0 || texts.length > TEXTS_MAX) continue;
    if (texts.every((text) => text !== undefined) && valueOf(key, texts) !== undefined) {
      remembered.set(key, texts);
    }
  }
  return remembered;
}

/** What holds from now on: what was typed now, else what was typed earlier. */
export function mergeRemembered(typed: Remembered, earlier: Remembered): Remembered {
  return new Map([...[...earlier].filter(([key]) => !isReplaced(key, typed)), ...typed]);
}

/** The values of a command that earlier runs decide, as far as this one leaves them open. */
export function recall(
  command: GetCommand,
  earlier: Remembered,
): Partial<
  Pick<GetCommand, Exclude<Key, "seedTime"> | "seedTimeMs">
> {
  const values: Record<string, unknown> = {};
  for (const key of KEYS) {
    const texts = earlier.get(key);
    if (texts === undefined || isReplaced(key, command.typed)) continue;
    // Leaving at once contradicts them.
    if (command.noSeed && (key === "seedRatio" || key === "seedTime")) continue;
    const value = valueOf(key, texts);
    if (value !== undefined) values[key === "seedTime" ? "seedTimeMs" : key] = value;
  }
  return values;
}

/** The files that were last selected for a download; priorities are left out. */
export function rememberedSelection(earlier: Remembered): SelectionSettings {
  const selectors = (key: "select" | "exclude") =>
    (valueOf(key, earlier.get(key) ?? []) ?? []) as readonly Selector[];
  return {
    ...{ select: selectors("select"), exclude: selectors("exclude") },
    ...{ priorityHigh: [], priorityLow: [] },
  };
}

function isReplaced(key: string, typed: Remembered): boolean {
  return typed.has(key) || (CHOICE.includes(key) && CHOICE.some((other) => typed.has(other)));
}

function valueOf(key: Key, texts: readonly string[]): unknown {
  const value = COMMANDS.get.options[key].resolve(texts);
  return value.ok ? value.value : undefined;
}
