/** A terminal that a test types into and looks at: tmux, on a socket of its own. */
import type { Requirement } from "../requirements.ts";
import { hasProgram } from "./process.ts";

/** A busy machine draws late. */
const PATIENCE_MS = 20_000;

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
    const until = Date.now() + PATIENCE_MS;
    let screen = "";
    while (Date.now() < until) {
      screen = await this.screen();
      if (wanted.test(screen)) return screen;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`${wanted} is not on the screen:\n${screen}`);
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
