/** A terminal that a test types into and looks at: tmux, on a socket of its own. */
import type { Requirement } from "../../support/requirements.ts";
import { hasProgram } from "../../support/process.ts";
import { until } from "../../support/until.ts";

/** A busy machine draws late. */

/** Needs a program of this name. */
export function program(name: string): Requirement {
  return {
    missing: async () => await hasProgram(name) ? undefined : `${name} is not installed`,
  };
}

export class Terminal implements AsyncDisposable {
  readonly #socket = `tt-test-${crypto.randomUUID()}`;

  private constructor() {}

  /** `command` as a shell takes it. */
  static async open(command: string, columns: number, rows: number): Promise<Terminal> {
    const terminal = new Terminal();
    const size = ["-x", String(columns), "-y", String(rows)];
    await terminal.#tmux("-f", "/dev/null", "new-session", "-d", ...size, command);
    return terminal;
  }

  /** Keys by tmux's names: "Enter", "Tab", "Up", or text. */
  async type(...keys: string[]): Promise<void> {
    for (const key of keys) await this.#tmux("send-keys", key);
  }

  /** A line, letter by letter, and Enter. */
  async line(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", text);
    await this.type("Enter");
  }

  /** What is on the screen. */
  async screen(): Promise<string> {
    return (await this.#tmux("capture-pane", "-p")).trimEnd();
  }

  /** The screen once it shows what is wanted. */
  async shows(wanted: RegExp): Promise<string> {
    let screen = "";
    const isShown = async () => {
      screen = await this.screen();
      return wanted.test(screen);
    };
    await until(isShown, `${wanted} on the screen`, () => screen);
    return screen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server");
  }

  async #tmux(...args: string[]): Promise<string> {
    const { stdout } = await new Deno.Command("tmux", {
      args: ["-L", this.#socket, ...args],
      stdin: "null",
      env: { LANG: "C.UTF-8", TERM: "xterm" },
    }).output();
    return new TextDecoder().decode(stdout);
  }
}
