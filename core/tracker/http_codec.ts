/**
 * Announces over HTTP: the request as a URL, the answer as bencode. Answers come from programs of all
 * kinds, so reading is tolerant: a missing or odd field is left out, and only an answer that is no
 * bencoded dictionary, or refuses, fails.
 *
 * Spec: BEP 3 (trackers), BEP 7 (peers6), BEP 23 (compact), BEP 24 (external ip).
 */
import { decodeBencode, describeBencodeError } from "../bencode/decode.ts";
import {
  asBytes,
  asInteger,
  asList,
  asText,
  type BencodeNode,
  bytesOfByteText,
  byteText,
  dictGet,
} from "../bencode/node.ts";
import type { PeerAddress } from "../bytes/address.ts";
import { canonicalIp, formatIp, IPV4_SIZE, IPV6_SIZE } from "../bytes/ip.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { infoHashBytes } from "../metainfo/info_hash.ts";
import { cleanMessage, describeRefusal, uniquePeers, unpackPeers } from "./answer.ts";
import { percentEncode } from "./percent.ts";
import type { AnnounceAnswer, AnnounceError, AnnounceRequest } from "./types.ts";

/** 50 peers as dictionaries take 5 KB; nobody has use for the 10,000 that fit in here. */
export const ANSWER_BYTES_MAX = 1024 * 1024;
/** Used where the tracker names no interval: what most of them name. */
export const INTERVAL_SECONDS_DEFAULT = 1_800;
/**
 * The announce URL with the request as its query. A query that is already there, such as a passkey,
 * stays in front; a fragment goes.
 *
 * Spec: BEP 3, tracker GET requests; BEP 23, compact.
 */
export function buildAnnounceUrl(url: string, request: AnnounceRequest): string {
  const parameters = [
    `info_hash=${percentEncode(infoHashBytes(request.infoHash))}`,
    `peer_id=${percentEncode(request.peerId)}`,
    `port=${request.port}`,
    `uploaded=${request.uploaded}`,
    `downloaded=${request.downloaded}`,
    `left=${request.left}`,
    "compact=1",
    "no_peer_id=1",
    `numwant=${request.numWant}`,
    `key=${request.key.toString(16).padStart(8, "0")}`,
  ];
  if (request.event !== undefined) parameters.push(`event=${request.event}`);
  if (request.trackerId !== undefined) {
    parameters.push(`trackerid=${percentEncode(bytesOfByteText(request.trackerId))}`);
  }
  const target = url.replace(/#.*/s, "");
  const separator = !target.includes("?") ? "?" : /[?&]$/.test(target) ? "" : "&";
  return target + separator + parameters.join("&");
}

/**
 * Reads a tracker's answer. Peers named by a host name instead of an address are left out, as are
 * repeated ones and those beyond PEERS_MAX. The tracker id is byte text.
 *
 * Errors: `refused` with the tracker's reason, `bad-answer`.
 */
export function parseAnnounceAnswer(bytes: Uint8Array): Result<AnnounceAnswer, AnnounceError> {
  const decoded = decodeBencode(bytes, { tolerant: true, bytesMax: ANSWER_BYTES_MAX });
  if (!decoded.ok) {
    return badAnswer(
      isWebPage(bytes)
        ? "The tracker answered with a web page, not with bencode; check its URL"
        : `The tracker's answer is not bencode: ${describeBencodeError(decoded.error)}`,
    );
  }
  const answer = decoded.value;
  if (answer.kind !== "dict") return badAnswer("The tracker's answer is not a dictionary");
  const reason = readMessage(dictGet(answer, "failure reason"));
  if (reason !== undefined) {
    return fail({ code: "refused", message: describeRefusal(reason) });
  }
  const trackerId = asBytes(dictGet(answer, "tracker id"));
  return ok({
    intervalSeconds: asInteger(dictGet(answer, "interval")) ?? INTERVAL_SECONDS_DEFAULT,
    minIntervalSeconds: asInteger(dictGet(answer, "min interval")),
    seeders: readCount(dictGet(answer, "complete")),
    leechers: readCount(dictGet(answer, "incomplete")),
    peers: uniquePeers([
      ...readPeers(dictGet(answer, "peers")),
      ...unpackPeers(asBytes(dictGet(answer, "peers6")) ?? new Uint8Array(), 6),
    ]),
    trackerId: trackerId && byteText(trackerId),
    warning: readMessage(dictGet(answer, "warning message")),
    externalIp: readExternalIp(dictGet(answer, "external ip")),
  });
}

function badAnswer(message: string): Result<never, AnnounceError> {
  return fail({ code: "bad-answer", message });
}

function isWebPage(bytes: Uint8Array): boolean {
  return byteText(bytes.subarray(0, 64)).trimStart().startsWith("<");
}

function readMessage(node: BencodeNode | undefined): string | undefined {
  const bytes = asBytes(node);
  return bytes && cleanMessage(bytes);
}

function readCount(node: BencodeNode | undefined): number | undefined {
  const count = asInteger(node);
  return count !== undefined && count >= 0 ? count : undefined;
}

function readPeers(node: BencodeNode | undefined): PeerAddress[] {
  if (node?.kind === "bytes") return unpackPeers(node.value, 4);
  const peers: PeerAddress[] = [];
  for (const item of asList(node) ?? []) {
    const ip = canonicalIp(asText(dictGet(item, "ip")) ?? "");
    const port = asInteger(dictGet(item, "port")) ?? 0;
    if (ip !== undefined && port >= 1 && port <= 65_535) peers.push({ ip, port });
  }
  return peers;
}

function readExternalIp(node: BencodeNode | undefined): string | undefined {
  const bytes = asBytes(node);
  return bytes?.length === IPV4_SIZE || bytes?.length === IPV6_SIZE ? formatIp(bytes) : undefined;
}
