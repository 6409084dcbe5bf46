import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { parseCommand } from "../../../core/cli/arguments.ts";
import type { GetCommand } from "../../../core/cli/command.ts";
import {
  decodeRemembered,
  encodeRemembered,
  mergeRemembered,
  recall,
  type Remembered,
  rememberedSelection,
} from "../../../core/cli/remembered.ts";

function get(line: string, env: Record<string, string> = {}): GetCommand {
  const parsed = parseCommand(["get", "x", ...line.split(" ").filter(Boolean)], env);
  if (!parsed.ok || parsed.value.kind !== "get") throw new Error(JSON.stringify(parsed));
  return parsed.value;
}

const EARLIER: Remembered = new Map([
  ["shareRule", ["strict"]],
  ["upLimit", ["1M"]],
  ["seedTime", ["5"]],
  ["moveTo", ["done"]],
]);

Deno.test("remembered options apply until they are overridden", () => {
  assertEquals(recall(get(""), EARLIER), {
    shareRule: { percent: 10, strict: true },
    upLimit: 1_000_000,
    seedTimeMs: 300_000,
    moveTo: "done",
  });
  assertEquals(recall(get("--share-rule off --up-limit off --move-to there"), EARLIER), {
    seedTimeMs: 300_000,
  });
  // Environment variables apply to all downloads, remembered options to this one.
  assertEquals(recall(get("", { TT_UP_LIMIT: "7M" }), EARLIER).upLimit, 1_000_000);
  assertEquals(recall(get("--no-seed"), EARLIER).seedTimeMs, undefined);
});

Deno.test("only options are remembered, and new options override remembered ones", () => {
  const { typed } = get("--down-limit 2M --no-seed --dir d --resume", { TT_UP_LIMIT: "7M" });
  assertEquals(typed, new Map([["downLimit", ["2M"]]]));
  const merged = mergeRemembered(get("--up-limit 3M").typed, EARLIER);
  assertEquals(merged.get("upLimit"), ["3M"]);
  assertEquals(merged.get("moveTo"), ["done"]);
});

Deno.test("remembered options round-trip; those that no longer parse are dropped", () => {
  assertEquals(decodeRemembered(encodeRemembered(EARLIER)), EARLIER);
  const bytes = encodeBencode({
    "share-rule": ["no rule"],
    "up-limit": "1M",
    "down-limit": [new Uint8Array([0xff])],
    "seed-ratio": ["2"],
    "future": ["x"],
  });
  assertEquals(decodeRemembered(bytes), new Map([["seedRatio", ["2"]]]));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (damaged) => {
      decodeRemembered(damaged);
    }),
    { seed: 7, numRuns: 200 },
  );
});

Deno.test("a new selection replaces the previous one completely", () => {
  const { typed } = get("--select *.mkv --exclude sample --sequential --priority-high 1");
  const kept = decodeRemembered(encodeRemembered(typed));
  assertEquals(kept, typed);
  const again = recall(get(""), kept);
  assertEquals(again.select?.map(({ text }) => text), ["*.mkv"]);
  assertEquals(again.exclude?.map(({ text }) => text), ["sample"]);
  assertEquals([again.sequential, again.priorityHigh?.length], [true, 1]);
  const wider = get("--select 1-3 --sequential=false");
  assertEquals(Object.keys(recall(wider, kept)), ["priorityHigh"]);
  assertEquals([...mergeRemembered(wider.typed, kept).keys()].sort(), [
    ...["priorityHigh", "select", "sequential"],
  ]);
  assertEquals(mergeRemembered(wider.typed, kept).get("select"), ["1-3"]);
});

Deno.test("a run that leaves at once recalls no goal of seeding, but all else", () => {
  const earlier: Remembered = new Map([
    ["seedRatio", ["2"]],
    ["seedTime", ["5"]],
    ["downLimit", ["1M"]],
  ]);
  assertEquals(recall(get("--no-seed"), earlier), { downLimit: 1_000_000 });
  assertEquals(recall(get(""), earlier), {
    downLimit: 1_000_000,
    seedRatio: 2,
    seedTimeMs: 300_000,
  });
});

Deno.test("the remembered choice of files is that of names only", () => {
  const { typed } = get("--select *.mkv --exclude sample --priority-high 1");
  const { select, exclude, ...priorities } = rememberedSelection(typed);
  assertEquals([select, exclude].map((list) => list.map(({ text }) => text)), [["*.mkv"], [
    "sample",
  ]]);
  assertEquals(priorities, { priorityHigh: [], priorityLow: [] });
  assertEquals(rememberedSelection(new Map()), {
    ...{ select: [], exclude: [], priorityHigh: [], priorityLow: [] },
  });
  assertEquals(rememberedSelection(new Map([["select", ["[a"]]])).select, []);
});

Deno.test("a hundred texts of an option are remembered, and none of more, or of none", () => {
  const read = (count: number) =>
    decodeRemembered(encodeRemembered(new Map([["select", Array(count).fill("*.mkv")]])))
      .get("select")?.length;
  assertEquals([read(0), read(1), read(100), read(101)], [undefined, 1, 100, undefined]);
});

Deno.test("what is remembered replaces nothing but what it names", () => {
  const merged = (line: string) => [...mergeRemembered(get(line).typed, EARLIER).keys()].sort();
  assertEquals(merged("--select a"), ["moveTo", "seedTime", "select", "shareRule", "upLimit"]);
  const chosen: Remembered = new Map([["exclude", ["a"]], ["upLimit", ["1M"]]]);
  assertEquals([...mergeRemembered(get("--select a").typed, chosen).keys()].sort(), [
    ...["select", "upLimit"],
  ]);
});
