import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  addMetadataPeer,
  concludeMetadata,
  createMetadataFetch,
  METADATA_DUPLICATE_MS,
  METADATA_PEERS_MAX,
  METADATA_REQUESTS_MAX,
  METADATA_RETRY_FIRST_MS,
  METADATA_TIMEOUT_MS,
  type MetadataFetch,
  metadataProgress,
  nextMetadataDeadline,
  receiveMetadata,
  removeMetadataPeer,
  requestMetadata,
} from "../../../core/swarm/metadata_fetch.ts";
import { METADATA_BYTES_MAX, METADATA_PIECE_SIZE } from "../../../core/wire/ut_metadata.ts";
import { fuzzRuns } from "../../fuzz/runs.ts";

/** Metadata in which every byte encodes its position. */
function metadata(size: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) + seed) & 0xff);
}

function pieceOf(bytes: Uint8Array, piece: number): Uint8Array {
  return bytes.subarray(piece * METADATA_PIECE_SIZE, (piece + 1) * METADATA_PIECE_SIZE);
}

function give(fetch: MetadataFetch, peer: number, piece: number, bytes: Uint8Array, now: number) {
  const payload = pieceOf(bytes, piece);
  return receiveMetadata(
    fetch,
    peer,
    { kind: "data", piece, totalSize: bytes.length, payload },
    now,
  );
}

const isSame = (a: Uint8Array, b: Uint8Array) =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

Deno.test("a single peer is asked for all pieces at once", () => {
  const bytes = metadata(40_000);
  const fetch = createMetadataFetch();
  addMetadataPeer(fetch, 1, bytes.length);
  assertEquals(requestMetadata(fetch, 0), [0, 1, 2].map((piece) => ({ peer: 1, piece })));
  assertEquals(requestMetadata(fetch, 1), []);
  assertEquals(give(fetch, 1, 2, bytes, 5).kind, "none");
  assertEquals(metadataProgress(fetch), { bytesDone: 40_000 - 32_768, bytesTotal: 40_000 });
  assertEquals(give(fetch, 1, 0, bytes, 5).kind, "none");
  const outcome = give(fetch, 1, 1, bytes, 6);
  if (outcome.kind !== "assembled") throw new Error(outcome.kind);
  assert(isSame(outcome.bytes, bytes));
  assertEquals(concludeMetadata(fetch, true), []);
  assertEquals([fetch.stage, requestMetadata(fetch, 99_999)], ["done", []]);
});

Deno.test("several peers share the pieces, and none is requested twice at once", () => {
  const bytes = metadata(20 * METADATA_PIECE_SIZE);
  const fetch = createMetadataFetch();
  addMetadataPeer(fetch, 1, bytes.length);
  addMetadataPeer(fetch, 2, bytes.length);
  addMetadataPeer(fetch, 3, undefined);
  const requests = requestMetadata(fetch, 0);
  assertEquals(requests.length, 20);
  assertEquals(new Set(requests.map(({ piece }) => piece)).size, 20);
  assertEquals(requests.filter(({ peer }) => peer === 1).length, METADATA_REQUESTS_MAX);
  assertEquals(requests.filter(({ peer }) => peer === 3), []);
});

Deno.test("a slow peer's pieces are requested from another, then given up after ten seconds", () => {
  const bytes = metadata(30_000);
  const fetch = createMetadataFetch();
  addMetadataPeer(fetch, 1, bytes.length);
  requestMetadata(fetch, 0);
  addMetadataPeer(fetch, 2, bytes.length);
  assertEquals(requestMetadata(fetch, 10), []);
  assertEquals(nextMetadataDeadline(fetch, 10), METADATA_DUPLICATE_MS);
  const again = requestMetadata(fetch, METADATA_DUPLICATE_MS);
  assertEquals(again, [{ peer: 2, piece: 0 }, { peer: 2, piece: 1 }]);
  addMetadataPeer(fetch, 3, bytes.length);
  assertEquals(requestMetadata(fetch, 5_000), []);
  assertEquals(requestMetadata(fetch, METADATA_TIMEOUT_MS), [
    { peer: 3, piece: 0 },
    { peer: 3, piece: 1 },
  ]);
  assertEquals(give(fetch, 1, 0, bytes, 10_001).kind, "none");
  assertEquals(metadataProgress(fetch)!.bytesDone, 0);
});

