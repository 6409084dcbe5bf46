/**
 * A web seed compared with curl: the same file from the same nginx, each alone, alternating.
 * Limited to a rate per connection, as on a fast link, and unlimited, as from memory.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startNginx } from "../interop/clients/nginx.ts";
import { ClientProcess, runCommand } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { freshPort, loopback } from "../support/network.ts";
import { type Content, writeContent } from "../support/content.ts";
import { atLeast, type Figure, printFigures } from "./figures.ts";
import { costOfCommand } from "./launch.ts";
import { openMemoryFolder } from "./memory_folder.ts";
import { median, readSize } from "./report.ts";

export const WEBSEED_USAGE = `deno task bench webseed [--size 512M] [--rate 50M] [--runs 3] [--json]
  a web seed alone beside curl, limited and not, and a web seed with a peer, both limited`;

/** Fraction of curl's speed for the same file. */
const OF_CURL = 0.9;
/** Fraction of the sum of both limits. */
const OF_SUM = 0.9;

export async function benchWebSeed(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", default: "512M" },
      rate: { type: "string", default: "50M" },
      runs: { type: "string", default: "3" },
      json: { type: "boolean", default: false },
    },
  });
  const size = readSize(flags.size);
  const rate = readSize(flags.rate);
  const runs = Number(flags.runs);
  await using folder = await openMemoryFolder(4 * size);
  const content: Content = {
    title: "one file",
    name: "file.bin",
    pieceLength: 1 << 20,
    files: [{ path: "", length: size }],
  };
  await writeContent(folder.path, content);
  const figures: Figure[] = [];
  for (const limit of [rate, undefined]) {
    figures.push(...await alone(folder.path, size, limit, runs));
  }
  figures.push(await together(folder.path, size, rate, runs));
  printFigures(`A web seed of ${flags.size}, median of ${runs}`, figures, flags.json);
}

/**
 * With a limit, curl alone is the reference. Without, both cores of a small machine are busy, and
 * curl verifies nothing: `sha1sum` of its file, right after it, makes the work equal.
 */
async function alone(
  folder: string,
  size: number,
  limit: number | undefined,
  runs: number,
): Promise<Figure[]> {
  await using server = await startNginx(folder, folder, limit);
  const torrent = await makeTorrent(folder, `${server.url}file.bin`);
  const out = join(folder, "curl.out");
  const commands = {
    curl: ["curl", "--silent", "--output", out, `${server.url}file.bin`],
    sha1sum: ["sha1sum", out],
  };
  const seconds = { curl: [] as number[], checked: [] as number[], tt: [] as number[] };
  const cpu = { checked: [] as number[], tt: [] as number[] };
  for (let run = 0; run < runs; run++) {
    const curl = await costOfCommand(commands.curl);
    const sha1sum = await costOfCommand(commands.sha1sum);
    await Deno.remove(out);
    const tt = await downloadAtCost(folder, torrent, []);
    seconds.curl.push(curl.seconds);
    seconds.checked.push(curl.seconds + sha1sum.seconds);
    seconds.tt.push(tt.seconds);
    cpu.checked.push(curl.cpuSeconds + sha1sum.cpuSeconds);
    cpu.tt.push(tt.cpuSeconds);
  }
  const speeds = {
    tt: size / median(seconds.tt),
    curl: size / median(seconds.curl),
    checked: size / median(seconds.checked),
  };
  const besideCurl: Figure = {
    what: limit === undefined ? "unlimited" : `limited to ${speed(limit)}`,
    measured: speed(speeds.tt),
    beside: `curl ${speed(speeds.curl)}`,
    target: atLeast(speeds.tt / speeds.curl, OF_CURL),
  };
  if (limit !== undefined) return [besideCurl];
  const perGigabyte = (values: readonly number[]) => median(values) * 1e9 / size;
  const [ours, theirs] = [perGigabyte(cpu.tt), perGigabyte(cpu.checked)];
  return [besideCurl, {
    what: "unlimited, checked",
    measured: speed(speeds.tt),
    beside: `curl, then sha1sum ${speed(speeds.checked)}`,
    target: atLeast(speeds.tt / speeds.checked, OF_CURL),
  }, {
    what: "processor time a GB, with the start",
    measured: `${ours.toFixed(2)} s`,
    beside: `curl and sha1sum ${theirs.toFixed(2)} s`,
  }];
}

/** A web server and a peer, each limited, alone and then together. */
async function together(folder: string, size: number, rate: number, runs: number): Promise<Figure> {
  await using server = await startNginx(folder, folder, rate);
  const withServer = await makeTorrent(folder, `${server.url}file.bin`);
  const withoutServer = join(folder, "without.torrent");
  await runCommand(
    await ttCommand(["create", join(folder, "file.bin"), "--out", withoutServer, "--force"]),
  );
  const seconds = { server: [] as number[], peer: [] as number[], both: [] as number[] };
  for (let run = 0; run < runs; run++) {
    seconds.server.push(await download(folder, withServer, []));
    seconds.peer.push(await downloadWithPeer(folder, withoutServer, rate));
    seconds.both.push(await downloadWithPeer(folder, withServer, rate));
  }
  const both = size / median(seconds.both);
  const sum = size / median(seconds.server) + size / median(seconds.peer);
  return {
    what: "with a peer, both limited",
    measured: speed(both),
    beside: `sum of each alone ${speed(sum)}`,
    target: atLeast(both / sum, OF_SUM),
  };
}

async function downloadWithPeer(folder: string, torrent: string, rate: number): Promise<number> {
  const port = freshPort();
  const argv = await ttCommand([
    ...["seed", torrent, "--dir", folder, "--host", "127.0.0.1", "--port", String(port)],
    ...["--up-limit", String(rate), "--json"],
  ]);
  await using _seeder = await startSeeder(argv, port);
  return await download(folder, torrent, ["--peer", `127.0.0.1:${port}`]);
}

async function startSeeder(argv: readonly string[], port: number): Promise<AsyncDisposable> {
  const seeder = new ClientProcess({ place: loopback, port, argv });
  await seeder.waitForLine((line) => /"state":"seeding"/.test(line) || undefined, "seed", 60_000);
  return seeder;
}

async function makeTorrent(folder: string, url: string): Promise<string> {
  const path = join(folder, "file.torrent");
  const args = ["create", join(folder, "file.bin"), "--web-seed", url, "--out", path, "--force"];
  await runCommand(await ttCommand([...args, "--piece-length", "1M"]));
  return path;
}

/**
 * Seconds by the clock of `tt`, which starts after its launch, unlike curl's: a tenth of a second.
 */
async function download(folder: string, torrent: string, more: readonly string[]): Promise<number> {
  return (await downloadAtCost(folder, torrent, more)).seconds;
}

async function downloadAtCost(
  folder: string,
  torrent: string,
  more: readonly string[],
): Promise<{ readonly seconds: number; readonly cpuSeconds: number }> {
  const dir = join(folder, "download");
  const args = ["get", torrent, "--dir", dir, "--no-seed", "--share-rule", "off", "--json"];
  const argv = await ttCommand([...args, "--host", "127.0.0.1", "--port", "0", ...more]);
  const { stdout, cpuSeconds } = await costOfCommand(argv);
  await Deno.remove(dir, { recursive: true });
  const line = stdout.split("\n").find((text) => text.startsWith('{"event":"complete"'));
  if (line === undefined) throw new Error(`No completion in ${stdout.slice(-500)}`);
  return { seconds: JSON.parse(line).seconds, cpuSeconds };
}

function speed(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;
}
