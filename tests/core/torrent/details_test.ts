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

Deno.test("the details of a peer are those of its connection and its transfer", () => {
  const kit = new Kit({ have: "#..", blocks: 1 });
  const address = { ip: "192.0.2.9", port: 7_000 };
  kit.feed({ kind: "peers-found", addresses: [address], source: "dht" });
  const { job } = kit.all("dial").at(-1)!;
  const dialled = kit.handshake({ ip: address.ip, port: address.port }, job);
  const incoming = kit.connect("###", { ip: "192.0.2.10" });
  kit.say(incoming, { kind: "interested" });
  kit.deliver(incoming, 1);
  const [first, second] = detailsOf(kit.torrent, kit.now).peers();
  assertEquals(kit.isConnected(dialled), true);
  assertEquals(first, {
    ...{ address, id: new Uint8Array(20).fill(dialled), client: undefined, source: "dht" },
    ...{ isIncoming: false, isEncrypted: false, isUtp: false },
    ...{ isChokingUs: true, isChokedByUs: true, isInteresting: false, isInterested: false },
    ...{ piecesHave: 0, downRate: 0, upRate: 0, downloaded: 0, uploaded: 0 },
  });
  const { downRate, ...rest } = second!;
  assertEquals(rest, {
    ...{ address: { ip: "192.0.2.10", port: 6881 }, id: new Uint8Array(20).fill(incoming) },
    ...{ client: undefined, source: "incoming", isIncoming: true },
    ...{ isEncrypted: false, isUtp: false },
    ...{ isChokingUs: false, isChokedByUs: false, isInteresting: true, isInterested: true },
    ...{ piecesHave: 3, upRate: 0, downloaded: 16_384, uploaded: 0 },
  });
  assertEquals(downRate >= 0, true);
});

Deno.test("a magnet link's torrent has peers, and no pieces yet", () => {
  const kit = new Kit({ have: "..", isMagnet: true });
  kit.handshake();
  const look = detailsOf(kit.torrent, kit.now);
  assertEquals([look.have(), look.availability()], [new Uint8Array(), []]);
  const [peer] = look.peers();
  assertEquals([peer!.isChokingUs, peer!.isChokedByUs, peer!.piecesHave, peer!.downRate], [
    ...[true, true, 0, 0],
  ]);
});

Deno.test("only the tracker that is next has a time", () => {
  const tiers = [["http://a.test/", "http://b.test/"], ["http://c.test/"]];
  const kit = new Kit({ have: "..", announceTiers: tiers });
  kit.answer({ seeders: 4, leechers: 5, warning: "slow", intervalSeconds: 1_800 });
  const trackers = detailsOf(kit.torrent, kit.now).trackers();
  assertEquals(trackers.map(({ tier }) => tier), [0, 0, 1]);
  assertEquals(trackers.map(({ nextMs }) => nextMs !== undefined), [true, false, false]);
  assertEquals(trackers.map(({ isUnderWay }) => isUnderWay), [false, false, false]);
  const { seeders, leechers, warning, error, lastSuccessMs } = trackers[0]!;
  assertEquals([seeders, leechers, warning, error, lastSuccessMs], [
    ...[4, 5, "slow", undefined, kit.now],
  ]);
});

Deno.test("a peer without a transfer moved nothing, and one that nobody named is a tracker's", () => {
  const kit = new Kit({ have: "..", isMagnet: true });
  kit.handshake({ incoming: false });
  const [peer] = detailsOf(kit.torrent, kit.now).peers();
  const { source, isInteresting, isInterested, downloaded, uploaded, upRate } = peer!;
  assertEquals([source, isInteresting, isInterested], ["tracker", false, false]);
  assertEquals([downloaded, uploaded, upRate], [0, 0, 0]);
});
