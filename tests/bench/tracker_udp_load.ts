/**
 * A program that announces over UDP: `tracker_udp_load.ts JSON`, with the fields of `UdpLoad`.
 * Keeps a fixed number of requests outstanding, or sends at a given rate, and prints a
 * `LoadResult`.
 */
import { announcePacket, connectPacket, numbersOf } from "../shell/tracker/udp/kit.ts";
import { swarmHash, type UdpLoad } from "./tracker_load.ts";

/** Outstanding requests: enough that neither side idles, few enough for any socket buffer. */
const WINDOW = 64;
const WARM_UP_SHARE = 0.25;
/** Requests unanswered for this long count as lost. */
const LOST_MS = 200;
const PACE_MS = 1;
const TRANSACTION_AT = 12;

const load: UdpLoad = JSON.parse(Deno.args[0]!);
const socket = Deno.listenDatagram({ transport: "udp", hostname: load.host, port: 0 });
const to: Deno.NetAddr = { transport: "udp", hostname: load.host, port: load.port };

const connection = await connect();
const hashes = Array.from({ length: load.swarms }, (_, index) => {
  return Uint8Array.from(swarmHash(index).match(/../g)!, (digits) => parseInt(digits, 16));
});
const packet = announcePacket(connection, { numWant: 50 });
const view = new DataView(packet.buffer);
/** When each request was sent, by its transaction ID. */
const askedAt = new Float64Array(1 << 16);
const latencies: number[] = [];
let next = 0;
let onAnswer = () => {};
let answers = 0;
let bytes = 0;
let lastAnswerAt = 0;
let isMeasuring = false;

function ask(peer: number): Promise<number> {
  const transaction = next++ & 0xffff;
  packet.set(hashes[peer % load.swarms]!, 16);
  view.setUint32(TRANSACTION_AT, transaction);
  view.setUint32(52, peer);
  view.setUint32(68, peer % 7 === 0 ? 0 : 1);
  view.setUint32(84, load.claimsIps ? 0x0a000000 + peer : 0);
  view.setUint16(96, 1024 + peer % 60_000);
  askedAt[transaction] = performance.now();
  return socket.send(packet, to);
}

async function receiveAll(): Promise<void> {
  const buffer = new Uint8Array(4_096);
  while (true) {
    const [answer] = await socket.receive(buffer);
    const now = performance.now();
    const [action, transaction] = numbersOf(answer, 2);
    if (action !== 1) throw new Error(`Refused: ${new TextDecoder().decode(answer.subarray(8))}`);
    lastAnswerAt = now;
    if (isMeasuring) {
      answers++;
      bytes += answer.length;
      if (load.rate !== undefined) latencies.push(now - askedAt[transaction!]!);
    }
    onAnswer();
  }
}

/**
 * Sends a new request for each response, so that the window stays full, and replaces lost packets.
 */
async function askAll(nextPeer: () => number, isDone: () => boolean): Promise<void> {
  const done = Promise.withResolvers<void>();
  onAnswer = () => {
    if (isDone()) done.resolve();
    else ask(nextPeer());
  };
  const refill = () => {
    for (let i = 0; i < WINDOW; i++) onAnswer();
  };
  refill();
  const watch = setInterval(() => {
    if (performance.now() - lastAnswerAt > LOST_MS) refill();
  }, LOST_MS);
  await done.promise;
  clearInterval(watch);
  onAnswer = () => {};
}

/** Sends at a fixed rate, whether responses arrive or not. */
async function askPaced(rate: number, seconds: number): Promise<void> {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < seconds * 1000) {
    const due = (performance.now() - start) / 1000 * rate;
    while (count < due) {
      count++;
      await ask(randomPeer());
    }
    await new Promise((resolve) => setTimeout(resolve, PACE_MS));
  }
}

function randomPeer(): number {
  return Math.floor(Math.random() * load.peers);
}

async function connect(): Promise<Uint8Array> {
  await socket.send(connectPacket(1), to);
  const [answer] = await socket.receive(new Uint8Array(64));
  return answer.slice(8, 16);
}

receiveAll();
let filled = 0;
await askAll(() => filled++, () => filled === load.peers);
const start = performance.now();
const warmUpMs = load.seconds * WARM_UP_SHARE * 1000;
setTimeout(() => isMeasuring = true, warmUpMs);
if (load.rate !== undefined) await askPaced(load.rate, load.seconds);
else await askAll(randomPeer, () => performance.now() - start > load.seconds * 1000);
const seconds = (performance.now() - start - warmUpMs) / 1000;
latencies.sort((a, b) => a - b);
console.log(JSON.stringify({
  answersPerSecond: answers / seconds,
  bytes: bytes / answers,
  p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
}));
Deno.exit(0);
