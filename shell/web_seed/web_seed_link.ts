/**
 * One web server as a source of blocks. It is asked for blocks as a peer is, joins those that follow
 * each other into ranges of several pieces, and keeps one connection, on which the next request is
 * sent while the answer to the last one still comes.
 *
 * Everything a server can do wrong ends in one call of `failed`: the core decides what becomes of it.
 */
import {
  createBodyView,
  createResponseBody,
  readBody,
  readResponseHead,
  type ResponseHead,
} from "../../core/web_seed/http_response.ts";
import {
  judgeAnswer,
  REDIRECTS_MAX,
  SCRIPT_WAIT_BYTES_MAX,
  scriptWaitMs,
  WEB_SEED_IDLE_MS,
} from "../../core/web_seed/judge.ts";
import {
  requestsOf,
  type WebRequest,
  type WebSeedKind,
  type WebSeedTorrent,
} from "../../core/web_seed/urls.ts";
import { isLocalIp } from "../../core/bytes/local_address.ts";
import type { Lookup } from "../announce/host.ts";
import { type Clock, type TimerId, withTimeout } from "../clock.ts";
import { type ByteStream, writeAll } from "../net/byte_stream.ts";
import type { RateLimiter, Wait } from "../net/rate_limiter.ts";
import { dialWeb, RefusedAddress, WEB_DIAL_TIMEOUT_MS } from "./web_stream.ts";

/** One GET asks for no more: a server that logs each still has few lines, and a failure costs little. */
export const RUN_BYTES_MAX = 16 * 1024 * 1024;
/** Requests sent ahead on a connection that has proved to be kept. */
const SENT_AHEAD_MAX = 4;
/** One read from the socket. */
const READ_BYTES = 512 * 1024;
/** Files whose redirect is remembered. */
const REDIRECTS_KEPT_MAX = 1_000;
/** An answer that is not wanted is read to its end up to here, to keep the connection. */
const DRAIN_BYTES_MAX = 16 * 1024;

/** Why a web seed cannot go on. */
export interface WebSeedFailure {
  /** Ask again later, or never. */
  readonly kind: "wait" | "drop";
  /** For people, without the URL. */
  readonly why: string;
  /** What the server asked for. */
  readonly waitMs?: number | undefined;
}

export interface WebSeedOwner {
  /** A whole block; the bytes are valid until the call returns. */
  block(piece: number, begin: number, bytes: Uint8Array): void;
  /** All blocks of one socket read were reported. */
  turn(): void;
  /** Called once; the link is closed. */
  failed(failure: WebSeedFailure): void;
}

export interface WebSeedLinkOptions {
  readonly url: string;
  readonly kind: WebSeedKind;
  readonly torrent: WebSeedTorrent;
  readonly userAgent: string;
  readonly allowLocal: boolean;
  readonly lookup?: Lookup | undefined;
  readonly limit: RateLimiter;
  readonly clock: Clock;
  readonly owner: WebSeedOwner;
}

interface Block {
  readonly piece: number;
  readonly begin: number;
  readonly length: number;
}

/** A request whose bytes belong to the next blocks of `#expected`. */
interface Planned {
  readonly request: WebRequest;
  /** Where the request was redirected to. */
  url: string;
  redirects: number;
  isSent: boolean;
  /** A request before went to an address that is not local. */
  fromOutside: boolean;
}

/** What is wrong, as an exception inside this file only. */
class Trouble extends Error {
  constructor(readonly failure: WebSeedFailure) {
    super(failure.why);
  }
}

export class WebSeedLink {
  readonly #options: WebSeedLinkOptions;
  /** Blocks asked of us and not yet part of a request. */
  #wanted: Block[] = [];
  /** Blocks whose bytes come next, in order. */
  readonly #expected: Block[] = [];
  readonly #planned: Planned[] = [];
  readonly #redirects = new Map<string, string>();
  readonly #buffer = new Uint8Array(READ_BYTES);
  #start = 0;
  #end = 0;
  /** The part of the next block that is here. */
  #part = new Uint8Array(0);
  #partSize = 0;
  #stream: ByteStream | undefined;
  #origin = "";
  /** Payload of the answer under way was passed on. */
  #hasBody = false;
  /** The connection has answered once and is kept. */
  #isKept = false;
  #wake: (() => void) | undefined;
  #idleTimer: TimerId | undefined;
  #wait: Wait | undefined;
  #isClosed = false;

