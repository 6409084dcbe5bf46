/** Bytes as an attacker sends them: random, or valid bytes with a few mutations. */
import fc from "../support/fast_check.ts";

type Damage =
  | { readonly kind: "flip"; readonly at: number; readonly mask: number }
  | { readonly kind: "cut"; readonly at: number; readonly count: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array };

const at = fc.nat({ max: 10_000 });

const damages: fc.Arbitrary<Damage[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("flip"), at, mask: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ kind: fc.constant("cut"), at, count: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ kind: fc.constant("insert"), at, bytes: fc.uint8Array({ maxLength: 8 }) }),
  ) as fc.Arbitrary<Damage>,
  { maxLength: 4 },
);

/** Random bytes in one case of four, else `good` bytes with up to four mutations. */
export function hostile(good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const damaged = fc.tuple(good, damages).map(([bytes, all]) => all.reduce(damage, bytes));
  return fc.oneof({ arbitrary: fc.uint8Array(), weight: 1 }, { arbitrary: damaged, weight: 3 });
}

function damage(bytes: Uint8Array, how: Damage): Uint8Array {
  const at = bytes.length === 0 ? 0 : how.at % bytes.length;
  switch (how.kind) {
    case "flip":
      return bytes.map((byte, i) => i === at ? byte ^ how.mask : byte);
    case "cut":
      return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + how.count));
    case "insert":
      return Uint8Array.of(...bytes.subarray(0, at), ...how.bytes, ...bytes.subarray(at));
  }
}
