/** How a command is described, and what many commands have in common. */
import { flag, one, type Options } from "./option.ts";
import { readText } from "./values.ts";

export interface CommandSpec<O extends Options = Options> {
  /** One line for the overview. */
  readonly summary: string;
  /** What may follow the command's name, a line each. */
  readonly usage: readonly string[];
  readonly operands: {
    /** "SOURCE"; empty when the command takes none. */
    readonly name: string;
    readonly min: number;
    readonly max: number;
  };
  /** Sentences below the usage, a paragraph each. */
  readonly about: readonly string[];
  readonly options: O;
  /** Pairs of keys that contradict each other. */
  readonly conflicts: readonly (readonly [keyof O & string, keyof O & string])[];
  readonly examples: readonly string[];
}

/** Keeps the types of the options. */
export function defineCommand<O extends Options>(spec: CommandSpec<O>): CommandSpec<O> {
  return spec;
}

export const output = {
  json: flag("Print events as JSON on stdout, one object per line"),
  quiet: flag("Print only errors and skipped files, on stderr"),
};

/** Folder in which the daemon is found. */
export const state = one("DIR", readText, "State folder of the daemon", {
  shownDefault: "$XDG_STATE_HOME/tt",
});

/** For commands whose torrents the daemon can take over. */
export const handOver = {
  daemon: flag("Hand the torrents over to the running daemon, and exit"),
  state,
};

export const NO_OPERANDS = { name: "", min: 0, max: 0 };

/** For content that is there. */
export const contentDir = one("DIR", readText, "Folder that contains the content of a .torrent", {
  shownDefault: "the folder of the .torrent",
});
