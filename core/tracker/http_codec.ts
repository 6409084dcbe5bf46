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

/** 50 peers as dictionaries take 5 KB; the 10,000 that fit in here are of no use. */
export const ANSWER_BYTES_MAX = 1024 * 1024;
/** PEERS_MAX peers as dictionaries take 8,000 values. */
const ANSWER_VALUES_MAX = 20_000;
/** It is sent back with each announce; a longer one would make URLs that no server takes. */
const TRACKER_ID_BYTES_MAX = 1_024;
/** Peers named by a host name; each costs a question to a name server. */
export const NAMED_PEERS_MAX = 20;
/** Spec: RFC 1035, 2.3.4. */
const HOST_LENGTH_MAX = 253;
/** Labels of letters, digits and hyphens; the last one is no number, or it would be an odd address. */
const HOST_NAME =
  /^(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*(?=[a-z0-9-]*[a-z])[a-z0-9](?:[a-z0-9-]{0,62})\.?$/i;
/** Used where the tracker names no interval: what most of them name. */
export const INTERVAL_SECONDS_DEFAULT = 1_800;

/** A peer that the tracker names by its host name. */
export interface NamedPeer {
  readonly host: string;
  readonly port: number;
}

export interface HttpAnswer extends AnnounceAnswer {
  /** To be resolved by the caller; absent when there are none. Spec: BEP 3, peers. */
  readonly namedPeers?: readonly NamedPeer[] | undefined;
}

/**
 * The announce URL with the request as its query. A query that is already there, such as a passkey,
 * stays in front; a fragment goes.
 *
 * `announceIp` is the address to be noted instead of the one we ask from; undefined for none.
 *
 * Spec: BEP 3, tracker GET requests; BEP 23, compact.
 */
export function buildAnnounceUrl(
  url: string,
  request: AnnounceRequest,
  announceIp?: string,
): string {
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
  if (announceIp !== undefined) parameters.push(`ip=${announceIp.replaceAll(":", "%3A")}`);
  const target = url.replace(/#.*/s, "");
  const separator = !target.includes("?") ? "?" : /[?&]$/.test(target) ? "" : "&";
  return target + separator + parameters.join("&");
}

/**
 * Reads a tracker's answer. Repeated peers and those beyond PEERS_MAX are left out. The tracker id is
 * byte text.
 *
 * Errors: `refused` with the tracker's reason and when it may be asked again, `bad-answer`.
 */
export function parseAnnounceAnswer(bytes: Uint8Array): Result<HttpAnswer, AnnounceError> {
  const decoded = decodeBencode(bytes, {
    tolerant: true,
    bytesMax: ANSWER_BYTES_MAX,
    valuesMax: ANSWER_VALUES_MAX,
  });
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
    const message = describeRefusal(reason);
    return fail({ code: "refused", message, ...readRetry(answer) });
  }
  const trackerId = asBytes(dictGet(answer, "tracker id"));
  const namedPeers = readNamedPeers(dictGet(answer, "peers"));
  return ok({
    intervalSeconds: asInteger(dictGet(answer, "interval")) ?? INTERVAL_SECONDS_DEFAULT,
    minIntervalSeconds: asInteger(dictGet(answer, "min interval")),
    seeders: readCount(dictGet(answer, "complete")),
    leechers: readCount(dictGet(answer, "incomplete")),
    peers: uniquePeers([
      ...readPeers(dictGet(answer, "peers")),
      ...unpackPeers(asBytes(dictGet(answer, "peers6")) ?? new Uint8Array(), 6),
    ]),
    trackerId: trackerId && trackerId.length <= TRACKER_ID_BYTES_MAX
      ? byteText(trackerId)
      : undefined,
    warning: readMessage(dictGet(answer, "warning message")),
    externalIp: readExternalIp(dictGet(answer, "external ip")),
    ...(namedPeers.length === 0 ? {} : { namedPeers }),
  });
}

/** Spec: BEP 31, retry in: minutes or "never"; an interval binds after a refusal, too. */
function readRetry(answer: BencodeNode): Pick<AnnounceError, "retryInSeconds" | "isGone"> {
  const node = dictGet(answer, "retry in");
  const text = asText(node);
  if (text === "never") return { isGone: true };
  const minutes = asInteger(node) ?? (/^\d{1,9}$/.test(text ?? "") ? Number(text) : undefined);
  const interval = asInteger(dictGet(answer, "min interval")) ??
    asInteger(dictGet(answer, "interval"));
  const seconds = [minutes === undefined ? undefined : minutes * 60, interval]
    .filter((value) => value !== undefined && value > 0) as number[];
  return seconds.length === 0 ? {} : { retryInSeconds: Math.max(...seconds) };
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

function readNamedPeers(node: BencodeNode | undefined): NamedPeer[] {
  const peers: NamedPeer[] = [];
  for (const item of asList(node) ?? []) {
    const host = asText(dictGet(item, "ip")) ?? "";
    const port = asInteger(dictGet(item, "port")) ?? 0;
    if (canonicalIp(host) !== undefined || host.length > HOST_LENGTH_MAX) continue;
    if (!HOST_NAME.test(host) || port < 1 || port > 65_535) continue;
    peers.push({ host, port });
    if (peers.length === NAMED_PEERS_MAX) break;
  }
  return peers;
}

function readExternalIp(node: BencodeNode | undefined): string | undefined {
  const bytes = asBytes(node);
  return bytes?.length === IPV4_SIZE || bytes?.length === IPV6_SIZE ? formatIp(bytes) : undefined;
}
