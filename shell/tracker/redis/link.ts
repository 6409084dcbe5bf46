/**
 * The way to Redis: loads the script where it is missing, and opens itself again when it is lost.
 * Announces that come while others are under way gather and go together: the busier the tracker,
 * the cheaper each one.
 *
 * Absent on purpose: waiting. What cannot be asked now fails now, for a peer would rather have a
 * stale answer than none.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { AnnounceReply } from "../../../core/tracker_server/types.ts";
import { withTimeout } from "../../clock.ts";
import { decodeReplies } from "./requests.ts";
import { ANNOUNCE_SCRIPT } from "./script.ts";
import { openRedisServer, type RedisArguments, type RedisServer, type Send } from "./server.ts";

/** Redis answers and takes nothing: a replica, a full disk, a user without rights. */
const REFUSED = /^(READONLY|NOPERM|MISCONF|NOAUTH|WRONGPASS|MASTERDOWN|CLUSTERDOWN|LOADING)\b/;
/** Written when a link is opened, so that one that takes nothing counts as none. */
const PROBE = ["SET", "tt-probe", "1", "PX", "1000"] as const;

/** A link that is silent for longer is lost, whatever its socket says. */
const ANSWER_MS_MAX = 1_500;
const WATCH_MS = 250;
const REOPEN_MS_MIN = 100;
const REOPEN_MS_MAX = 2_000;
/** Between looks at a cluster of which a node is silent. */
const RENEW_MS = 5_000;
/** Blocks Redis for a millisecond or two. */
const BATCH_ANNOUNCES_MAX = 128;
/** While one is under way others gather, for a large batch costs less; only full ones follow it. */
const BATCHES_UNDER_WAY_MAX = 4;
/** More than a tracker can answer in ANSWER_MS_MAX; beyond it announces fail at once. */
const WAITING_ANNOUNCES_MAX = 20_000;

const SCRIPT_SHA = createHash("sha1").update(ANNOUNCE_SCRIPT).digest("hex");

interface Announce {
  readonly key: string;
  readonly request: Buffer;
  readonly reply: PromiseWithResolvers<AnnounceReply | undefined>;
}

/** Something that Redis was asked and has not answered. */
interface Question {
  readonly sentAt: number;
  fail(error: Error): void;
}

export interface RedisLinkOptions {
  /** redis[s]://[USER:PASSWORD@]HOST:PORT[/DATABASE] of a server or of any node of a cluster. */
  readonly url: string;
  /** How long Redis keeps a peer that has fallen silent, in seconds. */
  readonly peerSeconds: () => number;
  /** A 32-bit number for the script's choices. */
  readonly random: () => number;
  /** Called whenever the connection is lost (with the reason) or restored (undefined). */
  readonly onChange: (lost: string | undefined) => void;
}

