/** A terminal for tests: tmux, on its own socket. */
import type { Requirement } from "../../support/requirements.ts";
import { hasProgram } from "../../support/process.ts";
import { until } from "../../support/until.ts";

/** A busy machine draws late. */

/** Requires a program of this name. */
export function program(name: string): Requirement {
  return {
    missing: async () => await hasProgram(name) ? undefined : `${name} is not installed`,
  };
}

export class Terminal implements AsyncDisposable {
  readonly #socket = `tt-test-${crypto.randomUUID()}`;

  private constructor() {}

  /** `command` quoted for a shell. */
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

  /** A line, character by character, and Enter. */
  async line(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", text);
    await this.type("Enter");
  }

  /** The contents of the screen. */
  async screen(): Promise<string> {
    return (await this.#tmux("capture-pane", "-p")).trimEnd();
  }

  /** The screen once it matches. */
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
