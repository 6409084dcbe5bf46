/**
 * `bench daemon`: a daemon with thousands of complete torrents, beside Transmission's and qBittorrent's:
 * adding them, asking for all of them, memory and CPU while nothing happens, and a restart.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildMetainfo } from "../../core/metainfo/create.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess, hasProgram } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch } from "../support/content.ts";
import { atMost, type Figure, printFigures, shorten } from "./figures.ts";
import { readProcessCost } from "./process_cost.ts";

export const DAEMON_USAGE = `daemon [--torrents 2000] [--seconds 20] [--only tt] [--json]
  A daemon full of complete torrents: adding, asking, memory, idle CPU, restart; beside
  transmission-daemon and qbittorrent-nox where they are installed.`;

const PIECE_LENGTH = 16 * 1024;
const ASKS = 15;
const DEADLINE_MS = 300_000;
const FIELDS = [
  ...["id", "name", "status", "error", "errorString", "eta", "hashString", "leftUntilDone"],
  ...["percentDone", "rateDownload", "rateUpload", "uploadRatio", "totalSize", "addedDate"],
  ...["queuePosition", "peersConnected", "isFinished", "downloadDir", "labels", "trackerStats"],
];

const MEMORY_BYTES_MAX = 250e6;
const ASK_MS_MAX = 50;
const ADD_SECONDS_MAX = 10;
const ANNOUNCE_SECONDS_MAX = 10;

/** A client under test, by its own API. */
interface Subject {
  readonly name: string;
  start(): Promise<ClientProcess>;
  add(torrents: readonly string[], dir: string): Promise<void>;
  /** How many are listed, and how many of them seed. */
  count(): Promise<{ readonly listed: number; readonly seeding: number }>;
  /** Asks for 20 facts about every torrent, or for all that the API has. */
  ask(): Promise<void>;
  stop(): Promise<void>;
}

interface Measured {
  readonly addSeconds: number;
  readonly askMs: number;
  readonly residentBytes: number;
  readonly idlePercent: number;
  readonly listedSeconds: number;
  readonly announcedSeconds: number;
}

export async function benchDaemon(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      torrents: { type: "string", default: "2000" },
      seconds: { type: "string", default: "20" },
      only: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const count = Number(flags.torrents);
  await using scratch = await openScratch("tt-bench-");
  await using tracker = countAnnounces();
  const content = join(scratch.path, "content");
  await Deno.mkdir(content);
  const torrents = await makeTorrents(content, count, tracker.url);
  const measured = new Map<string, Measured>();
  const subjects = [ttSubject(join(scratch.path, "tt"))];
  if (await hasProgram("transmission-daemon")) {
    subjects.push(transmissionSubject(join(scratch.path, "transmission")));
  }
  if (await hasProgram("qbittorrent-nox")) {
    subjects.push(qbittorrentSubject(join(scratch.path, "qbittorrent")));
  }
  for (const subject of subjects) {
    if (flags.only !== undefined && subject.name !== flags.only) continue;
    const result = await measure(subject, torrents, content, tracker, Number(flags.seconds));
    measured.set(subject.name, result);
  }
  print(count, measured, flags.json);
}

async function measure(
  subject: Subject,
  torrents: readonly string[],
  content: string,
  tracker: ReturnType<typeof countAnnounces>,
  seconds: number,
): Promise<Measured> {
  const wanted = torrents.length;
  console.error(`${subject.name} ...`);
  let client = await subject.start();
  try {
    const addFrom = performance.now();
    await subject.add(torrents, content);
    const addSeconds = since(addFrom);
    await until(
      async () => (await subject.count()).seeding === wanted,
      `${subject.name}: seed all`,
    );
    const asks: number[] = [];
    for (let ask = 0; ask < ASKS; ask++) {
      const from = performance.now();
      await subject.ask();
      asks.push(performance.now() - from);
    }
    await wait(5000);
    const before = await readProcessCost(client.pid);
    const idleFrom = performance.now();
    await wait(1000 * seconds);
    const after = await readProcessCost(client.pid);
    const idlePercent = 100 * (after.cpuSeconds - before.cpuSeconds) / since(idleFrom);
    const residentBytes = await residentOf(client.pid);
    await subject.stop();
    await client.stop();

    tracker.reset();
    const restartFrom = performance.now();
    client = await subject.start();
    await until(async () => (await subject.count()).listed === wanted, `${subject.name}: list all`);
    const listedSeconds = since(restartFrom);
    await until(() => Promise.resolve(tracker.count() === wanted), `${subject.name}: announce all`);
    const announcedSeconds = since(restartFrom);
    await subject.stop();
    const askMs = asks.toSorted((a, b) => a - b)[Math.floor(ASKS / 2)]!;
    return { addSeconds, askMs, residentBytes, idlePercent, listedSeconds, announcedSeconds };
  } finally {
    await client.stop();
  }
}

