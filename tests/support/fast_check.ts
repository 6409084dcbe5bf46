/**
 * fast-check with a fixed seed, so that every run is the same. `TT_SEED` sets another;
 * a failure prints the seed and the path to its counterexample.
 */
import fc from "fast-check";

const SEED = 20_240_601;

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(Deno.env.get("TT_SEED") ?? SEED) });

/** Any character of Unicode, as fast-check's unit "binary", which takes a second to build its table. */
export const anyCharacter: fc.Arbitrary<string> = fc.oneof(
  fc.integer({ min: 0, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0x10ffff }),
).map((code) => String.fromCodePoint(code));

export default fc;