  constructor(options: WebSeedLinkOptions) {
    this.#options = options;
  }

  /** Starts; does nothing until blocks are asked for. */
  open(): void {
    this.#run().catch((error) => this.#fail(error));
  }

  /** Asks for blocks: triples of piece, begin, length. */
  request(blocks: readonly number[]): void {
    for (let i = 0; i + 2 < blocks.length; i += 3) {
      this.#wanted.push({ piece: blocks[i]!, begin: blocks[i + 1]!, length: blocks[i + 2]! });
    }
    this.#wake?.();
  }

  /** Takes a block back that is not under way yet. */
  cancel(piece: number, begin: number): void {
    this.#wanted = this.#wanted.filter((block) => block.piece !== piece || block.begin !== begin);
  }

  /** Ends without telling the owner. */
  close(): void {
    this.#isClosed = true;
    this.#hangUp();
    this.#wait?.cancel();
    this.#wake?.();
  }

  async #run(): Promise<void> {
    let isRepeated = false;
    while (!this.#isClosed) {
      this.#plan();
      const next = this.#planned[0];
      if (next === undefined) {
        this.#options.clock.clearTimeout(this.#idleTimer);
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
        continue;
      }
      if (next.request.kind === "zeros") {
        this.#planned.shift();
        this.#takeZeros(next.request.length);
        continue;
      }
      const wasKept = this.#isKept;
      try {
        await this.#exchange(next);
        isRepeated = false;
      } catch (error) {
        // A server may close a kept connection at any time: what it did not answer is asked again.
        const mayRepeat = wasKept && !isRepeated && !this.#hasBody;
        if (error instanceof Trouble || !mayRepeat || this.#isClosed) throw error;
        isRepeated = true;
        this.#hangUp();
      }
    }
  }

