/**
 * Load for trackers: the same announces over HTTP, by wrk, and over UDP, by a separate process.
 * Both report the size of a response, because a tracker that returns no peers is fast and useless.
 */
import { fileURLToPath } from "node:url";

export interface Load {
  readonly host: string;
  readonly port: number;
  readonly swarms: number;
  readonly peers: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly answersPerSecond: number;
  /** Mean bytes of a response, head included. */
  readonly bytes: number;
  readonly p99Ms: number;
}

const CONNECTIONS = 64;
const UDP_LOAD = fileURLToPath(new URL("tracker_udp_load.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** 20 bytes as 40 digits: the info hash of one swarm of the load. */
export function swarmHash(index: number): string {
  return index.toString(16).padStart(8, "0") + "a5".repeat(16);
}

/** Announces over HTTP at full speed, with a connection per announce or many per connection. */
export async function loadHttp(load: Load, keepAlive: boolean): Promise<LoadResult> {
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  try {
    await Deno.writeTextFile(script, luaOf(load, keepAlive));
    const url = `http://${load.host}:${load.port}`;
    const args = ["-t1", `-c${CONNECTIONS}`, `-d${load.seconds}`, "--latency", "-s", script, url];
    const text = await run("wrk", args);
    const [, count, seconds, size, unit] =
      /(\d+) requests in ([\d.]+)s, ([\d.]+)([KMG]?)B read/.exec(text) ?? [];
    const [, p99, p99Unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(text) ?? [];
    if (count === undefined || p99 === undefined) throw new Error(`wrk says: ${text}`);
    const factor = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[unit!]!;
    return {
      answersPerSecond: Number(count) / Number(seconds),
      bytes: Number(size) * factor / Number(count),
      p99Ms: Number(p99) * { us: 0.001, ms: 1, s: 1000 }[p99Unit!]!,
    };
  } finally {
    await Deno.remove(script);
  }
}

export interface UdpLoad extends Load {
  /** Announces a second; full speed unless given. */
  readonly rate?: number;
  /** Each peer sends an address of its own, so that there can be more peers than ports. */
  readonly claimsIps?: boolean;
}

/**
 * Announces over UDP from a separate process; every peer has announced once before measuring
 * starts.
 */
export async function loadUdp(load: UdpLoad): Promise<LoadResult> {
  const args = [
    "run",
    "--quiet",
    "--allow-net",
    "--config",
    CONFIG,
    UDP_LOAD,
    JSON.stringify(load),
  ];
  return JSON.parse(await run(Deno.execPath(), args));
}

/** Peers announce in random order, each with its own port, a seventh of them as seeders. */
function luaOf({ swarms, peers }: Load, keepAlive: boolean): string {
  return `
${keepAlive ? "" : 'wrk.headers["Connection"] = "close"'}
request = function()
  local peer = math.random(0, ${peers - 1})
  local hash = string.format("%08x", peer % ${swarms}):gsub("..", "%%%0")
  return wrk.format("GET", "/announce?info_hash=" .. hash .. "${"%a5".repeat(16)}" ..
    "&peer_id=-tt0100-" .. string.format("%012d", peer) .. "&port=" .. (1024 + peer) ..
    "&uploaded=0&downloaded=0&left=" .. (peer % 7 == 0 and 0 or 1) .. "&numwant=50&compact=1")
end
`;
}

async function run(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const text = new TextDecoder().decode(stdout);
  if (code !== 0) throw new Error(`${program} failed: ${text}${new TextDecoder().decode(stderr)}`);
  return text;
}
