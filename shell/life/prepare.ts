/**
 * What a torrent does before it joins its swarm: finds out which pieces are on disk, makes the
 * files.
 */
import { join } from "node:path";
import {
  type Bitfield,
  copyBitfield,
  countBits,
  createBitfield,
  createFullBitfield,
  hasBit,
  parseBitfield,
  setBit,
} from "../../core/bytes/bitfield.ts";
import { pieceOffset, pieceSize } from "../../core/metainfo/geometry.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import {
  decodeResume,
  type FileOnDisk,
  type ResumeState,
  trustResume,
} from "../../core/transfer/resume.ts";
import { checkContent } from "../check_content.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { realFileSystem } from "../disk/real_file_system.ts";
import { loadState, loadTorrentBytes, saveOptions, sweepState } from "../disk/state_file.ts";
import type { Storage } from "../disk/storage.ts";
import { placeMarker, removeMarker } from "../disk/unfinished_marker.ts";
import { Failure } from "../failure.ts";
import { type KeptPiece, readStartedBlocks } from "../hash/started_blocks.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import type { System } from "../system.ts";
import { keepTorrent, noteLayers, recallLayers } from "./keep_layers.ts";
import { reuseKnownFiles } from "./reuse_files.ts";
import type { DownloadRole, Role, SeedRole, TorrentEvent } from "./types.ts";
import {
  countWanted,
  isWantedFile,
  type Wanted,
  type WantedBytes,
  wantedPieces,
} from "./wanting.ts";

export interface Preparation {
  readonly loaded: LoadedTorrent;
  readonly dir: string;
  readonly role: Role;
  readonly remember: Uint8Array | undefined;
  readonly wanted: Wanted;
  readonly storage: Storage;
  /** Whether the state may be trusted where files agree with it. */
  readonly trust: boolean;
  /** The state that this process saved or would have saved last. */
  readonly ownState: ResumeState | undefined;
  readonly say: (event: TorrentEvent) => void;
  /** Bytes hashed so far, out of `total`. */
  readonly onProgress: (bytes: number, total: number) => void;
  readonly signal: AbortSignal;
  readonly system: Pick<System, "fileSystem" | "hashesHere">;
}

export interface Prepared {
  /** One a piece; undefined where all are wanted alike. */
  readonly priorities: Uint8Array | undefined;
  readonly bytes: WantedBytes;
  readonly isSequential?: boolean | undefined;
  readonly superSeed?: boolean | undefined;
  readonly have: Bitfield;
  /** Blocks of pieces that are not in `have`. */
  readonly kept?: readonly KeptPiece[];
  readonly state: ResumeState | undefined;
}

/** Throws a Failure or DiskError, or the signal's reason. */
export function prepare(options: Preparation): Promise<Prepared> {
  const { loaded: { metainfo }, ownState, say } = options;
  if (ownState === undefined) {
    for (const path of metainfo.symlinks) say({ kind: "left-out", path: path.join("/") });
  }
  return options.role.kind === "seed"
    ? prepareSeed(options, options.role)
    : prepareDownload(options, options.role);
}

/** The state of an earlier run. One that can't be read is as good as none: content is hashed. */
export async function readState(
  dir: string,
  infoHash: Metainfo["infoHash"],
  fs: FileSystem = realFileSystem,
): Promise<ResumeState | undefined> {
  const bytes = await loadState(dir, infoHash, fs);
  const decoded = bytes && decodeResume(bytes);
  return decoded?.ok ? decoded.value : undefined;
}