function print(count: number, measured: ReadonlyMap<string, Measured>, isJson: boolean): void {
  const tt = measured.get("tt");
  const others = [...measured].filter(([name]) => name !== "tt");
  const rows: Figure[] = [];
  const row = (
    what: string,
    pick: (of: Measured) => number,
    show: (value: number) => string,
    target: Figure["target"],
  ) => {
    const beside = others.map(([name, of]) => `${name} ${show(pick(of))}`).join(", ");
    rows.push({ what, measured: tt === undefined ? "-" : show(pick(tt)), beside, target });
  };
  const figure = (value: number | undefined) => value ?? Infinity;
  const other = (name: string) => measured.get(name);
  row(
    "added",
    (of) => of.addSeconds,
    (s) => `${shorten(s)} s`,
    atMost(figure(tt?.addSeconds), ADD_SECONDS_MAX, " s"),
  );
  row(
    "asked for all, 20 fields",
    (of) => of.askMs,
    (ms) => `${shorten(ms)} ms`,
    atMost(figure(tt?.askMs), ASK_MS_MAX, " ms"),
  );
  row(
    "resident",
    (of) => of.residentBytes,
    (bytes) => `${shorten(bytes / 1e6)} MB`,
    atMost(figure(tt?.residentBytes) / 1e6, MEMORY_BYTES_MAX / 1e6, " MB"),
  );
  row(
    "idle, of a core",
    (of) => of.idlePercent,
    (percent) => `${shorten(percent)} %`,
    atMost(figure(tt?.idlePercent), round(other("transmission")?.idlePercent ?? 1), " %"),
  );
  row(
    "restarted until all listed",
    (of) => of.listedSeconds,
    (s) => `${shorten(s)} s`,
    atMost(figure(tt?.listedSeconds), round(other("qbittorrent")?.listedSeconds ?? 10), " s"),
  );
  row(
    "restarted until all announced",
    (of) => of.announcedSeconds,
    (s) => `${shorten(s)} s`,
    atMost(figure(tt?.announcedSeconds), ANNOUNCE_SECONDS_MAX, " s"),
  );
  printFigures(`A daemon with ${count} complete torrents`, rows, isJson);
}

/** Transmission's RPC, older dialect: ours and theirs. */
function rpcClient(url: () => string, authorization: () => string | undefined) {
  let sessionId = "";
  return async (method: string, args: object): Promise<Record<string, unknown>> => {
    const send = () => {
      const token = authorization();
      return fetch(`${url()}/transmission/rpc`, {
        method: "POST",
        body: JSON.stringify({ method, arguments: args }),
        headers: {
          "x-transmission-session-id": sessionId,
          ...(token === undefined ? {} : { authorization: token }),
        },
      });
    };
    let response = await send();
    if (response.status === 409) {
      await response.body?.cancel();
      sessionId = response.headers.get("x-transmission-session-id")!;
      response = await send();
    }
    const answer = await response.json();
    if (answer.result !== "success") throw new Error(`${method}: ${answer.result}`);
    return answer.arguments;
  };
}

function rpcSubject(
  name: string,
  call: ReturnType<typeof rpcClient>,
  start: () => Promise<ClientProcess>,
): Subject {
  return {
    name,
    start,
    async add(torrents, dir) {
      for (const path of torrents) {
        const metainfo = (await Deno.readFile(path)).toBase64();
        await call("torrent-add", { metainfo, "download-dir": dir });
      }
    },
    async count() {
      const answer = await call("torrent-get", { fields: ["status"] });
      const torrents = answer.torrents as { status: number }[];
      const seeding = torrents.filter(({ status }) => status === 6).length;
      return { listed: torrents.length, seeding };
    },
    async ask() {
      await call("torrent-get", { fields: FIELDS });
    },
    async stop() {
      await call("session-close", {});
    },
  };
}

function ttSubject(state: string): Subject {
  let url = "", token = "";
  const call = rpcClient(() => url, () => `Bearer ${token}`);
  return rpcSubject("tt", call, async () => {
    const port = freshPort();
    const argv = await ttCommand([
      ...["daemon", "--state", state, "--host", loopback.host, "--port", String(port)],
      ...["--rpc", `127.0.0.1:${freshPort()}`, "--dir", state, "--dht", "off", "--allow-local"],
    ]);
    const client = new ClientProcess({ place: loopback, port, argv });
    const found = (line: string) => /Serving RPC and the web page at (\S+)/.exec(line)?.[1];
    url = await client.waitForLine(found, "serve", DEADLINE_MS);
    token = (await Deno.readTextFile(join(state, "token"))).trim();
    return client;
  });
}

function transmissionSubject(state: string): Subject {
  const rpcPort = freshPort();
  const call = rpcClient(() => `http://127.0.0.1:${rpcPort}`, () => undefined);
  return rpcSubject("transmission", call, async () => {
    await Deno.mkdir(state, { recursive: true });
    const settings = {
      "dht-enabled": false,
      "lpd-enabled": false,
      "pex-enabled": false,
      "port-forwarding-enabled": false,
      "utp-enabled": false,
      "bind-address-ipv4": "127.0.0.1",
      "download-queue-enabled": false,
      "rpc-port": rpcPort,
      "rpc-bind-address": "127.0.0.1",
      "download-dir": state,
    };
    await Deno.writeTextFile(join(state, "settings.json"), JSON.stringify(settings));
    const port = freshPort();
    const client = new ClientProcess({
      place: loopback,
      port,
      argv: [
        "transmission-daemon",
        "--foreground",
        "--config-dir",
        state,
        "--peerport",
        String(port),
      ],
    });
    await until(async () => {
      const response = await fetch(`http://127.0.0.1:${rpcPort}/transmission/rpc`).catch(() =>
        undefined
      );
      await response?.body?.cancel();
      return response !== undefined;
    }, "transmission: serve");
    return client;
  });
}