Deno.test("each reject doubles the delay before the peer is asked again", () => {
  const fetch = createMetadataFetch();
  addMetadataPeer(fetch, 1, 10);
  let now = 0;
  for (const factor of [1, 2, 4]) {
    assertEquals(requestMetadata(fetch, now).length, 1);
    receiveMetadata(fetch, 1, { kind: "reject", piece: 0 }, now);
    assertEquals(requestMetadata(fetch, now), []);
    assertEquals(nextMetadataDeadline(fetch, now), now + factor * METADATA_RETRY_FIRST_MS);
    now += factor * METADATA_RETRY_FIRST_MS;
  }
  // A reject for a piece that was not requested changes nothing.
  receiveMetadata(fetch, 1, { kind: "reject", piece: 0 }, now);
  assertEquals(requestMetadata(fetch, now).length, 1);
});

Deno.test("a single sender of wrong metadata is identified, and another peer is asked", () => {
  const bytes = metadata(20_000), lie = metadata(20_000, 1);
  const fetch = createMetadataFetch();
  addMetadataPeer(fetch, 1, lie.length);
  requestMetadata(fetch, 0);
  addMetadataPeer(fetch, 2, bytes.length);
  give(fetch, 1, 0, lie, 0);
  assertEquals(give(fetch, 1, 1, lie, 0).kind, "assembled");
  assertEquals(concludeMetadata(fetch, false), [1]);
  assertEquals(requestMetadata(fetch, 1), [{ peer: 2, piece: 0 }, { peer: 2, piece: 1 }]);
});

Deno.test("of several senders exactly the liars are identified", () => {
  const bytes = metadata(20_000), lie = metadata(20_000, 1);
  const fetch = createMetadataFetch();
  addMetadataPeer(fetch, 1, bytes.length);
  requestMetadata(fetch, 0);
  addMetadataPeer(fetch, 2, bytes.length);
  addMetadataPeer(fetch, 3, bytes.length);
  give(fetch, 1, 0, bytes, 0);
  requestMetadata(fetch, METADATA_DUPLICATE_MS);
  give(fetch, 2, 1, lie, METADATA_DUPLICATE_MS);
  assertEquals(concludeMetadata(fetch, false), []);
  // From now on all requests go to one peer.
  assertEquals(requestMetadata(fetch, 1_001), [{ peer: 1, piece: 0 }, { peer: 1, piece: 1 }]);
  give(fetch, 1, 0, bytes, 1_002);
  assertEquals(give(fetch, 1, 1, bytes, 1_002).kind, "assembled");
  assertEquals(concludeMetadata(fetch, true), [2]);
});

Deno.test("pieces of a wrong size or total are a violation", () => {
  const fetch = createMetadataFetch();
  const bytes = metadata(20_000);
  for (const [peer, payload, totalSize] of [[1, 16_383, 20_000], [2, 16_384, 20_001]] as const) {
    addMetadataPeer(fetch, peer, bytes.length);
    requestMetadata(fetch, 0);
    const message = {
      kind: "data",
      piece: 0,
      totalSize,
      payload: new Uint8Array(payload),
    } as const;
    assertEquals(receiveMetadata(fetch, peer, message, 0).kind, "violation");
    assertEquals(fetch.peers.has(peer), false);
  }
});

