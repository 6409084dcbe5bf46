/**
 * A thread that hashes pieces straight from files: it reads a little, hashes it while it is hot, and
 * reads on. What it cannot read is left to the caller, without a report.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { READ_FLAGS } from "../disk/file_system.ts";
import { leavesOf } from "../../core/metainfo/merkle.ts";
import type { PieceDigest } from "../../core/metainfo/piece_check.ts";
import type { HashAnswer, HashTask } from "./hash_tasks.ts";
import { concatHashes, withNode } from "./digest.ts";
import { sha256 } from "./sha256.ts";

/** Fits the second level cache of current processors; a whole number of blocks. */
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

function digestOf({ parts, plan, nodeHeight, keepsLeaves }: HashTask): PieceDigest | undefined {
  if (parts === undefined) return undefined;
  const whole = plan.sha1 ? createHash("sha1") : undefined;
  const leaves: Uint8Array[] = [];
  try {
    for (const { path, offset, length } of parts) {
      for (let done = 0; done < length;) {
        const bytes = chunk.subarray(0, Math.min(CHUNK_BYTES, length - done));
        if (path === undefined) bytes.fill(0);
        else if (!fill(path, bytes, offset + done)) return undefined;
        whole?.update(bytes);
        // Every file of a torrent with leaves starts at a block, and chunks are whole blocks.
        if (plan.leaves && path !== undefined) leaves.push(leavesOf(sha256, bytes));
        done += bytes.length;
      }
    }
  } catch {
    return undefined;
  }
  const sha1 = whole && new Uint8Array(whole.digest());
  return plan.leaves
    ? withNode(sha1, concatHashes(leaves), nodeHeight, keepsLeaves)
    : { sha1, leaves: undefined };
}

/** False when the file ends before. */
function fill(path: string, bytes: Uint8Array, position: number): boolean {
  for (let filled = 0; filled < bytes.length;) {
    const at = position + filled;
    const count = fs.readSync(fileAt(path), bytes, filled, bytes.length - filled, at);
    if (count === 0) return false;
    filled += count;
  }
  return true;
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
