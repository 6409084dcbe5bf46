import { assertEquals } from "@std/assert";
import { remember } from "../../../core/bytes/remember.ts";

Deno.test("what is remembered is computed once, as long as it fits", () => {
  const computed: string[] = [];
  const double = remember(2, (text) => {
    computed.push(text);
    return text + text;
  });
  assertEquals(["a", "b", "a", "b"].map(double), ["aa", "bb", "aa", "bb"]);
  assertEquals(computed, ["a", "b"]);
  assertEquals(["c", "c"].map(double), ["cc", "cc"]);
  assertEquals(computed, ["a", "b", "c"]);
  // A third one did not fit: the first two were given up for it.
  assertEquals(["a", "c", "a"].map(double), ["aa", "cc", "aa"]);
  assertEquals(computed, ["a", "b", "c", "a"]);
});
