import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { parseRange } from "../../../core/stream/byte_range.ts";

Deno.test("ranges are parsed as RFC 9110 specifies", () => {
  const cases: [string | undefined, ReturnType<typeof parseRange>][] = [
    [undefined, "whole"],
    ["bytes=0-", { start: 0, end: 100 }],
    ["bytes=0-0", { start: 0, end: 1 }],
    ["bytes=10-19", { start: 10, end: 20 }],
    ["bytes=90-1000", { start: 90, end: 100 }],
    ["bytes=-10", { start: 90, end: 100 }],
    ["bytes=-1000", { start: 0, end: 100 }],
    ["BYTES = 5 - 6", { start: 5, end: 7 }],
    ["bytes=100-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=20-10", "whole"],
    ["bytes=-", "whole"],
    ["bytes=0-1,5-6", "whole"],
    ["items=0-1", "whole"],
    ["bytes=99999999999999999999999-", "unsatisfiable"],
    ["bytes=0-99999999999999999999999", { start: 0, end: 100 }],
    ["bytes=" + "0".repeat(500) + "-", "whole"],
  ];
  for (const [header, range] of cases) assertEquals(parseRange(header, 100), range, header);
  assertEquals(parseRange("bytes=0-", 0), "unsatisfiable");
});

Deno.test("the parsed range always lies within the file", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,20}-\d{0,20}$/));
  fc.assert(
    fc.property(text, fc.nat(), (header, length) => {
      const range = parseRange(header, length);
      if (typeof range === "string") return;
      assert(range.start >= 0 && range.start < range.end && range.end <= length);
    }),
    { seed: 1 },
  );
});

Deno.test("a file of one byte has a last byte, and a header is read up to its limit", () => {
  assertEquals(parseRange("bytes=-1", 1), { start: 0, end: 1 });
  assertEquals(parseRange("bytes=-1", 0), "unsatisfiable");
  const header = (length: number) => `bytes=${"0".repeat(length - "bytes=-".length)}-`;
  assertEquals(parseRange(header(200), 5), { start: 0, end: 5 });
  assertEquals(parseRange(header(201), 5), "whole");
});
