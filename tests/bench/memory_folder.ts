/**
 * A folder in memory, so that no disk is measured. It is a separate file system because the runtime
 * gives no program without all permissions, such as `tt`, access to /dev/shm.
 */
import { runCommand } from "../support/process.ts";
import { openScratch } from "../support/content.ts";

/**
 * A folder with room for so many bytes; falls back to the temporary folder's disk and reports it.
 * Sparse files need memory for `filledBytes` only.
 */
export async function openMemoryFolder(
  roomBytes: number,
  filledBytes: number = roomBytes,
): Promise<{ path: string } & AsyncDisposable> {
  const scratch = await openScratch("tt-bench-");
  const megabytes = Math.ceil(roomBytes / 1e6);
  if (availableMegabytes() > filledBytes / 1e6) {
    try {
      const options = `size=${megabytes}m,mode=755`;
      await runCommand(["mount", "-t", "tmpfs", "-o", options, "tt-bench", scratch.path]);
      return {
        path: scratch.path,
        async [Symbol.asyncDispose]() {
          await runCommand(["umount", scratch.path]);
          await scratch[Symbol.asyncDispose]();
        },
      };
    } catch {
      // Not root, or no mounts here.
    }
  }
  console.error("No folder in memory here: the temporary folder's disk is measured as well");
  return scratch;
}

function availableMegabytes(): number {
  return Deno.systemMemoryInfo().available / 1e6;
}
