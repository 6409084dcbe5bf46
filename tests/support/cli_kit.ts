/**
 * Runs the program as a user does: the real command line as a separate process, on loopback, on
 * real files. `TT_BIN` names a compiled file to run in place of the sources.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { createRng, nextUint32 } from "../../core/bytes/random.ts";
import { ttCommand } from "./tt_command.ts";
import { openScratch } from "./content.ts";
import { HERE_VARIABLE, runHere, type RunningTt } from "./tt_here.ts";
import { within } from "./until.ts";

/** Nothing that tests wait for takes long; a busy machine gets many times that. */
const DEADLINE_MS = 40_000;
const LOCALHOST = "127.0.0.1";

/** One line of `--json`. */
export interface Said {
  readonly event: string;
  // deno-lint-ignore no-explicit-any
  readonly [key: string]: any;
}

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Files and sockets that it may have open. */
  readonly descriptors?: number;
}

/** Exit code and output of a process. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly said: readonly Said[];
}

let stateHomePath: string | undefined;

/** A folder of the test in place of the user's. */
export function stateHome(): string {
  if (stateHomePath === undefined) {
    const path = stateHomePath = Deno.makeTempDirSync({ prefix: "tt-state-" });
    addEventListener("unload", () => Deno.removeSync(path, { recursive: true }));
  }
  return stateHomePath;
}

/** A running `tt`; killed when disposed. Always on an IPv4 loopback address and a free port. */
export class Tt implements AsyncDisposable {
  readonly said: Said[] = [];
  /** Resolves when it has exited and all its output was read. */
  readonly ended: Promise<Ended>;
  readonly #title: string;
  readonly #child: RunningTt;
  readonly #watchers = new Set<() => void>();
  readonly #text = { stdout: "", stderr: "" };
  #isOver = false;

  private constructor(title: string, child: RunningTt) {
    this.#title = title;
    this.#child = child;
    this.ended = this.#run();
  }

  static async start(
    args: readonly string[],
    { cwd, env, descriptors }: StartOptions = {},
  ): Promise<Tt> {
    const given = {
      NO_COLOR: "1",
      TT_DEBUG: "",
      TT_DHT: "off",
      TT_LSD: "off",
      TT_PORTMAP: "off",
      XDG_STATE_HOME: stateHome(),
      ...env,
    };
    const title = `tt ${args.join(" ")}`;
    if (Deno.env.get(HERE_VARIABLE) === "1" && cwd === undefined && descriptors === undefined) {
      return new Tt(title, runHere(args, given));
    }
    const limit = ["sh", "-c", `ulimit -n ${descriptors}; exec "$0" "$@"`];
    const command = await ttCommand(args);
    const [program, ...rest] = descriptors === undefined ? command : [...limit, ...command];
    const child = new Deno.Command(program!, {
      args: rest,
      ...(cwd === undefined ? {} : { cwd }),
      env: given,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new Tt(title, child);
  }

  /** Of the process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The first event of that name, past or future, that satisfies `test`. */
  async event(name: string, test: (said: Said) => boolean = () => true): Promise<Said> {
    const find = () => this.said.find((said) => said.event === name && test(said));
    return await this.#wait(find, `say ${name}`);
  }

  /** The first match, past or future, of the text on stderr. */
  async stderrHas(pattern: RegExp): Promise<void> {
    await this.#wait(() => pattern.exec(this.#text.stderr) ?? undefined, `print ${pattern}`);
  }

  send(signal: Deno.Signal): void {
    if (!this.#isOver) this.#child.kill(signal);
  }

  /** Sends the signal and waits for the exit. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Ended> {
    this.send(signal);
    return await this.end();
  }

  /** Waits for the exit, with a deadline. */
  async end(): Promise<Ended> {
    let ended: Ended | undefined;
    this.ended.then((value) => {
      ended = value;
      this.#wake();
    });
    return await this.#wait(() => ended, "end");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.send("SIGKILL");
    await this.ended;
  }

  async #run(): Promise<Ended> {
    const reads = [
      this.#read(this.#child.stdout, "stdout"),
      this.#read(this.#child.stderr, "stderr"),
    ];
    const { code } = await this.#child.status;
    this.#isOver = true;
    await Promise.all(reads);
    this.#wake();
    return { code, ...this.#text, said: this.said };
  }

  async #read(stream: ReadableStream<Uint8Array>, name: "stdout" | "stderr"): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#text[name] += text;
      if (name === "stdout") {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines) if (line.startsWith("{")) this.said.push(JSON.parse(line));
      }
      this.#wake();
    }
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async #wait<T>(find: () => T | undefined, what: string): Promise<T> {
    const until = Promise.withResolvers<T>();
    const look = () => {
      const found = find();
      if (found !== undefined) until.resolve(found);
      else if (this.#isOver && what !== "end") {
        until.reject(this.#failure(`ended, but did not ${what}`));
      }
    };
    const timer = setTimeout(
      () => until.reject(this.#failure(`did not ${what} within ${DEADLINE_MS / 1000} s`)),
      DEADLINE_MS,
    );
    this.#watchers.add(look);
    look();
    try {
      return await until.promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(look);
    }
  }

  #failure(what: string): Error {
    const { stdout, stderr } = this.#text;
    return new Error(
      `${this.#title}\n${what}\nstdout:\n${stdout.slice(-4000)}\nstderr:\n${stderr}`,
    );
  }
}

/** Runs to completion. */
export async function runTt(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  await using tt = await Tt.start(args, options);
  return await tt.end();
}

/** Options of every peer in these tests. */
export const LOCAL = ["--host", LOCALHOST, "--port", "0", "--json"];

/** A seeder that is ready to serve, and its address. */
export async function startSeed(args: readonly string[], options?: StartOptions) {
  const seed = await Tt.start(["seed", ...LOCAL, ...args], options);
  try {
    const { port } = await seed.event("listening");
    await seed.event("progress", (said) => said.state === "seeding");
    return Object.assign(seed, { peer: `${LOCALHOST}:${port}` });
  } catch (error) {
    await seed[Symbol.asyncDispose]();
    throw error;
  }
}

/** A download that exits when it is complete; without a share rule unless `args` set one. */
export async function startGet(args: readonly string[], options?: StartOptions): Promise<Tt> {
  const rule = args.includes("--share-rule") ? [] : ["--share-rule", "off"];
  return await Tt.start(["get", ...LOCAL, ...rule, ...args], options);
}

/** A tracker as a separate process without storage unless `args` set it, and its announce URL. */
export async function startTracker(args: readonly string[] = []) {
  const store = args.includes("--data") ? [] : ["--store", "memory"];
  const tracker = await Tt.start(["tracker", "--port", "0", "--json", ...store, ...args]);
  const { url } = await tracker.event("listening");
  const stats = async () => await (await fetch(new URL("/stats", url))).json();
  return Object.assign(tracker, { url: url as string, stats });
}

/** A folder for one test. */
export async function scratch() {
  const folder = await openScratch("tt-cli-");
  return Object.assign(folder, { at: (...names: string[]) => join(folder.path, ...names) });
}

/** Pseudorandom bytes, the same for the same seed. */
export function makeBytes(length: number, seed = 1): Uint8Array {
  const rng = createRng(seed);
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => nextUint32(rng));
  return new Uint8Array(words.buffer, 0, length);
}

