/** Files that desktops leave in every folder: left out of new torrents unless they are asked for. */

const SYSTEM_FILES = new Set([
  ".ds_store",
  ".localized",
  ".spotlight-v100",
  ".trashes",
  ".fseventsd",
  ".directory",
  "thumbs.db",
  "ehthumbs.db",
  "desktop.ini",
  "$recycle.bin",
  "system volume information",
]);

/** The names in words, for the help. */
export const SYSTEM_FILES_TEXT = ".DS_Store, Thumbs.db, desktop.ini and the like";

/** Whether `name` is one that a desktop makes by itself, for a file or a folder. Case is ignored. */
export function isSystemFile(name: string): boolean {
  return SYSTEM_FILES.has(name.toLowerCase());
}