async function prepareSeed(
  options: Preparation,
  { isChecked, superSeed }: SeedRole,
): Promise<Prepared> {
  const { loaded: { metainfo }, dir, storage, trust, ownState, say } = options;
  const pieces = metainfo.geometry.pieceCount;
  const all = createFullBitfield(pieces);
  const state = trust ? ownState : undefined;
  if (state === undefined && trust && isChecked) {
    // What changes from now on is noticed.
    await storage.stamps();
    return { ...everything(all, metainfo, ownState), superSeed };
  }
  const { trusted, toCheck } = state === undefined
    ? { trusted: createBitfield(pieces), toCheck: all }
    : trustResume(state, metainfo, await storage.stamps());
  const have = copyBitfield(trusted);
  if (countBits(toCheck) > 0) addAll(have, await check(options, toCheck));
  const piecesGood = countBits(have);
  if (countBits(toCheck) > 0) say({ kind: "checked", piecesGood, pieces });
  if (piecesGood === pieces) return { ...everything(have, metainfo, ownState), superSeed };
  const message = `Cannot seed ${metainfo.name}: ${pieces - piecesGood} of its pieces are bad or ` +
    `missing in ${dir}; name the right folder with --dir, or complete it with tt get`;
  throw new Failure("mismatch", "incomplete", message);
}

/** A seeder has all wanted pieces. */
function everything(
  have: Bitfield,
  metainfo: Metainfo,
  state: ResumeState | undefined,
): Prepared {
  return { have, state, priorities: undefined, bytes: countWanted(metainfo, undefined, have) };
}

async function prepareDownload(
  options: Preparation,
  { superSeed }: DownloadRole,
): Promise<Prepared> {
  const { loaded: { metainfo }, dir, storage, trust, say, signal } = options;
  const fs = options.system.fileSystem;
  const pieces = metainfo.geometry.pieceCount;
  noteLayers(options.loaded);
  await recallLayers(dir, options.loaded, fs);
  await sweepState(dir, metainfo.infoHash, fs);
  const state = await readState(dir, metainfo.infoHash, fs);
  // First of all: what was chosen must outlive whatever happens to this run.
  if (options.remember !== undefined) {
    await saveOptions(dir, metainfo.infoHash, options.remember, fs);
  }
  const { wanted } = options;
  const priorities = wantedPieces(metainfo, wanted);
  const isWanted = (file: number) => isWantedFile(wanted.priorities, file);
  storage.setWanted(isWanted);
  const reused = await reuseKnownFiles(dir, wantedPart(metainfo, isWanted), signal, fs);
  if (reused.files.length > 0) say({ kind: "reused", ...reused });
  const onDisk = await storage.stamps();
  const { trusted, toCheck } = trustResume(trust ? state : undefined, metainfo, onDisk);
  const have = copyBitfield(trusted);
  const checkCount = countBits(toCheck);
  if (checkCount > 0) {
    const good = await check(options, toCheck);
    addAll(have, good);
    // Their bytes may be in the system's memory only, and a state that claims them would outlive
    // them.
    if (countBits(good) > 0) storage.expectUnflushed();
    say({ kind: "checked", piecesGood: countBits(good), pieces: checkCount });
  }
  const piecesKept = countBits(have);
  if (state !== undefined) sayMissing(metainfo, state, onDisk, have, isWanted, say);
  // An earlier run may have lost power before it saved a state; it kept the torrent before it
  // wrote.
  const isForeign = state === undefined && piecesKept === 0 &&
    await loadTorrentBytes(dir, metainfo.infoHash, fs) === undefined;
  if (isForeign) await refuseForeignFiles(metainfo, dir, onDisk, storage);
  const kept = trust ? await readKept(state, metainfo, have, storage) : [];
  const blocksKept = kept.reduce((sum, { blocks }) => sum + countOnes(blocks), 0);
  if (trust || piecesKept > 0 || blocksKept > 0) {
    say({ kind: "resumed", piecesKept, pieces, ...(blocksKept > 0 && { blocksKept }) });
  }
  const counted = countWanted(metainfo, priorities, have);
  const { bytesWantedMissing: missingBytes } = counted;
  // Where all pieces are here, a file may still be kept apart that was not wanted before.
  await storage.reserve({ missingBytes, signal });
  if (missingBytes > 0) await placeMarker(dir, metainfo, fs);
  else await removeMarker(dir, metainfo, fs);
  await keepTorrent(dir, options.loaded, fs);
  const { isSequential } = wanted.order;
  return { have, kept, state, priorities, bytes: counted, isSequential, superSeed };
}

