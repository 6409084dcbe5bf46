/**
 * Clients that want one file of several: each downloads from such a partial seed, and uploads as
 * one.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { aria2 } from "./clients/aria2.ts";
import { type Client, type Endpoint, formatEndpoint } from "./clients/client.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { SETTINGS as TRANSMISSION_SETTINGS, transmission } from "./clients/transmission.ts";
import { encodeBencode } from "../../core/bencode/encode.ts";
import { openPlaces } from "./transfer.ts";
import { freshPort, loopback } from "../support/network.ts";
import type { Place } from "../support/place.ts";
import { ClientProcess } from "../support/process.ts";
import { tt } from "./clients/tt.ts";
import { ttCommand } from "../support/tt_command.ts";
import { type Content, openScratch, writeContent, writeTorrent } from "../support/content.ts";
import { concurrentSteps, interopTest } from "../support/requirements.ts";

const DEADLINE_MS = 60_000;
const SCRIPT = fileURLToPath(new URL("clients/libtorrent_peer.py", import.meta.url));

/** Its middle file begins and ends within pieces. */
const content: Content = {
  title: "three files that share pieces",
  name: "three",
  pieceLength: 16 * 1024,
  files: [
    { path: "a.bin", length: 300_001 },
    { path: "b.bin", length: 500_003 },
    { path: "c.bin", length: 300_001 },
  ],
};
const WANTED = "b.bin";

interface Options {
  readonly place: Place;
  readonly torrent: string;
  readonly infoHash: string;
  readonly dir: string;
  readonly port: number;
  readonly peers?: readonly Endpoint[];
}

/** A client that downloads the middle file and stays. */
interface Partial {
  readonly client: Client;
  readonly dials: boolean;
  readonly argv: (options: Options) => Promise<string[]>;
  /** Whether the line reports that the wanted files are complete. */
  readonly isDone: (line: string) => boolean;
}

const addresses = (peers: readonly Endpoint[] = []) =>
  peers.flatMap((peer) => ["--peer", formatEndpoint(peer)]);

const ttPartial: Partial = {
  client: tt,
  dials: true,
  argv: ({ place, torrent, dir, port, peers }) =>
    ttCommand([
      ...["get", torrent, "--dir", dir, "--host", place.host, "--port", `${port}`, "--json"],
      ...["--select", WANTED, "--share-rule", "off", "--resume", ...addresses(peers)],
    ]),
  isDone: (line) => line.includes('"state":"seeding"'),
};

const others: Partial[] = [{
  client: libtorrent,
  dials: true,
  argv: ({ place, torrent, dir, port, peers }) => {
    const listen = formatEndpoint({ host: place.host, port });
    return Promise.resolve([
      ...["/usr/bin/python3", "-u", SCRIPT, "download", torrent, "--dir", dir, "--then-seed"],
      ...["--listen", listen, "--file", "1", ...addresses(peers)],
    ]);
  },
  isDone: (line) => line.startsWith("complete "),
}, {
  client: aria2,
  dials: false,
  argv: ({ torrent, dir, port }) =>
    Promise.resolve([
      ...["aria2c", "--no-conf", "--enable-dht=false", "--bt-enable-lpd=false"],
      ...["--allow-overwrite=true", "--file-allocation=none", "--summary-interval=0"],
      ...["--select-file=2", "--seed-ratio=0.0", "--bt-remove-unselected-file=false"],
      ...["--on-bt-download-complete=/bin/echo", `--listen-port=${port}`, `--dir=${dir}`],
      ...["--disable-ipv6=true", torrent],
    ]),
  isDone: (line) => /^[0-9a-f]{16} \d+ /.test(line),
}, {
  client: transmission,
  dials: false,
  argv: async ({ torrent, dir, port, infoHash }) => {
    const config = `${dir}-config`;
    await Deno.mkdir(`${config}/resume`, { recursive: true });
    // The unwanted files are marked as by an earlier run.
    const resume = encodeBencode({ dnd: [1, 0, 1], "downloading-time-seconds": 0 });
    await Deno.writeFile(`${config}/resume/${infoHash}.resume`, resume);
    const settings = `${config}/settings.json`;
    await Deno.writeTextFile(settings, JSON.stringify(TRANSMISSION_SETTINGS));
    return [
      ...["stdbuf", "-o0", "transmission-cli", "--config-dir", config, "--download-dir", dir],
      ...["--port", `${port}`, "--no-portmap", "--encryption-tolerated", torrent],
    ];
  },
  isDone: (line) => line.startsWith("Seeding"),
}];

for (const other of others) {
  const { name } = other.client;
  await interopTest({
    name: `tt and ${name} download one file from each other, as partial seeds`,
    needs: [other.client],
    fn: (test) =>
      concurrentSteps(test, [
        { name: `${name} downloads from tt`, fn: () => pass(ttPartial, other) },
        { name: `tt downloads from ${name}`, fn: () => pass(other, ttPartial) },
      ]),
  });
}

/**
 * The giver downloads the file from a seed that leaves; then the giver is the taker's only peer.
 */
