/** Sends the requests of the commands to a running daemon, by JSON-RPC 2.0. */
import { isObject, type JsonObject } from "../../core/rpc/json.ts";
import { Failure } from "../failure.ts";
import { readEndpoint, readToken, stateFolder } from "./endpoint.ts";

const SESSION_HEADER = "x-transmission-session-id";

/** A daemon that is busy with thousands of torrents answers within that. */
const ANSWER_TIMEOUT_MS = 120_000;

export class DaemonClient {
  readonly #url: string;
  readonly #token: string;
  readonly #signal: AbortSignal;
  #sessionId = "";
  #lastId = 0;

  private constructor(url: string, token: string, signal: AbortSignal) {
    this.#url = url;
    this.#token = token;
    this.#signal = signal;
  }

  /** Finds the daemon of a state folder; undefined is the customary one. Throws a Failure. */
  static async open(state: string | undefined, signal: AbortSignal): Promise<DaemonClient> {
    const folder = stateFolder(state);
    const endpoint = await readEndpoint(folder);
    const token = await readToken(folder);
    if (endpoint === undefined || token === undefined) throw notRunning();
    return new DaemonClient(endpoint.url, token, signal);
  }

  get url(): string {
    return this.#url;
  }

  /** Throws a Failure with the daemon's sentence, or the signal's reason. */
  async call(method: string, params: JsonObject = {}): Promise<JsonObject> {
    const body = JSON.stringify({ jsonrpc: "2.0", method, params, id: ++this.#lastId });
    let response = await this.#post(body);
    if (response.status === 409) {
      await response.body?.cancel();
      this.#sessionId = response.headers.get(SESSION_HEADER) ?? "";
      response = await this.#post(body);
    }
    if (!response.ok) {
      const why = (await response.text()).trim();
      throw new Failure("network", "refused", `The daemon refused: ${why || response.status}`);
    }
    const answer = await response.json();
    if (isObject(answer.result)) return answer.result;
    const why = answer.error?.data?.error_string ?? answer.error?.message ?? "no reason given";
    throw new Failure("input", "refused", `The daemon could not do it: ${why}`);
  }

  /** The objects of a list in an answer. */
  async list(method: string, params: JsonObject, key: string): Promise<readonly JsonObject[]> {
    const list = (await this.call(method, params))[key];
    return Array.isArray(list) ? list.filter(isObject) : [];
  }

  async #post(body: string): Promise<Response> {
    try {
      return await fetch(`${this.#url}/transmission/rpc`, {
        method: "POST",
        body,
        headers: {
          authorization: `Bearer ${this.#token}`,
          "content-type": "application/json",
          [SESSION_HEADER]: this.#sessionId,
        },
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
    } catch (error) {
      this.#signal.throwIfAborted();
      throw notRunning(error);
    }
  }
}

function notRunning(cause?: unknown): Failure {
  const message = "No daemon is running; start it with tt daemon, or name its folder with --state";
  return new Failure("network", "no-daemon", message, { cause });
}