Deno.test("metadata of 1 GB is not requested, and a claimed size allocates nothing", () => {
  const fetch = createMetadataFetch();
  addMetadataPeer(fetch, 1, 1_000_000_000);
  assertEquals([requestMetadata(fetch, 0), fetch.tooLarge], [[], 1]);
  addMetadataPeer(fetch, 2, METADATA_BYTES_MAX);
  assertEquals(requestMetadata(fetch, 0).length, METADATA_REQUESTS_MAX);
  assertEquals(fetch.current!.pieces.every((piece) => piece === undefined), true);
});

Deno.test("the most frequent size is tried first, and a false size costs one attempt", () => {
  const fetch = createMetadataFetch();
  addMetadataPeer(fetch, 1, 50);
  addMetadataPeer(fetch, 2, 60);
  addMetadataPeer(fetch, 3, 60);
  assertEquals(requestMetadata(fetch, 0), [{ peer: 2, piece: 0 }]);
  removeMetadataPeer(fetch, 2);
  removeMetadataPeer(fetch, 3);
  assertEquals(requestMetadata(fetch, 1), [{ peer: 1, piece: 0 }]);
});

/**
 * Any mix of honest, lying, silent and rejecting peers that join and leave, over virtual time: as
 * long as one honest peer stays, the metadata arrives, and no honest peer is blamed.
 */
Deno.test("with one honest peer metadata is always fetched, and no honest peer is blamed", () => {
  const kinds = fc.array(fc.constantFrom("honest", "liar", "other size", "silent", "rejecting"), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(
      kinds,
      fc.nat({ max: 100 }),
      fc.integer({ min: 1, max: 90_000 }),
      (mix, at, size) => {
        const peers = [...mix];
        peers.splice(at % (mix.length + 1), 0, "honest");
        const right = metadata(size), wrong = metadata(size, 7), other = metadata(size + 1, 9);
        const fetch = createMetadataFetch();
        for (const [key, kind] of peers.entries()) {
          addMetadataPeer(fetch, key, kind === "other size" ? other.length : right.length);
        }
        let now = 0;
        for (let turn = 0; turn < 5_000 && fetch.stage !== "done"; turn++) {
          const requests = requestMetadata(fetch, now);
          for (const { peer, piece } of requests) {
            const kind = peers[peer];
            if (kind === "silent") continue;
            if (kind === "rejecting") {
              receiveMetadata(fetch, peer, { kind: "reject", piece }, now);
              continue;
            }
            const bytes = kind === "honest" ? right : kind === "liar" ? wrong : other;
            const outcome = give(fetch, peer, piece, bytes, now);
            if (outcome.kind !== "assembled") continue;
            for (const liar of concludeMetadata(fetch, isSame(outcome.bytes, right))) {
              assert(peers[liar] === "liar" || peers[liar] === "other size");
            }
          }
          if (requests.length > 0) continue;
          now = Math.max(now + 1, nextMetadataDeadline(fetch, now) ?? now);
        }
        assertEquals(fetch.stage, "done");
      },
    ),
    fuzzRuns(200),
  );
});

/** A time far from the clock's beginning. */
const LATE = 1_000_000;
const TWO = 2 * METADATA_PIECE_SIZE;

function fetchFrom(...sizes: readonly (number | undefined)[]): MetadataFetch {
  const fetch = createMetadataFetch();
  for (const [i, size] of sizes.entries()) addMetadataPeer(fetch, i + 1, size);
  return fetch;
}

const askedOf = (fetch: MetadataFetch, now = LATE) =>
  requestMetadata(fetch, now).map(({ peer, piece }) => `${peer}.${piece}`);

Deno.test("a peer that names another size starts over, one that repeats its size does not", () => {
  const fetch = fetchFrom(TWO);
  assertEquals(askedOf(fetch), ["1.0", "1.1"]);
  addMetadataPeer(fetch, 1, TWO);
  assertEquals(askedOf(fetch), []);
  addMetadataPeer(fetch, 1, METADATA_PIECE_SIZE);
  assertEquals(askedOf(fetch), ["1.0"]);
  assertEquals(metadataProgress(fetch)?.bytesTotal, METADATA_PIECE_SIZE);
});

