/** A daemon as a separate process, on loopback, with its state in a folder of the test. */
import { assertEquals } from "@std/assert";
import { type Ended, runTt, scratch, type StartOptions, Tt } from "./cli_kit.ts";
import { until } from "./until.ts";

// deno-lint-ignore no-explicit-any
export type Answer = any;

/** One that a test starts, queries, and restarts. */
export class DaemonKit implements AsyncDisposable {
  url = "";
  token = "";
  peerPort = 0;
  #sessionId = "";

  private constructor(readonly tt: Tt, readonly state: string) {}

  static async start(
    state: string,
    args: readonly string[] = [],
    options: StartOptions = {},
  ): Promise<DaemonKit> {
    const where = args.includes("--rpc") ? [] : ["--rpc", "127.0.0.1:0"];
    const fixed = ["--state", state, ...where, "--host", "127.0.0.1", "--port", "0", "--json"];
    const tt = await Tt.start(["daemon", ...fixed, ...args], options);
    const kit = new DaemonKit(tt, state);
    try {
      kit.peerPort = (await tt.event("listening")).port;
      kit.url = (await tt.event("serving")).url;
      kit.token = (await Deno.readTextFile(`${state}/token`)).trim();
      return kit;
    } catch (error) {
      await tt[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A request with the token; the session ID is fetched once. */
  async post(body: string, headers: Record<string, string> = {}): Promise<Response> {
    const send = () =>
      fetch(`${this.url}/transmission/rpc`, {
        method: "POST",
        body,
        headers: {
          authorization: `Bearer ${this.token}`,
          "x-transmission-session-id": this.#sessionId,
          ...headers,
        },
      });
    let response = await send();
    if (response.status === 409) {
      await response.body?.cancel();
      this.#sessionId = response.headers.get("x-transmission-session-id")!;
      response = await send();
    }
    return response;
  }

  /** The result of a method, by JSON-RPC. */
  async call(method: string, params: object = {}): Promise<Answer> {
    const answer = await this.answer(method, params);
    assertEquals(answer.error, undefined, method);
    return answer.result;
  }

  async answer(method: string, params: object = {}): Promise<Answer> {
    const response = await this.post(JSON.stringify({ jsonrpc: "2.0", method, params, id: 1 }));
    assertEquals(response.status, 200, method);
    return await response.json();
  }

  /** Each torrent with these fields. */
  async torrents(...fields: string[]): Promise<Answer[]> {
    return (await this.call("torrent_get", { fields })).torrents;
  }

  /** Queries until the first torrent satisfies `test`. */
  async until(test: (torrent: Answer) => boolean, ...fields: string[]): Promise<Answer> {
    let torrent: Answer;
    const isSo = async () => {
      [torrent] = await this.torrents("name", "status", "error_string", ...fields);
      return torrent !== undefined && test(torrent);
    };
    await until(isSo, "a torrent's state", () => JSON.stringify(torrent));
    return torrent;
  }

  /** Runs a command that connects to it. */
  run(...args: string[]): Promise<Ended> {
    return runTt([...args, "--state", this.state]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tt[Symbol.asyncDispose]();
  }
}

/** A folder, with a daemon's state below it. */
export async function daemonFolder() {
  const dir = await scratch();
  return Object.assign(dir, { state: dir.at("state") });
}
