/**
 * Torrents that run inside the test on real loopback sockets and files, and synthetic peers that
 * send whatever a test wants.
 */
import { createHash } from "node:crypto";
import { encodeBencode } from "../../core/bencode/encode.ts";
import { encodeHandshake, HANDSHAKE_SIZE } from "../../core/wire/handshake.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { type LoadedTorrent, parseTorrent } from "../../shell/load_torrent.ts";
import { Session } from "../../shell/session.ts";
import { createOutput } from "../../shell/terminal/output.ts";
import { type RunOptions, TorrentRun } from "../../shell/commands/torrent_run.ts";
import { makeBytes, type Said } from "../support/cli_kit.ts";
import { within } from "../support/until.ts";

const LOCALHOST = "127.0.0.1";
export const PIECE = 16 * 1024;

/** A torrent of one file with this many pieces of one block. */
export function makeLoaded(pieces: number): { loaded: LoadedTorrent; bytes: Uint8Array } {
  const bytes = makeBytes(pieces * PIECE, pieces);
  const hashes = new Uint8Array(20 * pieces);
  for (let piece = 0; piece < pieces; piece++) {
    const part = bytes.subarray(piece * PIECE, (piece + 1) * PIECE);
    hashes.set(createHash("sha1").update(part).digest(), 20 * piece);
  }
  const info = { name: "f.bin", length: bytes.length, "piece length": PIECE, pieces: hashes };
  return { loaded: parseTorrent(encodeBencode({ info }), "a test"), bytes };
}

export interface RunningTorrent extends AsyncDisposable {
  readonly port: number;
  readonly said: readonly Said[];
  /** Resolves when the run ended by itself. */
  readonly done: Promise<void>;
  /** The first event of that name, past or future. */
  event(name: string): Promise<Said>;
  peers(): number;
}

/** Seeds what is in `dir`. */
export async function startSeeding(loaded: LoadedTorrent, dir: string): Promise<RunningTorrent> {
  const seeding = startRun({ loaded, dir, role: { kind: "seed", isChecked: false } }, []);
  await seeding.event("checked");
  return seeding;
}

/** Downloads to `dir` from the peers at these ports, then exits. */
export function startDownload(
  loaded: LoadedTorrent,
  dir: string,
  ports: readonly number[],
  resume = false,
) {
  const shareRule = { percent: 0, strict: false };
  const role = { kind: "download", resume, noSeed: true, shareRule } as const;
  return startRun({ loaded, dir, role }, ports);
}

function startRun(
  options: Pick<RunOptions, "loaded" | "dir" | "role">,
  ports: readonly number[],
): RunningTorrent {
  const nothing = { upLimit: undefined, downLimit: undefined, defaultPort: 0 };
  const session = new Session({ host: LOCALHOST, port: 0, ...nothing });
  const said: Said[] = [];
  let onEvent = Promise.withResolvers<void>();
  const decoder = new TextDecoder();
  const output = createOutput({
    json: true,
    quiet: false,
    stdout: {
      writeSync(bytes) {
        said.push(JSON.parse(decoder.decode(bytes)));
        onEvent.resolve();
        onEvent = Promise.withResolvers();
        return bytes.length;
      },
    },
    stderr: { writeSync: (bytes) => bytes.length },
    canvas: undefined,
  });
  const run = new TorrentRun({
    ...options,
    session,
    output,
    trace: undefined,
    settings: {
      ...{ json: true, quiet: false, host: LOCALHOST, port: 0, upLimit: undefined },
      ...{ announceIp: undefined, allowLocal: false },
      ...{ downLimit: undefined, seedRatio: undefined, seedTimeMs: undefined },
      timeoutMs: undefined,
      dht: { isOn: false, nodes: [] },
      peers: ports.map((port) => ({ ip: LOCALHOST, port })),
    },
  });
  const stop = new AbortController();
  const isStop = (error: unknown) => stop.signal.aborted && error === stop.signal.reason;
  const done = run.execute(stop.signal);
  const over = done.catch((error) => {
    if (!isStop(error)) throw error;
  });
  return {
    port: session.port,
    said,
    done,
    async event(name) {
      while (true) {
        const found = said.find(({ event }) => event === name);
        if (found !== undefined) return found;
        await within(Promise.race([onEvent.promise, done]), `the event ${name}`);
      }
    },
    peers: () => run.view().peers,
    async [Symbol.asyncDispose]() {
      stop.abort();
      try {
        await over;
      } finally {
        await session.close();
      }
    },
  };
}

