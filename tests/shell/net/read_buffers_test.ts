import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import {
  giveReadBuffer,
  READ_BUFFER_FIRST,
  READ_BUFFER_MAX,
  takeReadBuffer,
} from "../../../shell/net/read_buffers.ts";

Deno.test("a buffer that was given back is taken again, one that is in use is not", () => {
  const one = takeReadBuffer(READ_BUFFER_FIRST), other = takeReadBuffer(READ_BUFFER_FIRST);
  assertNotStrictEquals(one, other);
  giveReadBuffer(one);
  assertStrictEquals(takeReadBuffer(READ_BUFFER_FIRST), one);
  giveReadBuffer(one);
  giveReadBuffer(other);
});

Deno.test("a buffer of an odd size is not kept, and idle ones are bounded", () => {
  const odd = takeReadBuffer(READ_BUFFER_FIRST + 1);
  assertEquals(odd.length, READ_BUFFER_FIRST + 1);
  giveReadBuffer(odd);
  assertNotStrictEquals(takeReadBuffer(odd.length), odd);
  const many = Array.from({ length: 100 }, () => new Uint8Array(READ_BUFFER_MAX));
  many.forEach(giveReadBuffer);
  const known = new Set<Uint8Array>(many);
  let kept = 0;
  while (known.has(takeReadBuffer(READ_BUFFER_MAX))) kept++;
  assert(kept > 0 && kept * READ_BUFFER_MAX <= 8 * 1024 * 1024, `${kept} kept`);
});