/** Writes a file of such bytes below a folder, created if missing, and creates its `.torrent`. */
export async function makeFile(
  dir: string,
  name: string,
  length: number,
  args: readonly string[] = [],
): Promise<{ path: string; torrent: string; bytes: Uint8Array }> {
  await Deno.mkdir(dir, { recursive: true });
  const path = join(dir, name), torrent = join(dir, `${name}.torrent`);
  const bytes = makeBytes(length, name.length);
  await Deno.writeFile(path, bytes);
  const { code, stderr } = await runTt(["create", path, "--out", torrent, ...args]);
  assertEquals(code, 0, stderr);
  return { path, torrent, bytes };
}

/** Fails unless the file has these bytes. */
export async function assertContent(path: string, bytes: Uint8Array): Promise<void> {
  const found = await Deno.readFile(path);
  assertEquals(found.length, bytes.length, path);
  const at = found.findIndex((byte, index) => byte !== bytes[index]);
  assertEquals(at, -1, `${path} differs at byte ${at}`);
}

/** The one sentence that a failed command prints on stderr. */
export function assertOneSentence({ stderr, code }: Ended, wanted: number): string {
  assertEquals(code, wanted, stderr);
  const lines = stderr.trimEnd().split("\n");
  const errors = lines.filter((line) => line.startsWith("Error: "));
  assertEquals(errors.length, 1, stderr);
  assertEquals(lines.at(-1), errors[0]);
  assertNoTrace(stderr);
  assert(errors[0]!.length > "Error: ".length + 10, stderr);
  return errors[0]!;
}

/** Users get sentences, never a stack trace. */
export function assertNoTrace(stderr: string): void {
  assert(!/^\s+at |Uncaught|\.ts:\d+/m.test(stderr), stderr);
}

/** A few processes at a time. */
export async function forEachAtOnce<T>(
  items: readonly T[],
  visit: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const walk = async () => {
    for (let index; (index = next++) < items.length;) await visit(items[index]!, index);
  };
  await Promise.all([walk(), walk(), walk()]);
}

/** A tracker that accepts connections and never responds. */
export function listenSilently() {
  const listener = Deno.listen({ hostname: LOCALHOST, port: 0 });
  const conns: Deno.Conn[] = [];
  let onConn = Promise.withResolvers<void>();
  const accept = async () => {
    for await (const conn of listener) {
      conns.push(conn);
      onConn.resolve();
      onConn = Promise.withResolvers();
    }
  };
  const accepting = accept();
  return {
    url: `http://${LOCALHOST}:${listener.addr.port}/announce`,
    /** Resolves once this many connections were accepted. */
    async askedTimes(count: number) {
      while (conns.length < count) await within(onConn.promise, `connection ${conns.length + 1}`);
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of conns) conn.close();
      await accepting;
    },
  };
}
