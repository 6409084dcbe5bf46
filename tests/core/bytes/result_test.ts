import { assertEquals, assertThrows } from "@std/assert";
import { assert, fail, ok, unreachable } from "../../../core/bytes/result.ts";

Deno.test("a result is either a value or an error", () => {
  assertEquals(ok(5), { ok: true, value: 5 });
  assertEquals(fail({ code: "bad" }), { ok: false, error: { code: "bad" } });
});

Deno.test("a failed assertion throws and names the invariant", () => {
  assert(true, "never said");
  assertThrows(() => assert(false, "one and one is two"), Error, "one and one is two");
});

Deno.test("unreachable() throws and shows the value", () => {
  assertThrows(() => unreachable({ kind: "new" } as never), Error, '{"kind":"new"}');
});
