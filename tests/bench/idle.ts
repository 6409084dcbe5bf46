/** `bench idle`: many torrents seeded by one process, with peers that are not interested. */
import { parseArgs } from "node:util";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch } from "../support/content.ts";
import { connectIdle } from "./fake_peers.ts";
import { atMost, printFigures, shorten } from "./figures.ts";
import { makeSmallTorrents } from "../support/many_torrents.ts";
import { openMeetingPoint } from "./meeting_point.ts";
import { readProcessCost } from "./process_cost.ts";

export const IDLE_USAGE = `idle [--torrents 500] [--peers 200] [--seconds 20] [--json]
  What a seeder costs while nobody wants anything, in percent of one core.`;

const PERCENT_MAX = 1;
const CHECKED_DEADLINE_MS = 120_000;
const RETRY_MS = 200;
/** Announces and handshakes are over by then. */
const SETTLE_MS = 3_000;

export async function benchIdle(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      torrents: { type: "string", default: "500" },
      peers: { type: "string", default: "200" },
      seconds: { type: "string", default: "20" },
      json: { type: "boolean", default: false },
    },
  });
  const [torrents, peers] = [Number(flags.torrents), Number(flags.peers)];
  await using scratch = await openScratch("tt-bench-");
  await using meetingPoint = openMeetingPoint();
  const made = await makeSmallTorrents(scratch.path, torrents, meetingPoint.announceUrl);
  const port = freshPort();
  const argv = await ttCommand([
    ...["seed", ...made.map(({ path }) => path), "--quiet"],
    ...["--host", loopback.host, "--port", String(port)],
  ]);
  await using seeder = new ClientProcess({ place: loopback, port, argv });
  await seeder.waitForListening();
  const connected = await Promise.all(
    Array.from(
      { length: Math.max(torrents, peers) },
      (_, i) => connectOnceChecked(port, made[i % torrents]!.infoHash, i),
    ),
  );
  for (const peer of connected.splice(peers)) peer[Symbol.dispose]();
  await wait(SETTLE_MS);
  const before = await readProcessCost(seeder.pid);
  const startedMs = performance.now();
  await wait(1000 * Number(flags.seconds));
  const after = await readProcessCost(seeder.pid);
  const seconds = (performance.now() - startedMs) / 1000;
  for (const peer of connected) peer[Symbol.dispose]();

  const percent = 100 * (after.cpuSeconds - before.cpuSeconds) / seconds;
  printFigures(`Idle for ${shorten(seconds)} s`, [{
    what: `${torrents} torrents, ${peers} peers`,
    measured: `${shorten(percent)} % of a core`,
    beside: `${shorten(after.peakResidentBytes / 1e6)} MB resident at most`,
    target: atMost(percent, PERCENT_MAX, " %"),
  }], flags.json);
}

/**
 * A torrent accepts no peers before its content is checked, so a handshake shows that it is ready.
 */
async function connectOnceChecked(
  port: number,
  infoHash: InfoHash,
  number: number,
): Promise<Disposable> {
  for (const untilMs = performance.now() + CHECKED_DEADLINE_MS;;) {
    try {
      return await connectIdle(port, infoHash, number);
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await wait(RETRY_MS);
    }
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