Deno.test("as many peers are remembered as a torrent has connections", () => {
  const fetch = createMetadataFetch();
  for (let peer = 1; peer <= METADATA_PEERS_MAX + 1; peer++) addMetadataPeer(fetch, peer, TWO);
  assertEquals(fetch.peers.size, METADATA_PEERS_MAX);
});

/** Two peers sent one half each, and it did not match: now the first is asked alone. */
function afterMixture(): MetadataFetch {
  const fetch = fetchFrom(TWO, TWO, TWO);
  askedOf(fetch);
  askedOf(fetch, LATE + METADATA_DUPLICATE_MS);
  const now = LATE + METADATA_DUPLICATE_MS;
  give(fetch, 1, 0, metadata(TWO), now);
  assertEquals(give(fetch, 2, 1, metadata(TWO, 9), now).kind, "assembled");
  assertEquals(concludeMetadata(fetch, false), []);
  return fetch;
}

Deno.test("the only peer that is asked takes its pieces along when it leaves, others do not", () => {
  const fetch = afterMixture();
  assertEquals(askedOf(fetch), ["1.0", "1.1"]);
  give(fetch, 1, 0, metadata(TWO), LATE);
  removeMetadataPeer(fetch, 3);
  assertEquals(metadataProgress(fetch)?.bytesDone, METADATA_PIECE_SIZE);
  assertEquals(askedOf(fetch), []);
  removeMetadataPeer(fetch, 1);
  assertEquals(askedOf(fetch), ["2.0", "2.1"]);
  assertEquals(metadataProgress(fetch)?.bytesDone, 0);
  for (const piece of [0, 1]) give(fetch, 2, piece, metadata(TWO), LATE);
  removeMetadataPeer(fetch, 2);
  // It is being checked already.
  assertEquals(concludeMetadata(fetch, true), [2]);
  assertEquals([fetch.stage, fetch.failed], ["done", undefined]);
});

Deno.test("several peers that are asked leave what they sent", () => {
  const fetch = fetchFrom(TWO, TWO);
  askedOf(fetch);
  give(fetch, 1, 0, metadata(TWO), LATE);
  removeMetadataPeer(fetch, 1);
  assertEquals(metadataProgress(fetch)?.bytesDone, METADATA_PIECE_SIZE);
});

Deno.test("what nobody asked for changes nothing", () => {
  const fetch = fetchFrom(TWO);
  assertEquals(give(fetch, 1, 0, metadata(TWO), LATE).kind, "none", "before the first request");
  assertEquals(give(fetch, 7, 0, metadata(TWO), LATE).kind, "none", "of an unknown peer");
  askedOf(fetch);
  assertEquals(give(fetch, 7, 0, metadata(TWO), LATE).kind, "none");
  for (const piece of [0, 1]) give(fetch, 1, piece, metadata(TWO), LATE);
  assertEquals(give(fetch, 1, 0, metadata(TWO), LATE).kind, "none", "while it is checked");
  assertEquals(fetch.stage, "checking");
});

Deno.test("a reject of what was not asked for delays nothing", () => {
  const fetch = fetchFrom(TWO);
  askedOf(fetch);
  receiveMetadata(fetch, 1, { kind: "reject", piece: 9 }, LATE);
  assertEquals(fetch.peers.get(1)!.waitUntilMs, 0);
  receiveMetadata(fetch, 1, { kind: "reject", piece: 0 }, LATE);
  assertEquals(fetch.peers.get(1)!.waitUntilMs, LATE + METADATA_RETRY_FIRST_MS);
});

