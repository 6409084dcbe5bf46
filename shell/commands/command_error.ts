/** Why a command ends without having done its work: one sentence and an exit code. */
import { EXIT, type ExitCode } from "../../core/cli/exit_codes.ts";
import { toFailure } from "../failure.ts";

export class CommandError extends Error {
  override readonly name = "CommandError";
  /** The user has read the message already. */
  isTold = false;

  constructor(
    readonly exit: ExitCode,
    /** A literal such as "disk-full". */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Gives every failure its exit code; unexpected ones are internal. */
export function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  const { kind, code, message } = toFailure(error);
  return new CommandError(EXIT[kind], code, message);
}
