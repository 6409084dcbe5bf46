/**
 * What we tell a peer first: the extension handshake, which pieces we have, and the pieces it may ask
 * for while choked. And what its extension handshake tells us.
 *
 * Spec: BEP 10, handshake message; BEP 6, have all, have none, allowed fast; BEP 21, upload_only.
 */
import { hasBit } from "../bytes/bitfield.ts";
import { infoHashBytes } from "../metainfo/info_hash.ts";
import {
  decodeExtendedHandshake,
  encodeExtendedHandshake,
  EXTENDED_HANDSHAKE_ID,
} from "../wire/extended.ts";
import { allowedFastSet } from "../wire/fast.ts";
import type { Message } from "../wire/message.ts";
import { ALLOWED_FAST_COUNT, REQQ_OFFERED } from "./limits.ts";
import type { Effect } from "./protocol.ts";
import { onListenPort } from "./candidates.ts";
import { isComplete, type Peer, type Torrent } from "./state.ts";

/**
 * Sends what a peer must hear first: our extension handshake, our pieces, its allowed fast set.
 *
 * Spec: BEP 10, handshake message; BEP 6, have all, have none, allowed fast.
 */
export function greet(torrent: Torrent, peer: Peer, effects: Effect[]): void {
  const send = (message: Message) => effects.push({ kind: "send", peer: peer.key, message });
  const { options } = torrent;
  if (peer.features.extended) {
    const payload = encodeExtendedHandshake({
      extensions: new Map(),
      version: options.clientName,
      port: options.port,
      reqq: REQQ_OFFERED,
      yourIp: peer.address.ip,
      uploadOnly: isComplete(torrent),
      metadataSize: undefined,
    });
    send({ kind: "extended", id: EXTENDED_HANDSHAKE_ID, payload });
  }
  if (peer.features.fast && isComplete(torrent)) send({ kind: "have-all" });
  else if (peer.features.fast && torrent.haveCount === 0) send({ kind: "have-none" });
  else if (torrent.haveCount > 0) send({ kind: "bitfield", bits: torrent.have.bytes.slice() });
  if (peer.features.fast && torrent.haveCount > 0) grantFast(torrent, peer, send);
}

/** Only pieces that we have: a promise that we can't keep would be rejected anyway. */
function grantFast(torrent: Torrent, peer: Peer, send: (message: Message) => void): void {
  const { options, geometry } = torrent;
  const hash = infoHashBytes(options.infoHash);
  const { ip } = peer.address;
  const set = allowedFastSet(hash, ip, geometry.pieceCount, ALLOWED_FAST_COUNT, options.sha1);
  for (const piece of set) {
    if (!hasBit(torrent.have, piece)) continue;
    peer.grantedFast.add(piece);
    send({ kind: "allowed-fast", piece });
  }
}

/** Takes what the peer's extension handshake says; a malformed one is ignored, as others do. */
export function onExtendedHandshake(
  torrent: Torrent,
  peer: Peer,
  payload: Uint8Array,
  now: number,
): void {
  const decoded = decodeExtendedHandshake(payload);
  if (!decoded.ok) return;
  const { reqq, version, port } = decoded.value;
  peer.reqq = reqq;
  peer.client = version;
  if (port !== undefined) onListenPort(torrent, peer, port, now);
}
