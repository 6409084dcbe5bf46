/** What a swarm says to its trackers, and takes from their answers. */
import { assertEquals } from "@std/assert";
import { isAwaitingFirstAnswer, trackerCounts } from "../../../core/swarm/announcing.ts";
import { NUM_WANT } from "../../../core/swarm/limits.ts";
import { fail } from "../../../core/bytes/result.ts";
import { Kit } from "../torrent/kit.ts";

const TIERS = [["http://a.test/announce"]];

Deno.test("a first answer is awaited from a tracker that has not answered or failed yet", () => {
  const isAwaited = (kit: Kit) => isAwaitingFirstAnswer(kit.torrent.swarm);
  assertEquals(isAwaited(new Kit({ have: ".." })), false, "no tracker");
  const kit = new Kit({ have: "..", announceTiers: TIERS });
  assertEquals(isAwaited(kit), true);
  kit.answer();
  assertEquals(isAwaited(kit), false);
  const failed = new Kit({ have: "..", announceTiers: TIERS });
  const [announce] = failed.all("announce");
  const error = { code: "network", message: "no answer" } as never;
  failed.feed({ kind: "announced", job: announce!.job, result: fail(error) });
  assertEquals(isAwaited(failed), false);
});

Deno.test("our address is the one that a tracker saw last", () => {
  const kit = new Kit({ have: "..", announceTiers: TIERS });
  const { swarm } = kit.torrent;
  kit.answer({ externalIp: "203.0.113.1", seeders: 0, leechers: 2 });
  assertEquals(swarm.announcing.externalIp, "203.0.113.1");
  assertEquals(trackerCounts(swarm), { seeders: 0, leechers: 2 });
  kit.wait(1_800_000);
  kit.answer();
  assertEquals(swarm.announcing.externalIp, "203.0.113.1");
});

Deno.test("peers are asked for while we run, and none when we leave", () => {
  const kit = new Kit({ have: "..", announceTiers: TIERS });
  kit.answer();
  kit.feed({ kind: "stop" });
  assertEquals(kit.all("announce").map(({ request }) => [request.event, request.numWant]), [
    ["started", NUM_WANT],
    ["stopped", 0],
  ]);
});
