/**
 * Pieces of which a part belongs to a file that is not wanted: they can be checked and shared only
 * as a whole. `DIR/.tt/<infohash>.parts` holds them, each in a slot of one piece length, so that it
 * takes no more room than the pieces in it even where files cannot have holes.
 *
 *     0   8 bytes   "tt-parts"
 *     8   uint32    version, 1
 *     12  uint32    piece length
 *     16  uint32    number of pieces
 *     20  uint32    for each piece its slot, counted from 1; 0 is none
 *     ... slots, from the next multiple of 4096 on
 *
 * A slot is entered after its bytes were written. What a kill or a power cut leaves behind is at
 * worst a slot without the right bytes, of a piece that no resume state claims: it is fetched and
 * written again. Freed slots are used again; the file goes when the last one is free.
 */
import { join } from "node:path";
import { assert } from "../../core/bytes/result.ts";
import type { Geometry } from "../../core/metainfo/geometry.ts";
import type { TorrentFile } from "../../core/metainfo/types.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import type { FileOnDisk } from "../../core/transfer/resume.ts";
import { toDiskError } from "./disk_error.ts";
import { type FileSystem, readAll, type Reader, writeAll, type Writer } from "./file_system.ts";
import { syncIfPossible } from "./patience.ts";
import { fileStats, makeFolders, makeRoot, STATE_FOLDER } from "./safe_path.ts";

const MAGIC = new TextEncoder().encode("tt-parts");
const VERSION = 1;
const TABLE_START = 20;
const ENTRY_BYTES = 4;
const SLOTS_ALIGN = 4096;
const OWNER_ONLY = 0o600;

/** All methods reject with a `DiskError` when the disk fails. */
export class PartFile {
  readonly path: string;
  readonly #fs: FileSystem;
  readonly #dir: string;
  readonly #components: readonly string[];
  readonly #geometry: Pick<Geometry, "pieceLength" | "pieceCount">;
  readonly #slotsStart: number;
  /** Piece to slot; undefined until the file was looked at. */
  #slots: Map<number, number> | undefined;
  #free: number[] = [];
  #slotCount = 0;
  #reader: Promise<Reader> | undefined;
  #writer: Promise<Writer> | undefined;
  #loading: Promise<Map<number, number>> | undefined;