function qbittorrentSubject(state: string): Subject {
  const webPort = freshPort();
  const base = `http://127.0.0.1:${webPort}/api/v2`;
  const list = async (): Promise<{ state: string }[]> => {
    const response = await fetch(`${base}/torrents/info`);
    if (response.ok) return await response.json();
    await response.body?.cancel();
    return [];
  };
  return {
    name: "qbittorrent",
    async start() {
      const config = join(state, "qBittorrent", "config");
      await Deno.mkdir(config, { recursive: true });
      const lines = [
        ...["[LegalNotice]", "Accepted=true", "[Preferences]", "WebUI\\LocalHostAuth=false"],
        ...["WebUI\\Address=127.0.0.1", `WebUI\\Port=${webPort}`, "[BitTorrent]"],
        ...["Session\\DHTEnabled=false", "Session\\LSDEnabled=false", "Session\\PeXEnabled=false"],
        ...["Session\\QueueingSystemEnabled=false", "Session\\SSRFMitigation=false"],
        ...[`Session\\Port=${freshPort()}`, "[Network]", "PortForwardingEnabled=false", ""],
      ];
      const path = join(config, "qBittorrent.conf");
      const isThere = await Deno.stat(path).then(() => true, () => false);
      if (!isThere) await Deno.writeTextFile(path, lines.join("\n"));
      const client = new ClientProcess({
        place: loopback,
        port: webPort,
        argv: ["qbittorrent-nox", `--profile=${state}`, `--webui-port=${webPort}`],
        env: { HOME: state },
      });
      await until(async () => {
        const response = await fetch(`${base}/app/version`).catch(() => undefined);
        await response?.body?.cancel();
        return response !== undefined;
      }, "qbittorrent: serve");
      return client;
    },
    async add(torrents, dir) {
      for (const path of torrents) {
        const form = new FormData();
        form.append("torrents", new Blob([await Deno.readFile(path)]), "a.torrent");
        form.append("savepath", dir);
        // It checks one torrent after the other, with a pause between: thousands would take an hour.
        form.append("skip_checking", "true");
        // Its parser takes the end of the form for part of the last field.
        form.append("last", "");
        const response = await fetch(`${base}/torrents/add`, { method: "POST", body: form });
        await response.body?.cancel();
      }
    },
    async count() {
      const torrents = await list();
      const seeding = torrents.filter(({ state }) =>
        /^(uploading|stalledUP|forcedUP)$/.test(state)
      );
      return { listed: torrents.length, seeding: seeding.length };
    },
    async ask() {
      await list();
    },
    async stop() {
      const response = await fetch(`${base}/app/shutdown`, { method: "POST" });
      await response.body?.cancel();
    },
  };
}

/** A tracker that counts which torrents were announced, and knows no peers. */
function countAnnounces() {
  const seen = new Set<string>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const hash = /[?&]info_hash=([^&]*)/.exec(request.url)?.[1];
    if (hash !== undefined) seen.add(hash.toLowerCase());
    return new Response("d8:intervali1800e5:peers0:e");
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/announce`,
    count: () => seen.size,
    reset: () => seen.clear(),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function makeTorrents(dir: string, count: number, announceUrl: string): Promise<string[]> {
  const paths: string[] = [];
  for (let number = 0; number < count; number++) {
    const name = `torrent number ${number} of many.bin`;
    const content = new Uint8Array(PIECE_LENGTH);
    new DataView(content.buffer).setUint32(0, number);
    const bytes = buildMetainfo({
      name,
      files: [{ path: [], length: content.length }],
      isFolder: false,
      pieceLength: PIECE_LENGTH,
      pieceHashes: new Uint8Array(createHash("sha1").update(content).digest()),
      announceTiers: [[announceUrl]],
      isPrivate: false,
    });
    await Deno.writeFile(join(dir, name), content);
    const path = join(dir, `${name}.torrent`);
    await Deno.writeFile(path, bytes);
    paths.push(path);
  }
  return paths;
}

/** What the process has in memory now. */
async function residentOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]);
}

async function until(test: () => Promise<boolean>, what: string): Promise<void> {
  for (const untilMs = performance.now() + DEADLINE_MS;;) {
    if (await test()) return;
    if (performance.now() > untilMs) throw new Error(`${what}: not within ${DEADLINE_MS / 1000} s`);
    await wait(50);
  }
}

function since(ms: number): number {
  return (performance.now() - ms) / 1000;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Two digits say enough. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
