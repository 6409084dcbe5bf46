/** A host on which a client runs. */
export interface Place {
  /** Its address as peers see it. */
  readonly host: string;
  /** The same host over IPv6. */
  readonly host6: string;
  /** The command line that runs `argv` there. */
  command(argv: readonly string[]): readonly string[];
}
