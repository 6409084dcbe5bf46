/** Helpers for the tests of this module. */
import { assert } from "@std/assert";
import { createGeometry } from "../../../core/metainfo/geometry.ts";
import type { Metainfo, TorrentFile } from "../../../core/metainfo/types.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { DiskError, type DiskErrorCode } from "../../../shell/disk/disk_error.ts";
import { type FileSystem, type Reader, type Writer } from "../../../shell/disk/file_system.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";

export const HASH = "00112233445566778899aabbccddeeff00112233" as InfoHash;

export interface FileSpec {
  /** "folder/name" */
  readonly path: string;
  readonly length: number;
  readonly pad?: boolean;
  readonly executable?: boolean;
}

/** The files in order, in pieces of 16 bytes. */
export function torrentOf(...specs: FileSpec[]): Pick<Metainfo, "files" | "geometry"> {
  const files: TorrentFile[] = [];
  let offset = 0;
  for (const { path, length, pad = false, executable = false } of specs) {
    files.push({ path: path.split("/"), length, offset, pad, executable });
    offset += length;
  }
  return { files, geometry: createGeometry(offset, 16) };
}

/** `length` bytes that differ by position. */
export function bytesFrom(first: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (first + i * 7) & 0xff);
}

export async function inTempDir(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "tt-test-" });
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

export interface Faults extends Partial<FileSystem> {
  readonly read?: (reader: Reader, target: Uint8Array, position: number) => Promise<number>;
  readonly write?: (writer: Writer, source: Uint8Array, position: number) => Promise<number>;
}

/** The real file system with some calls replaced. */
export function fileSystemWith({ read, write, ...calls }: Faults): FileSystem {
  return {
    ...realFileSystem,
    async openReader(path) {
      const reader = await realFileSystem.openReader(path);
      if (read === undefined) return reader;
      return {
        read: (target, position) => read(reader, target, position),
        close: () => reader.close(),
      };
    },
    async openWriter(path, mode, permissions) {
      const writer = await realFileSystem.openWriter(path, mode, permissions);
      if (write === undefined) return writer;
      return {
        write: (source, position) => write(writer, source, position),
        truncate: (size) => writer.truncate(size),
        close: () => writer.close(),
      };
    },
    ...calls,
  };
}

/** An error as thrown by `node:fs`. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code });
}

/** The error of a promise that has to fail with `code`, as one sentence. */
export async function failsWith(promise: Promise<unknown>, code: DiskErrorCode) {
  let error: unknown;
  try {
    await promise;
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof DiskError)) throw new Error(`Expected ${code}, got ${error}`);
  if (error.code !== code) throw new Error(`Expected ${code}, got ${error.code}`, { cause: error });
  if (!/^[A-Z][^\n]+[^.]$/.test(error.message)) throw new Error(`No sentence: ${error.message}`);
  return error;
}

export async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

const TINY = "size=64k";

/** Requires root; false if it fails. */
export async function mountTmpfs(options: string, dir: string): Promise<boolean> {
  const args = ["-t", "tmpfs", "-o", options, "tmpfs", dir];
  return (await new Deno.Command("mount", { args, stderr: "null" }).output()).success;
}

async function unmount(dir: string): Promise<void> {
  assert((await new Deno.Command("umount", { args: [dir] }).output()).success);
}

async function canMount(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const dir = await Deno.makeTempDir({ prefix: "tt-test-" });
  const isMounted = await mountTmpfs(TINY, dir).catch(() => false);
  if (isMounted) await unmount(dir);
  await Deno.remove(dir);
  return isMounted;
}

const IS_MOUNTER = await canMount();

/** A test on a real file system of 64 KiB, or of `size`; ignored where none can be mounted. */
export function onTinyDisk(
  name: string,
  run: (dir: string) => Promise<void>,
  size: string = TINY,
): void {
  Deno.test({
    name,
    ignore: !IS_MOUNTER,
    fn: () =>
      inTempDir(async (dir) => {
        assert(await mountTmpfs(size, dir));
        try {
          await run(dir);
        } finally {
          await unmount(dir);
        }
      }),
  });
}
