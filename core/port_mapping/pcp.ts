/** The Port Control Protocol's MAP, which followed NAT-PMP on the same port. Spec: RFC 6887. */
import { readUint16, readUint32 } from "../bytes/byte_reader.ts";
import {
  createByteWriter,
  writeBytes,
  writeUint16,
  writeUint32,
  writeUint8,
  writtenBytes,
} from "../bytes/byte_writer.ts";
import { formatIp, IPV4_SIZE, IPV6_SIZE, parseIp } from "../bytes/ip.ts";
import { assert } from "../bytes/result.ts";
import type { PortProtocol } from "./types.ts";

/** Spec: RFC 6887, 11.1. */
export const PCP_NONCE_SIZE = 12;

const VERSION = 2;
const OPCODE_MAP = 1;
const ANSWER = 0x80;
const HEAD_SIZE = 24;
const MAP_SIZE = 36;
/** Numbers of the Internet's protocols. */
const PROTOCOLS: Readonly<Record<PortProtocol, number>> = { tcp: 6, udp: 17 };
/** Spec: RFC 6887, 7.4, UNSUPP_VERSION. */
const UNSUPPORTED_VERSION = 1;

export interface PcpRequest {
  readonly protocol: PortProtocol;
  /** Our address on the gateway's network. */
  readonly localIp: string;
  readonly internalPort: number;
  /** Suggested. */
  readonly externalPort: number;
  /** 0 removes the mapping. */
  readonly lifetimeSeconds: number;
  /** The same for every request about one mapping. */
  readonly nonce: Uint8Array;
}

export type PcpAnswer =
  | {
    readonly kind: "mapped";
    readonly protocol: PortProtocol;
    readonly internalPort: number;
    readonly externalPort: number;
    readonly externalIp: string;
    readonly lifetimeSeconds: number;
  }
  /** The gateway uses another protocol, most likely NAT-PMP. */
  | { readonly kind: "unsupported-version" }
  /** `code`: RFC 6887, section 7.4. */
  | {
    readonly kind: "refused";
    readonly protocol: PortProtocol | undefined;
    readonly code: number;
  };

/** Spec: RFC 6887, 7.1 and 11.1. */
export function encodePcpMap(request: PcpRequest): Uint8Array {
  assert(request.nonce.length === PCP_NONCE_SIZE, "a PCP nonce has 12 bytes");
  const writer = createByteWriter(HEAD_SIZE + MAP_SIZE);
  writeUint8(writer, VERSION);
  writeUint8(writer, OPCODE_MAP);
  writeUint16(writer, 0);
  writeUint32(writer, request.lifetimeSeconds);
  writeBytes(writer, mappedIp(request.localIp));
  writeBytes(writer, request.nonce);
  writeUint8(writer, PROTOCOLS[request.protocol]);
  writeBytes(writer, new Uint8Array(3));
  writeUint16(writer, request.internalPort);
  writeUint16(writer, request.externalPort);
  // No external address is preferred: all zeros, of the local address's family.
  writeBytes(writer, mappedIp(request.localIp.includes(":") ? "::" : "0.0.0.0"));
  return writtenBytes(writer).slice();
}

/** Undefined for what is no answer to a MAP with this nonce. Spec: RFC 6887, 7.2 and 11.1. */
export function decodePcp(bytes: Uint8Array, nonce: Uint8Array): PcpAnswer | undefined {
  if (bytes.length < 4) return undefined;
  // A NAT-PMP gateway answers a foreign version with its own and result 1. RFC 6886, 3.5.
  const isNatPmp = bytes[0] === 0 && bytes[1]! >= ANSWER && readUint16(bytes, 2) === 1;
  if (isNatPmp) return { kind: "unsupported-version" };
  if (bytes.length < HEAD_SIZE || bytes[0] !== VERSION || bytes[1] !== (ANSWER | OPCODE_MAP)) {
    return undefined;
  }
  const code = bytes[3]!;
  if (code === UNSUPPORTED_VERSION) return { kind: "unsupported-version" };
  if (bytes.length < HEAD_SIZE + MAP_SIZE) return undefined;
  if (!nonce.every((byte, i) => bytes[HEAD_SIZE + i] === byte)) return undefined;
  const number = bytes[HEAD_SIZE + PCP_NONCE_SIZE];
  const protocol = number === PROTOCOLS.tcp ? "tcp" : number === PROTOCOLS.udp ? "udp" : undefined;
  if (code !== 0 || protocol === undefined) return { kind: "refused", protocol, code };
  const at = HEAD_SIZE + PCP_NONCE_SIZE + 4;
  return {
    kind: "mapped",
    protocol,
    internalPort: readUint16(bytes, at),
    externalPort: readUint16(bytes, at + 2),
    externalIp: formatIp(bytes.slice(at + 4, at + 4 + IPV6_SIZE)),
    lifetimeSeconds: readUint32(bytes, 4),
  };
}

/** 16 bytes; IPv4 as ::ffff:a.b.c.d. Spec: RFC 6887, section 5. */
function mappedIp(ip: string): Uint8Array {
  const bytes = parseIp(ip);
  assert(bytes !== undefined, `${ip} is an address`);
  if (bytes.length !== IPV4_SIZE) return bytes;
  const mapped = new Uint8Array(IPV6_SIZE);
  mapped.set([0xff, 0xff], 10);
  mapped.set(bytes, 12);
  return mapped;
}
