import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { askForFiles, chooseParams } from "../../shell/choose_files.ts";
import { parseSelector } from "../../core/metainfo/selection.ts";
import { Failure } from "../../shell/failure.ts";

const content = {
  name: "set",
  files: ["a.mkv", "pad", "b.mkv", "c.txt"].map((name) => ({
    path: ["set", name],
    length: 1000,
    offset: 0,
    pad: name === "pad",
    executable: false,
  })),
};

/** A user who types these lines, and then nothing more. */
function asker(...answers: string[]) {
  const told: string[] = [];
  return {
    told,
    tell: (text: string) => void told.push(text),
    ask: () => Promise.resolve(answers.shift()),
  };
}

Deno.test("files are listed with numbers, and the question repeats until the answer is valid", async () => {
  const user = asker("9", "[", "*.iso", " 1,3 ");
  assertEquals(await askForFiles(content, user), "1,3");
  const [list, ...complaints] = user.told;
  assertStringIncludes(list!, "3");
  assertStringIncludes(list!, "set/c.txt");
  assertEquals(list!.split("\n").length, 3);
  assertStringIncludes(complaints[0]!, "there is no file 9, only 1 to 3");
  assertStringIncludes(complaints[1]!, "not a pattern or a list of numbers");
  assertStringIncludes(complaints[2]!, "no file matches *.iso");
  assertEquals(await askForFiles(content, asker("")), "*");
  await assertRejects(() => askForFiles(content, asker("9")), Failure, "No files were chosen");
});

Deno.test("the daemon gets file numbers from 0, and never an empty list, which means all", () => {
  const read = (text: string) => [parseSelector(text)!];
  const none = { select: [], exclude: [], priorityHigh: [], priorityLow: [] };
  assertEquals(chooseParams(content, none), {});
  assertEquals(chooseParams(content, { ...none, select: read("*") }), {});
  const params = chooseParams(content, {
    ...{ select: read("*.mkv"), exclude: [] },
    ...{ priorityHigh: read("2"), priorityLow: read("*.txt") },
  });
  assertEquals(params, { files_unwanted: [2], priority_high: [1] });
});
