/**
 * A thread that hashes pieces straight from files: it reads a little, hashes it while it is hot, and
 * reads on. What it cannot read it leaves to whoever asked, with a word to nobody.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { READ_FLAGS } from "../disk/file_system.ts";
import type { HashAnswer, HashTask } from "./hash_tasks.ts";

/** Fits the second level cache of any processor of our days, with room for the rest. */
const CHUNK_BYTES = 256 * 1024;
/** Opening is cheap beside hashing, but not beside hashing a small piece. */
const FILES_OPEN_MAX = 16;

const chunk = new Uint8Array(CHUNK_BYTES);
const open = new Map<string, number>();

/** The side of a worker's global scope that this file uses. */
interface Scope {
  onmessage: (event: MessageEvent<readonly HashTask[]>) => void;
  postMessage(answers: readonly HashAnswer[]): void;
}

const scope = globalThis as unknown as Scope;
scope.onmessage = ({ data }) => {
  scope.postMessage(data.map((task) => ({ piece: task.piece, digest: digestOf(task) })));
};

function digestOf({ parts }: HashTask): Uint8Array | undefined {
  if (parts === undefined) return undefined;
  const hash = createHash("sha1");
  try {
    for (const { path, offset, length } of parts) {
      for (let done = 0; done < length;) {
        const room = chunk.subarray(0, Math.min(CHUNK_BYTES, length - done));
        const count = fs.readSync(fileAt(path), room, 0, room.length, offset + done);
        if (count === 0) return undefined;
        hash.update(room.subarray(0, count));
        done += count;
      }
    }
  } catch {
    return undefined;
  }
  return new Uint8Array(hash.digest());
}

function fileAt(path: string): number {
  let fd = open.get(path);
  if (fd === undefined) {
    if (open.size >= FILES_OPEN_MAX) closeOldest();
    open.set(path, fd = fs.openSync(path, READ_FLAGS));
  }
  return fd;
}

function closeOldest(): void {
  const [path, fd] = open.entries().next().value!;
  open.delete(path);
  fs.closeSync(fd);
}
