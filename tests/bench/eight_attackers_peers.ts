/**
 * Hostile peers in a separate process, on loopback addresses of their own. The only argument is an
 * `AttackOrder` as JSON. A peer that is disconnected reconnects after a moment.
 */
import { connect, type Socket } from "node:net";
import type { AttackOrder, PeerAttack } from "./eight_attackers_order.ts";
import { encodeExtendedHandshake, SAYS_NOTHING } from "../../core/wire/extended.ts";
import { encodeHandshake, HANDSHAKE_SIZE } from "../../core/wire/handshake.ts";
import { MESSAGE_ID } from "../../core/wire/message_id.ts";
import { sleep } from "../../shell/clock.ts";

const LOCALHOST = "127.0.0.1";
const BACK_AFTER_MS = 200;
const BATCH_BYTES = 64 * 1024;
const BLOCK_BYTES = 16_384;
/** Ports below the ephemeral range. */
const FIRST_PORT_TOLD = 20_000;

const order: AttackOrder = JSON.parse(Deno.args[0]!);
const { seederPort, downloaderPort, infoHash } = order;
let names = 0;

/** A message: 4-byte integers after its ID, then bytes. */
function message(id: number, numbers: readonly number[] = [], tail = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(5 + 4 * numbers.length + tail.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 4);
  bytes[4] = id;
  numbers.forEach((number, index) => view.setUint32(5 + 4 * index, number));
  bytes.set(tail, 5 + 4 * numbers.length);
  return bytes;
}

function repeated(one: Uint8Array): Uint8Array {
  const count = Math.ceil(BATCH_BYTES / one.length);
  const batch = new Uint8Array(count * one.length);
  for (let i = 0; i < count; i++) batch.set(one, i * one.length);
  return batch;
}

function handshake(peerId = newPeerId()): Uint8Array {
  return encodeHandshake({ infoHash, peerId, fast: true, extended: true, dht: false });
}

function newPeerId(): Uint8Array {
  return new TextEncoder().encode(`-XX0000-${++names}`.padEnd(20, "x"));
}

/** Connects from an address, runs `part` until the connection ends, and reconnects. */
async function keepAt(
  port: number,
  from: string,
  part: (socket: Socket) => Promise<void> | void,
): Promise<never> {
  while (true) {
    const socket = connect({ host: LOCALHOST, port, localAddress: from });
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {});
    socket.once("connect", () => Promise.resolve(part(socket)).catch(() => socket.destroy()));
    await closed;
    await sleep(BACK_AFTER_MS);
  }
}

/** Resolves when the bytes are written; rejects once the connection is closed. */
function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("close", reject);
    socket.write(bytes, (error) => {
      socket.off("close", reject);
      error ? reject(error) : resolve();
    });
  });
}

async function flood(socket: Socket, one: Uint8Array, opening: Uint8Array[]): Promise<void> {
  for (const bytes of [handshake(), ...opening]) await send(socket, bytes);
  const batch = repeated(one);
  while (true) await send(socket, batch);
}

/** Reads and discards, so that the other side can always write. */
function drain(socket: Socket): void {
  socket.on("data", () => {});
}

const HAVE_ALL = message(MESSAGE_ID.haveAll), HAVE_NONE = message(MESSAGE_ID.haveNone);

const ATTACKS: Readonly<Record<PeerAttack, (from: string) => void>> = {
  /** Uses the seeder's peer ID and sends wrong bytes for each request. */
  "claimed id": (from) => {
    const learned = Promise.withResolvers<Uint8Array>();
    keepAt(seederPort, from, async (socket) => {
      socket.once("data", (data) => {
        if (data.length >= HANDSHAKE_SIZE) learned.resolve(data.slice(48, HANDSHAKE_SIZE));
        drain(socket);
      });
      await send(socket, handshake());
    });
    learned.promise.then((id) =>
      keepAt(downloaderPort, from, async (socket) => {
        answerWrongly(socket);
        for (const bytes of [handshake(id), HAVE_ALL, message(MESSAGE_ID.unchoke)]) {
          await send(socket, bytes);
        }
      })
    );
  },
  "listen ports": (from) =>
    towardsBoth((port) =>
      keepAt(port, from, async (socket) => {
        drain(socket);
        await send(socket, handshake());
        await send(socket, HAVE_NONE);
        for (let i = 0; i < order.ports; i++) {
          const told = { ...SAYS_NOTHING, port: FIRST_PORT_TOLD + i };
          const payload = encodeExtendedHandshake(told);
          await send(socket, message(MESSAGE_ID.extended, [], Uint8Array.of(0, ...payload)));
        }
      })
    ),
  /** From an address outside loopback, where the limits per address apply. */
  handshakes: (from) =>
    towardsBoth((port) => {
      for (let i = 0; i < order.handshakes; i++) {
        keepAt(port, order.outsideAddress ?? from, async (socket) => {
          drain(socket);
          for (const bytes of [handshake(), HAVE_NONE, message(MESSAGE_ID.interested)]) {
            await send(socket, bytes);
          }
        });
      }
    }),
  "keep-alives": (from) => floodBoth(from, new Uint8Array(4), [HAVE_NONE]),
  haves: (from) => floodBoth(from, message(MESSAGE_ID.have, [0]), [HAVE_NONE]),
  "unread answers": (from) => {
    const request = message(MESSAGE_ID.request, [0, 0, BLOCK_BYTES]);
    const opening = [HAVE_NONE, message(MESSAGE_ID.interested)];
    for (let i = 0; i < order.unread; i++) {
      keepAt(seederPort, from, (socket) => flood(socket, request, opening));
    }
  },
  stalls: (from) =>
    towardsBoth((port) => {
      for (let i = 0; i < order.stalls; i++) {
        keepAt(port, from, async (socket) => {
          drain(socket);
          await send(socket, handshake().subarray(0, 20));
        });
      }
    }),
};

function towardsBoth(attack: (port: number) => void): void {
  for (const port of [seederPort, downloaderPort]) attack(port);
}

function floodBoth(from: string, one: Uint8Array, opening: Uint8Array[]): void {
  towardsBoth((port) =>
    keepAt(port, from, (socket) => {
      drain(socket);
      return flood(socket, one, opening);
    })
  );
}

/** Answers every request with a block of zeros. */
function answerWrongly(socket: Socket): void {
  let rest: Uint8Array = new Uint8Array();
  let isOpen = false;
  socket.on("data", (data) => {
    rest = joined(rest, data);
    if (!isOpen && rest.length >= HANDSHAKE_SIZE) {
      isOpen = true;
      rest = rest.subarray(HANDSHAKE_SIZE);
    }
    while (isOpen && rest.length >= 4) {
      const view = new DataView(rest.buffer, rest.byteOffset);
      const end = 4 + view.getUint32(0);
      if (rest.length < end) break;
      if (rest[4] === MESSAGE_ID.request) {
        const [piece, begin, length] = [5, 9, 13].map((at) => view.getUint32(at));
        socket.write(message(MESSAGE_ID.piece, [piece!, begin!], new Uint8Array(length!)));
      }
      rest = rest.subarray(end);
    }
  });
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

// Errors of one socket do not stop the others.
addEventListener("unhandledrejection", (event) => event.preventDefault());
order.attacks.forEach((attack, index) => ATTACKS[attack](`127.0.0.${10 + index}`));
console.log("attacking");
