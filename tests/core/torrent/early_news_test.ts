/** What is kept of peers before the metadata is known: the last relevant messages, bounded. */
import { assertEquals } from "@std/assert";
import {
  createEarlyNews,
  EARLY_BITFIELD_BYTES_MAX,
  EARLY_HAVES_MAX,
  type EarlyMessage,
  forgetEarlyNews,
  messagesOf,
  onEarlyMessage,
} from "../../../core/torrent/early_news.ts";
import type { Connection } from "../../../core/swarm/connections.ts";
import type { Effect } from "../../../core/torrent/protocol.ts";

function said(...messages: EarlyMessage[]) {
  const news = createEarlyNews();
  const effects: Effect[] = [];
  for (const message of messages) hear(news, 1, message, effects);
  const early = news.peers.get(1);
  return { news, effects, early, again: early === undefined ? [] : messagesOf(early) };
}

function hear(
  news: ReturnType<typeof createEarlyNews>,
  key: number,
  message: EarlyMessage,
  effects: Effect[] = [],
  fast = true,
): void {
  const features = { fast, extended: true, dht: false };
  onEarlyMessage(news, { key, features } as Connection, message, effects);
}

const bitfield = (size: number) => ({ kind: "bitfield", bits: new Uint8Array(size) }) as const;

Deno.test("each message that still holds is repeated, the last of its kind", () => {
  const cases: [EarlyMessage[], EarlyMessage[]][] = [
    [[{ kind: "have-all" }], [{ kind: "have-all" }]],
    [[{ kind: "have-none" }, { kind: "have-all" }], [{ kind: "have-all" }]],
    [[{ kind: "have", piece: 3 }, { kind: "have", piece: 3 }], [{ kind: "have", piece: 3 }]],
    [[{ kind: "allowed-fast", piece: 5 }], [{ kind: "allowed-fast", piece: 5 }]],
    [[{ kind: "unchoke" }], [{ kind: "unchoke" }]],
    [[{ kind: "unchoke" }, { kind: "choke" }], []],
    [[{ kind: "interested" }], [{ kind: "interested" }]],
    [[{ kind: "interested" }, { kind: "not-interested" }], [{ kind: "not-interested" }]],
    [[{ kind: "keep-alive" }, { kind: "suggest", piece: 1 }], []],
  ];
  for (const [messages, again] of cases) assertEquals<unknown>(said(...messages).again, again);
});

Deno.test("a request is rejected where the peer speaks the Fast extension", () => {
  const request = { kind: "request", piece: 1, begin: 2, length: 3 } as const;
  assertEquals<unknown>(said(request).effects, [
    { kind: "send", peer: 1, message: { ...request, kind: "reject" } },
  ]);
  const effects: Effect[] = [];
  hear(createEarlyNews(), 1, request, effects, false);
  assertEquals(effects, []);
});

Deno.test("of one peer a bounded number of haves and hints is kept", () => {
  const haves = Array.from({ length: EARLY_HAVES_MAX }, (_, piece) => ({ kind: "have", piece }));
  const full = said(...haves as EarlyMessage[]);
  assertEquals([full.again.length, full.early!.isIncomplete], [EARLY_HAVES_MAX, false]);
  hear(full.news, 1, { kind: "have", piece: 0 });
  assertEquals(full.early!.isIncomplete, false, "a repeated one is not more");
  hear(full.news, 1, { kind: "have", piece: EARLY_HAVES_MAX });
  assertEquals([messagesOf(full.early!).length, full.early!.isIncomplete], [EARLY_HAVES_MAX, true]);
  const hints = Array.from({ length: 65 }, (_, piece) => ({ kind: "allowed-fast", piece }));
  assertEquals(said(...hints as EarlyMessage[]).again.length, 64);
});

Deno.test("bitfields of all peers together are bounded, and their bytes come back", () => {
  const news = createEarlyNews();
  const half = EARLY_BITFIELD_BYTES_MAX / 2;
  hear(news, 1, bitfield(half));
  hear(news, 2, bitfield(half));
  assertEquals(news.bitfieldBytes, EARLY_BITFIELD_BYTES_MAX);
  assertEquals([1, 2].map((key) => news.peers.get(key)!.isIncomplete), [false, false]);
  hear(news, 3, bitfield(1));
  assertEquals([news.peers.get(3)!.isIncomplete, news.peers.get(3)!.holds], [true, undefined]);
  assertEquals(news.bitfieldBytes, EARLY_BITFIELD_BYTES_MAX);
  // A shorter one, or none at all, replaces the longer one.
  hear(news, 1, bitfield(10));
  assertEquals(news.bitfieldBytes, half + 10);
  hear(news, 1, { kind: "have-all" });
  assertEquals(news.bitfieldBytes, half);
  forgetEarlyNews(news, 2);
  forgetEarlyNews(news, 2);
  forgetEarlyNews(news, 99);
  assertEquals([news.bitfieldBytes, [...news.peers.keys()]], [0, [1, 3]]);
});
