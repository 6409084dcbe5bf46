/**
 * Peers on the tracker's own machine announce from a loopback address, by which every other machine
 * means itself. Only clients on this machine receive them so; others get the address at which they
 * reached the tracker, where it is known, and do not get these peers where it is not.
 */
import type { ByteWriter } from "../../bytes/byte_writer.ts";
import { IPV4_SIZE, IPV6_SIZE } from "../../bytes/ip.ts";
import type { AnnounceReply } from "../types.ts";

const PORT_SIZE = 2;
const PEER_ID_SIZE = 20;
const LOOPBACK_NET = 127;

/** Whether 4 or 16 bytes at `at` are a loopback address: 127.0.0.0/8 or ::1. */
export function isLoopbackAt(bytes: Uint8Array, at: number, size: number): boolean {
  if (size === IPV4_SIZE) return bytes[at] === LOOPBACK_NET;
  if (bytes[at] !== 0 || bytes[at + IPV6_SIZE - 1] !== 1) return false;
  for (let i = 1; i < IPV6_SIZE - 1; i++) if (bytes[at + i] !== 0) return false;
  return true;
}

/**
 * Changes a reply to `asker`, of 4 or 16 bytes, in place. `ownIp` is the address at which it
 * reached the tracker; undefined where that is not known.
 */
export function renameLoopbackPeers(
  reply: Pick<AnnounceReply, "peers" | "peers6" | "peerIds">,
  asker: Uint8Array,
  ownIp: Uint8Array | undefined,
): void {
  if (isLoopbackAt(asker, 0, asker.length)) return;
  const own = ownIp !== undefined && !isLoopbackAt(ownIp, 0, ownIp.length) ? ownIp : undefined;
  // From the end, so that ids of peers that were not looked at yet stay where they are.
  rename(reply.peers6, IPV6_SIZE, own, reply.peerIds, reply.peers.size / (IPV4_SIZE + PORT_SIZE));
  rename(reply.peers, IPV4_SIZE, own, reply.peerIds, 0);
}

/** `idsBefore` counts the ids that stand before those of these peers. */
function rename(
  peers: ByteWriter,
  ipSize: number,
  own: Uint8Array | undefined,
  ids: ByteWriter,
  idsBefore: number,
): void {
  const size = ipSize + PORT_SIZE;
  for (let at = peers.size - size; at >= 0; at -= size) {
    if (!isLoopbackAt(peers.bytes, at, ipSize)) continue;
    if (own?.length === ipSize) {
      peers.bytes.set(own, at);
    } else {
      removeBytes(peers, at, size);
      if (ids.size > 0) removeBytes(ids, (idsBefore + at / size) * PEER_ID_SIZE, PEER_ID_SIZE);
    }
  }
}

function removeBytes(writer: ByteWriter, at: number, count: number): void {
  writer.bytes.copyWithin(at, at + count, writer.size);
  writer.size -= count;
}
