/** What is wrong with a command line, its environment or its config file. */

export interface UsageError {
  readonly code:
    | "unknown-command"
    | "unknown-option"
    | "missing-value"
    | "bad-value"
    | "conflict"
    | "missing-operand"
    | "extra-operand"
    | "bad-config";
  /** One sentence for the user: what is wrong, and what to do. */
  readonly message: string;
}

/** User text inside a message: quoted, control characters escaped, cut to a readable length. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 99)}…` : text);
}
