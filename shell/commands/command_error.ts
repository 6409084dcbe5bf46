/** Why a command ends without having done its work: one sentence and an exit code. */
import { EXIT, type ExitCode } from "../../core/cli/exit_codes.ts";
import { DiskError } from "../disk/disk_error.ts";
import { ContentError } from "../list_content.ts";
import { PortError } from "../net/listener.ts";

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

/** Gives every failure its exit code; what nobody foresaw is internal. */
export function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  if (error instanceof DiskError) return new CommandError(EXIT.disk, error.code, error.message);
  if (error instanceof PortError) return new CommandError(EXIT.network, "port", error.message);
  if (error instanceof ContentError) {
    const exit = error.code === "not-permitted" ? EXIT.disk : EXIT.input;
    return new CommandError(exit, error.code, error.message);
  }
  const message = error instanceof Error ? error.message : String(error);
  const hint = "this is a mistake in tt; TT_DEBUG=1 shows where";
  return new CommandError(EXIT.internal, "internal", `${message} (${hint})`);
}
