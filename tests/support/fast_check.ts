/**
 * fast-check with a fixed seed, so that every run is the same. `TT_SEED` sets another;
 * a failure prints the seed and the path to its counterexample.
 */
import fc from "fast-check";

const SEED = 20_240_601;

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(Deno.env.get("TT_SEED") ?? SEED) });

export default fc;
