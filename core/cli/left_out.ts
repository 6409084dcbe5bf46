/** Files that a command passes over though nobody asked for that, each with a reason. */

export type LeftOutReason =
  | "symlink"
  | "broken-symlink"
  | "symlink-loop"
  /** A device, a socket, a pipe. */
  | "not-a-file"
  | "state-folder"
  | "system-file"
  | "unsupported-name"
  /** The `.torrent` that is being made. */
  | "output"
  /** The torrent names a link, which is never created. Spec: BEP 47, attribute l. */
  | "torrent-symlink";

const TEXTS: Readonly<Record<LeftOutReason, string>> = {
  "symlink": "it is a symbolic link; --follow-symlinks shares what it points to",
  "broken-symlink": "it is a symbolic link to nothing",
  "symlink-loop": "it is a symbolic link to a folder that it is in",
  "not-a-file": "it is no regular file",
  "state-folder": "it is the state folder of tt",
  "system-file": "desktops make it by themselves; --keep-system-files shares it",
  "unsupported-name": "it has a name that other systems cannot store; rename it to share it",
  "output": "it is the .torrent that is being made",
  "torrent-symlink": "it is a symbolic link",
};

/** Completes "Left out PATH: ...". */
export function leftOutText(reason: LeftOutReason): string {
  return TEXTS[reason];
}

/** Reasons that say nothing about the user's own content: not worth a word with --quiet. */
export function isRoutine(reason: LeftOutReason): boolean {
  return reason === "system-file" || reason === "state-folder" || reason === "output";
}
