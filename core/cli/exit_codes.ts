/** The exit codes of `tt`. The help prints this table. */

export const EXIT = {
  done: 0,
  internal: 1,
  usage: 2,
  input: 3,
  network: 4,
  disk: 5,
  mismatch: 6,
  interrupted: 130,
} as const;

export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** One line for each code, in ascending order. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.done, "Done"],
  [EXIT.internal, "Internal error"],
  [EXIT.usage, "Usage error"],
  [EXIT.input, "Invalid torrent or other input"],
  [EXIT.network, "Network error, such as no answer within --timeout"],
  [EXIT.disk, "Disk error, such as disk full or permission denied"],
  [EXIT.mismatch, "Content does not match its hashes"],
  [EXIT.interrupted, "Interrupted; the state was saved"],
];
