/**
 * Asks a tracker's catalog: what there is, one `.torrent`, who is in a swarm; and puts a torrent there.
 * The tracker is not trusted, so its answers are bounded and checked.
 */
import { readBounded } from "./net/read_bounded.ts";
import type { PeerAddress } from "../core/bytes/address.ts";
import { canonicalIp } from "../core/bytes/ip.ts";
import { MESSAGE_BYTES_MAX } from "../core/bencode/decode.ts";
import { infoHashV2FromHex, swarmHashes, truncatedInfoHash } from "../core/metainfo/identity.ts";
import { infoHashFromHex } from "../core/metainfo/info_hash.ts";
import { LIST_LIMIT_MAX, type ListedTorrent } from "../core/tracker_server/catalog.ts";
import { Failure } from "./failure.ts";
import { type LoadedTorrent, parseTorrent } from "./load_torrent.ts";
import { CLIENT_NAME } from "./version.ts";

/** A tracker that takes longer for a list is down. */
const TIMEOUT_MS = 15_000;
/** A thousand torrents with long names take less. */
const JSON_BYTES_MAX = 16 * 1024 * 1024;

/** Maximum length of a refusal: more is not a sentence. */
const SENTENCE_LENGTH_MAX = 300;

/** A swarm as the catalog shows it. */
export interface ShownSwarm {
  readonly infoHash: string;
  readonly name: string;
  readonly seeders: number;
  readonly leechers: number;
  readonly completed: number;
  readonly peers: readonly (PeerAddress & { readonly isSeeder: boolean })[];
}

/** What became of a registration. */
export interface Registration {
  /** The catalog. */
  readonly url: string;
  readonly isNew: boolean | undefined;
  /** The tracker's sentence when it refused. */
  readonly error: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly bytes: Uint8Array;
}

export class CatalogClient {
  readonly #announceUrl: string;
  /** Of the list; everything else is below it. */
  readonly #listUrl: URL;
  readonly #signal: AbortSignal;

  /** `announceUrl`: as a torrent names its tracker. Requests end when `signal` aborts. */
  constructor(announceUrl: string, signal: AbortSignal) {
    this.#announceUrl = announceUrl;
    this.#listUrl = listUrlOf(announceUrl);
    this.#signal = signal;
  }

  /** Everything that holds all of the words, newest first. */
  async *list(words: readonly string[]): AsyncGenerator<ListedTorrent> {
    yield* this.#page({ q: words.join(" ") });
  }

