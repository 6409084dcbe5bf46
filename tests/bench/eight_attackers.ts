/**
 * `bench attackers`: the time of an honest transfer while hostile peers attack both of its ends.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { encodeBencode } from "../../core/bencode/encode.ts";
import type { PeerAddress } from "../../core/bytes/address.ts";
import { encodeCompactPeers } from "../../core/bytes/compact_peers.ts";
import { isLoopbackIp } from "../../core/bytes/ip.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch, writeContent, writeTorrent } from "../support/content.ts";
import {
  type Attack,
  type AttackOrder,
  ATTACKS,
  type AttackScale,
  type PeerAttack,
} from "./eight_attackers_order.ts";
import { atMost, type Figure, printFigures, shorten } from "./figures.ts";
import { hashFile } from "./pair_run.ts";
import { type ProcessCost, readProcessCost } from "./process_cost.ts";
import { readSize } from "./report.ts";

export const ATTACKERS_USAGE = `attackers [--size 128M] [--rate 16M] [--each] [--json]
  An honest transfer on loopback, alone and beside eight attackers, one of each kind: a claimed peer id,
  thousands of listening ports, 300 handshakes, floods of keep-alives and of haves, answers that are not
  read, stalled handshakes, and a tracker that names thousands of addresses. --each has each of them
  alone, too; --rate 0 is as fast as it goes, with the attackers on the same cores.`;

const SLOWDOWN_MAX = 1.5;
const DEADLINE_MS = 240_000;
const ANNOUNCE_INTERVAL_S = 60;
const MEGABYTE = 1e6;
const LOOPBACK_HANDSHAKES_MAX = 50;

const SCALE: AttackScale = {
  ports: 2_000,
  handshakes: 300,
  stalls: 100,
  unread: 50,
  addresses: 4_000,
};

export interface HonestRun {
  /** From the downloader's launch until it reports completion. */
  readonly seconds: number;
  readonly hasRightBytes: boolean;
  readonly seeder: ProcessCost;
  readonly downloader: ProcessCost;
  /** Processor time of the attackers' process while the transfer ran. */
  readonly attackersCpuSeconds: number;
}

export interface AttackedTransfer {
  readonly sizeBytes: number;
  /** Download limit in bytes a second; 0 is no limit. */
  readonly rate: number;
  readonly attacks: readonly Attack[];
  readonly scale: AttackScale;
}

export async function benchAttackers(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", default: "128M" },
      rate: { type: "string", default: "16M" },
      each: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const run = (attacks: readonly Attack[]) =>
    runAttacked({
      sizeBytes: readSize(flags.size),
      rate: readSize(flags.rate),
      attacks,
      scale: SCALE,
    });
  const alone = await run([]);
  const rows = [{ what: "all eight at once", attacks: ATTACKS as readonly Attack[] }];
  if (flags.each) { for (const attack of ATTACKS) rows.push({ what: attack, attacks: [attack] }); }
  const figures: Figure[] = costOf("alone", alone);
  for (const { what, attacks } of rows) {
    const attacked = await run(attacks);
    if (!attacked.hasRightBytes) throw new Error(`Wrong bytes arrived with ${what}`);
    figures.push({
      what,
      measured: `${shorten(attacked.seconds)} s`,
      beside: `${shorten(alone.seconds)} s alone`,
      target: atMost(attacked.seconds / alone.seconds, SLOWDOWN_MAX),
    }, {
      what: `${what}: processor time of both`,
      measured: `${shorten(cpuOf(attacked))} s`,
      beside: `${shorten(cpuOf(alone))} s alone`,
      target: atMost(cpuOf(attacked) / cpuOf(alone), SLOWDOWN_MAX),
    }, ...costOf(what, attacked));
  }
  const pace = flags.rate === "0" ? "as fast as it goes" : `at ${flags.rate} a second`;
  printFigures(`An honest transfer of ${flags.size}, ${pace}`, figures, flags.json);
}

/** Of the honest two, whatever the attackers take from the same processors. */
function cpuOf({ seeder, downloader }: HonestRun): number {
  return seeder.cpuSeconds + downloader.cpuSeconds;
}

function costOf(what: string, { seeder, downloader, attackersCpuSeconds }: HonestRun): Figure[] {
  return [{
    what: `${what}: processor time`,
    measured: `${shorten(seeder.cpuSeconds)} s seeder, ${
      shorten(downloader.cpuSeconds)
    } s downloader`,
    beside: `${shorten(attackersCpuSeconds)} s attackers`,
  }, {
    what: `${what}: peak memory`,
    measured: `${shorten(seeder.peakResidentBytes / MEGABYTE)} MB seeder`,
    beside: `${shorten(downloader.peakResidentBytes / MEGABYTE)} MB downloader`,
  }];
}

