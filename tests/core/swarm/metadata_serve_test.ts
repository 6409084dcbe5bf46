import { assert, assertEquals } from "@std/assert";
import {
  answerMetadataRequest,
  createMetadataAllowance,
  SERVED_BURST_PIECES,
  SERVED_PIECES_PER_SECOND,
} from "../../../core/swarm/metadata_serve.ts";

const INFO = Uint8Array.from({ length: 20_000 }, (_, i) => i & 0xff);

Deno.test("a response has the bytes of the piece and the total size", () => {
  const allowance = createMetadataAllowance(0);
  const last = answerMetadataRequest(INFO, 1, allowance, 0);
  if (last.kind !== "data") throw new Error(last.kind);
  assertEquals([last.piece, last.totalSize, last.payload.length], [1, 20_000, 20_000 - 16_384]);
  assertEquals(last.payload[0], 16_384 & 0xff);
});

Deno.test("requests beyond the end, or without metadata, are rejected", () => {
  const allowance = createMetadataAllowance(0);
  assertEquals(answerMetadataRequest(INFO, 2, allowance, 0), { kind: "reject", piece: 2 });
  assertEquals(answerMetadataRequest(undefined, 0, allowance, 0), { kind: "reject", piece: 0 });
});

Deno.test("unlimited requests of a peer get a burst, then a steady rate", () => {
  const allowance = createMetadataAllowance(0);
  let given = 0;
  for (let i = 0; i < 10_000; i++) {
    if (answerMetadataRequest(INFO, 0, allowance, i).kind === "data") given++;
  }
  assert(Math.abs(given - (SERVED_BURST_PIECES + 10 * SERVED_PIECES_PER_SECOND)) <= 1, `${given}`);
});

Deno.test("the whole burst is given at once, and nothing beyond it", () => {
  const allowance = createMetadataAllowance(0);
  const kinds = Array.from(
    { length: SERVED_BURST_PIECES + 1 },
    () => answerMetadataRequest(INFO, 0, allowance, 0).kind,
  );
  assertEquals(kinds.slice(-2), ["data", "reject"]);
});
