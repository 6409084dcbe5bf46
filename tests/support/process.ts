/**
 * Owns the processes of clients: their start, the lines they print, the conditions that tests wait
 * for, and their end. Every wait has a deadline and fails with the end of the log.
 */
import type { Place } from "./place.ts";

/** Lines kept of a client's output; a repeated status line counts once while it is the same. */
const LOG_LINES_MAX = 2_000;
/** A client that is stopped announces it to its trackers; one that takes longer is killed. */
const STOP_GRACE_MS = 5_000;
/** Clients start in a second or two; many that start side by side on two cores need more. */
const LISTEN_DEADLINE_MS = 60_000;
/** The kernel's socket table cannot be awaited, so it is polled at this interval. */
const LISTEN_POLL_MS = 20;

export interface Running extends AsyncDisposable {
  /** The client's own process, also inside a network namespace. */
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  /** Exit code, 128 and more after a signal. */
  readonly exited: Promise<number>;
  /** Its last output, for a failure's message. */
  log(): string;
  /** Asks it to stop, kills it when it does not, and resolves with its exit code. */
  stop(): Promise<number>;
}

export interface SpawnOptions {
  readonly place: Place;
  readonly port: number;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs once the process has ended, to remove what the launcher created for it. */
  readonly cleanUp?: () => Promise<void>;
}

/** A running client whose lines can be waited for. */
export class ClientProcess implements Running {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly exited: Promise<number>;
  readonly #child: Deno.ChildProcess;
  readonly #title: string;
  readonly #lines: string[] = [];
  readonly #watchers = new Set<(line: string) => void>();
  #alive = true;

  constructor(options: SpawnOptions) {
    const argv = options.place.command(options.argv);
    this.#title = options.argv.map((word) => word.split("/").at(-1)).slice(0, 3).join(" ");
    this.#child = new Deno.Command(argv[0]!, {
      args: argv.slice(1),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: {
        NO_COLOR: "1",
        TT_DHT: "off",
        TT_LSD: "off",
        TT_PORTMAP: "off",
        // Not a folder, so that nothing can be stored there.
        XDG_STATE_HOME: "/dev/null",
        ...options.env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.host = options.place.host;
    this.port = options.port;
    this.exited = this.#run(options.cleanUp);
  }

  async #run(cleanUp: (() => Promise<void>) | undefined): Promise<number> {
    const output = [this.#read(this.#child.stdout), this.#read(this.#child.stderr)];
    const status = await this.#child.status;
    await Promise.all(output);
    this.#alive = false;
    await cleanUp?.();
    return status.code;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(/[\r\n]+/);
      rest = lines.pop()!;
      for (const line of lines) this.#take(line);
    }
    this.#take(rest);
  }

  #take(line: string): void {
    if (line.trim() === "" || line === this.#lines.at(-1)) return;
    if (this.#lines.push(line) > LOG_LINES_MAX) this.#lines.shift();
    for (const watcher of this.#watchers) watcher(line);
  }

  log(): string {
    return this.#lines.slice(-60).join("\n");
  }

  /**
   * Resolves with the result of `find` for the first line, past or future, for which it is not
   * undefined. Rejects when the process ends before, or after `deadlineMs`.
   */
  async waitForLine<T>(
    find: (line: string) => T | undefined,
    what: string,
    deadlineMs: number,
  ): Promise<T> {
    const line = Promise.withResolvers<T>();
    const watch = (text: string) => {
      const found = find(text);
      if (found !== undefined) line.resolve(found);
    };
    this.#lines.forEach(watch);
    this.#watchers.add(watch);
    try {
      return await this.within(line.promise, what, deadlineMs, "must still run");
    } finally {
      this.#watchers.delete(watch);
    }
  }

  /** Resolves when the process listens on its TCP port, without connecting to it. */
  async waitForListening(deadlineMs = LISTEN_DEADLINE_MS): Promise<void> {
    const until = performance.now() + deadlineMs;
    while (!(await listensOn(this.pid, this.port))) {
      if (!this.#alive) throw this.#failure(`ended before it listened on port ${this.port}`);
      if (performance.now() > until) throw this.#failure(`does not listen on port ${this.port}`);
      await new Promise((resolve) => setTimeout(resolve, LISTEN_POLL_MS));
    }
  }

  /** Resolves when the process has ended with exit code 0. */
  async waitForSuccess(deadlineMs: number): Promise<void> {
    const code = await this.within(this.exited, "end", deadlineMs, "may end");
    if (code !== 0) throw this.#failure(`ended with exit code ${code}`);
  }

  /** The promise, or a failure after `deadlineMs`, or when the process ends unexpectedly. */
  async within<T>(
    promise: Promise<T>,
    what: string,
    deadlineMs: number,
    life: "must still run" | "may end",
  ): Promise<T> {
    const broken = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => broken.reject(this.#failure(`did not ${what} within ${deadlineMs / 1000} s`)),
      deadlineMs,
    );
    if (life === "must still run") {
      this.exited.then((code) =>
        broken.reject(this.#failure(`ended with exit code ${code} and did not ${what}`))
      );
    }
    broken.promise.catch(() => {});
    try {
      return await Promise.race([promise, broken.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(what: string): Error {
    return new Error(`${this.#title} (pid ${this.pid}) ${what}. Its last lines:\n${this.log()}`);
  }

  async stop(): Promise<number> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), STOP_GRACE_MS);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  #signal(signal: Deno.Signal): void {
    if (!this.#alive) return;
    try {
      this.#child.kill(signal);
    } catch {
      // It ended by itself meanwhile.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Whether a process in the network namespace of `pid` listens on the TCP port. */
async function listensOn(pid: number, port: number): Promise<boolean> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const table of ["tcp", "tcp6"]) {
    let text: string;
    try {
      text = await Deno.readTextFile(`/proc/${pid}/net/${table}`);
    } catch {
      continue;
    }
    const listens = text.split("\n").some((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return local?.endsWith(suffix) && state === "0A";
    });
    if (listens) return true;
  }
  return false;
}

/** Whether a program of that name is on the PATH. */
export async function hasProgram(name: string): Promise<boolean> {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const found = await Promise.all(folders.map(async (folder) => {
    const info = await Deno.stat(`${folder}/${name}`).catch(() => undefined);
    return info?.isFile === true && ((info.mode ?? 0) & 0o111) !== 0;
  }));
  return found.includes(true);
}

/** Output of a short command; throws with its stderr when it fails. */
export async function runCommand(
  argv: readonly string[],
  options: { cwd?: string } = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(argv[0]!, {
    args: argv.slice(1),
    stdin: "null",
    ...options,
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) {
    throw new Error(`${argv.join(" ")} failed with exit code ${code}:\n${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}
