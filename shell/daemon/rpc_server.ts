/**
 * The HTTP port of the daemon: Transmission's RPC, the page, the metrics. Everything but the files of the
 * page needs the token, or the user and password if some are set. Which requests are let in at all is
 * decided by core/rpc/access.ts.
 *
 * Spec: Transmission 4.1, rpc-spec, section 2.2.
 */
import { timingSafeEqual } from "@std/crypto/timing-safe-equal";
import {
  checkHead,
  createLoginGuard,
  mayTryLogin,
  noteLogin,
  readAuthorization,
} from "../../core/rpc/access.ts";
import { formatAnswer, parseRequest } from "../../core/rpc/envelope.ts";
import { RPC_ERROR, type RpcOutcome } from "../../core/rpc/json.ts";
import { RPC_VERSION_SEMVER } from "../../core/rpc/session_answer.ts";
import { now } from "../clock.ts";
import { PortError, toPortError } from "../net/port_error.ts";
import { servePage } from "../page/serve.ts";
import type { Daemon } from "./daemon.ts";
import { handleCommand } from "./handlers.ts";
import { answerBody, drainBody, readBody } from "./http_body.ts";

const RPC_PATHS = ["/transmission/rpc", "/transmission/rpc/", "/rpc"];
const SESSION_HEADER = "x-transmission-session-id";

/** Requests under way at once; each may hold a body. */
const REQUESTS_MAX = 200;

export interface RpcServerOptions {
  readonly daemon: Daemon;
  readonly hostname: string;
  readonly port: number;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly token: string;
  /** For remotes; undefined: the token alone lets in. */
  readonly login: { readonly user: string; readonly password: string } | undefined;
  /** Lower case. */
  readonly allowedHosts: readonly string[];
  /** The text of the metrics. */
  readonly metrics?: () => string;
}

