/**
 * Why something that a user asked for did not happen, as data: a kind, a literal code, and one sentence.
 * Every adapter shows it in its own way: the command line as an exit code, the daemon as an answer.
 */
import { DiskError } from "./disk/disk_error.ts";
import { ContentError } from "./content_error.ts";
import { PortError } from "./net/port_error.ts";

/** What must change before it can work: each has an exit code of that name. */
export type FailureKind = "usage" | "input" | "network" | "disk" | "mismatch" | "internal";

export class Failure extends Error {
  override readonly name = "Failure";

  constructor(
    readonly kind: FailureKind,
    /** A literal such as "disk-full". */
    readonly code: string,
    /** One sentence: what failed, on what, what to do. */
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What an error says; for an error of ours the sentence for the user. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Gives every failure its kind; one that nothing foresaw is internal. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof DiskError) return new Failure("disk", error.code, error.message);
  if (error instanceof PortError) return new Failure("network", "port", error.message);
  if (error instanceof ContentError) {
    const kind = error.code === "not-permitted" ? "disk" : "input";
    return new Failure(kind, error.code, error.message);
  }
  const message = error instanceof Error ? error.message : String(error);
  const hint = "this is a mistake in tt; TT_DEBUG=1 shows where";
  return new Failure("internal", "internal", `${message} (${hint})`, { cause: error });
}
