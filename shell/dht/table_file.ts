/**
 * The nodes that earlier runs knew, in one file of the user's state folder: the network is the same
 * whatever folder a download goes to. One process at a time has it; others start with its nodes, under
 * ids of their own, and keep nothing.
 */
import { dirname } from "node:path";
import {
  decodeSavedNode,
  encodeSavedNode,
  SAVED_BYTES_MAX,
  type SavedNode,
} from "../../core/dht/saved_node.ts";

const OWNER_ONLY = 0o600;

export class TableFile {
  readonly #path: string;
  /** Open and locked while this process may write. */
  #lock: Deno.FsFile | undefined;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, lock: Deno.FsFile | undefined) {
    this.#path = path;
    this.#lock = lock;
  }

  /** Never throws: without a file the node begins with routers, and keeps nothing. */
  static async open(path: string): Promise<{ file: TableFile; saved: SavedNode | undefined }> {
    const lock = await lockBeside(path);
    const file = new TableFile(path, lock);
    const saved = await readSaved(path);
    // Two nodes of one address must differ in their ids. Spec: BEP 45, mandatory.
    return { file, saved: saved && lock === undefined ? { ...saved, ids: {} } : saved };
  }

  /** Replaces the file, if it is this process's. Resolves when that was done or has failed. */
  save(saved: SavedNode): Promise<void> {
    if (this.#lock !== undefined && saved.nodes.length > 0) {
      const bytes = encodeSavedNode(saved);
      this.#saving = this.#saving.then(() => replace(this.#path, bytes)).catch(() => {});
    }
    return this.#saving;
  }

  async close(): Promise<void> {
    await this.#saving;
    this.#lock?.close();
    this.#lock = undefined;
  }
}

async function lockBeside(path: string): Promise<Deno.FsFile | undefined> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await Deno.open(`${path}.lock`, { create: true, write: true, mode: OWNER_ONLY });
    if (await file.tryLock(true)) return file;
    file.close();
  } catch {
    // A folder that cannot be written, or a file system without locks.
  }
  return undefined;
}

async function readSaved(path: string): Promise<SavedNode | undefined> {
  try {
    using file = await Deno.open(path, { read: true });
    const bytes = new Uint8Array(SAVED_BYTES_MAX);
    let size = 0;
    while (size < bytes.length) {
      const count = await file.read(bytes.subarray(size));
      if (count === null) break;
      size += count;
    }
    const decoded = decodeSavedNode(bytes.subarray(0, size));
    return decoded.ok ? decoded.value : undefined;
  } catch {
    return undefined;
  }
}

async function replace(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  await Deno.writeFile(temporary, bytes, { mode: OWNER_ONLY });
  await Deno.rename(temporary, path);
}