type Part = number | string | Uint8Array;

/** Integers as 4 bytes each, strings as the bytes of their characters. */
export function bytesOf(...parts: readonly Part[]): Uint8Array<ArrayBuffer> {
  const chunks = parts.map((part) => {
    if (typeof part === "string") return Uint8Array.from(part, (char) => char.charCodeAt(0));
    if (typeof part !== "number") return part;
    const word = new Uint8Array(4);
    new DataView(word.buffer).setUint32(0, part);
    return word;
  });
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** A whole message: length, ID, body. */
export function message(id: number, ...parts: readonly Part[]): Uint8Array {
  const body = bytesOf(...parts);
  return bytesOf(1 + body.length, Uint8Array.of(id), body);
}

/** The 68 bytes of a peer with the Fast extension; `name` fills its ID. */
export function handshake(infoHash: InfoHash, name = "hostile"): Uint8Array {
  const peerId = bytesOf(`-XX0000-${name}`.padEnd(20, "x"));
  return encodeHandshake({ infoHash, peerId, fast: true, extended: false, dht: false });
}

type OnMessage = (id: number, body: Uint8Array, peer: RawPeer) => void;

/** One end of a connection, controlled by a test. */
export class RawPeer implements AsyncDisposable {
  /**
   * Resolves when the other side has closed the connection; never for a peer that does not read.
   */
  readonly closed: Promise<void>;
  readonly #conn: Deno.Conn;
  #writing: Promise<void> = Promise.resolve();

  /** `onMessage` gets what follows the handshake; with `deaf` the peer never reads. */
  constructor(conn: Deno.Conn, onMessage: OnMessage | "deaf" = () => {}) {
    this.#conn = conn;
    this.closed = onMessage === "deaf" ? new Promise(() => {}) : this.#read(onMessage);
  }

  static async dial(port: number, onMessage?: OnMessage | "deaf"): Promise<RawPeer> {
    return new RawPeer(await Deno.connect({ hostname: LOCALHOST, port }), onMessage);
  }

  /** False when the other side has closed the connection. */
  async write(...parts: readonly Part[]): Promise<boolean> {
    const bytes = bytesOf(...parts);
    // Writes that the system accepts in parts must not interleave.
    const before = this.#writing;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#writing = promise;
    await before;
    try {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
      return true;
    } catch {
      return false;
    } finally {
      resolve();
    }
  }

  async #read(onMessage: OnMessage): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    let rest = bytesOf();
    let hasHandshaken = false;
    while (true) {
      const count = await this.#conn.read(buffer).catch(() => null);
      if (count === null) return;
      rest = bytesOf(rest, buffer.subarray(0, count));
      let at = 0;
      if (!hasHandshaken) {
        if (rest.length < HANDSHAKE_SIZE) continue;
        hasHandshaken = true;
        at = HANDSHAKE_SIZE;
      }
      const view = new DataView(rest.buffer);
      while (rest.length >= at + 4 && rest.length >= at + 4 + view.getUint32(at)) {
        const end = at + 4 + view.getUint32(at);
        if (end > at + 4) onMessage(rest[at + 4]!, rest.slice(at + 5, end), this);
        at = end;
      }
      rest = rest.slice(at);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#conn.close();
    } catch {
      // The test closed it.
    }
    return Promise.resolve();
  }
}

/** A listening peer that sends `firstBytes` to each connection. */
export function listenRaw(firstBytes: Uint8Array, onMessage: OnMessage = () => {}) {
  const listener = Deno.listen({ hostname: LOCALHOST, port: 0 });
  const peers: RawPeer[] = [];
  const first = Promise.withResolvers<RawPeer>();
  const accept = async () => {
    for await (const conn of listener) {
      const peer = new RawPeer(conn, onMessage);
      peers.push(peer);
      await peer.write(firstBytes);
      first.resolve(peer);
    }
  };
  const accepting = accept();
  return {
    port: listener.addr.port,
    /** The first connection. */
    met: first.promise,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const peer of peers) await peer[Symbol.asyncDispose]();
      await accepting;
    },
  };
}
