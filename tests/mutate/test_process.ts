/** Owns a process of child.ts: asked one thing at a time, and killed with the programs that it started. */
import { fileURLToPath } from "node:url";
import { type FromChild, MARK, type ToChild } from "./child.ts";
import { TextLineStream } from "./lines.ts";

/** An endless loop that allocates ends here. */
const HEAP_MIB_MAX = 1_500;
const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));

export class TestProcess implements Disposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;

  /** `root` is a copy of a project; what its tests leave behind stays in `tmp` below it. */
  constructor(root: string) {
    Deno.mkdirSync(`${root}/tmp`, { recursive: true });
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-check", "--allow-all"],
        `--v8-flags=--max-old-space-size=${HEAP_MIB_MAX}`,
        CHILD,
      ],
      cwd: root,
      env: { NO_COLOR: "1", TMPDIR: `${root}/tmp`, TT_TESTS_HERE: "1" },
      // A group of its own, which ends with it.
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
  }

  /** Undefined when it takes too long, or ends; the process has to be given up then. */
  async ask<K extends FromChild["kind"]>(
    message: ToChild,
    _kind: K,
    limitMs?: number,
  ): Promise<Extract<FromChild, { kind: K }> | undefined> {
    const timer = limitMs === undefined ? undefined : setTimeout(() => this.kill(), limitMs);
    try {
      await this.#input.write(new TextEncoder().encode(JSON.stringify(message) + "\n"));
      for (;;) {
        const { value, done } = await this.#lines.read();
        if (done) return undefined;
        if (value.startsWith(MARK)) return JSON.parse(value.slice(MARK.length));
      }
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  kill(): void {
    try {
      Deno.kill(-this.#process.pid, "SIGKILL");
    } catch {
      // It ended by itself, and so did what it started.
    }
  }

  [Symbol.dispose](): void {
    this.kill();
  }
}
