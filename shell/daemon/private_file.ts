/** Small files that only the user may read, replaced whole or not at all. */
import { dirname } from "node:path";
import { toDiskError } from "../disk/disk_error.ts";

/** Makes a folder that only the user may enter. Throws a DiskError. */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw toDiskError(error, "create", path);
  }
}

/** Under a temporary name first, so that readers see either the old or the new text. */
export async function replacePrivateFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    // An older file would keep its own mode.
    await Deno.remove(temporary).catch(() => {});
    const file = await Deno.open(temporary, { createNew: true, write: true, mode: 0o600 });
    try {
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw toDiskError(error, "replace", path);
  }
}

/** Undefined when it is not there. Throws a DiskError. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw toDiskError(error, "read", path);
  }
}

/** Makes the rename last. Not every system can. */
async function syncFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path, { read: true });
    await folder.sync();
  } catch {
    return;
  }
}
