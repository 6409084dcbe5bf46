/**
 * The daemon's blocklist: a file that the user names, or one fetched from the URL of the session and
 * kept in the state folder.
 */
import { join } from "node:path";
import {
  type Blocklist,
  BLOCKLIST_LENGTH_MAX,
  isBlocked,
  NO_BLOCKLIST,
  parseBlocklist,
} from "../../core/session/blocklist.ts";
import { Failure } from "../failure.ts";
import { CLIENT_NAME } from "../version.ts";
import { replacePrivateFile } from "./private_file.ts";

/** A server that takes longer for some megabytes is down. */
const FETCH_TIMEOUT_MS = 60_000;

/** Spec: RFC 1952, section 2.3.1: the first bytes of a gzip file. */
const GZIP_MAGIC = [0x1f, 0x8b];

export class BlocklistKeeper {
  readonly #folder: string;
  #list: Blocklist = NO_BLOCKLIST;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get size(): number {
    return this.#list.size;
  }

  isBlocked(ip: string): boolean {
    return isBlocked(this.#list, ip);
  }

  /** The file that is named, else the one fetched last, if any. Throws a Failure. */
  async load(named: string | undefined): Promise<void> {
    const path = named ?? this.#kept;
    let bytes: Uint8Array;
    try {
      bytes = await Deno.readFile(path);
    } catch (error) {
      if (named === undefined && error instanceof Deno.errors.NotFound) return;
      throw new Failure(
        "input",
        "blocklist",
        `Cannot read the blocklist ${path}: check --blocklist`,
      );
    }
    this.#list = await readList(bytes, path);
  }

  /** Fetches the list, keeps it, and uses it at once. A `file:` URL or a path names a file. */
  async update(url: string, signal: AbortSignal): Promise<number> {
    if (url === "") {
      throw new Failure("usage", "blocklist", "No blocklist is set; set blocklist_url first");
    }
    if (!/^https?:/i.test(url)) {
      await this.load(url.replace(/^file:\/\//, ""));
      return this.size;
    }
    const bytes = await fetchBytes(url, signal);
    this.#list = await readList(bytes, url);
    await replacePrivateFile(this.#kept, await toText(bytes));
    return this.size;
  }

  get #kept(): string {
    return join(this.#folder, "blocklist.txt");
  }
}

async function readList(bytes: Uint8Array, from: string): Promise<Blocklist> {
  const parsed = parseBlocklist(await toText(bytes));
  if (parsed.ok) return parsed.value;
  throw new Failure("input", "blocklist", `${from} is not a blocklist: ${parsed.error}`);
}

/** Lists come gzipped more often than not. */
async function toText(bytes: Uint8Array): Promise<string> {
  const isGzip = GZIP_MAGIC.every((byte, at) => bytes[at] === byte);
  if (!isGzip) return new TextDecoder().decode(bytes.subarray(0, BLOCKLIST_LENGTH_MAX));
  const stream = new Blob([bytes as BlobPart]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream) {
    text += decoder.decode(part, { stream: true });
    if (text.length > BLOCKLIST_LENGTH_MAX) {
      throw new Failure("input", "blocklist", "The blocklist is too long");
    }
  }
  return text;
}

async function fetchBytes(url: string, stop: AbortSignal): Promise<Uint8Array> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
  try {
    const response = await fetch(url, { signal, headers: { "user-agent": CLIENT_NAME } });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Failure(
        "network",
        "blocklist",
        `The blocklist's server answered ${response.status}`,
      );
    }
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of response.body ?? []) {
      size += part.length;
      if (size > BLOCKLIST_LENGTH_MAX) {
        throw new Failure("input", "blocklist", `${url} is too long`);
      }
      parts.push(part);
    }
    return await new Blob(parts as BlobPart[]).bytes();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("network", "blocklist", `Cannot fetch the blocklist ${url}`, {
      cause: error,
    });
  }
}