export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #sessionId = randomToken();
  readonly #guard = createLoginGuard();
  readonly #closing = new AbortController();
  readonly #secrets: Promise<Secrets>;
  #underWay = 0;

  private constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#secrets = digestSecrets(options);
    const { hostname, port, tls } = options;
    this.#server = Deno.serve(
      {
        hostname,
        port,
        ...tls,
        onListen: () => {},
        onError: () => plain(500, "Something went wrong; see tt log"),
      },
      (request, info) => this.#serve(request, info.remoteAddr as Deno.NetAddr),
    );
  }

  /** Throws a PortError. */
  static open(options: RpcServerOptions): RpcServer {
    try {
      return new RpcServer(options);
    } catch (error) {
      const { message, isTaken } = toPortError(error, options.hostname, options.port);
      throw new PortError(
        message.replace(/choose another --(port|host)( or --port)?/, "choose another --rpc"),
        isTaken,
      );
    }
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** "http://127.0.0.1:9091". */
  get url(): string {
    const { hostname, tls } = this.#options;
    const any: Record<string, string> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
    const host = any[hostname] ?? hostname;
    return `${tls === undefined ? "http" : "https"}://` +
      `${host.includes(":") ? `[${host}]` : host}:${this.port}`;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#server.shutdown();
  }

  async #serve(request: Request, from: Deno.NetAddr): Promise<Response> {
    const url = new URL(request.url);
    const page = servePage(request.method, url.pathname);
    const header = (name: string) => request.headers.get(name) ?? undefined;
    const refused = checkHead({
      // HTTP/2, which is spoken over TLS only, has the host in the request's own line.
      host: header("host") ?? (this.#options.tls === undefined ? undefined : url.host),
      origin: header("origin"),
      secFetchSite: header("sec-fetch-site"),
      upgrade: header("upgrade"),
      isPublic: page !== undefined,
    }, this.#options.allowedHosts);
    if (refused !== undefined) return plain(refused.status, refused.message);
    if (page !== undefined) return page;
    if (url.pathname === "/transmission/web/" || url.pathname === "/transmission/web") {
      return new Response(null, { status: 301, headers: { location: "/" } });
    }
    const denied = await this.#authorize(request, from.hostname);
    if (denied !== undefined) {
      await drainBody(request);
      return denied;
    }
    if (RPC_PATHS.includes(url.pathname)) return await this.#rpc(request);
    if (url.pathname === "/metrics" && request.method === "GET") return this.#metrics();
    return plain(404, "Not found");
  }

  /** Undefined lets the request pass. */
  async #authorize(request: Request, address: string): Promise<Response | undefined> {
    const given = readAuthorization(request.headers.get("authorization") ?? undefined);
    const isBrowser = request.headers.has("sec-fetch-mode");
    // A page asks for the token by itself; the browser's own box would only confuse.
    const ask: Readonly<Record<string, string>> = isBrowser
      ? {}
      : { "www-authenticate": 'Basic realm="tt"' };
    if (given === undefined) {
      return plain(401, "Show the token, or user and password; tt help daemon says how", ask);
    }
    const secrets = await this.#secrets;
    const token = given.kind === "token" ? given.token : given.password;
    if (await isEqual(token, secrets.token)) return undefined;
    if (given.kind === "token") return plain(401, "The token is invalid", ask);
    const { current } = this.#options.daemon.settings;
    const limit = current.anti_brute_force_enabled ? current.anti_brute_force_threshold : Infinity;
    if (!mayTryLogin(this.#guard, address, limit, now())) {
      return plain(429, "Too many wrong passwords; wait 30 seconds", { "retry-after": "30" });
    }
    const pair = `${given.user.length}:${given.user}:${given.password}`;
    const isGood = secrets.login !== undefined && await isEqual(pair, secrets.login);
    noteLogin(this.#guard, address, isGood, now());
    if (isGood) return undefined;
    this.#options.daemon.log.add("login-failed", `Wrong password from ${address}`, {
      level: "warning",
    });
    return plain(401, "User or password is wrong", ask);
  }

  async #rpc(request: Request): Promise<Response> {
    const sessionHeaders = {
      [SESSION_HEADER]: this.#sessionId,
      "x-transmission-rpc-version": RPC_VERSION_SEMVER,
    };
    if (request.headers.get(SESSION_HEADER) !== this.#sessionId) {
      await drainBody(request);
      return plain(
        409,
        "Send the request again with the session id of this answer",
        sessionHeaders,
      );
    }
    if (request.method !== "POST") return plain(405, "POST is needed here", { allow: "POST" });
    if (this.#underWay >= REQUESTS_MAX) return plain(503, "Too many requests at once; try again");
    this.#underWay++;
    try {
      const body = await readBody(request);
      if (!body.ok) return plain(body.status, "The body is too large, too slow or incomplete");
      return await this.#answer(body.text, sessionHeaders);
    } finally {
      this.#underWay--;
    }
  }

  async #answer(text: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    const { daemon } = this.#options;
    const request = parseRequest(text);
    const outcomes: RpcOutcome[] = [];
    // One after another: a batch may add a torrent and then change it.
    for (const { command, dialect } of request.calls) {
      outcomes.push(
        command.ok
          ? await handleCommand(daemon, command.value, {
            dialect,
            sessionId: this.#sessionId,
            signal: this.#closing.signal,
          })
          : command,
      );
    }
    for (const outcome of outcomes) {
      if (!outcome.ok && outcome.error.code === RPC_ERROR.internal) {
        daemon.log.add("internal", outcome.error.message, { level: "error" });
      }
    }
    const answer = formatAnswer(request, outcomes);
    if (answer === undefined) return new Response(null, { status: 204, headers });
    return new Response(answerBody(answer), {
      headers: {
        ...headers,
        "content-type": "application/json; charset=utf-8",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
      },
    });
  }

  #metrics(): Response {
    const { metrics } = this.#options;
    if (metrics === undefined) return plain(404, "Not found");
    return new Response(metrics(), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    });
  }
}

/** 256 random bits as text. */
export function randomToken(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/** Digests: of equal length, and what was guessed leaves no trace in the time of the comparison. */
interface Secrets {
  readonly token: ArrayBuffer;
  readonly login: ArrayBuffer | undefined;
}

async function digestSecrets({ token, login }: RpcServerOptions): Promise<Secrets> {
  return {
    token: await digest(token),
    login: login && await digest(`${login.user.length}:${login.user}:${login.password}`),
  };
}

async function isEqual(text: string, secret: ArrayBuffer): Promise<boolean> {
  return timingSafeEqual(await digest(text), secret);
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}

function plain(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${message}\n`, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
}