Deno.test("a piece that comes makes up for the refusals before it", () => {
  const fetch = fetchFrom(2 * TWO);
  const reject = (piece: number, now: number) => {
    askedOf(fetch, now);
    receiveMetadata(fetch, 1, { kind: "reject", piece }, now);
    return fetch.peers.get(1)!.waitUntilMs - now;
  };
  assertEquals(reject(0, LATE), METADATA_RETRY_FIRST_MS);
  assertEquals(reject(0, LATE + 60_000), 2 * METADATA_RETRY_FIRST_MS);
  askedOf(fetch, LATE + 120_000);
  give(fetch, 1, 1, metadata(2 * TWO), LATE + 120_000);
  assertEquals(reject(0, LATE + 120_000), METADATA_RETRY_FIRST_MS);
});

Deno.test("a verdict on nothing is a programming error", () => {
  assertThrows(() => concludeMetadata(createMetadataFetch(), true));
  const fetch = fetchFrom(TWO);
  askedOf(fetch);
  assertThrows(() => concludeMetadata(fetch, true));
});

Deno.test("the next look is when a wait ends, a piece may be asked twice, or an answer is late", () => {
  const fetch = fetchFrom(TWO, undefined);
  assertEquals(nextMetadataDeadline(fetch, LATE), undefined);
  askedOf(fetch);
  assertEquals(nextMetadataDeadline(fetch, LATE), LATE + METADATA_DUPLICATE_MS);
  const duplicateMs = LATE + METADATA_DUPLICATE_MS;
  assertEquals(nextMetadataDeadline(fetch, duplicateMs - 1), duplicateMs);
  assertEquals(nextMetadataDeadline(fetch, duplicateMs), LATE + METADATA_TIMEOUT_MS);
  for (const piece of [0, 1]) receiveMetadata(fetch, 1, { kind: "reject", piece }, LATE);
  const { waitUntilMs } = fetch.peers.get(1)!;
  assertEquals(nextMetadataDeadline(fetch, waitUntilMs - 1), waitUntilMs);
  assertEquals(nextMetadataDeadline(fetch, waitUntilMs), undefined);
});

Deno.test("of sizes that as many name the first is tried", () => {
  const fetch = fetchFrom(TWO, METADATA_PIECE_SIZE, METADATA_PIECE_SIZE, TWO);
  askedOf(fetch);
  assertEquals(metadataProgress(fetch)?.bytesTotal, TWO);
});

Deno.test("a piece is asked of another peer after a second, and given up after ten", () => {
  const fetch = fetchFrom(METADATA_PIECE_SIZE, METADATA_PIECE_SIZE);
  assertEquals(askedOf(fetch), ["1.0"]);
  assertEquals(askedOf(fetch, LATE + METADATA_DUPLICATE_MS - 1), []);
  assertEquals(askedOf(fetch, LATE + METADATA_DUPLICATE_MS), ["2.0"]);
  assertEquals(askedOf(fetch, LATE + METADATA_TIMEOUT_MS - 1), []);
  assertEquals(fetch.peers.get(1)!.asked.size, 1);
  askedOf(fetch, LATE + METADATA_TIMEOUT_MS);
  assertEquals(fetch.peers.get(1)!.asked.size, 0);
});

Deno.test("who named another size lied, even where the bytes are right", () => {
  const right = metadata(METADATA_PIECE_SIZE);
  const wrong = metadata(TWO);
  const fetch = fetchFrom(TWO, TWO, METADATA_PIECE_SIZE);
  askedOf(fetch);
  askedOf(fetch, LATE + METADATA_DUPLICATE_MS);
  give(fetch, 1, 0, wrong, LATE);
  give(fetch, 2, 1, wrong, LATE);
  assertEquals(concludeMetadata(fetch, false), []);
  for (const liar of [1, 2]) {
    assertEquals(askedOf(fetch), [`${liar}.0`, `${liar}.1`]);
    for (const piece of [0, 1]) give(fetch, liar, piece, wrong, LATE);
    assertEquals(concludeMetadata(fetch, false), [liar]);
  }
  assertEquals(askedOf(fetch), ["3.0"]);
  give(fetch, 3, 0, right, LATE);
  assertEquals(concludeMetadata(fetch, true), [1, 2]);
});