  /** The info hash of a torrent named by it or by its name. Two of one name are an error. */
  async resolve(name: string): Promise<string> {
    const v2 = infoHashV2FromHex(name);
    const infoHash = infoHashFromHex(name) ?? (v2 && truncatedInfoHash(v2));
    if (infoHash !== undefined) return infoHash;
    const found: ListedTorrent[] = [];
    for await (const torrent of this.#page({ name })) found.push(torrent);
    if (found.length === 1) return found[0]!.infoHash;
    if (found.length === 0) {
      const message = `The catalog of ${this.#announceUrl} has no torrent named ${name}; tt list ` +
        "shows what it has";
      throw new Failure("input", "unknown-name", message);
    }
    const hashes = found.map((torrent) => torrent.infoHash).join(", ");
    const message =
      `The catalog of ${this.#announceUrl} has ${found.length} torrents named ${name}; ` +
      `give the info hash of one: ${hashes}`;
    throw new Failure("input", "ambiguous-name", message);
  }

  /** Takes a torrent out, of a name or info hash; gives its info hash. `token` is shown if given. */
  async remove(name: string, token: string | undefined): Promise<string> {
    const infoHash = await this.resolve(name);
    const init = { method: "DELETE", headers: this.#authorization(token) };
    const { status, bytes } = await this.#ask(infoHash, JSON_BYTES_MAX, init);
    if (status === 204 || status === 200) return infoHash;
    if (status === 404) throw this.#missing(name, status);
    const message = `The catalog of ${this.#announceUrl} did not remove ${name}: ` +
      sentenceOf(status, bytes);
    throw new Failure("input", "not-removed", message);
  }

  /** The `.torrent` of a name or info hash. */
  async fetch(name: string): Promise<LoadedTorrent> {
    const infoHash = await this.resolve(name);
    const { status, bytes } = await this.#ask(`${infoHash}.torrent`, MESSAGE_BYTES_MAX);
    if (status !== 200) throw this.#missing(name, status);
    const loaded = parseTorrent(
      bytes,
      `The torrent that the catalog of ${this.#announceUrl} sent for ${name}`,
    );
    if (swarmHashes(loaded.metainfo.identity).some((hash) => hash === infoHash)) return loaded;
    const message =
      `The catalog of ${this.#announceUrl} sent another torrent than ${name}; do not ` +
      "trust it";
    throw new Failure("input", "wrong-torrent", message);
  }

  /** Who is in the swarm of a name or info hash. */
  async swarm(name: string): Promise<ShownSwarm> {
    const infoHash = await this.resolve(name);
    const { status, bytes } = await this.#ask(`${infoHash}/peers`, JSON_BYTES_MAX);
    if (status !== 200) throw this.#missing(name, status);
    const swarm = readSwarm(parseJson(bytes));
    if (swarm === undefined) throw this.#noCatalog();
    return swarm;
  }

  /**
   * Hands a `.torrent` to the tracker; undefined when it keeps no catalog or can't be reached. Throws
   * only the signal's reason.
   */
  async register(
    { bytes }: LoadedTorrent,
    token: string | undefined,
  ): Promise<Registration | undefined> {
    try {
      // An unrelated tracker without a catalog need not see the torrent.
      const probe = await this.#ask("?limit=0", JSON_BYTES_MAX);
      if (probe.status !== 200 || readPage(parseJson(probe.bytes)) === undefined) return undefined;
      return this.#registration(await this.#post(bytes, token));
    } catch {
      this.#signal.throwIfAborted();
      return undefined;
    }
  }

  async #post(bytes: Uint8Array, token: string | undefined): Promise<Answer> {
    return await this.#ask("", JSON_BYTES_MAX, {
      method: "POST",
      body: bytes as BodyInit,
      headers: {
        "content-type": "application/x-bittorrent",
        ...this.#authorization(token),
      },
    });
  }

  /** That a UDP tracker has a catalog behind HTTP is a guess, and no secret is sent on a guess. */
  #authorization(token: string | undefined): Readonly<Record<string, string>> {
    const isGuess = /^udp:/i.test(this.#announceUrl);
    return token === undefined || isGuess ? {} : { authorization: `Bearer ${token}` };
  }

  #registration({ status, bytes }: Answer): Registration {
    const url = this.#listUrl.href;
    if (status === 200 || status === 201) return { url, isNew: status === 201, error: undefined };
    return { url, isNew: undefined, error: sentenceOf(status, bytes) };
  }

  async *#page(query: Readonly<Record<string, string>>): AsyncGenerator<ListedTorrent> {
    let offset = 0;
    for (;;) {
      const search = new URLSearchParams({
        ...query,
        offset: String(offset),
        limit: String(LIST_LIMIT_MAX),
      });
      const { status, bytes } = await this.#ask(`?${search}`, JSON_BYTES_MAX);
      const page = status === 200 ? readPage(parseJson(bytes)) : undefined;
      if (page === undefined) throw this.#noCatalog();
      yield* page.torrents;
      offset += page.torrents.length;
      if (page.torrents.length === 0 || offset >= page.total) return;
    }
  }

  async #ask(below: string, bytesMax: number, init: RequestInit = {}): Promise<Answer> {
    const url = /^$|^\?/.test(below) ? `${this.#listUrl}${below}` : `${this.#listUrl}/${below}`;
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const headers = { "user-agent": CLIENT_NAME, ...init.headers };
    try {
      const response = await fetch(url, { ...init, signal, headers, redirect: "follow" });
      const bytes = await readBounded(response.body, bytesMax);
      if (bytes === undefined) throw this.#failed(`it sent more than ${bytesMax} bytes`);
      return { status: response.status, bytes };
    } catch (error) {
      if (error instanceof Failure) throw error;
      this.#signal.throwIfAborted();
      const isLate = error instanceof DOMException && error.name === "TimeoutError";
      throw this.#failed(isLate ? "no answer in time" : "it cannot be reached");
    }
  }

  #failed(why: string): Failure {
    const message =
      `Cannot query the catalog of ${this.#announceUrl}: ${why}; check the address, or ` +
      "start it with tt tracker";
    return new Failure("network", "catalog-failed", message);
  }

  #noCatalog(): Failure {
    const message = `The tracker ${this.#announceUrl} has no catalog; name another ` +
      "with --tracker";
    return new Failure("network", "no-catalog", message);
  }

  #missing(name: string, status: number): Failure {
    const message = status === 404
      ? `The catalog of ${this.#announceUrl} has no torrent ${name}; tt list shows what it has`
      : `The catalog of ${this.#announceUrl} answered ${status} to the request for ${name}; try again later`;
    return new Failure("input", "unknown-name", message);
  }
}

