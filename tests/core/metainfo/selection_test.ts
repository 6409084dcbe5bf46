import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { SELECT_RANGES_MAX } from "../../../core/metainfo/magnet.ts";
import {
  contentFiles,
  describeSelectionError,
  formatNumbers,
  parseSelector,
  selectFiles,
  type Selector,
} from "../../../core/metainfo/selection.ts";

const FILES = ["a.mkv", "pad", "extras/b.mkv", "extras/c.txt", "2024"].map((path) => ({
  path: ["set", ...path.split("/")],
  pad: path === "pad",
}));

function read(...texts: string[]): Selector[] {
  return texts.map((text) => {
    const selector = parseSelector(text);
    if (selector === undefined) throw new Error(`${text} is no choice`);
    return selector;
  });
}

/** A letter for each file: s kip, l ow, n ormal, h igh; or the error message. */
function choose(
  select: string[],
  exclude: string[] = [],
  { high = [], low = [] }: { high?: string[]; low?: string[] } = {},
): string {
  const choices = selectFiles(FILES, {
    select: read(...select),
    exclude: read(...exclude),
    high: read(...high),
    low: read(...low),
  });
  return choices.ok
    ? choices.value.map((choice) => choice[0]).join("")
    : describeSelectionError(choices.error);
}

Deno.test("files are selected by patterns and numbers, padding never", () => {
  assertEquals(choose([]), "nsnnn");
  assertEquals(choose(["*.mkv"]), "nsnss");
  assertEquals(choose(["extras"]), "ssnns");
  assertEquals(choose(["extras/*.txt"]), "sssns");
  assertEquals(choose(["set/extras/*.txt"]), "sssns");
  assertEquals(choose(["1"]), "nssss");
  assertEquals(choose(["2-3, 1"]), "nsnns");
  assertEquals(choose(["4"]), "ssssn");
  assertEquals(choose(["./2024"]), "ssssn");
  assertEquals(choose([], ["*.mkv"]), "sssnn");
  assertEquals(choose(["extras"], ["3"]), "ssnss");
  assertEquals(choose(["*.mkv", "3"], ["1"]), "ssnns");
});

Deno.test("priorities apply to selected files", () => {
  assertEquals(choose([], [], { high: ["1"], low: ["extras"] }), "hslln");
  assertEquals(choose(["extras"], [], { high: ["*.mkv"], low: ["*.txt"] }), "sshls");
  assertEquals(choose([], [], { high: ["1"], low: ["1"] }), "hsnnn");
});

Deno.test("a pattern or number without a match is named", () => {
  assertEquals(choose(["*.iso"]), "no file matches *.iso");
  assertEquals(choose(["*.mkv", "*.iso"]), "no file matches *.iso");
  assertEquals(choose([], ["*.iso"], { low: ["*.iso"] }), "nsnnn");
  assertEquals(choose([], ["5"]), "there is no file 5, only 1 to 4");
  assertEquals(choose(["5"]), "there is no file 5, only 1 to 4");
  assertEquals(choose(["3-900"]), "there is no file 900, only 1 to 4");
  assertEquals(choose(["0"]), "there is no file 0, only 1 to 4");
  assertEquals(choose(["*.mkv"], ["set"]), "no file is left of what is selected");
});

Deno.test("text that is neither numbers nor a pattern is refused", () => {
  for (const text of ["", "3-1", "1-2-3", "--", "-1", "1-", "[a", "9".repeat(30)]) {
    assertEquals(parseSelector(text) === undefined, text !== "--", text);
  }
});

Deno.test("a magnet link's selection counts from 0, and options override it", () => {
  const selectOnly = [{ first: 0, last: 1 }, { first: 4, last: 9 }];
  const options = { select: [], exclude: [], selectOnly };
  assertEquals(selectFiles(FILES, options), {
    ok: true,
    value: ["normal", "skip", "skip", "skip", "normal"],
  });
  const typed = selectFiles(FILES, { ...options, select: read("2") });
  assertEquals(typed.ok && typed.value.map((choice) => choice !== "skip"), [
    ...[false, false, true, false, false],
  ]);
  const beyond = { ...options, selectOnly: [{ first: 5, last: 9 }] };
  assertEquals(selectFiles(FILES, beyond), { ok: false, error: { code: "nothing-selected" } });
});

Deno.test("formatting and parsing round-trips file numbers", () => {
  assertEquals(formatNumbers([1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
  const flags = fc.array(fc.record({ pad: fc.boolean(), chosen: fc.boolean() }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(flags, (drawn) => {
      const files = drawn.map(({ pad }, index) => ({ path: [`f${index}`], pad }));
      const content = contentFiles(files);
      const numbers = content.flatMap((file, at) => drawn[file]!.chosen ? [at + 1] : []);
      fc.pre(numbers.length > 0);
      const choices = selectFiles(files, { select: read(formatNumbers(numbers)), exclude: [] });
      if (!choices.ok) throw new Error(describeSelectionError(choices.error));
      assertEquals(
        choices.value.map((choice) => choice !== "skip"),
        drawn.map(({ pad, chosen }) => chosen && !pad),
      );
      // Excluding the same files gives the complement.
      const rest = selectFiles(files, { select: [], exclude: read(formatNumbers(numbers)) });
      if (rest.ok) {
        for (const index of content) {
          assertEquals(rest.value[index] === "skip", choices.value[index] !== "skip");
        }
      } else assertEquals(numbers.length, content.length);
    }),
    { seed: 1, numRuns: 300 },
  );
});

Deno.test("numbers are from 1 to the last file, and as many as a link may name", () => {
  assertEquals(choose(["1-4"]), "nsnnn");
  assertEquals(choose(["0"]), "there is no file 0, only 1 to 4");
  assertEquals(choose(["2-5"]), "there is no file 5, only 1 to 4");
  assertEquals(choose(["0-9"]), "there is no file 0, only 1 to 4");
  const list = (count: number) => parseSelector(Array(count).fill("1").join(","));
  assertEquals(list(SELECT_RANGES_MAX)?.files.kind, "numbers");
  assertEquals(list(SELECT_RANGES_MAX + 1)?.files.kind, undefined);
});

Deno.test("a path with a folder matches below the torrent's own folder, a name anywhere", () => {
  const selected = (text: string, ...paths: string[][]) => {
    const files = paths.map((path) => ({ path, pad: false }));
    const none = { exclude: [], high: [], low: [] };
    const choices = selectFiles(files, { select: read(text), ...none });
    return choices.ok ? choices.value.map((choice) => choice[0]).join("") : choices.error.code;
  };
  assertEquals(selected("**/x", ["set", "x"], ["x"]), "nn");
  assertEquals(selected("a/x", ["set", "a", "x"], ["a", "x"], ["set", "b", "a", "x"]), "nns");
  assertEquals(selected("set", ["set", "x"], ["other"]), "ns");
});

Deno.test("runs of numbers become ranges, also at the end", () => {
  assertEquals([[1], [1, 2], [1, 3], [1, 2, 3, 7, 9, 10], []].map(formatNumbers), [
    ...["1", "1-2", "1,3", "1-3,7,9-10", ""],
  ]);
});

Deno.test("numbers have nine digits at most", () => {
  const kind = (text: string) => parseSelector(text)?.files.kind;
  const most = "9".repeat(9);
  assertEquals([kind(most), kind(`${most}-${most}`)], ["numbers", "numbers"]);
  assertEquals(kind(`1-${"9".repeat(18)}`) === "numbers", false);
});
