/**
 * Announces over UDP, packet by packet: connect for a connection id, then announce with it. All
 * numbers are big-endian. The exchange itself, its timers and its sockets are the shell's.
 *
 * Spec: BEP 15, UDP tracker protocol; BEP 41, extensions.
 */
import { readUint32 } from "../bytes/byte_reader.ts";
import {
  createByteWriter,
  writeBytes,
  writeUint16,
  writeUint32,
  writeUint8,
  writtenBytes,
} from "../bytes/byte_writer.ts";
import type { IpVersion } from "../bytes/compact_peers.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { infoHashBytes } from "../metainfo/info_hash.ts";
import { cleanMessage, uniquePeers, unpackPeers } from "./answer.ts";
import type { AnnounceAnswer, AnnounceEvent, AnnounceRequest } from "./types.ts";

/** Spec: BEP 15, "Clients can use a connection ID until one minute after they have received it". */
export const CONNECTION_ID_LIFE_MS = 60_000;
/** Spec: BEP 15, time outs: n goes up to 8. */
export const ATTEMPTS_MAX = 9;

const TIMEOUT_FIRST_MS = 15_000;
const PROTOCOL_ID = [0x417, 0x27101980] as const;
const ACTION_CONNECT = 0;
const ACTION_ANNOUNCE = 1;
const ACTION_ERROR = 3;
const EVENT_NONE = 0;
/** BEP 15 has no number for `paused`, and there are trackers that refuse unknown ones. */
const EVENT_NUMBERS: Record<AnnounceEvent, number> = {
  completed: 1,
  started: 2,
  stopped: 3,
  paused: EVENT_NONE,
};
/** Spec: BEP 41, option types, and the one length byte of an option. */
const OPTION_URL_DATA = 2;
const OPTION_SIZE_MAX = 255;
/** Beyond it a packet would not travel in one piece. Bytes of path and query. */
export const URL_DATA_BYTES_MAX = 1_000;

const CONNECT_ANSWER_SIZE = 16;
const ANNOUNCE_HEADER_SIZE = 20;
const ERROR_HEADER_SIZE = 8;

export type UdpAnswer =
  | {
    readonly kind: "connect";
    readonly transactionId: number;
    /** 8 bytes, opaque. */
    readonly connectionId: Uint8Array;
  }
  | {
    readonly kind: "announce";
    readonly transactionId: number;
    readonly answer: AnnounceAnswer;
  }
  | {
    readonly kind: "error";
    readonly transactionId: number;
    /** The tracker's words, fit for a terminal. */
    readonly message: string;
  };

export type UdpError =
  /** Shorter than its action asks for. */
  | { readonly code: "udp-too-short"; readonly size: number; readonly wanted: number }
  | { readonly code: "udp-unknown-action"; readonly action: number };

/** How long to wait for an answer before attempt `attempt` + 1; `attempt` counts from 0 to 8. */
export function udpTimeoutMs(attempt: number): number {
  return TIMEOUT_FIRST_MS * 2 ** Math.min(attempt, ATTEMPTS_MAX - 1);
}

/** 16 bytes: protocol id 8, action 4, transaction id 4. */
export function encodeConnectRequest(transactionId: number): Uint8Array {
  const writer = createByteWriter(16);
  writeUint32(writer, PROTOCOL_ID[0]);
  writeUint32(writer, PROTOCOL_ID[1]);
  writeUint32(writer, ACTION_CONNECT);
  writeUint32(writer, transactionId);
  return writtenBytes(writer);
}

/**
 * 98 bytes, then the URL's path and query as options. `connectionId` is 8 bytes; `urlData` is ASCII,
 * "" for none, and left out beyond URL_DATA_BYTES_MAX. `announceIp` is the IPv4 address to be noted
 * instead of the one we ask from, 4 bytes; undefined leaves it to the tracker.
 *
 * Spec: BEP 15, announce; BEP 41, URLData.
 */
export function encodeAnnounceRequest(
  connectionId: Uint8Array,
  transactionId: number,
  request: AnnounceRequest,
  urlData: string,
  announceIp?: Uint8Array,
): Uint8Array {
  const writer = createByteWriter(128);
  writeBytes(writer, connectionId);
  writeUint32(writer, ACTION_ANNOUNCE);
  writeUint32(writer, transactionId);
  writeBytes(writer, infoHashBytes(request.infoHash));
  writeBytes(writer, request.peerId);
  for (const count of [request.downloaded, request.left, request.uploaded]) {
    writeUint32(writer, Math.floor(count / 2 ** 32));
    writeUint32(writer, count % 2 ** 32);
  }
  writeUint32(writer, request.event === undefined ? EVENT_NONE : EVENT_NUMBERS[request.event]);
  writeUint32(writer, announceIp === undefined ? 0 : readUint32(announceIp, 0));
  writeUint32(writer, request.key);
  writeUint32(writer, request.numWant);
  writeUint16(writer, request.port);
  const data = new TextEncoder().encode(urlData);
  if (data.length <= URL_DATA_BYTES_MAX) {
    for (let at = 0; at < data.length; at += OPTION_SIZE_MAX) {
      const part = data.subarray(at, at + OPTION_SIZE_MAX);
      writeUint8(writer, OPTION_URL_DATA);
      writeUint8(writer, part.length);
      writeBytes(writer, part);
    }
  }
  return writtenBytes(writer);
}

/**
 * Reads one packet of a tracker; whether it answers us is for the caller to see from the transaction
 * id. The size of a peer follows from the address family of the packet.
 *
 * Spec: BEP 15, connect output, announce output (IPv4 and IPv6), error.
 */
export function decodeUdpAnswer(
  bytes: Uint8Array,
  version: IpVersion,
): Result<UdpAnswer, UdpError> {
  if (bytes.length < ERROR_HEADER_SIZE) return tooShort(bytes, ERROR_HEADER_SIZE);
  const action = readUint32(bytes, 0);
  const transactionId = readUint32(bytes, 4);
  switch (action) {
    case ACTION_CONNECT:
      if (bytes.length < CONNECT_ANSWER_SIZE) return tooShort(bytes, CONNECT_ANSWER_SIZE);
      return ok({ kind: "connect", transactionId, connectionId: bytes.slice(8, 16) });
    case ACTION_ANNOUNCE:
      if (bytes.length < ANNOUNCE_HEADER_SIZE) return tooShort(bytes, ANNOUNCE_HEADER_SIZE);
      return ok({ kind: "announce", transactionId, answer: readAnnounce(bytes, version) });
    case ACTION_ERROR:
      return ok({
        kind: "error",
        transactionId,
        message: cleanMessage(bytes.subarray(ERROR_HEADER_SIZE)),
      });
    default:
      return fail({ code: "udp-unknown-action", action });
  }
}

/** Interval 4, leechers 4, seeders 4 at offset 8, then compact peers. */
function readAnnounce(bytes: Uint8Array, version: IpVersion): AnnounceAnswer {
  const intervalSeconds = readUint32(bytes, 8);
  return {
    intervalSeconds,
    // "Do not announce again until interval seconds have passed or an event has occurred."
    minIntervalSeconds: intervalSeconds,
    leechers: readUint32(bytes, 12),
    seeders: readUint32(bytes, 16),
    peers: uniquePeers(unpackPeers(bytes.subarray(ANNOUNCE_HEADER_SIZE), version)),
    trackerId: undefined,
    warning: undefined,
    externalIp: undefined,
  };
}

function tooShort(bytes: Uint8Array, wanted: number): Result<never, UdpError> {
  return fail({ code: "udp-too-short", size: bytes.length, wanted });
}
