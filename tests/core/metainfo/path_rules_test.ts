import { assert, assertEquals } from "@std/assert";
import fc, { anyCharacter } from "../../support/fast_check.ts";
import {
  assignPath,
  COMPONENT_BYTES_MAX,
  createPathAssigner,
  type PathRules,
  safeComponent,
  safePath,
  textOfBytes,
} from "../../../core/metainfo/path_rules.ts";

function assignAll(rules: PathRules, paths: string[]): string[] {
  const assigner = createPathAssigner(rules);
  return paths.map((path) => assignPath(assigner, path.split("/")).join("/"));
}

Deno.test("only the necessary part of a component is rewritten", () => {
  // name, on POSIX, portable
  const cases: [string, string, string][] = [
    ["plain name.txt", "plain name.txt", "plain name.txt"],
    ["", "_", "_"],
    [".", "_", "_"],
    ["..", "__", "__"],
    ["...", "...", ".._"],
    [".hidden", ".hidden", ".hidden"],
    ["/etc/passwd", "_etc_passwd", "_etc_passwd"],
    ["a/../../b", "a_.._.._b", "a_.._.._b"],
    ["..\\..\\b", ".._.._b", ".._.._b"],
    ["C:\\x", "C:_x", "C__x"],
    ["a\0b\x1b[1m\n\x7f\x85", "a_b_[1m___", "a_b_[1m___"],
    ["what?", "what?", "what_"],
    ['<>:"|?*', '<>:"|?*', "_______"],
    ["trailing ", "trailing ", "trailing_"],
    ["trailing.", "trailing.", "trailing_"],
    ["con", "con", "con_"],
    ["NUL.txt", "NUL.txt", "NUL_.txt"],
    ["Com1 .tar.gz", "Com1 .tar.gz", "Com1_ .tar.gz"],
    ["lpt\u00b9", "lpt\u00b9", "lpt\u00b9_"],
    ["conin$", "conin$", "conin$_"],
    ["console", "console", "console"],
    ["com10", "com10", "com10"],
    ["exe\u202etxt.gpj", "exe_txt.gpj", "exe_txt.gpj"],
    ["a\u2066b\u200fc\u061cd", "a_b_c_d", "a_b_c_d"],
    ["\u65e5\u672c\u8a9e.txt", "\u65e5\u672c\u8a9e.txt", "\u65e5\u672c\u8a9e.txt"],
  ];
  for (const [name, posix, portable] of cases) {
    assertEquals(safeComponent(name, "posix"), posix, JSON.stringify(name));
    assertEquals(safeComponent(name, "portable"), portable, JSON.stringify(name));
  }
});

Deno.test("a long component is cut at a character boundary and keeps its extension", () => {
  assertEquals(safeComponent("a".repeat(300) + ".flac", "posix"), "a".repeat(250) + ".flac");
  assertEquals(
    safeComponent("\u{1F600}".repeat(70) + ".txt", "posix"),
    "\u{1F600}".repeat(62) + ".txt",
  );
  assertEquals(safeComponent("a." + "b".repeat(300), "posix"), "a." + "b".repeat(253));
  assertEquals(safeComponent("a".repeat(254) + ". b", "portable"), "a".repeat(252) + ". b");
});

Deno.test("no torrent can use the name of the state folder", () => {
  assertEquals(safePath([".tt", "x.resume"], "posix"), ["_tt", "x.resume"]);
  assertEquals(safePath([".TT"], "posix"), ["_TT"]);
  assertEquals(safePath(["a", ".tt"], "posix"), ["a", ".tt"]);
  // Ignored by HFS+, compatibility forms on ZFS, removed by Windows.
  for (const name of [".t\u200ct", ".tt\ufeff", ".\uff54\uff34", "\u2024tt"]) {
    for (const rules of ["posix", "portable"] as const) {
      const [safe] = safePath([name, "x"], rules);
      assertEquals(safe![0], "_", `${JSON.stringify(name)} becomes ${JSON.stringify(safe)}`);
    }
  }
  assertEquals(safePath([".tt. .", "x"], "posix"), ["_tt. .", "x"]);
  assertEquals(safePath([".tt. .", "x"], "portable"), [".tt. _", "x"]);
  for (const name of ["TT~1", "tt~12"]) {
    assertEquals(safePath([name, "x"], "portable")[0], `_${name.slice(1)}`);
    assertEquals(safePath([name, "x"], "posix")[0], name);
  }
});

Deno.test("bytes that are not UTF-8 become underscores", () => {
  assertEquals(textOfBytes(Uint8Array.of(0x61, 0xff, 0x62)), "a_b");
  assertEquals(textOfBytes(Uint8Array.of(0xc3, 0xa9)), "\u00e9");
});

Deno.test("a file whose path is taken gets a number, in the order of the torrent", () => {
  assertEquals(assignAll("posix", ["a/x.tar", "a/x.tar", "a/x.tar", "a/x (2).tar", "a/y"]), [
    "a/x.tar",
    "a/x (2).tar",
    "a/x (3).tar",
    "a/x (2) (2).tar",
    "a/y",
  ]);
  assertEquals(assignAll("posix", [".x", ".x"]), [".x", ".x (2)"]);
});

