import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPart,
  formatPercent,
  formatPieceLength,
  formatRate,
  formatRatio,
} from "../../../core/cli/format.ts";
import { cutText, printable, textWidth, wrapText } from "../../../core/cli/text.ts";

Deno.test("sizes use decimal units with one fractional digit", () => {
  assertEquals(
    [0, 999, 1000, 1500, 999_949, 999_950, 12_345_678, 2e9, 3.5e15, 1e21].map(formatBytes),
    ["0 B", "999 B", "1.0 kB", "1.5 kB", "999.9 kB", "1.0 MB", "12.3 MB", "2.0 GB", "3.5 PB"]
      .concat("1000000.0 PB"),
  );
  assertEquals(formatRate(12_300_000), "12.3 MB/s");
  assertEquals(formatBytes(-5), "0 B");
});

Deno.test("piece lengths use binary units", () => {
  assertEquals(
    [16_384, 262_144, 1_048_576, 67_108_864].map(formatPieceLength),
    ["16 KiB", "256 KiB", "1 MiB", "64 MiB"],
  );
});

Deno.test("100 % is shown only when nothing is missing", () => {
  assertEquals(formatPercent(999_999, 1_000_000), "99.9 %");
  assertEquals(formatPercent(1_000_000, 1_000_000), "100 %");
  assertEquals(formatPercent(0, 0), "100 %");
  assertEquals(formatPercent(-1, 10), "0.0 %");
  fc.assert(fc.property(fc.maxSafeNat(), (whole) => {
    if (whole > 0) assertNotEquals(formatPercent(whole - 1, whole), "100 %");
  }));
});

Deno.test("durations show their two largest units", () => {
  assertEquals(
    [0, 59.4, 59.6, 60, 125, 3599, 3600, 11_520, 86_399, 180_000, 1e9].map(formatDuration),
    ["0 s", "59 s", "1 min", "1 min", "2 min 5 s", "59 min 59 s", "1 h", "3 h 12 min"]
      .concat("23 h 59 min", "2 d 2 h", "more than 100 d"),
  );
});

Deno.test("ratios are rounded down and counts have digit groups", () => {
  assertEquals(formatRatio(1.999), "1.99");
  assertEquals(formatCount(1, "peer"), "1 peer");
  assertEquals(formatCount(0, "peer"), "0 peers");
  assertEquals(formatCount(1_234_567, "piece"), "1,234,567 pieces");
  assertEquals(formatPart(1_145, 1_200, "piece"), "1,145 of 1,200 pieces");
});

Deno.test("control characters in untrusted text are replaced", () => {
  assertEquals(printable("a\x1b[2J\r\n\x9b\u202eb\u2066"), "a?[2J????b?");
  assertEquals(printable("naïve 映画 🎬"), "naïve 映画 🎬");
});

Deno.test("wide characters take two columns, combining characters none", () => {
  assertEquals(["abc", "映画", "🎬", "e\u0301", "한"].map(textWidth), [3, 4, 2, 1, 2]);
});

Deno.test("truncated text ends with an ellipsis", () => {
  assertEquals(cutText("abcdef", 6, "…"), "abcdef");
  assertEquals(cutText("abcdef", 4, "…"), "abc…");
  assertEquals(cutText("映画館", 4, "…"), "映…");
  assertEquals(cutText("abcdef", 2, "..."), "");
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.nat(20), (text, width) => {
    assertEquals(textWidth(cutText(text, width, "…")) <= width, true);
  }));
});

Deno.test("text is wrapped at spaces", () => {
  assertEquals(wrapText("one two three", 8), ["one two", "three"]);
  assertEquals(wrapText("", 8), [""]);
});

Deno.test("at a hundred days a duration is just long", () => {
  const day = 86_400;
  assertEquals([day - 1, day, 100 * day - 1, 100 * day, -5].map(formatDuration), [
    ...["23 h 59 min", "1 d", "99 d 23 h", "more than 100 d", "0 s"],
  ]);
  assertEquals([3661, 7200, 90_000].map(formatDuration), ["1 h 1 min", "2 h", "1 d 1 h"]);
  assertEquals(formatPieceLength(3 * 1024 ** 4), "3072 GiB");
  assertEquals(formatPieceLength(1536), "1.5 KiB");
});
