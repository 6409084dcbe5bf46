/**
 * Hostile peers in a separate process: `attackers.ts PORT INFO_HASH KIND COUNT`. Each sends one
 * kind of message continuously, reads according to its kind, and reconnects when it is
 * disconnected.
 */
import { encodeHandshake } from "../../core/wire/handshake.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { MESSAGE_ID } from "../../core/wire/message_id.ts";
import { type Attack, ATTACKS } from "./attack_kinds.ts";

const BACK_AFTER_MS = 200;
const BATCH_BYTES = 256 * 1024;

/** A whole message: 4-byte integers after its ID. */
function message(id: number, ...numbers: number[]): number[] {
  const bytes = new Uint8Array(5 + 4 * numbers.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 4);
  bytes[4] = id;
  for (const [index, number] of numbers.entries()) view.setUint32(5 + 4 * index, number);
  return [...bytes];
}

const BLOCK = 16_384;
const MESSAGES: Readonly<Record<Attack, number[]>> = {
  "keep-alives": [0, 0, 0, 0],
  haves: message(MESSAGE_ID.have, 0),
  interest: [...message(MESSAGE_ID.interested), ...message(MESSAGE_ID.notInterested)],
  "choked requests": message(MESSAGE_ID.request, 1, 0, BLOCK),
  cancels: message(MESSAGE_ID.cancel, 0, 0, BLOCK),
};

async function attack(port: number, infoHash: InfoHash, kind: Attack, name: string): Promise<void> {
  const one = MESSAGES[kind];
  const count = Math.floor(BATCH_BYTES / one.length);
  const batch = new Uint8Array(count * one.length);
  for (let i = 0; i < count; i++) batch.set(one, i * one.length);
  const peerId = new TextEncoder().encode(`-XX0000-${name}`.padEnd(20, "x").slice(0, 20));
  const hello = encodeHandshake({ infoHash, peerId, fast: true, extended: false, dht: false });
  while (true) {
    try {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port });
      await conn.write(hello);
      await conn.write(new Uint8Array(message(MESSAGE_ID.haveNone)));
      const sink = new Uint8Array(64 * 1024);
      if (kind !== "choked requests") readAll(conn, sink);
      for (let at = 0;; at = 0) {
        while (at < batch.length) at += await conn.write(batch.subarray(at));
      }
    } catch {
      // Closed or refused.
    }
    await new Promise((resolve) => setTimeout(resolve, BACK_AFTER_MS));
  }
}

async function readAll(conn: Deno.Conn, sink: Uint8Array): Promise<void> {
  while (await conn.read(sink).catch(() => null) !== null);
}

if (import.meta.main) {
  const [port, infoHash, kind, count] = Deno.args;
  if (!ATTACKS.includes(kind as Attack)) throw new Error(`Unknown attack ${kind}`);
  for (let i = 0; i < Number(count); i++) {
    attack(Number(port), infoHash as InfoHash, kind as Attack, `attacker${i}`);
  }
}