/** Blocks of unfinished pieces that the state claims and the disk has. */
async function readKept(
  state: ResumeState | undefined,
  { infoHash, geometry, trees }: Metainfo,
  have: Bitfield,
  storage: Storage,
): Promise<KeptPiece[]> {
  if (trees === undefined || state?.infoHash !== infoHash) return [];
  const started = state.started?.filter(({ piece }) =>
    piece < geometry.pieceCount && !hasBit(have, piece)
  );
  return await readStartedBlocks(
    geometry,
    started ?? [],
    (piece, begin, target) => storage.readInto(pieceOffset(geometry, piece) + begin, target),
  );
}

function countOnes(bytes: Uint8Array): number {
  return countBits({ bytes, count: 8 * bytes.length });
}

/** As if what is not wanted were padding, which is never on disk. */
function wantedPart(metainfo: Metainfo, isWanted: (file: number) => boolean): Metainfo {
  const files = metainfo.files.map((file, index) =>
    isWanted(index) ? file : { ...file, pad: true }
  );
  return { ...metainfo, files };
}

/** Names the files that are gone since the state was saved, and what that costs. */
function sayMissing(
  metainfo: Metainfo,
  state: ResumeState,
  onDisk: readonly (FileOnDisk | undefined)[],
  have: Bitfield,
  isWanted: (file: number) => boolean,
  say: Preparation["say"],
): void {
  const { geometry, files } = metainfo;
  const claimed = parseBitfield(state.pieces, geometry.pieceCount);
  if (!claimed.ok || state.files.length !== files.length) return;
  const missing: string[] = [];
  const lost = createBitfield(geometry.pieceCount);
  for (const [index, { path, offset, length }] of files.entries()) {
    if (
      length === 0 || !isWanted(index) || state.files[index] === undefined ||
      onDisk[index] !== undefined
    ) continue;
    const first = Math.floor(offset / geometry.pieceLength);
    const last = Math.floor((offset + length - 1) / geometry.pieceLength);
    let isLost = false;
    for (let piece = first; piece <= last; piece++) {
      if (!hasBit(claimed.value, piece) || hasBit(have, piece)) continue;
      setBit(lost, piece);
      isLost = true;
    }
    if (isLost) missing.push(path.join("/"));
  }
  if (missing.length === 0) return;
  say({ kind: "missing-files", files: missing, bytes: bytesOf(metainfo, lost) });
}

/**
 * Files that hold data, none of it the torrent's, belong to the user: writing would destroy them.
 */
async function refuseForeignFiles(
  metainfo: Metainfo,
  dir: string,
  onDisk: readonly (FileOnDisk | undefined)[],
  storage: Storage,
): Promise<void> {
  const withData = [...onDisk.keys()].filter((file) => onDisk[file]?.hasData);
  let at: number | undefined;
  // What is kept apart has a stamp, but no file.
  for (const file of withData) if (at === undefined && await storage.hasData(file)) at = file;
  if (at === undefined) return;
  const path = join(dir, ...metainfo.files[at]!.path);
  const message = `Will not overwrite ${path}: it contains nothing of ${metainfo.name}; ` +
    "move it away or choose another --dir";
  throw new Failure("disk", "occupied", message);
}

async function check(options: Preparation, wanted: Bitfield): Promise<Bitfield> {
  const { loaded: { metainfo }, storage, onProgress, signal, system: { hashesHere } } = options;
  const pieces = Array.from({ length: wanted.count }, (_, piece) => piece)
    .filter((piece) => hasBit(wanted, piece));
  const total = pieces.reduce((sum, piece) => sum + pieceSize(metainfo.geometry, piece), 0);
  onProgress(0, total);
  return await checkContent(
    metainfo,
    storage,
    pieces,
    (bytes) => onProgress(bytes, total),
    signal,
    hashesHere,
  );
}

function addAll(have: Bitfield, more: Bitfield): void {
  for (let piece = 0; piece < have.count; piece++) if (hasBit(more, piece)) setBit(have, piece);
}

/** Bytes of the pieces in `have`. */
export function bytesOf({ geometry }: Pick<Metainfo, "geometry">, have: Bitfield): number {
  let bytes = 0;
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    if (hasBit(have, piece)) bytes += pieceSize(geometry, piece);
  }
  return bytes;
}