  /** Turns wanted blocks into requests, as far ahead as the connection allows. */
  #plan(): void {
    const ahead = this.#isKept ? SENT_AHEAD_MAX : 1;
    while (this.#wanted.length > 0 && this.#planned.length < ahead) {
      const run = takeRun(this.#wanted, this.#options.torrent.pieceLength);
      this.#wanted.splice(0, run.count);
      this.#expected.push(...run.blocks);
      const { url, kind, torrent } = this.#options;
      for (const request of requestsOf(url, kind, torrent, run.offset, run.length)) {
        const to = request.kind === "get" ? this.#redirects.get(request.url) ?? request.url : "";
        this.#planned.push({
          request,
          url: to,
          redirects: 0,
          isSent: false,
          fromOutside: false,
        });
      }
    }
  }

  /** One request and its answer. */
  async #exchange(planned: Planned): Promise<void> {
    const request = planned.request as Extract<WebRequest, { kind: "get" }>;
    this.#hasBody = false;
    await this.#connect(planned);
    await this.#send();
    this.#restartIdle();
    const head = await this.#readHead();
    const verdict = judgeAnswer({ ...request, url: planned.url }, head);
    switch (verdict.kind) {
      case "take":
        await this.#takeBody(planned, request, head, verdict.length);
        return;
      case "redirect":
        await this.#drain(head);
        return this.#redirect(planned, request, verdict.url);
      case "wait": {
        const isScript = this.#options.kind === "script" && head.status === 503;
        const waitMs = isScript ? scriptWaitMs(await this.#drain(head)) : verdict.waitMs;
        throw new Trouble({ ...verdict, waitMs: waitMs ?? verdict.waitMs });
      }
      case "drop":
        throw new Trouble(verdict);
    }
  }

  async #connect(planned: Planned): Promise<void> {
    const url = new URL(planned.url);
    if (this.#stream !== undefined && this.#origin === url.origin) return;
    this.#hangUp();
    const { allowLocal, lookup, clock } = this.#options;
    const dial = dialWeb(url, { isRedirectFromOutside: planned.fromOutside, allowLocal, lookup });
    let isLate = false;
    dial.then((stream) => {
      if (isLate || this.#isClosed) stream.close();
    }, () => {});
    const giveUp = () => void (isLate = true);
    const message = "it cannot be reached in time";
    this.#stream = await withTimeout(dial, WEB_DIAL_TIMEOUT_MS, message, giveUp, clock);
    this.#origin = url.origin;
    if (this.#isClosed) throw new Error("closed");
  }

  /** Sends what this connection may be sent: the next request, and on a kept one those behind it. */
  async #send(): Promise<void> {
    let text = "";
    for (const [i, planned] of this.#planned.entries()) {
      if (planned.request.kind !== "get" || planned.isSent) continue;
      if (i > 0 && !this.#isKept) break;
      if (new URL(planned.url).origin !== this.#origin) break;
      text += this.#requestText(planned.url, planned.request);
      planned.isSent = true;
    }
    if (text !== "") await writeAll(this.#stream!, new TextEncoder().encode(text));
  }

  #requestText(text: string, request: Extract<WebRequest, { kind: "get" }>): string {
    const url = new URL(text);
    const lines = [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      `Host: ${url.host}`,
      `User-Agent: ${this.#options.userAgent}`,
      "Accept: */*",
      "Accept-Encoding: identity",
    ];
    if (request.fileSize !== undefined) {
      lines.push(`Range: bytes=${request.from}-${request.from + request.length - 1}`);
    }
    if (url.username !== "") {
      const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      lines.push(`Authorization: Basic ${new TextEncoder().encode(user).toBase64()}`);
    }
    return `${lines.join("\r\n")}\r\n\r\n`;
  }

  async #readHead(): Promise<ResponseHead> {
    for (;;) {
      const head = readResponseHead(this.#buffer, this.#start, this.#end);
      if (!head.ok) throw new Trouble({ kind: "drop", why: "its answer is not HTTP" });
      if (head.value !== undefined) {
        this.#start = head.value.bodyStart;
        if (head.value.status >= 200) return head.value;
        continue;
      }
      await this.#fill();
    }
  }

  /** Passes `length` bytes of the body on as blocks. */
  async #takeBody(
    planned: Planned,
    request: Extract<WebRequest, { kind: "get" }>,
    head: ResponseHead,
    length: number,
  ): Promise<void> {
    const body = createResponseBody(head);
    if (!body.ok) throw new Trouble({ kind: "drop", why: "its answer is not HTTP" });
    const view = createBodyView();
    let left = length;
    while (left > 0) {
      if (body.value.stage === "done") {
        throw new Trouble({ kind: "wait", why: `it sent ${length - left} bytes of ${length}` });
      }
      if (this.#start === this.#end) await this.#fill();
      const read = readBody(body.value, this.#buffer, this.#start, this.#end, view);
      if (!read.ok) throw new Trouble({ kind: "drop", why: "its answer is not HTTP" });
      const end = Math.min(view.payloadEnd, view.payloadStart + left);
      this.#hasBody = true;
      this.#take(this.#buffer, view.payloadStart, end);
      left -= end - view.payloadStart;
      this.#start = view.next;
      this.#options.owner.turn();
      if (this.#isClosed) return;
    }
    this.#planned.shift();
    if (length < request.length) this.#askRest(planned, request, length);
    const isOver = body.value.stage === "done" ||
      await this.#drainBody(body.value, "") !== undefined;
    this.#isKept = isOver && head.keepsAlive;
    if (!this.#isKept) this.#hangUp();
  }

  /** The server sent a part of the range: the rest is the next request. */
  #askRest(
    planned: Planned,
    request: Extract<WebRequest, { kind: "get" }>,
    taken: number,
  ): void {
    const rest = { ...request, from: request.from + taken, length: request.length - taken };
    this.#planned.unshift({ ...planned, request: rest, isSent: false });
    // Answers to requests behind it would come first: they are asked again.
    if (this.#planned.some(({ isSent }) => isSent)) this.#hangUp();
  }

  #redirect(
    planned: Planned,
    request: Extract<WebRequest, { kind: "get" }>,
    url: string,
  ): void {
    if (++planned.redirects > REDIRECTS_MAX) {
      throw new Trouble({ kind: "drop", why: "it redirects without end" });
    }
    planned.fromOutside ||= !isLocalIp(this.#stream?.remote.ip ?? "127.0.0.1");
    planned.url = url;
    planned.isSent = false;
    if (this.#redirects.size >= REDIRECTS_KEPT_MAX) this.#redirects.clear();
    this.#redirects.set(request.url, url);
    if (this.#planned.some(({ isSent }) => isSent)) this.#hangUp();
  }

  /** The text of an answer that is not content; the connection is closed unless it is short. */
  async #drain(head: ResponseHead): Promise<string> {
    const body = createResponseBody(head);
    const text = body.ok ? await this.#drainBody(body.value, "") : undefined;
    if (text === undefined || !head.keepsAlive) this.#hangUp();
    return text ?? "";
  }

  /** Undefined when it goes on for too long. */
  async #drainBody(
    body: Parameters<typeof readBody>[0],
    text: string,
  ): Promise<string | undefined> {
    const view = createBodyView();
    let size = 0;
    while (body.stage !== "done") {
      if (body.framing === "until-close" || body.remaining > DRAIN_BYTES_MAX) return undefined;
      if (this.#start === this.#end) await this.#fill();
      const read = readBody(body, this.#buffer, this.#start, this.#end, view);
      size += view.next - this.#start;
      this.#start = view.next;
      if (!read.ok || size > DRAIN_BYTES_MAX) return undefined;
      if (text.length < SCRIPT_WAIT_BYTES_MAX) {
        const payload = this.#buffer.subarray(view.payloadStart, view.payloadEnd);
        text += String.fromCharCode(...payload.subarray(0, SCRIPT_WAIT_BYTES_MAX));
      }
    }
    return text;
  }

  /** More bytes behind those that are here. */
  async #fill(): Promise<void> {
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const { limit } = this.#options;
    let room = this.#buffer.length - this.#end;
    if (!limit.isUnlimited) {
      room = Math.max(1, Math.min(room, limit.chunkBytes));
      this.#wait = limit.take(room);
      await this.#wait.passed;
    }
    const stream = this.#stream;
    if (stream === undefined || this.#isClosed) throw new Error("closed");
    this.#restartIdle();
    const count = await stream.read(this.#buffer.subarray(this.#end, this.#end + room));
    if (!limit.isUnlimited) limit.giveBack(room - (count ?? 0));
    if (count === null) throw new Error("it closed the connection");
    this.#end += count;
  }

  /** Payload for the next blocks: whole ones as they lie, others put together. */
  #take(bytes: Uint8Array, start: number, end: number): void {
    const { owner } = this.#options;
    let at = start;
    while (at < end) {
      const block = this.#expected[0]!;
      if (this.#partSize === 0 && end - at >= block.length) {
        this.#expected.shift();
        owner.block(block.piece, block.begin, bytes.subarray(at, at + block.length));
        at += block.length;
        continue;
      }
      if (this.#part.length < block.length) this.#part = new Uint8Array(block.length);
      const taken = Math.min(end - at, block.length - this.#partSize);
      this.#part.set(bytes.subarray(at, at + taken), this.#partSize);
      this.#partSize += taken;
      at += taken;
      if (this.#partSize < block.length) return;
      this.#partSize = 0;
      this.#expected.shift();
      owner.block(block.piece, block.begin, this.#part.subarray(0, block.length));
    }
  }

  /** Padding, which needs no request. */
  #takeZeros(length: number): void {
    const zeros = new Uint8Array(Math.min(length, READ_BYTES));
    for (let left = length; left > 0; left -= zeros.length) {
      this.#take(zeros, 0, Math.min(left, zeros.length));
    }
    this.#options.owner.turn();
  }

  #restartIdle(): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#idleTimer);
    this.#idleTimer = clock.setTimeout(() => {
      this.#fail(new Trouble({ kind: "wait", why: "it sends nothing" }));
    }, WEB_SEED_IDLE_MS);
  }

  /** Closes the connection; requests that were sent and not answered may be sent again. */
  #hangUp(): void {
    this.#options.clock.clearTimeout(this.#idleTimer);
    this.#stream?.close();
    this.#stream = undefined;
    this.#isKept = false;
    this.#start = this.#end = 0;
    for (const planned of this.#planned) planned.isSent = false;
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.owner.failed(failureOf(error));
  }
}

/** The longest run at the front: blocks that follow each other in the torrent. */
function takeRun(wanted: readonly Block[], pieceLength: number) {
  const blocks: Block[] = [];
  const first = wanted[0]!;
  const offset = first.piece * pieceLength + first.begin;
  let length = 0;
  for (const block of wanted) {
    if (block.piece * pieceLength + block.begin !== offset + length) break;
    if (length > 0 && length + block.length > RUN_BYTES_MAX) break;
    blocks.push(block);
    length += block.length;
  }
  return { blocks, offset, length, count: blocks.length };
}

function failureOf(error: unknown): WebSeedFailure {
  if (error instanceof Trouble) return error.failure;
  if (error instanceof RefusedAddress) return { kind: "drop", why: error.message };
  const words = error instanceof Error ? error.message : String(error);
  return { kind: "wait", why: words.replace(/\p{C}+/gu, " ").slice(0, 200) };
}
