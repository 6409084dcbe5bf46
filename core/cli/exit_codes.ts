/** What `tt` tells the program that started it. The help prints this table. */

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
  [EXIT.usage, "Wrong usage"],
  [EXIT.input, "Bad torrent or other input"],
  [EXIT.network, "Network: no tracker answered, or no peer within --timeout"],
  [EXIT.disk, "Disk: full, or not permitted"],
  [EXIT.mismatch, "Content does not match the hashes"],
  [EXIT.interrupted, "Stopped by the user, state saved"],
];
