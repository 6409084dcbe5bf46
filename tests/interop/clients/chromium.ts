/** A page in a real headless browser, driven by Chromium's DevTools protocol over a WebSocket. */
import { loopback } from "../../support/network.ts";
import { ClientProcess, hasProgram } from "../../support/process.ts";

const START_DEADLINE_MS = 30_000;
const DEADLINE_MS = 30_000;
/** Without these it contacts servers of its vendor. */
const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
  "--remote-debugging-port=0",
];

export const chromium = {
  async missing(): Promise<string | undefined> {
    return await hasProgram("chromium") ? undefined : "the package chromium is not installed";
  },
};

export interface Looks {
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
  readonly theme: "light" | "dark";
  readonly withScripts: boolean;
}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** One page; the browser ends with it. */
export class BrowserPage implements AsyncDisposable {
  /** The errors of the browser: scripts that failed, and violations of the page's policy. */
  readonly complaints: string[] = [];
  readonly #process: ClientProcess;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Reply>>();
  #loaded = Promise.withResolvers<void>();
  #session: string | undefined;
  #nextId = 1;

  private constructor(process: ClientProcess, socket: WebSocket) {
    this.#process = process;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
  }

  static async open(): Promise<BrowserPage> {
    const folder = await Deno.makeTempDir({ prefix: "tt-chromium-" });
    const process = new ClientProcess({
      place: loopback,
      port: 0,
      argv: ["chromium", ...FLAGS, `--user-data-dir=${folder}`, "about:blank"],
      cleanUp: () => Deno.remove(folder, { recursive: true }),
    });
    const find = (line: string) => /^DevTools listening on (ws:\S+)/.exec(line)?.[1];
    const url = await process.waitForLine(find, "listen", START_DEADLINE_MS);
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const page = new BrowserPage(process, socket);
    const { targetId } = await page.#call("Target.createTarget", { url: "about:blank" });
    const session = await page.#call("Target.attachToTarget", { targetId, flatten: true });
    page.#session = session.sessionId as string;
    for (const domain of ["Page", "Runtime", "Log"]) await page.#call(`${domain}.enable`);
    return page;
  }

  /** The browser's main process; each page has a child process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Reloads the page. */
  async load(url: string, { width, height, theme, withScripts }: Looks): Promise<void> {
    const size = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
    await this.#call("Emulation.setDeviceMetricsOverride", size);
    const features = [{ name: "prefers-color-scheme", value: theme }];
    await this.#call("Emulation.setEmulatedMedia", { features });
    await this.#call("Emulation.setScriptExecutionDisabled", { value: !withScripts });
    this.#loaded = Promise.withResolvers();
    await this.#call("Page.navigate", { url });
    await this.#loaded.promise;
  }

  /** The value of an expression, which may be a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const options = { expression, returnByValue: true, awaitPromise: true };
    const { result } = await this.#call("Runtime.evaluate", options);
    return (result as { value: T }).value;
  }

  /** Presses and releases a key: "a", "Enter", "ArrowDown". */
  async press(key: string): Promise<void> {
    const text = key.length === 1 ? { text: key } : {};
    await this.#call("Input.dispatchKeyEvent", { type: "keyDown", key, ...text });
    await this.#call("Input.dispatchKeyEvent", { type: "keyUp", key });
  }

  /** A screenshot of the page, as a PNG. */
  async screenshot(): Promise<Uint8Array> {
    const { data } = await this.#call("Page.captureScreenshot", { format: "png" });
    return Uint8Array.fromBase64(data as string);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#process.stop();
  }

  async #call(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const id = this.#nextId++;
    const waiting = Promise.withResolvers<Reply>();
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId: this.#session }));
    const reply = await this.#process.within(
      waiting.promise,
      method,
      DEADLINE_MS,
      "must still run",
    );
    if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result!;
  }

  #take(reply: Reply): void {
    if (reply.id !== undefined) {
      this.#waiting.get(reply.id)?.resolve(reply);
      this.#waiting.delete(reply.id);
    } else if (reply.method === "Page.loadEventFired") {
      this.#loaded.resolve();
    } else if (reply.method === "Runtime.exceptionThrown" || reply.method === "Log.entryAdded") {
      this.complaints.push(JSON.stringify(reply.params));
    }
  }
}
