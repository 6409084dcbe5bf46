/** NAT-PMP: the small protocol in which a gateway is asked for a port. Spec: RFC 6886. */
import { readUint16, readUint32 } from "../bytes/byte_reader.ts";
import {
  createByteWriter,
  writeUint16,
  writeUint32,
  writeUint8,
  writtenBytes,
} from "../bytes/byte_writer.ts";
import { formatIp } from "../bytes/ip.ts";
import type { PortProtocol } from "./types.ts";

/** UDP port of the gateway, for NAT-PMP and PCP. */
export const GATEWAY_PORT = 5351;

const VERSION = 0;
const ANSWER = 128;
const OPCODES: Readonly<Record<PortProtocol, number>> = { udp: 1, tcp: 2 };

export type NatPmpAnswer =
  | { readonly kind: "address"; readonly ip: string }
  | {
    readonly kind: "mapped";
    readonly protocol: PortProtocol;
    readonly internalPort: number;
    readonly externalPort: number;
    readonly lifetimeSeconds: number;
  }
  /** `code`: RFC 6886, section 3.5. */
  | {
    readonly kind: "refused";
    readonly protocol: PortProtocol | undefined;
    readonly code: number;
  };

/** Asks for the gateway's public address. Spec: RFC 6886, 3.2. */
export function encodeAddressRequest(): Uint8Array {
  return Uint8Array.of(VERSION, 0);
}

/** Asks for a mapping; a lifetime of 0 seconds removes it. Spec: RFC 6886, 3.3 and 3.4. */
export function encodeMapRequest(
  protocol: PortProtocol,
  internalPort: number,
  externalPort: number,
  lifetimeSeconds: number,
): Uint8Array {
  const writer = createByteWriter(12);
  writeUint8(writer, VERSION);
  writeUint8(writer, OPCODES[protocol]);
  writeUint16(writer, 0);
  writeUint16(writer, internalPort);
  // A removal names no external port.
  writeUint16(writer, lifetimeSeconds === 0 ? 0 : externalPort);
  writeUint32(writer, lifetimeSeconds);
  return writtenBytes(writer).slice();
}

/** Undefined for what is no answer. Spec: RFC 6886, 3.2 to 3.5. */
export function decodeNatPmp(bytes: Uint8Array): NatPmpAnswer | undefined {
  if (bytes.length < 8 || bytes[0] !== VERSION) return undefined;
  const opcode = bytes[1]! - ANSWER;
  const protocol = opcode === OPCODES.udp ? "udp" : opcode === OPCODES.tcp ? "tcp" : undefined;
  if (opcode !== 0 && protocol === undefined) return undefined;
  const code = readUint16(bytes, 2);
  if (code !== 0) return { kind: "refused", protocol, code };
  if (protocol === undefined) {
    return bytes.length < 12 ? undefined : { kind: "address", ip: formatIp(bytes.slice(8, 12)) };
  }
  if (bytes.length < 16) return undefined;
  return {
    kind: "mapped",
    protocol,
    internalPort: readUint16(bytes, 8),
    externalPort: readUint16(bytes, 10),
    lifetimeSeconds: readUint32(bytes, 12),
  };
}
