/**
 * One option of the command line: how it is written, what it means, and how its text becomes a
 * value. The parser and the help both read these descriptions, so they cannot drift apart.
 *
 * An option's name is its key in a command's table in kebab case: `upLimit` is `--up-limit` on the
 * command line, `TT_UP_LIMIT` in the environment and `up-limit` in the config file.
 */
import { fail, ok, type Result } from "../bytes/result.ts";

/** Turns text into a value, or says what is wrong with it: "is not a port; give a number ...". */
export type Reader<T> = (text: string) => Result<T, string>;

export interface Option<T> {
  /** "one" takes its last value, "many" all of them, "flag" needs none. */
  readonly kind: "flag" | "one" | "many";
  /** The value's name in the help; empty for a flag. */
  readonly placeholder: string;
  /** A sentence for the help. */
  readonly text: string;
  /** The default as a user would type it, or in words if it is no plain value. */
  readonly shownDefault: string | undefined;
  /** Name outside the command line when the flag's own name would be too general there. */
  readonly setting: string | undefined;
  /** `texts` is empty when the option was not given anywhere. */
  readonly resolve: (texts: readonly string[]) => Result<T, OptionError>;
}

/** Which of the texts is at fault, and why. */
export interface OptionError {
  readonly index: number;
  readonly why: string;
}

/** A command's options by key. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values of a table of options, by key. */
export type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

interface Extra {
  readonly setting?: string;
  readonly shownDefault?: string;
}

/** True when given; `--json=false` takes back what the environment or the config file says. */
export function flag(text: string, extra: Pick<Extra, "setting"> = {}): Option<boolean> {
  return {
    kind: "flag",
    placeholder: "",
    text,
    shownDefault: undefined,
    setting: extra.setting,
    resolve: (texts) => readLast(texts, readBoolean) ?? ok(false),
  };
}

/** One value or none. */
export function one<T>(
  placeholder: string,
  read: Reader<T>,
  text: string,
  extra: Extra = {},
): Option<T | undefined> {
  return {
    kind: "one",
    placeholder,
    text,
    shownDefault: extra.shownDefault,
    setting: extra.setting,
    resolve: (texts) => readLast(texts, read) ?? ok(undefined),
  };
}

/** One value; `byDefault` is read like any other text. */
export function oneOr<T>(
  placeholder: string,
  read: Reader<T>,
  byDefault: string,
  text: string,
  extra: Extra = {},
): Option<T> {
  return {
    kind: "one",
    placeholder,
    text,
    shownDefault: byDefault,
    setting: extra.setting,
    resolve: (texts) => readLast(texts.length > 0 ? texts : [byDefault], read)!,
  };
}

/** All values, in the order given. */
export function many<T>(
  placeholder: string,
  read: Reader<T>,
  text: string,
  extra: Extra = {},
): Option<readonly T[]> {
  return {
    kind: "many",
    placeholder,
    text,
    shownDefault: extra.shownDefault,
    setting: extra.setting,
    resolve: (texts) => readAll(texts, read),
  };
}

/** "upLimit" to "up-limit". */
export function optionName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The name in the config file: "up-limit". */
export function settingName(key: string, option: Option<unknown>): string {
  return option.setting ?? optionName(key);
}

/** The name in the environment: "TT_UP_LIMIT". */
export function variableName(key: string, option: Option<unknown>): string {
  return `TT_${settingName(key, option).toUpperCase().replaceAll("-", "_")}`;
}

/** "true", "yes", "on", "1" and their opposites. */
export function readBoolean(text: string): Result<boolean, string> {
  const word = text.toLowerCase();
  if (["true", "yes", "on", "1"].includes(word)) return ok(true);
  if (["false", "no", "off", "0"].includes(word)) return ok(false);
  return fail("is neither true nor false");
}

function readLast<T>(
  texts: readonly string[],
  read: Reader<T>,
): Result<T, OptionError> | undefined {
  if (texts.length === 0) return undefined;
  const index = texts.length - 1;
  const value = read(texts[index]!);
  return value.ok ? value : fail({ index, why: value.error });
}

function readAll<T>(
  texts: readonly string[],
  read: Reader<T>,
): Result<readonly T[], OptionError> {
  const values: T[] = [];
  for (const [index, text] of texts.entries()) {
    const value = read(text);
    if (!value.ok) return fail({ index, why: value.error });
    values.push(value.value);
  }
  return ok(values);
}