async function pass(giver: Partial, taker: Partial): Promise<void> {
  await using scratch = await openScratch();
  await using network = await openPlaces([giver.client, taker.client], 3);
  const [seedPlace, giverPlace, takerPlace] = network.places as [Place, Place, Place];
  const [seedDir, giverDir, takerDir] = ["seed", "giver", "taker"].map((name) =>
    `${scratch.path}/${name}`
  ) as [string, string, string];
  for (const dir of [giverDir, takerDir]) await Deno.mkdir(dir);
  await writeContent(seedDir, content);
  const { path: torrent, infoHash } = await writeTorrent(seedDir, content);
  const giverPort = freshPort(), takerPort = freshPort(), seedPort = freshPort();

  // Clients that do not dial are dialled.
  const seedArgs = ["seed", torrent, "--dir", seedDir, "--host", seedPlace.host, "--json"];
  const seedEnd = { host: seedPlace.host, port: seedPort };
  const giverEnd = { host: giverPlace.host, port: giverPort };
  const takerEnd = { host: takerPlace.host, port: takerPort };
  const seedArgv = await ttCommand([
    ...[...seedArgs, "--port", `${seedPort}`, ...giver.dials ? [] : addresses([giverEnd])],
  ]);
  const seed = () => new ClientProcess({ place: seedPlace, port: seedPort, argv: seedArgv });
  const start = async (client: Partial, options: Options) => {
    const argv = await client.argv(options);
    return new ClientProcess({ place: options.place, port: options.port, argv });
  };
  const untilDone = (client: Partial, process: ClientProcess) =>
    process.waitForLine((line) => client.isDone(line) || undefined, "complete", DEADLINE_MS);

  const givingOptions = { place: giverPlace, torrent, infoHash, dir: giverDir, port: giverPort };
  const takingOptions = { place: takerPlace, torrent, infoHash, dir: takerDir, port: takerPort };
  await using stack = new AsyncDisposableStack();
  let source: ClientProcess, giving: ClientProcess;
  if (giver.dials) {
    source = seed();
    stack.use(source);
    await source.waitForListening();
    giving = await start(giver, { ...givingOptions, peers: [seedEnd, takerEnd] });
    stack.use(giving);
  } else {
    giving = await start(giver, givingOptions);
    stack.use(giving);
    await giving.waitForListening();
    source = seed();
    stack.use(source);
  }
  await untilDone(giver, giving);
  await source.stop();
  const peers = taker.dials ? [giverEnd] : [];
  const taking = await start(taker, { ...takingOptions, peers });
  stack.use(taking);
  if (!taker.dials) {
    await taking.waitForListening();
    // The giver dials again when it starts.
    await giving.stop();
    giving = await start(giver, { ...givingOptions, peers: [takerEnd] });
    stack.use(giving);
  }
  await untilDone(taker, taking);
  // libtorrent reports completion before its last writes.
  await taking.stop();
  const file = `three/${WANTED}`;
  const wanted = await Deno.readFile(`${seedDir}/${file}`);
  const taken = await Deno.readFile(`${takerDir}/${file}`);
  assertEquals(taken.length, wanted.length);
  assertEquals(taken.findIndex((byte, at) => byte !== wanted[at]), -1);
}

/** Its files begin and end with pieces, so that one file can be complete without the others. */
const aligned: Content = {
  title: "three files of whole pieces",
  name: "aligned",
  pieceLength: 16 * 1024,
  files: ["a.bin", "b.bin", "c.bin"].map((path) => ({ path, length: 64 * 1024 })),
};

for (const scheme of ["http", "udp"] as const) {
  await interopTest({
    name: `tt tracker counts libtorrent as a partial seed, announced to over ${scheme}`,
    needs: [libtorrent],
    fn: () => countsPartialSeed(scheme),
  });
}

async function countsPartialSeed(scheme: "http" | "udp"): Promise<void> {
  await using scratch = await openScratch();
  const trackerPort = freshPort(), port = freshPort();
  const address = formatEndpoint({ host: loopback.host, port: trackerPort });
  await using tracker = new ClientProcess({
    place: loopback,
    port: trackerPort,
    argv: await ttCommand([
      ...["tracker", "--host", loopback.host, "--port", `${trackerPort}`, "--store", "memory"],
      ...["--access-log", "-"],
    ]),
  });
  await tracker.waitForListening();
  await writeContent(scratch.path, aligned);
  const announce = `${scheme}://${address}/announce`;
  const { path, infoHash } = await writeTorrent(scratch.path, aligned, announce);
  for (const name of ["a.bin", "c.bin"]) await Deno.remove(`${scratch.path}/aligned/${name}`);
  const partial = others.find(({ client }) => client === libtorrent)!;
  const argv = await partial.argv({
    ...{ place: loopback, torrent: path, infoHash, dir: scratch.path, port },
  });
  await using client = new ClientProcess({ place: loopback, port, argv });
  await client.waitForLine((line) => partial.isDone(line) || undefined, "complete", DEADLINE_MS);
  const paused = (line: string) => line.includes(` ${scheme} paused ${infoHash} `) || undefined;
  await tracker.waitForLine(paused, "log paused", DEADLINE_MS);
  const query = infoHash.replace(/../g, "%$&");
  const scrape = await fetch(`http://${address}/scrape?info_hash=${query}`);
  assertMatch(await scrape.text(), /11:downloadersi0e10:incompletei1e/);
}
