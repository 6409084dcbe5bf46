/** A synthetic peer with a v2 torrent of one file, whose behaviour a test sets. */
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { leavesOf } from "../../core/metainfo/merkle.ts";
import { answerHashes, asksForLeaves, upperLayers } from "../../core/hash_exchange/proofs.ts";
import { piecesOfRange } from "../../core/hash_exchange/ranges.ts";
import { createByteWriter, writtenBytes } from "../../core/bytes/byte_writer.ts";
import { appendMessage, decodeMessage } from "../../core/wire/codec.ts";
import { encodeHandshake } from "../../core/wire/handshake.ts";
import type { WireMessage } from "../../core/wire/message.ts";
import { MESSAGE_ID } from "../../core/wire/message_id.ts";
import { MERKLE, sha256 } from "../../shell/hash/sha256.ts";
import type { LoadedTorrent } from "../../shell/load_torrent.ts";
import { bytesOf, listenRaw, message, type RawPeer } from "./driver_kit.ts";

export function framesOf(...messages: readonly WireMessage[]): Uint8Array {
  const writer = createByteWriter();
  for (const message of messages) appendMessage(writer, message);
  return writtenBytes(writer);
}

/** Rejected, and only after all messages before it were read. */
const ABSURD_HASH_REQUEST: WireMessage = {
  kind: "hash-request",
  range: { root: new Uint8Array(32), baseLayer: 0, index: 0, length: 0, proofLayers: 0 },
};

export interface Habits {
  /** Sends another block instead of this one of piece 0. */
  readonly badBlock?: number;
  /** Transforms a response to a hash request; undefined sends nothing. */
  readonly answer?: (right: WireMessage) => WireMessage | undefined;
  /** Called for each requested block. */
  readonly onRequest?: (piece: number, begin: number) => void;
  /** Blocks that it sends before it goes silent. */
  readonly blocksMax?: number;
  /**
   * Called once the other side has read the last of these blocks, which an absurd hash request
   * reveals.
   */
  readonly onAllRead?: () => void;
  /** Has nothing at first. */
  readonly isLate?: boolean;
}

/** A seed of one file that supports v2. */
export function listenSeed(
  { metainfo }: LoadedTorrent,
  bytes: Uint8Array,
  name: string,
  habits: Habits,
) {
  const { infoHash, trees, geometry } = metainfo;
  const { pieceLength } = geometry;
  const peerId = bytesOf(`-XX0000-${name}`.padEnd(20, "x"));
  const firstBytes = bytesOf(
    encodeHandshake({ infoHash, peerId, fast: true, extended: false, dht: false, v2: true }),
    habits.isLate
      ? framesOf({ kind: "have-none" })
      : framesOf({ kind: "have-all" }, { kind: "unchoke" }),
  );
  let blocksSent = 0;
  const onMessage = (id: number, body: Uint8Array, peer: RawPeer) => {
    const frame = bytesOf(0, Uint8Array.of(id), body);
    const view = { id, bodyStart: 5, frameEnd: frame.length, needed: frame.length };
    const decoded = decodeMessage(frame, view);
    if (!decoded.ok) throw new Error(decoded.error.code);
    const asked = decoded.value;
    if (asked.kind === "request") {
      const { piece, begin, length } = asked;
      habits.onRequest?.(piece, begin);
      if (blocksSent++ >= (habits.blocksMax ?? Infinity)) return;
      const at = piece * pieceLength + begin;
      const block = bytes.slice(at, at + length);
      if (piece === 0 && begin === (habits.badBlock ?? -1) * BLOCK_SIZE) block[5]! ^= 1;
      peer.write(message(MESSAGE_ID.piece, piece, begin, block));
      if (blocksSent === habits.blocksMax) peer.write(framesOf(ABSURD_HASH_REQUEST));
    } else if (asked.kind === "hash-reject") {
      habits.onAllRead?.();
    } else if (asked.kind === "hash-request") {
      const { root: _, ...numbers } = asked.range;
      const range = { tree: 0, ...numbers };
      const [piece] = piecesOfRange(trees!, range);
      const content = bytes.subarray(piece * pieceLength, (piece + 1) * pieceLength);
      const leaves = asksForLeaves(trees!, range) ? leavesOf(sha256, content) : undefined;
      const upper = upperLayers(trees!, MERKLE, 0);
      const hashes = answerHashes(trees!, MERKLE, range, { upper, leaves })!;
      const right: WireMessage = { kind: "hashes", range: asked.range, hashes };
      const answer = habits.answer === undefined ? right : habits.answer(right);
      if (answer !== undefined) peer.write(framesOf(answer));
    }
  };
  return listenRaw(firstBytes, onMessage);
}
