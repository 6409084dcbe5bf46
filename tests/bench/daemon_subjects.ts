/** The daemons that are compared, each through its own API, and their torrents and tracker. */
import { join } from "node:path";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { INSPECT_PORTS } from "./profile.ts";

const DEADLINE_MS = 300_000;
const FIELDS = [
  ...["id", "name", "status", "error", "errorString", "eta", "hashString", "leftUntilDone"],
  ...["percentDone", "rateDownload", "rateUpload", "uploadRatio", "totalSize", "addedDate"],
  ...["queuePosition", "peersConnected", "isFinished", "downloadDir", "labels", "trackerStats"],
];

/** A client that is measured, through its own API. */
export interface Subject {
  readonly name: string;
  /** Waits until its inspector listens. */
  readonly isProfiled?: boolean;
  start(): Promise<ClientProcess>;
  add(torrents: readonly { readonly path: string }[], dir: string): Promise<void>;
  /** How many torrents are listed, and how many of them seed. */
  count(): Promise<{ readonly listed: number; readonly seeding: number }>;
  /** Requests 20 fields of every torrent, or all fields that the API has. */
  ask(): Promise<void>;
  stop(): Promise<void>;
}

/** Transmission's RPC, older dialect: for `tt` and for Transmission. */
function rpcClient(url: () => string, authorization: () => string | undefined) {
  let sessionId = "";
  const post = async (method: string, args: object): Promise<Response> => {
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
    const response = await send();
    if (response.status !== 409) return response;
    await response.body?.cancel();
    sessionId = response.headers.get("x-transmission-session-id")!;
    return await send();
  };
  return {
    post,
    async call(method: string, args: object): Promise<Record<string, unknown>> {
      const answer = await (await post(method, args)).json();
      if (answer.result !== "success") throw new Error(`${method}: ${answer.result}`);
      return answer.arguments;
    },
  };
}

function rpcSubject(
  name: string,
  { call, post }: ReturnType<typeof rpcClient>,
  start: () => Promise<ClientProcess>,
): Subject {
  return {
    name,
    start,
    async add(torrents, dir) {
      for (const { path } of torrents) {
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
      await (await post("torrent-get", { fields: FIELDS })).arrayBuffer();
    },
    async stop() {
      await call("session-close", {});
    },
  };
}

export interface TtSubject extends Subject {
  /** URL of its web page, with the token. */
  pageUrl(): string;
  startAll(): Promise<void>;
  /** No more than this many finished torrents seed at once. */
  limitSeeds(count: number): Promise<void>;
  /** Verified bytes of all torrents. */
  bytesHave(): Promise<number>;
  /** What `torrent-get` says of these fields of every torrent. */
  torrents(fields: readonly string[]): Promise<readonly Record<string, number>[]>;
  /** A figure of `/metrics`. */
  metric(name: string): Promise<number>;
}

export function ttSubject(
  state: string,
  isProfiled: boolean,
  options: readonly string[] = [],
  descriptors?: number,
): TtSubject {
  const runtimeFlags = isProfiled ? [`--inspect=127.0.0.1:${INSPECT_PORTS.seeder}`] : [];
  let url = "", token = "";
  const rpc = rpcClient(() => url, () => `Bearer ${token}`);
  const { call } = rpc;
  const subject = rpcSubject("tt", rpc, async () => {
    const port = freshPort();
    const argv = await ttCommand([
      ...["daemon", "--state", state, "--host", loopback.host, "--port", String(port)],
      ...["--rpc", `127.0.0.1:${freshPort()}`, "--dir", state, "--dht", "off", "--allow-local"],
      ...["--share-rule", "off", ...options],
    ], runtimeFlags);
    const limited = descriptors === undefined
      ? argv
      : ["bash", "-c", `ulimit -n ${descriptors} && exec "$@"`, "tt", ...argv];
    const client = new ClientProcess({ place: loopback, port, argv: limited });
    const found = (line: string) => /Serving RPC and the web page at (\S+)/.exec(line)?.[1];
    url = await client.waitForLine(found, "serve", DEADLINE_MS);
    token = (await Deno.readTextFile(join(state, "token"))).trim();
    return client;
  });
  return {
    ...subject,
    isProfiled,
    pageUrl: () => `${url}/#token=${token}`,
    async startAll() {
      await call("torrent-start", {});
    },
    async limitSeeds(count) {
      await call("session-set", { "seed-queue-enabled": true, "seed-queue-size": count });
    },
    async bytesHave() {
      const torrents = await this.torrents(["haveValid"]);
      return torrents.reduce((sum, { haveValid }) => sum + haveValid!, 0);
    },
    async torrents(fields) {
      const { torrents } = await call("torrent-get", { fields });
      return torrents as readonly Record<string, number>[];
    },
    async metric(name) {
      const headers = { authorization: `Bearer ${token}` };
      const text = await (await fetch(`${url}/metrics`, { headers })).text();
      return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)![1]);
    },
  };
}

export function transmissionSubject(state: string): Subject {
  const rpcPort = freshPort();
  const rpc = rpcClient(() => `http://127.0.0.1:${rpcPort}`, () => undefined);
  return rpcSubject("transmission", rpc, async () => {
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

export function qbittorrentSubject(state: string): Subject {
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
      for (const { path } of torrents) {
        const form = new FormData();
        form.append("torrents", new Blob([await Deno.readFile(path)]), "a.torrent");
        form.append("savepath", dir);
        // It checks one torrent after another, with pauses: thousands would take an hour.
        form.append("skip_checking", "true");
        // Its parser takes the end of the form as part of the last field.
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
      await (await fetch(`${base}/torrents/info`)).arrayBuffer();
    },
    async stop() {
      // It exits after 20 s at most, and forgets the torrents that it has not saved by then.
      const { length } = await list();
      const saved = join(state, "qBittorrent", "data", "BT_backup");
      const isSaved = () => Promise.resolve(countResumeFiles(saved) === length);
      await until(isSaved, "qbittorrent: save all");
      const response = await fetch(`${base}/app/shutdown`, { method: "POST" });
      await response.body?.cancel();
    },
  };
}

function countResumeFiles(folder: string): number {
  return [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".fastresume")).length;
}

/** A tracker that counts the announced torrents and returns no peers. */
export function countAnnounces() {
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

export async function until(
  test: () => Promise<boolean>,
  what: string,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  for (const untilMs = performance.now() + deadlineMs;;) {
    const fromMs = performance.now();
    if (await test()) return;
    if (performance.now() > untilMs) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    // Some answer on the thread that does the work, and would do nothing else.
    await wait(Math.max(50, 2 * (performance.now() - fromMs)));
  }
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
