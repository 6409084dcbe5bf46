/** A UDP client that sends exactly the bytes of a test. */
import { readUint32 } from "../../../../core/bytes/byte_reader.ts";

export interface UdpClient {
  /** Sends a packet and waits for the next one. */
  ask(packet: Uint8Array): Promise<Uint8Array>;
  send(packet: Uint8Array): Promise<unknown>;
  /** A connection ID of 8 bytes. */
  connect(): Promise<Uint8Array>;
  close(): void;
}

/** A separate socket on the loopback address of the tracker's family. */
export function openUdpClient(port: number, hostname = "127.0.0.1"): UdpClient {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  const to: Deno.NetAddr = { transport: "udp", hostname, port };
  const send = (packet: Uint8Array) => socket.send(packet, to);
  const ask = async (packet: Uint8Array) => {
    await send(packet);
    const [answer] = await socket.receive(new Uint8Array(4_096));
    return answer;
  };
  return {
    ask,
    send,
    connect: async () => (await ask(connectPacket(1))).slice(8, 16),
    close: () => socket.close(),
  };
}

/** Protocol id, action 0, transaction. Spec: BEP 15, connect. */
export function connectPacket(transaction: number): Uint8Array {
  return packetOf([0x417, 0x27101980, 0, transaction], 16);
}

export interface UdpAnnounce {
  readonly infoHash?: Uint8Array;
  readonly id?: number;
  readonly left?: number;
  readonly event?: number;
  readonly ip?: number;
  readonly numWant?: number;
  readonly port?: number;
  /** Bytes after the packet. Spec: BEP 41. */
  readonly options?: Uint8Array;
}

/** Spec: BEP 15, announce. */
export function announcePacket(connection: Uint8Array, changes: UdpAnnounce = {}): Uint8Array {
  const { infoHash = new Uint8Array(20).fill(7), id = 1, left = 1, event = 0, ip = 0 } = changes;
  const { numWant = -1, port = 1000 + id, options = new Uint8Array(0) } = changes;
  const packet = new Uint8Array(98 + options.length);
  const view = new DataView(packet.buffer);
  packet.set(connection);
  view.setUint32(8, 1);
  view.setUint32(12, 0xabcd);
  packet.set(infoHash, 16);
  packet.fill(id, 36, 56);
  view.setUint32(68, left);
  view.setUint32(80, event);
  view.setUint32(84, ip);
  view.setInt32(92, numWant);
  view.setUint16(96, port);
  packet.set(options, 98);
  return packet;
}

/** Spec: BEP 15, scrape. */
export function scrapePacket(connection: Uint8Array, hashes: readonly Uint8Array[]): Uint8Array {
  const packet = packetOf([0, 0, 2, 0xabcd], 16 + 20 * hashes.length);
  packet.set(connection);
  for (const [i, hash] of hashes.entries()) packet.set(hash, 16 + 20 * i);
  return packet;
}

/** Integers of 4 bytes from the start of a packet. */
export function numbersOf(packet: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, i) => readUint32(packet, 4 * i));
}

/** The message of an error, or undefined. */
export function errorText(packet: Uint8Array): string | undefined {
  return readUint32(packet, 0) === 3 ? new TextDecoder().decode(packet.subarray(8)) : undefined;
}

function packetOf(numbers: readonly number[], size: number): Uint8Array {
  const packet = new Uint8Array(size);
  const view = new DataView(packet.buffer);
  for (const [i, number] of numbers.entries()) view.setUint32(4 * i, number);
  return packet;
}
