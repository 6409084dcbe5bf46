/**
 * The datagrams of local service discovery: a few lines in the form of an HTTP request, sent to a
 * multicast group.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import { infoHashFromHex } from "../metainfo/info_hash.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";

/** Spec: BEP 14, multicast groups A and B. */
export const LSD_PORT = 6771;
export const LSD_GROUP_V4 = "239.192.152.143";
export const LSD_GROUP_V6 = "ff15::efc0:988f";
/** Spec: BEP 14, "the packet length should not exceed 1400 bytes". */
export const LSD_DATAGRAM_BYTES_MAX = 1_400;
/** As many as fit beside the other lines. */
export const LSD_INFO_HASHES_MAX = 20;
/** Characters of a cookie that are compared. */
export const LSD_COOKIE_LENGTH_MAX = 64;

const PORT_MAX = 65_535;

export interface LocalAnnounce {
  /** TCP port on which the sender listens, 1..65535. */
  readonly port: number;
  /** 1 to LSD_INFO_HASHES_MAX, each once. */
  readonly infoHashes: readonly InfoHash[];
  /** Whatever lets the sender know its own datagrams; at most LSD_COOKIE_LENGTH_MAX characters. */
  readonly cookie: string | undefined;
}

export interface LocalAnnounceError {
  readonly code: "lsd-size" | "lsd-not-a-search" | "lsd-port" | "lsd-info-hash-missing";
}

/** A datagram for the group of the IP version. Spec: BEP 14, protocol. */
export function encodeLocalAnnounce(announce: LocalAnnounce, version: 4 | 6): Uint8Array {
  const host = version === 4 ? LSD_GROUP_V4 : `[${LSD_GROUP_V6}]`;
  const lines = [
    "BT-SEARCH * HTTP/1.1",
    `Host: ${host}:${LSD_PORT}`,
    `Port: ${announce.port}`,
    ...announce.infoHashes.slice(0, LSD_INFO_HASHES_MAX).map((hash) => `Infohash: ${hash}`),
  ];
  if (announce.cookie !== undefined) lines.push(`cookie: ${announce.cookie}`);
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n\r\n`);
}

/** Reads a datagram; unknown headers are ignored. Errors: see the type. Spec: BEP 14, protocol. */
export function decodeLocalAnnounce(bytes: Uint8Array): Result<LocalAnnounce, LocalAnnounceError> {
  if (bytes.length > LSD_DATAGRAM_BYTES_MAX) return fail({ code: "lsd-size" });
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  const [first, ...lines] = text.split(/\r?\n/);
  if (!/^BT-SEARCH \* HTTP\/1\.\d$/.test(first!)) return fail({ code: "lsd-not-a-search" });
  let port: number | undefined;
  let cookie: string | undefined;
  const infoHashes = new Set<InfoHash>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, colon).trim().toLowerCase()) {
      case "port":
        port = /^\d{1,5}$/.test(value) ? Number(value) : undefined;
        break;
      case "infohash": {
        const infoHash = infoHashFromHex(value);
        if (infoHash !== undefined && infoHashes.size < LSD_INFO_HASHES_MAX) {
          infoHashes.add(infoHash);
        }
        break;
      }
      case "cookie":
        cookie = value.slice(0, LSD_COOKIE_LENGTH_MAX);
        break;
    }
  }
  if (port === undefined || port < 1 || port > PORT_MAX) return fail({ code: "lsd-port" });
  if (infoHashes.size === 0) return fail({ code: "lsd-info-hash-missing" });
  return ok({ port, infoHashes: [...infoHashes], cookie });
}
