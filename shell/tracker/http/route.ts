/** One entry of the tracker's table of HTTP routes; each module that answers requests exports its own. */
import type { Tracker } from "../tracker.ts";

export interface RouteRequest {
  readonly request: Request;
  /** Of the route's pattern and the request's path. */
  readonly match: RegExpExecArray;
  /** What follows "?", still escaped; "" without one. */
  readonly query: string;
  /** Canonical text: who asks, behind trusted proxies too. */
  readonly remoteIp: string;
  readonly tracker: Tracker;
}

export interface Route {
  /** GET answers HEAD as well. */
  readonly method: "GET" | "POST" | "DELETE";
  /** The limits on requests do not hold: for those who watch the tracker. */
  readonly isUnguarded?: boolean;
  /** Matched against the whole path, such as /^\/torrents$/. */
  readonly pattern: RegExp;
  /** Should not throw; what it throws is answered with status 500 and one sentence. */
  handle(request: RouteRequest): Response | Promise<Response>;
}