/** One seeder, one downloader, and the attackers, which start earlier and stay. */
export async function runAttacked(
  { sizeBytes, rate, attacks, scale }: AttackedTransfer,
): Promise<HonestRun> {
  await using scratch = await openScratch("tt-bench-");
  const content = {
    title: "one file",
    name: "content.bin",
    pieceLength: 256 * 1024,
    files: [{ path: "", length: sizeBytes }],
  };
  await writeContent(scratch.path, content);
  const seederPort = freshPort(), downloaderPort = freshPort();
  const seederAddress = { ip: loopback.host, port: seederPort };
  const isFlooded = attacks.includes("tracker answer");
  await using tracker = openTracker([
    ...isFlooded ? addressesOfNobody(scale.addresses) : [],
    seederAddress,
  ]);
  const torrent = await writeTorrent(scratch.path, content, tracker.url);
  const start = async (port: number, ...words: string[]) =>
    new ClientProcess({
      place: loopback,
      port,
      argv: await ttCommand([
        ...[words[0]!, torrent.path, "--host", loopback.host, "--port", `${port}`, "--json"],
        ...words.slice(1),
      ]),
    });

  await using seeder = await start(seederPort, "seed", "--dir", scratch.path);
  await seeder.waitForLine((line) => isEvent(line, "checked"), "check", DEADLINE_MS);
  await seeder.waitForListening();
  const peerAttacks = attacks.filter((attack): attack is PeerAttack => attack !== "tracker answer");
  const outsideAddress = Deno.networkInterfaces()
    .find(({ family, address }) => family === "IPv4" && !isLoopbackIp(address))?.address;
  await using attackers = peerAttacks.length === 0 ? undefined : await startAttackers({
    ...scale,
    seederPort,
    downloaderPort,
    infoHash: torrent.infoHash as InfoHash,
    attacks: peerAttacks,
    outsideAddress,
    // Loopback has no limit per address: more connections would fill every slot.
    handshakes: outsideAddress === undefined
      ? Math.min(scale.handshakes, LOOPBACK_HANDSHAKES_MAX)
      : scale.handshakes,
  });

  const attackersCpu = async () =>
    attackers === undefined ? 0 : (await readProcessCost(attackers.pid)).cpuSeconds;
  const dir = join(scratch.path, "downloaded");
  const options = ["--dir", dir, "--share-rule", "off"];
  if (rate > 0) options.push("--down-limit", `${rate}`);
  // With thousands of addresses the seeder is found by chance, so the tracker test names it
  // explicitly.
  if (isFlooded) options.push("--peer", `${loopback.host}:${seederPort}`);
  const cpuBefore = await attackersCpu();
  const startedMs = performance.now();
  await using downloader = await start(downloaderPort, "get", ...options);
  await downloader.waitForLine((line) => isEvent(line, "complete"), "complete", DEADLINE_MS);
  const seconds = (performance.now() - startedMs) / 1000;
  const [seederCost, downloaderCost] = await Promise.all([
    readProcessCost(seeder.pid),
    readProcessCost(downloader.pid),
  ]);
  const attackersCpuSeconds = await attackersCpu() - cpuBefore;
  await attackers?.stop();
  await Promise.all([seeder.stop(), downloader.stop()]);
  const [sent, received] = await Promise.all([
    hashFile(join(scratch.path, content.name)),
    hashFile(join(dir, content.name)),
  ]);
  return {
    seconds,
    hasRightBytes: sent === received,
    seeder: seederCost,
    downloader: downloaderCost,
    attackersCpuSeconds,
  };
}

async function startAttackers(order: AttackOrder): Promise<ClientProcess> {
  const script = fileURLToPath(new URL("eight_attackers_peers.ts", import.meta.url));
  const attackers = new ClientProcess({
    place: loopback,
    port: 0,
    argv: [Deno.execPath(), "run", "--quiet", "--allow-net", script, JSON.stringify(order)],
  });
  await attackers.waitForLine((line) => line === "attacking" || undefined, "begin", DEADLINE_MS);
  return attackers;
}

/** A tracker that answers every announce with the same peers. */
function openTracker(peers: readonly PeerAddress[]): { url: string } & AsyncDisposable {
  const answer = encodeBencode({
    interval: ANNOUNCE_INTERVAL_S,
    peers: encodeCompactPeers(peers, 4),
  }) as Uint8Array<ArrayBuffer>;
  const server = Deno.serve(
    { hostname: loopback.host, port: 0, onListen: () => {} },
    () => new Response(answer),
  );
  return {
    url: `http://${loopback.host}:${server.addr.port}/announce`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Ports below the ephemeral range. */
function addressesOfNobody(count: number): PeerAddress[] {
  return Array.from({ length: count }, (_, i) => ({
    ip: `127.0.${1 + (i % 200)}.${1 + (i >> 8)}`,
    port: 20_000 + (i % 10_000),
  }));
}

function isEvent(line: string, name: string): true | undefined {
  return line.startsWith(`{"event":"${name}"`) || undefined;
}
