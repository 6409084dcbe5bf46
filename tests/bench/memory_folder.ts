/**
 * A folder in memory, so that no disk is measured. It is a file system of its own because the
 * runtime lets no program with less than all permissions, and so no `tt`, into /dev/shm.
 */
import { runCommand } from "../support/process.ts";
import { openScratch } from "../support/content.ts";

/**
 * A folder with room for so many bytes; on the temporary folder's disk, and said so, when it must.
 * Of files with holes only `filledBytes` need memory.
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
      // Not root, or no mount here.
    }
  }
  console.error("No folder in memory here: the temporary folder's disk is measured as well");
  return scratch;
}

function availableMegabytes(): number {
  return Deno.systemMemoryInfo().available / 1e6;
}