  constructor(
    fs: FileSystem,
    dir: string,
    infoHash: InfoHash,
    geometry: Pick<Geometry, "pieceLength" | "pieceCount">,
  ) {
    this.#fs = fs;
    this.#dir = dir;
    this.#components = [STATE_FOLDER, `${infoHash}.parts`];
    this.path = join(dir, ...this.#components);
    this.#geometry = geometry;
    const table = TABLE_START + geometry.pieceCount * ENTRY_BYTES;
    this.#slotsStart = Math.ceil(table / SLOTS_ALIGN) * SLOTS_ALIGN;
  }

  /** Pieces in it, in no order. */
  async pieces(): Promise<readonly number[]> {
    return [...(await this.#load()).keys()];
  }

  /**
   * Sets the stamps of files that have bytes in it: they are as the part file is. Those that have
   * none are not on disk.
   */
  async stamp(
    files: readonly { readonly file: TorrentFile; readonly index: number }[],
    stamps: (FileOnDisk | undefined)[],
  ): Promise<void> {
    const pieces = Uint32Array.from(await this.pieces()).sort();
    const stats = await fileStats(this.#fs, this.#dir, this.#components);
    const { pieceLength } = this.#geometry;
    for (const { file: { offset, length }, index } of files) {
      const first = Math.floor(offset / pieceLength);
      const last = Math.floor((offset + length - 1) / pieceLength);
      const found = pieces[lowerBound(pieces, first)];
      const hasData = length > 0 && found !== undefined && found <= last;
      stamps[index] = hasData && stats && { length, mtimeMs: stats.mtimeMs, hasData } || undefined;
    }
  }

  /** Fills `target` from `offset` in the piece on; false when the piece is not in it. */
  async read(piece: number, offset: number, target: Uint8Array): Promise<boolean> {
    const slot = (await this.#load()).get(piece);
    if (slot === undefined) return false;
    try {
      const count = await readAll(await this.#open(), target, this.#slotStart(slot) + offset);
      return count === target.length;
    } catch (error) {
      throw toDiskError(error, "read", this.path);
    }
  }

  /** Writes a part of a piece. */
  async write(piece: number, offset: number, bytes: Uint8Array): Promise<void> {
    assert(offset + bytes.length <= this.#geometry.pieceLength, "a part ends within its piece");
    const slots = await this.#load();
    const known = slots.get(piece);
    const slot = known ?? this.#free.pop() ?? this.#slotCount++;
    try {
      const writer = await this.#openWriter();
      await writeAll(writer, bytes, this.#slotStart(slot) + offset);
      if (known !== undefined) return;
      await this.#enter(writer, piece, slot + 1);
      slots.set(piece, slot);
    } catch (error) {
      if (known === undefined) this.#free.push(slot);
      throw toDiskError(error, "write", this.path);
    }
  }

  /** Drops pieces, on the medium too; their slots are reused. No other operation may be pending. */
  async free(pieces: readonly number[]): Promise<void> {
    const slots = await this.#load();
    if (pieces.length === 0) return;
    const freed = new Set(pieces);
    if ([...slots.keys()].every((piece) => freed.has(piece))) return await this.remove();
    try {
      const writer = await this.#openWriter();
      for (const piece of pieces) {
        const slot = slots.get(piece);
        if (slot === undefined) continue;
        await this.#enter(writer, piece, 0);
        slots.delete(piece);
        this.#free.push(slot);
      }
    } catch (error) {
      throw toDiskError(error, "write", this.path);
    }
    await this.flush();
  }

  /** Puts what was written on the medium. */
  async flush(): Promise<void> {
    if (this.#writer === undefined) return;
    try {
      await syncIfPossible(this.#fs, this.path);
    } catch (error) {
      throw toDiskError(error, "write", this.path);
    }
  }

  /** Takes the file off the disk, if there is one. */
  async remove(): Promise<void> {
    await this.close();
    this.#slots = new Map();
    this.#free = [];
    this.#slotCount = 0;
    if (await fileStats(this.#fs, this.#dir, this.#components) === undefined) return;
    try {
      await this.#fs.remove(this.path);
      await this.#fs.sync(join(this.#dir, STATE_FOLDER)).catch(() => {});
    } catch (error) {
      throw toDiskError(error, "write", this.path);
    }
  }

  async close(): Promise<void> {
    const [reader, writer] = [this.#reader, this.#writer];
    this.#reader = undefined;
    this.#writer = undefined;
    try {
      await (await reader)?.close();
      await (await writer)?.close();
    } catch (error) {
      throw toDiskError(error, "write", this.path);
    }
  }

  #slotStart(slot: number): number {
    return this.#slotsStart + slot * this.#geometry.pieceLength;
  }

  async #open(): Promise<Reader> {
    try {
      return await (this.#reader ??= this.#fs.openReader(this.path));
    } catch (error) {
      this.#reader = undefined;
      throw error;
    }
  }

  async #openWriter(): Promise<Writer> {
    try {
      return await (this.#writer ??= this.#create());
    } catch (error) {
      this.#writer = undefined;
      throw error;
    }
  }

  #load(): Promise<Map<number, number>> {
    if (this.#slots !== undefined) return Promise.resolve(this.#slots);
    return this.#loading ??= this.#readTable().finally(() => this.#loading = undefined);
  }

  async #readTable(): Promise<Map<number, number>> {
    const slots = new Map<number, number>();
    const stats = await fileStats(this.#fs, this.#dir, this.#components);
    if (stats !== undefined) {
      const { pieceCount, pieceLength } = this.#geometry;
      const head = new Uint8Array(TABLE_START + pieceCount * ENTRY_BYTES);
      try {
        const count = await readAll(await this.#open(), head, 0);
        const slotsMax = Math.ceil((stats.size - this.#slotsStart) / pieceLength);
        if (count === head.length && this.#isOurs(head)) this.#takeTable(head, slots, slotsMax);
      } catch (error) {
        throw toDiskError(error, "read", this.path);
      }
    }
    this.#slots = slots;
    return slots;
  }

  #takeTable(head: Uint8Array, slots: Map<number, number>, slotsMax: number): void {
    const view = new DataView(head.buffer);
    const owners = new Map<number, number>();
    for (let piece = 0; piece < this.#geometry.pieceCount; piece++) {
      const slot = view.getUint32(TABLE_START + piece * ENTRY_BYTES) - 1;
      if (slot < 0 || slot >= slotsMax) continue;
      const owner = owners.get(slot);
      owners.set(slot, piece);
      this.#slotCount = Math.max(this.#slotCount, slot + 1);
      // Which of two owners is the right one is not known.
      if (owner === undefined) slots.set(piece, slot);
      else slots.delete(owner);
    }
    const taken = new Set(slots.values());
    for (let slot = 0; slot < this.#slotCount; slot++) if (!taken.has(slot)) this.#free.push(slot);
  }

  #isOurs(head: Uint8Array): boolean {
    const wanted = this.#head();
    return wanted.every((byte, i) => head[i] === byte);
  }

  #head(): Uint8Array {
    const head = new Uint8Array(TABLE_START);
    head.set(MAGIC);
    const view = new DataView(head.buffer);
    view.setUint32(8, VERSION);
    view.setUint32(12, this.#geometry.pieceLength);
    view.setUint32(16, this.#geometry.pieceCount);
    return head;
  }

  /** The file, with an empty table unless the one that is there was read. */
  async #create(): Promise<Writer> {
    const isKept = this.#slots!.size > 0;
    await makeRoot(this.#fs, this.#dir);
    await makeFolders(this.#fs, this.#dir, [STATE_FOLDER]);
    await fileStats(this.#fs, this.#dir, this.#components);
    const mode = isKept ? "existing" : "replace";
    const writer = await this.#fs.openWriter(this.path, mode, OWNER_ONLY);
    if (!isKept) {
      await writer.truncate(this.#slotsStart);
      await writeAll(writer, this.#head(), 0);
    }
    return writer;
  }

  async #enter(writer: Writer, piece: number, entry: number): Promise<void> {
    const bytes = new Uint8Array(ENTRY_BYTES);
    new DataView(bytes.buffer).setUint32(0, entry);
    await writeAll(writer, bytes, TABLE_START + piece * ENTRY_BYTES);
  }
}

/** Index of the first item that is not less than `least`; `items` ascend. */
function lowerBound(items: Uint32Array, least: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (items[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * What of `bytes`, which stand at `offset` in the torrent, lies in which piece, and where in it.
 */
export function* splitByPiece(
  pieceLength: number,
  offset: number,
  bytes: Uint8Array,
): Iterable<{ piece: number; offset: number; bytes: Uint8Array }> {
  for (let done = 0; done < bytes.length;) {
    const piece = Math.floor((offset + done) / pieceLength);
    const at = offset + done - piece * pieceLength;
    const length = Math.min(bytes.length - done, pieceLength - at);
    yield { piece, offset: at, bytes: bytes.subarray(done, done + length) };
    done += length;
  }
}
