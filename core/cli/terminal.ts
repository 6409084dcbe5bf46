/** What the environment says about the terminal; the shell adds what only it can see. */

export interface TerminalTraits {
  /** Escape sequences work. */
  readonly movable: boolean;
  readonly unicode: boolean;
  readonly colour: boolean;
}

/**
 * `isTerminal` is of the stream to draw on; `platform` is "windows", "linux" and so on. Colour obeys
 * NO_COLOR (any value but none); a locale without UTF-8 means ASCII, except where there are none.
 */
export function terminalTraits(
  env: Readonly<Record<string, string>>,
  isTerminal: boolean,
  platform: string,
): TerminalTraits {
  const movable = isTerminal && env.TERM !== "dumb";
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  return {
    movable,
    unicode: platform === "windows" || platform === "darwin" || /utf-?8/i.test(locale),
    colour: movable && !env.NO_COLOR,
  };
}
