/** Swarms written down in the records of `change_log.ts`, and brought back from them. */
import { readUint16, readUint32 } from "../../bytes/byte_reader.ts";
import type { ByteWriter } from "../../bytes/byte_writer.ts";
import { IPV4_SIZE, IPV6_SIZE } from "../../bytes/ip.ts";
import { fail, ok, type Result } from "../../bytes/result.ts";
import { INFO_HASH_SIZE } from "../../metainfo/info_hash.ts";
import {
  CHANGE,
  IPV6_FLAG,
  latestOf,
  MARK,
  writeCompleted,
  writeMark,
  writePeerChange,
} from "./change_log.ts";
import { roleAt, seenAtOf } from "./peer_lists.ts";
import { announce, countsAt, restoreCompleted, type SwarmStore } from "./swarm_store.ts";
import type { AnnounceQuery } from "../types.ts";

export type RestoreError =
  /** A record begins at `offset` and does not end. */
  | { readonly code: "truncated"; readonly offset: number }
  | { readonly code: "unknown-kind"; readonly offset: number; readonly kind: number };

const KINDS: ReadonlySet<number> = new Set(Object.values(CHANGE));
const PORT_SIZE = 2;
const PEER_ID_SIZE = 20;
const COUNT_SIZE = 4;
const MARK_SIZE = 5;

/**
 * Plays records into the store, as if its peers had announced at `aliveAt`, in the store's whole
 * seconds, or earlier where the records have a time: `secondsOf` makes the store's seconds of
 * seconds since 1970. Peers beyond the capacity are left out. After an error, what came before it
 * counts.
 */
export function restoreChanges(
  store: SwarmStore,
  bytes: Uint8Array,
  aliveAt: number,
  secondsOf?: (wallSeconds: number) => number,
): Result<void, RestoreError> {
  let seenAt = aliveAt;
  for (let at = 0; at < bytes.length;) {
    const kind = bytes[at]!;
    if (kind === MARK) {
      if (at + MARK_SIZE > bytes.length) return fail({ code: "truncated", offset: at });
      const latest = secondsOf?.(latestOf(readUint32(bytes, at + 1)));
      seenAt = Math.min(aliveAt, latest ?? aliveAt);
      at += MARK_SIZE;
      continue;
    }
    const change = kind & ~IPV6_FLAG;
    if (!KINDS.has(change)) return fail({ code: "unknown-kind", offset: at, kind });
    const ipSize = (kind & IPV6_FLAG) !== 0 ? IPV6_SIZE : IPV4_SIZE;
    const hashAt = at + 1;
    const bodyAt = hashAt + INFO_HASH_SIZE;
    const isCount = change === CHANGE.completed;
    const end = bodyAt + (isCount ? COUNT_SIZE : ipSize + PORT_SIZE + PEER_ID_SIZE);
    if (end > bytes.length) return fail({ code: "truncated", offset: at });
    const infoHash = bytes.subarray(hashAt, bodyAt);
    if (isCount) {
      restoreCompleted(store, infoHash, readUint32(bytes, bodyAt), seenAt);
    } else {
      const portAt = bodyAt + ipSize;
      const query: AnnounceQuery = {
        infoHash,
        peerId: bytes.subarray(portAt + PORT_SIZE, end),
        ip: bytes.subarray(bodyAt, portAt),
        port: readUint16(bytes, portAt),
        isComplete: change === CHANGE.seeder,
        event: change === CHANGE.partialSeed ? "paused" : undefined,
        numWant: 0,
        wantsBothFamilies: false,
        wantsPeerIds: false,
      };
      announce(store, query, seenAt);
      // A new peer ID at a known address leaves no record, so it is logged first, then the end of
      // the old one.
      if (change === CHANGE.left) announce(store, { ...query, event: "stopped" }, seenAt);
    }
    at = end;
  }
  return ok(undefined);
}

/** Appends all that is known of the swarm in a slot; nothing for a free slot. */
export function writeSwarm(store: SwarmStore, slot: number, writer: ByteWriter): void {
  const { completed } = countsAt(store, slot);
  if (completed > 0) writeCompleted(writer, store.table, slot, completed);
  let markedAt = NaN;
  for (const lists of [store.lists4, store.lists6]) {
    for (let place = 0; place < lists.counts[slot]!; place++) {
      const wallSeconds = seenAtOf(lists, slot, place) + store.wallOffset;
      if (wallSeconds !== markedAt) writeMark(writer, markedAt = wallSeconds);
      writePeerChange(writer, CHANGE[roleAt(lists, slot, place)], store.table, lists, slot, place);
    }
  }
}
