/** Players in simulated swarms: a small version of `deno task bench stream --simulated`. */
import { assert } from "@std/assert";
import { type Mode, runCrowd, runViewing } from "./streaming.ts";

Deno.test("a player gets its first byte and its seek sooner than in sequence, and stalls little", () => {
  for (const seed of [1, 2]) {
    const view = (mode: Mode) =>
      runViewing({
        ...{ seed, mode, filmSeconds: 60, peers: 20, supply: 1.2 },
        ...{ seekAtMs: 20_000, seekTo: 0.6 },
      });
    const streamed = view("stream"), sequential = view("sequential");
    const both = `seed ${seed}: ${JSON.stringify(streamed)} beside ${JSON.stringify(sequential)}`;
    assert(streamed.firstByteMs < sequential.firstByteMs, both);
    assert(streamed.firstByteMs < 3_000, both);
    assert(streamed.seekMs * 5 < sequential.seekMs, both);
    assert(streamed.seekMs < 2_000, both);
  }
});

Deno.test("a player that does not seek waits less for its start and in stalls than in sequence", () => {
  for (const seed of [1, 2, 3]) {
    const view = (mode: Mode) =>
      runViewing({ seed, mode, filmSeconds: 40, peers: 20, supply: 1.2, seekAtMs: 0, seekTo: 0 });
    const streamed = view("stream"), sequential = view("sequential");
    const both = `seed ${seed}: ${JSON.stringify(streamed)} beside ${JSON.stringify(sequential)}`;
    assert(streamed.waitedMs <= sequential.waitedMs, both);
  }
});

Deno.test("a crowd of players is complete nearly as soon as one that downloads rarest first", () => {
  const run = (mode: Mode) => runCrowd({ seed: 1, mode, filmSeconds: 20, viewers: 15, up: 1.5 });
  const [streamed, rarest, sequential] = [run("stream"), run("rarest"), run("sequential")];
  const both = [streamed, rarest, sequential].map((crowd) => JSON.stringify(crowd)).join(
    " beside ",
  );
  assert(streamed.worstSeconds < 1.5 * rarest.worstSeconds, both);
  assert(streamed.waitedMs <= sequential.waitedMs, both);
});
