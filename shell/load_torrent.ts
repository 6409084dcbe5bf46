/** A `.torrent` from a path or a URL, read within limits. */
import { readBounded } from "./net/read_bounded.ts";
import { MESSAGE_BYTES_MAX } from "../core/bencode/decode.ts";
import { describeMetainfoError } from "../core/metainfo/describe_error.ts";
import type { Metainfo } from "../core/metainfo/types.ts";
import { Failure } from "./failure.ts";
import { namedFileError } from "./disk/named_file.ts";
import { readMetainfo } from "./read_metainfo.ts";
import { CLIENT_NAME } from "./version.ts";

/** A server that takes longer for a file of a few hundred kilobytes is down. */
const FETCH_TIMEOUT_MS = 30_000;

export interface LoadedTorrent {
  /** The bytes as found. */
  readonly bytes: Uint8Array;
  readonly metainfo: Metainfo;
  /** Wants the bytes of the `.torrent` once it has the piece layers that `bytes` lacks. */
  readonly onLayers?: (bytes: Uint8Array) => Promise<void>;
}

/** `source`: a path, or an http or https URL. Throws a Failure, or the signal's reason. */
export async function loadTorrent(source: string, signal: AbortSignal): Promise<LoadedTorrent> {
  const isUrl = /^https?:\/\//i.test(source);
  const bytes = isUrl ? await fetchBytes(source, signal) : await readBytes(source);
  return parseTorrent(bytes, source);
}

/** Errors: a Failure of kind `input`, naming `source`. */
export function parseTorrent(bytes: Uint8Array, source: string, isKept = false): LoadedTorrent {
  const metainfo = readMetainfo(bytes, undefined, isKept);
  if (metainfo.ok) return { bytes, metainfo: metainfo.value };
  const why = describeMetainfoError(metainfo.error);
  throw new Failure("input", metainfo.error.code, `${source} is not a usable torrent: ${why}`);
}

async function readBytes(path: string): Promise<Uint8Array> {
  if (path.startsWith("magnet:")) {
    const message = "A magnet link has no content to work on; use the .torrent file";
    throw new Failure("input", "magnet", message);
  }
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) throw new Failure("input", "not-a-file", `${path} is not a file`);
    if (size > MESSAGE_BYTES_MAX) throw tooLarge(path);
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof Deno.errors.NotFound) {
      const message = `There is no file ${path}; check the path`;
      throw new Failure("input", "missing", message);
    }
    throw namedFileError(error, "read", path, "check its permissions");
  }
}

async function fetchBytes(url: string, stop: AbortSignal): Promise<Uint8Array> {
  const failed = (why: string) =>
    new Failure("network", "fetch-failed", `Cannot fetch ${url}: ${why}`);
  try {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
    const response = await fetch(url, { signal, headers: { "user-agent": CLIENT_NAME } });
    if (!response.ok) {
      await response.body?.cancel();
      throw failed(`the server answered ${response.status}`);
    }
    const bytes = await readBounded(response.body, MESSAGE_BYTES_MAX);
    if (bytes === undefined) throw tooLarge(url);
    return bytes;
  } catch (error) {
    if (error instanceof Failure) throw error;
    stop.throwIfAborted();
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    throw failed(isLate ? "no answer in time" : "the server can't be reached");
  }
}

function tooLarge(source: string): Failure {
  const message = `${source} is larger than ${MESSAGE_BYTES_MAX} bytes, so it is not a torrent`;
  return new Failure("input", "too-large", message);
}