Deno.test("a numbered name stays within the length limit", () => {
  const long = "a".repeat(251) + ".txt";
  assertEquals(assignAll("posix", [long, long])[1], "a".repeat(241) + " (2).txt");
});

Deno.test("a path cannot be both a file and a folder", () => {
  assertEquals(assignAll("posix", ["a", "a/b", "a/c", "a (2)/d", "a/b"]), [
    "a",
    "a (2)/b",
    "a (2)/c",
    "a (2) (2)/d",
    "a (2)/b (2)",
  ]);
  assertEquals(assignAll("posix", ["a/b", "a"]), ["a/b", "a (2)"]);
});

Deno.test("names that differ in case or normalisation collide only under portable rules", () => {
  const paths = [
    "Dir/readme",
    "dir/README",
    "dir/caf\u00e9",
    "dir/cafe\u0301",
    "stra\u00dfe",
    "STRASSE",
  ];
  assertEquals(assignAll("posix", paths), paths);
  assertEquals(assignAll("portable", paths), [
    "Dir/readme",
    "Dir/README (2)",
    "Dir/caf\u00e9",
    "Dir/cafe\u0301 (2)",
    "stra\u00dfe",
    "STRASSE (2)",
  ]);
});

Deno.test("numbering many colliding names tries no number twice", () => {
  const assigner = createPathAssigner("posix");
  let last: string[] = [];
  for (let i = 0; i < 30_000; i++) last = assignPath(assigner, ["same"]);
  for (let i = 0; i < 30_000; i++) last = assignPath(assigner, ["same", "same"]);
  assertEquals(last, ["same (30001)", "same (30000)"]);
  for (let i = 0; i < 60_000; i++) {
    last = assignPath(assigner, ["x".repeat(250) + String(10_000 + (i >> 1))]);
  }
  assertEquals(last, ["x".repeat(245) + " (30001)"]);
});

const nasty = fc.constantFrom(
  ...[
    "",
    ".",
    "..",
    "...",
    "/",
    "\\",
    "../..",
    "a/../b",
    "C:",
    "con",
    "NUL.txt",
    ".tt",
    ".TT",
    "a",
    "A",
  ],
  ...["a (2)", "a.b", "A.B", "a.b ", "a.", "\0", "\u00e9", "e\u0301", "\u0130", "x".repeat(300)],
);
const component = fc.oneof(nasty, nasty, fc.string({ unit: anyCharacter, maxLength: 5 }));
const paths = fc.array(fc.array(component, { minLength: 1, maxLength: 4 }), { maxLength: 30 });

Deno.test("for any torrent, paths stay in the folder and no two files share one", () => {
  const rules = fc.constantFrom<PathRules>("posix", "portable");
  fc.assert(fc.property(paths, rules, (wanted, rules) => {
    const assigner = createPathAssigner(rules);
    const fold = (text: string) => rules === "posix" ? text : text.normalize("NFD").toLowerCase();
    const files = new Set<string>();
    const folders = new Set<string>();
    for (const components of wanted) {
      const path = assignPath(assigner, components);
      assertEquals(path.length, components.length);
      for (const name of path) {
        assert(name !== "" && name !== "." && name !== "..", name);
        // deno-lint-ignore no-control-regex
        assert(!/[/\\\x00-\x1f]/.test(name), name);
        assert(new TextEncoder().encode(name).length <= COMPONENT_BYTES_MAX, name);
        if (rules === "portable") assert(!/[<>:"|?*]|[. ]$|^(con|nul)(\.|$)/i.test(name), name);
      }
      assert(path[0]!.toLowerCase() !== ".tt");
      const key = fold(path.join("/"));
      assert(!files.has(key) && !folders.has(key), key);
      files.add(key);
      for (let depth = 1; depth < path.length; depth++) {
        folders.add(fold(path.slice(0, depth).join("/")));
      }
      for (const folder of folders) assert(!files.has(folder), folder);
    }
  }));
});

Deno.test("a name may have as many bytes as a file system takes, and keeps a short ending", () => {
  const rewrite = (name: string) => safeComponent(name, "posix");
  const most = "n".repeat(COMPONENT_BYTES_MAX);
  assertEquals([rewrite(most), rewrite(`${most}n`)], [most, most]);
  const wide = "é".repeat(Math.floor(COMPONENT_BYTES_MAX / 2));
  assertEquals([rewrite(wide), rewrite(`${wide}é`)], [wide, wide]);
  assertEquals(rewrite(`${most}.mkv`), `${"n".repeat(COMPONENT_BYTES_MAX - 4)}.mkv`);
});

Deno.test("names that are alike are numbered in their order, each number once", () => {
  assertEquals(assignAll("posix", ["a.x", "a.x", "a.x", "a (2).x", "b", "b"]), [
    ...["a.x", "a (2).x", "a (3).x", "a (2) (2).x", "b", "b (2)"],
  ]);
});

Deno.test("folders that are one on some systems are one, at any depth", () => {
  assertEquals(assignAll("portable", ["A/b/x", "a/B/y", "A/b/X"]), ["A/b/x", "A/b/y", "A/b/X (2)"]);
  assertEquals(assignAll("posix", ["A/x", "a/x"]), ["A/x", "a/x"]);
});
