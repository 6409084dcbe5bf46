/** Why a port can't be had, as a sentence for the user. */

export class PortError extends Error {
  override readonly name = "PortError";

  /** `isTaken`: another program has it, and another port may be free. */
  constructor(message: string, readonly isTaken: boolean) {
    super(message);
  }
}

/** `host` undefined is every address. */
export function toPortError(error: unknown, host: string | undefined, port: number): PortError {
  const where = host === undefined ? `port ${port}` : `port ${port} of ${host}`;
  const isTaken = error instanceof Deno.errors.AddrInUse;
  return new PortError(`Cannot listen on ${where}: ${causeOf(error)}`, isTaken);
}

function causeOf(error: unknown): string {
  const { AddrInUse, AddrNotAvailable, PermissionDenied } = Deno.errors;
  if (error instanceof AddrInUse) return "another program uses it; choose another --port";
  if (error instanceof AddrNotAvailable) {
    return "this machine has no such address; choose another --host";
  }
  if (error instanceof PermissionDenied) {
    return "the system does not permit it; choose a --port above 1023";
  }
  const why = error instanceof Error ? error.message : String(error);
  return `${why}; choose another --host or --port`;
}
