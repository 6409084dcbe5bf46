/** Files that a command skips without being asked to, each with a reason. */

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
  "symlink": "it is a symbolic link; use --follow-symlinks to share its target",
  "broken-symlink": "it is a broken symbolic link",
  "symlink-loop": "it is a symbolic link to a folder that contains it",
  "not-a-file": "it is not a regular file",
  "state-folder": "it is the state folder of tt",
  "system-file": "it is a system file; use --keep-system-files to share it",
  "unsupported-name": "other systems cannot store its name; rename it to share it",
  "output": "it is the .torrent that is being created",
  "torrent-symlink": "it is a symbolic link",
};

/** Completes "Skipped PATH: ...". */
export function leftOutText(reason: LeftOutReason): string {
  return TEXTS[reason];
}

/** Reasons that do not concern the user's own content: not printed with --quiet. */
export function isRoutine(reason: LeftOutReason): boolean {
  return reason === "system-file" || reason === "state-folder" || reason === "output";
}
