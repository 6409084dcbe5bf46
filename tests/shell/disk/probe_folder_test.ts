/** The names that a folder can hold, on file systems of all kinds. */
import { assertEquals } from "@std/assert";
import { basename, dirname, join } from "node:path";
import type { FileSystem } from "../../../shell/disk/file_system.ts";
import { probePathRules } from "../../../shell/disk/probe_folder.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import { fileSystemWith, inTempDir, systemError } from "./support.ts";

/** A file system that finds a file also by names that `fold` makes equal. */
function folding(fold: (name: string) => string): FileSystem {
  return fileSystemWith({
    async stats(path) {
      const names = await realFileSystem.list(dirname(path)).catch(() => []);
      const found = names.find((name) => fold(name) === fold(basename(path)));
      return await realFileSystem.stats(found === undefined ? path : join(dirname(path), found));
    },
  });
}

/** A file system that creates files under other names, or refuses some. */
function renaming(change: (name: string) => string): FileSystem {
  return fileSystemWith({
    openWriter: (path, mode, permissions) =>
      realFileSystem.openWriter(join(dirname(path), change(basename(path))), mode, permissions),
  });
}

const FILE_SYSTEMS: Readonly<Record<string, [FileSystem, "posix" | "portable"]>> = {
  "one that keeps every name": [realFileSystem, "posix"],
  "one that ignores case": [folding((name) => name.toLowerCase()), "portable"],
  "one that normalises names": [folding((name) => name.normalize("NFD")), "portable"],
  "one that refuses odd characters": [
    renaming((name) => {
      if (/[:?*]/.test(name)) throw systemError("EINVAL");
      return name;
    }),
    "portable",
  ],
  "one that replaces odd characters": [
    renaming((name) => name.replace(/[:?*]/g, "\uf03a")),
    "portable",
  ],
  "one that takes a colon for a stream": [renaming((name) => name.split(":")[0]!), "portable"],
  "one that drops dots at the end": [renaming((name) => name.replace(/[ .]+$/, "")), "portable"],
  "one that cannot be written": [
    fileSystemWith({ openWriter: () => Promise.reject(systemError("EROFS")) }),
    "posix",
  ],
};

for (const [name, [fileSystem, expected]] of Object.entries(FILE_SYSTEMS)) {
  Deno.test(`the folder is probed, on ${name}`, async () => {
    await inTempDir(async (dir) => {
      assertEquals(await probePathRules(`${dir}/new`, fileSystem), expected);
      const left = [...Deno.readDirSync(`${dir}/new/.tt`)].map(({ name }) => name);
      // A name that the file system changed can be removed only by that name.
      if (!/streams?|replaces|drops/.test(name)) assertEquals(left, []);
    });
  });
}
