/** What the answers of HTTP and UDP trackers have in common: packed peers, and words for people. */
import { byteText, utf8Text } from "../bencode/node.ts";
import { addressText, type PeerAddress } from "../bytes/address.ts";
import { decodeCompactPeers, type IpVersion } from "../bytes/compact_peers.ts";
import { IPV4_SIZE, IPV6_SIZE } from "../bytes/ip.ts";

/** Peers taken from one answer; trackers give 50 to 200. */
export const PEERS_MAX = 2_000;
/** A message for people; the rest of it is cut off. */
export const TEXT_LENGTH_MAX = 300;

const PORT_SIZE = 2;

/** Compact peers; a tail that is no whole peer is ignored. Spec: BEP 23, BEP 7. */
export function unpackPeers(bytes: Uint8Array, version: IpVersion): PeerAddress[] {
  const peerSize = (version === 4 ? IPV4_SIZE : IPV6_SIZE) + PORT_SIZE;
  const whole = bytes.subarray(0, bytes.length - bytes.length % peerSize);
  const peers = decodeCompactPeers(whole, version);
  return peers.ok ? peers.value : [];
}

/** The first PEERS_MAX different addresses. */
export function uniquePeers(peers: readonly PeerAddress[]): PeerAddress[] {
  const byText = new Map(peers.map((peer) => [addressText(peer), peer]));
  return [...byText.values()].slice(0, PEERS_MAX);
}

/** A sentence for a tracker's own words. */
export function describeRefusal(reason: string): string {
  return reason === "" ? "The tracker refused without a reason" : `The tracker refused: ${reason}`;
}

/** Words of a tracker made fit for a terminal: control characters become spaces, long text is cut. */
export function cleanMessage(bytes: Uint8Array): string {
  const text = utf8Text(bytes) ?? byteText(bytes);
  return text.replace(/\p{C}+/gu, " ").trim().slice(0, TEXT_LENGTH_MAX);
}