/** A link that keeps itself open until it is closed. */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  readonly #queue: Announce[] = [];
  /** The oldest first. */
  readonly #underWay = new Set<Question>();
  /** Those of `#underWay` that are batches of announces. */
  readonly #batches = new Set<Question>();
  readonly #watch: ReturnType<typeof setInterval>;
  #server: RedisServer | undefined;
  #opening: Promise<void> | undefined;
  #reopenTimer: ReturnType<typeof setTimeout> | undefined;
  /** Nodes of the cluster, in case that the given one fails. */
  #otherUrls: readonly string[] = [];
  #reopenMs = REOPEN_MS_MIN;
  /** Not before, by the machine's clock. */
  #renewAt = 0;
  #isClosed = false;

  private constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#watch = setInterval(() => this.#leaveSilence(), WATCH_MS);
  }

  /** Resolves after the first attempt, whether it worked or not: see `isUp`. */
  static async open(options: RedisLinkOptions): Promise<RedisLink> {
    const link = new RedisLink(options);
    await link.#open();
    return link;
  }

  get isUp(): boolean {
    return this.#server !== undefined;
  }

  /** As `decodeReplies` has it. Rejects when the link is or gets lost. */
  announce(key: string, request: Buffer): Promise<AnnounceReply | undefined> {
    if (this.#server === undefined) return Promise.reject(new Error("not connected"));
    const waiting = this.#queue.length + this.#underWay.size;
    if (waiting >= WAITING_ANNOUNCES_MAX) return Promise.reject(new Error("overloaded"));
    const reply = Promise.withResolvers<AnnounceReply | undefined>();
    this.#queue.push({ key, request, reply });
    this.#flush(this.#server);
    return reply.promise;
  }

  /** One command about one key; rejects when the link is or gets lost, and in bounded time. */
  async command(key: string, ...command: RedisArguments): Promise<unknown> {
    return await this.#ask((server) => server.send(key, command));
  }

  /** A way to each node that holds keys, of which the same is true. */
  async nodes(): Promise<Send[]> {
    const nodes = await this.#ask((server) => server.nodes());
    return nodes.map((send) => (command) => this.#ask(() => send(command)));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#watch);
    clearTimeout(this.#reopenTimer);
    await this.#opening;
    this.#drop("closed");
  }

  /**
   * The watch sees to it that this ends: a server that is dropped may never settle what it was
   * asked.
   */
  async #ask<T>(send: (server: RedisServer) => Promise<T>): Promise<T> {
    if (this.#server === undefined) throw new Error("not connected");
    const lost = Promise.withResolvers<never>();
    const question: Question = { sentAt: performance.now(), fail: lost.reject };
    this.#underWay.add(question);
    try {
      return await Promise.race([send(this.#server), lost.promise]);
    } finally {
      this.#underWay.delete(question);
    }
  }

  /** A cluster takes keys of one slot together only, so there each announce goes by itself. */
  #flush(server: RedisServer): void {
    while (this.#queue.length > 0) {
      const isFull = this.#queue.length >= BATCH_ANNOUNCES_MAX;
      const underWayMax = isFull ? BATCHES_UNDER_WAY_MAX : 1;
      if (!server.isCluster && this.#batches.size >= underWayMax) return;
      this.#send(server, this.#queue.splice(0, server.isCluster ? 1 : BATCH_ANNOUNCES_MAX));
    }
  }

  async #send(server: RedisServer, announces: readonly Announce[]): Promise<void> {
    const fail = (error: unknown) => announces.forEach(({ reply }) => reply.reject(error));
    const question: Question = { sentAt: performance.now(), fail };
    this.#underWay.add(question);
    this.#batches.add(question);
    try {
      const replies = await this.#runScript(server, announces);
      replies.forEach((reply, i) => announces[i]!.reply.resolve(reply));
    } catch (error) {
      fail(error);
      const refusal = error instanceof Error ? REFUSED.exec(error.message)?.[0] : undefined;
      // It may be another server's turn by now, which a new link finds.
      if (refusal !== undefined && server === this.#server) this.#lose(refusal);
    } finally {
      this.#underWay.delete(question);
      this.#batches.delete(question);
    }
    if (server === this.#server) this.#flush(server);
  }

  async #runScript(
    server: RedisServer,
    announces: readonly Announce[],
  ): Promise<(AnnounceReply | undefined)[]> {
    const { peerSeconds, random } = this.#options;
    const requests = announces.length === 1
      ? announces[0]!.request
      : Buffer.concat(announces.map(({ request }) => request));
    const keys = announces.map(({ key }) => key);
    const rest = [`${keys.length}`, ...keys, `${peerSeconds()}`, `${random()}`, requests];
    const reply = await server.send(keys[0]!, ["EVALSHA", SCRIPT_SHA, ...rest])
      .catch((error: Error) => {
        if (!error.message.startsWith("NOSCRIPT")) throw error;
        return server.send(keys[0]!, ["EVAL", ANNOUNCE_SCRIPT, ...rest]);
      });
    return decodeReplies(reply as Buffer, announces.map(({ request }) => request), random);
  }

  /** A silent node of a cluster does not affect the others. */
  #leaveSilence(): void {
    const why = `no answer within ${ANSWER_MS_MAX / 1000} s`;
    const sentBefore = performance.now() - ANSWER_MS_MAX;
    for (const question of this.#underWay) {
      if (question.sentAt > sentBefore) return;
      if (this.#server?.isCluster !== true) return this.#lose(why);
      this.#underWay.delete(question);
      this.#batches.delete(question);
      question.fail(new Error(why));
      this.#renew();
    }
  }

  /** Looks up the nodes again, over connections that cannot hang. */
  async #renew(): Promise<void> {
    if (performance.now() < this.#renewAt) return;
    this.#renewAt = Infinity;
    const former = this.#server;
    const server = await this.#openServer().catch(() => undefined);
    this.#renewAt = performance.now() + RENEW_MS;
    if (server === undefined) return;
    if (this.#isClosed || this.#server !== former) return server.drop();
    this.#server = server;
    former?.drop();
  }

  #lose(why: string): void {
    if (this.#server === undefined) return;
    this.#drop(why);
    if (this.#isClosed) return;
    this.#options.onChange(why);
    this.#reopenLater();
  }

  /** Fails what waits, and at once. */
  #drop(why: string): void {
    const server = this.#server;
    this.#server = undefined;
    const lost = new Error(why);
    for (const question of this.#underWay) question.fail(lost);
    for (const { reply } of this.#queue.splice(0)) reply.reject(lost);
    this.#underWay.clear();
    this.#batches.clear();
    server?.drop();
  }

  #reopenLater(): void {
    this.#reopenTimer = setTimeout(() => this.#open(), this.#reopenMs);
    this.#reopenMs = Math.min(2 * this.#reopenMs, REOPEN_MS_MAX);
  }

  async #openServer(): Promise<RedisServer> {
    const urls = [this.#options.url, ...this.#otherUrls];
    // An early failure is reported by the rejection only.
    let server: RedisServer | undefined = undefined;
    server = await openRedisServer(urls, (why) => {
      if (server !== undefined && server === this.#server) this.#lose(why);
    });
    this.#otherUrls = server.otherUrls;
    try {
      await withTimeout(server.send(PROBE[1], [...PROBE]), ANSWER_MS_MAX, "no answer");
    } catch (error) {
      // One without room still serves the peers that it has.
      if (!(error instanceof Error && error.message.startsWith("OOM"))) {
        server.drop();
        throw error;
      }
    }
    return server;
  }

  #open(): Promise<void> {
    this.#opening = this.#openServer().then((server) => {
      if (this.#isClosed) return server.drop();
      this.#server = server;
      this.#reopenMs = REOPEN_MS_MIN;
      this.#options.onChange(undefined);
    }, (error) => {
      if (this.#isClosed) return;
      this.#options.onChange(error instanceof Error ? error.message : String(error));
      this.#reopenLater();
    });
    return this.#opening;
  }
}
