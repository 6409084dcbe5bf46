/** A host a client runs on. */
export interface Place {
  /** The address peers see. */
  readonly host: string;
  /** The same host over IPv6. */
  readonly host6: string;
  /** The command line that runs `argv` there. */
  command(argv: readonly string[]): readonly string[];
}
