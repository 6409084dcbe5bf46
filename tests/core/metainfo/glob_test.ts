import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { GLOB_LENGTH_MAX, matchesGlob, parseGlob } from "../../../core/metainfo/glob.ts";

function matches(pattern: string, path: string): boolean {
  const glob = parseGlob(pattern);
  if (glob === undefined) throw new Error(`${pattern} is no pattern`);
  return matchesGlob(glob, path.split("/"));
}

Deno.test("a pattern matches names, or paths from the root", () => {
  // pattern, path, whether it matches
  const cases: [string, string, boolean][] = [
    ["*.mkv", "film.mkv", true],
    ["*.mkv", "Season 1/FILM.MKV", true],
    ["*.mkv", "film.mkv.txt", false],
    ["*.mkv", "a.mkv/readme", true],
    ["film?", "film1", true],
    ["film?", "film", false],
    ["film?", "film12", false],
    ["[a-c]x", "bx", true],
    ["[a-c]x", "dx", false],
    ["[!a-c]x", "dx", true],
    ["[^a-c]x", "bx", false],
    ["[]]", "]", true],
    ["[a-]", "-", true],
    ["a*b*c", "aXbYbZc", true],
    ["a*b*c", "aXbYbZ", false],
    ["*", "anything", true],
    ["**", "any/thing", true],
    ["a/b", "a/b", true],
    ["a/b", "a/b/c", true],
    ["a/b", "x/a/b", false],
    ["/a/", "a/b", true],
    ["/a", "b/a", true],
    ["./a/*", "a/b", true],
    ["a/*", "a", false],
    ["a/*/c", "a/b/c", true],
    ["a/*/c", "a/b/b/c", false],
    ["a/**/c", "a/c", true],
    ["a/**/c", "a/b/b/c", true],
    ["a/**/c", "a/b/b/d", false],
    ["**/c", "c", true],
    ["**/c", "a/b/c/d", true],
    ["a/**", "a/b", true],
    ["\u00e9", "e\u0301", true],
    ["?", "\u{1f600}", true],
    ["a.b", "axb", false],
    ["(a|b)+$", "(a|b)+$", true],
  ];
  for (const [pattern, path, expected] of cases) {
    assertEquals(matches(pattern, path), expected, `${pattern} against ${path}`);
  }
});

Deno.test("invalid patterns are refused", () => {
  for (const pattern of ["", "/", "[a", "x/[!", "a".repeat(GLOB_LENGTH_MAX + 1)]) {
    assertEquals(parseGlob(pattern), undefined, pattern);
  }
});

Deno.test("a name without special characters matches itself, and * matches any name", () => {
  const name = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" })
    .filter((text) => !/[*?[/]|^\.$/.test(text));
  fc.assert(
    fc.property(name, name, (a, b) => {
      assert(matches(a, a));
      assert(matches("*", b));
      assert(matches(`${a}*`, a + b));
      assert(matches(`x/**/${a}`, `x/${b}/${b}/${a}`));
    }),
    { seed: 20261121, numRuns: 300 },
  );
});

Deno.test("matching takes time proportional to pattern times path, also with backtracking", () => {
  assertEquals(matches("*a".repeat(500) + "b", "a".repeat(2000)), false);
  assertEquals(matches("**/a/".repeat(50) + "b", "a/".repeat(60) + "a"), false);
});

/** A second implementation of the rules, with regular expressions. */
function matchesByRegExp(pattern: string, path: string): boolean {
  const components = pattern.replace(/^\.?\/+|\/+$/g, "").split(/\/+/);
  const source = (name: string) =>
    name.replace(
      /\*+|\?|\[([!^]?)(\]?[^\]]*)\]|[\s\S]/gu,
      (found, negated: string | undefined, set: string | undefined) => {
        if (set !== undefined) return `[${negated ? "^/" : ""}${set.replace(/[\]\\^]/g, "\\$&")}]`;
        if (found[0] === "*") return "[^/]*";
        return found === "?" ? "[^/]" : found.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      },
    );
  const names = path.split("/");
  if (components.length === 1) {
    const [only] = components;
    if (only === "**") return true;
    return names.some((name) => new RegExp(`^${source(only!)}$`, "u").test(name));
  }
  const whole = components.map((name) => name === "**" ? "(?:[^/]+/)*" : `${source(name)}/`).join(
    "",
  );
  return names.some((_, i) => {
    return new RegExp(`^${whole}$`, "u").test(names.slice(0, i + 1).join("/") + "/");
  });
}

Deno.test("patterns match the same paths as equivalent regular expressions", () => {
  const part = fc.constantFrom("a", "b", "c", "*", "?", "[ab]", "[!a]", "[a-b]", "[^b-c]", "-");
  const name = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(""))
    .map((text) => text.replace(/\*+/g, "*"));
  const pattern = fc.array(fc.oneof(name, fc.constant("**")), { minLength: 1, maxLength: 5 })
    .map((components) => components.join("/"));
  const word = fc.array(fc.constantFrom("a", "b", "c", "-"), { minLength: 1, maxLength: 5 })
    .map((letters) => letters.join(""));
  const path = fc.array(word, { minLength: 1, maxLength: 5 }).map((names) => names.join("/"));
  fc.assert(
    fc.property(pattern, path, (pattern, path) => {
      assertEquals(matches(pattern, path), matchesByRegExp(pattern, path), `${pattern} ${path}`);
    }),
    { seed: 20261121, numRuns: 5000 },
  );
});

Deno.test("sets may contain ranges, a leading bracket, and a trailing dash", () => {
  const cases: [string, string, boolean][] = [
    ["[a-c-e]", "b", true],
    ["[a-c-e]", "-", true],
    ["[a-c-e]", "d", false],
    ["[a-c-e]", "e", true],
    ["[]a]", "]", true],
    ["[]a]", "a", true],
    ["[!]a]", "]", false],
    ["[!]a]", "b", true],
    ["x[0-9]y", "x5y", true],
    ["x[0-9]y", "xy", false],
  ];
  for (const [pattern, path, expected] of cases) {
    assertEquals(matches(pattern, path), expected, `${pattern} against ${path}`);
  }
  assertEquals(parseGlob("[]"), undefined);
  assertEquals(parseGlob("[!]"), undefined);
});

Deno.test("a pattern may be as long as the limit, and goes back to where a run began", () => {
  const longest = "a".repeat(GLOB_LENGTH_MAX);
  assertEquals(matches(longest, longest), true);
  assertEquals(matches("a*ab", "aaaab"), true);
  assertEquals(matches("*a*b", "xxab"), true);
  assertEquals(matches("*ab", "aab"), true);
  assertEquals(matches("x/**/a/b", "x/a/a/b"), true);
  assertEquals(matches("x/**/a/b", "x/y/a/c/a/b"), true);
  assertEquals(matches("x/**/b/c", "x/b/b/c"), true);
  assertEquals(matches("**/a/**/b", "q/a/r/b"), true);
  assertEquals(matches("**/a/b/**/c", "a/a/b/c"), true);
});