/** The first line of a refusal, fit for a terminal. */
function sentenceOf(status: number, bytes: Uint8Array): string {
  const [line = ""] = new TextDecoder().decode(bytes).trim().split("\n");
  return line.replace(/\p{C}+/gu, " ").slice(0, SENTENCE_LENGTH_MAX) || `status ${status}`;
}

/** The catalog stands beside `announce`; a UDP tracker of ours serves it on the same port number. */
function listUrlOf(announceUrl: string): URL {
  const url = new URL("torrents", announceUrl.replace(/^udp:/i, "http:"));
  url.search = "";
  url.hash = "";
  return url;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function readPage(
  value: unknown,
): { readonly total: number; readonly torrents: readonly ListedTorrent[] } | undefined {
  if (!isObject(value) || !isCount(value.total) || !Array.isArray(value.torrents)) return undefined;
  const torrents = value.torrents.map(readListed);
  return torrents.length <= LIST_LIMIT_MAX && torrents.every((torrent) => torrent !== undefined)
    ? { total: value.total, torrents }
    : undefined;
}

/** Only the fields that are known: whatever else is there is not ours to pass on. */
function readListed(value: unknown): ListedTorrent | undefined {
  if (!isObject(value) || !isSwarm(value) || typeof value.addedAt !== "string") return undefined;
  const { infoHash, name, bytes, pieceLength, pieces, files, addedAt } =
    value as unknown as ListedTorrent;
  const { seeders, leechers, completed, trackers } = value as unknown as ListedTorrent;
  if (![bytes, pieceLength, pieces, files].every(isCount) || !isTextList(trackers)) {
    return undefined;
  }
  const { infoHashV2 } = value;
  return {
    ...{ infoHash, name, bytes, pieceLength, pieces, files, trackers },
    infoHashV2: typeof infoHashV2 === "string" ? infoHashV2FromHex(infoHashV2) : undefined,
    private: value.private === true,
    ...{ seeders, leechers, completed, addedAt },
  };
}

function readSwarm(value: unknown): ShownSwarm | undefined {
  if (!isObject(value) || !isSwarm(value) || !Array.isArray(value.peers)) return undefined;
  const { infoHash, name, seeders, leechers, completed } = value as unknown as ShownSwarm;
  const peers = value.peers.filter((peer: unknown) =>
    isObject(peer) && typeof peer.ip === "string" && canonicalIp(peer.ip) === peer.ip &&
    isCount(peer.port) && typeof peer.isSeeder === "boolean"
  );
  return { infoHash, name, seeders, leechers, completed, peers };
}

/** The fields that a list and a swarm share. */
function isSwarm(value: Fields): boolean {
  return typeof value.infoHash === "string" && infoHashFromHex(value.infoHash) !== undefined &&
    typeof value.name === "string" &&
    [value.seeders, value.leechers, value.completed].every(isCount);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
