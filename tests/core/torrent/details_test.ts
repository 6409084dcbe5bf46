import { assertEquals } from "@std/assert";
import { fail } from "../../../core/bytes/result.ts";
import { detailsOf } from "../../../core/torrent/details.ts";
import { Kit } from "./kit.ts";

Deno.test("the details show each peer, its pieces and its traffic", () => {
  const kit = new Kit({ have: "#..", blocks: 1 });
  const peer = kit.connect("##.");
  kit.deliver(peer);
  const look = detailsOf(kit.torrent, kit.now);
  const [details] = look.peers();
  assertEquals([details!.piecesHave, details!.isChokingUs, details!.isInteresting], [
    2,
    false,
    true,
  ]);
  assertEquals(details!.downloaded > 0, true);
  assertEquals(look.have()[0]! >> 7, 1);
  assertEquals(look.availability(), [1, 1, 0]);
});

Deno.test("the details show each tracker, its error, and its next announce", () => {
  const tiers = [["http://a.test/announce"], ["http://b.test/announce"]];
  const kit = new Kit({ have: "..", announceTiers: tiers });
  assertEquals(detailsOf(kit.torrent, kit.now).trackers().map(({ isUnderWay }) => isUnderWay), [
    true,
    false,
  ]);
  const error = { code: "unreachable", message: "no route" } as const;
  kit.feed({ kind: "announced", job: kit.all("announce")[0]!.job, result: fail(error) });
  const [first] = detailsOf(kit.torrent, kit.now).trackers();
  assertEquals([first!.url, first!.tier, first!.error], [tiers[0]![0]!, 0, "no route"]);
});

Deno.test("a manual reannounce does not wait for the backoff", () => {
  const announces = (asks: boolean) => {
    const kit = new Kit({ have: "..", announceTiers: [["http://a.test/announce"]] });
    const error = { code: "unreachable", message: "no route" } as const;
    for (let round = 0; round < 6; round++) {
      const { job } = kit.all("announce").at(-1)!;
      kit.feed({ kind: "announced", job, result: fail(error) });
      if (round < 5) kit.wait(200_000);
    }
    if (asks) kit.feed({ kind: "announce-now" });
    kit.wait(1);
    return kit.all("announce").length;
  };
  assertEquals(announces(true), announces(false) + 1);
});
