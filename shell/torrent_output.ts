/**
 * Where a new `.torrent` goes. That it can be written there is tried before anything is hashed; it is
 * written under a temporary name and takes its place whole. What is there already is replaced only if
 * it is a `.torrent` of the same content, or by force.
 */
import { basename, dirname, join, resolve } from "node:path";
import { MESSAGE_BYTES_MAX } from "../core/bencode/decode.ts";
import { toHex } from "../core/bytes/hex.ts";
import type { Metainfo } from "../core/metainfo/types.ts";
import { namedFileError } from "./disk/named_file.ts";
import { Failure } from "./failure.ts";
import { readMetainfo } from "./read_metainfo.ts";

/** Stands for stdout. */
export const STDOUT = "-";
const ADVICE = "name another file with --out";
const REST = /^\..+\.[0-9a-f]{8}\.tt-tmp$/;

/** Whether a process that died while it wrote a `.torrent` may have left this file behind. */
export function isOutputRest(name: string): boolean {
  return REST.test(name);
}

/** What is known of the content before it is hashed. */
export interface ContentOutline {
  readonly name: string;
  readonly isFolder: boolean;
  readonly files: readonly { readonly path: readonly string[]; readonly length: number }[];
}

export class TorrentOutput {
  /** As the user wrote it. */
  readonly path: string;
  /** Absolute, behind links; undefined for stdout and for devices. */
  readonly place: string | undefined;
  readonly #isForced: boolean;
  readonly #held: Metainfo | undefined;

  private constructor(
    path: string,
    place: string | undefined,
    isForced: boolean,
    held: Metainfo | undefined,
  ) {
    this.path = path;
    this.place = place;
    this.#isForced = isForced;
    this.#held = held;
  }

  /**
   * Finds out whether a file can be written at `path`, and what is there. Throws a Failure or a
   * DiskError.
   */
  static async open(path: string, isForced: boolean): Promise<TorrentOutput> {
    if (path === STDOUT) {
      if (!Deno.stdout.isTerminal()) return new TorrentOutput(path, undefined, isForced, undefined);
      const message = "Will not write a .torrent to the terminal; redirect stdout or name a file " +
        "with --out";
      throw new Failure("usage", "terminal", message);
    }
    try {
      const info = await statsOf(path);
      if (info?.isDirectory) {
        const message = `Cannot write ${path}: it is a folder; ${ADVICE}`;
        throw new Failure("usage", "occupied", message);
      }
      if (info !== undefined && !info.isFile) {
        return new TorrentOutput(path, undefined, isForced, undefined);
      }
      const place = info === undefined
        ? join(await Deno.realPath(dirname(resolve(path))), basename(path))
        : await Deno.realPath(path);
      const held = info && info.size <= MESSAGE_BYTES_MAX ? await heldAt(place) : undefined;
      if (info !== undefined && held === undefined && !isForced) throw occupied(path);
      const trial = temporaryFor(place);
      await Deno.writeFile(trial, new Uint8Array(), { createNew: true });
      await Deno.remove(trial);
      return new TorrentOutput(path, place, isForced, held);
    } catch (error) {
      throw writeError(error, path);
    }
  }

  /** Throws when content of this outline cannot be that of the `.torrent` that is there. */
  refuseOther(content: ContentOutline): void {
    if (this.#held === undefined || this.#isForced) return;
    if (!isOutlineOf(content, this.#held)) throw occupied(this.path);
  }

  /** Writes the `.torrent`; a process killed in the middle leaves the older one as it was. */
  async write(bytes: Uint8Array, metainfo: Metainfo): Promise<void> {
    const isOther = this.#held !== undefined && this.#held.infoHash !== metainfo.infoHash;
    if (isOther && !this.#isForced) throw occupied(this.path);
    if (this.path === STDOUT) {
      for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
      return;
    }
    try {
      if (this.place === undefined) return await Deno.writeFile(this.path, bytes);
      const temporary = temporaryFor(this.place);
      try {
        await writeSynced(temporary, bytes);
        await Deno.rename(temporary, this.place);
      } catch (error) {
        await Deno.remove(temporary).catch(() => {});
        throw error;
      }
    } catch (error) {
      throw writeError(error, this.path);
    }
  }
}

async function statsOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function heldAt(place: string): Promise<Metainfo | undefined> {
  const held = readMetainfo(await Deno.readFile(place));
  return held.ok ? held.value : undefined;
}

function isOutlineOf(content: ContentOutline, held: Metainfo): boolean {
  const files = held.files.filter((file) => !file.pad);
  if (content.name !== held.name || content.isFolder !== held.isFolder) return false;
  if (content.files.length !== files.length) return false;
  const lengths = new Map(files.map(({ path, length }) => [path.join("/"), length]));
  return content.files.every(({ path, length }) => {
    const components = content.isFolder ? [content.name, ...path] : path;
    return lengths.get(components.join("/")) === length;
  });
}

function temporaryFor(place: string): string {
  const random = toHex(crypto.getRandomValues(new Uint8Array(4)));
  // Short enough for every file system, whatever the name.
  return join(dirname(place), `.${basename(place).slice(0, 50)}.${random}.tt-tmp`);
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  // Not every file system can; the file is whole all the same unless the power fails.
  await file.syncData().catch(() => {});
}

function occupied(path: string): Failure {
  const message = `${path} exists and is not a torrent of this content; move it away, ` +
    "replace it with --force or choose another name with --out";
  return new Failure("usage", "occupied", message);
}

function writeError(error: unknown, path: string): unknown {
  return error instanceof Failure ? error : namedFileError(error, "write", path, ADVICE);
}
