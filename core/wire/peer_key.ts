/** One connection, numbered by the shell; never used twice in a run. 1 to 2^32-1. */
export type PeerKey = number;
