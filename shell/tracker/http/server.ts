/**
 * What the tracker answers over HTTP: announces and scrapes by the fast path, everything else from the
 * table of routes.
 */
import { formatIp, parseIp } from "../../../core/bytes/ip.ts";
import { guardAnnounce } from "../../../core/tracker_server/access/flood_guard.ts";
import { forwardedIp, isInNetwork } from "../../../core/tracker_server/access/networks.ts";
import { readRemoteIp } from "../../../core/tracker_server/access/remote_ip.ts";
import { answerFast } from "./announce.ts";
import type { HttpHandler } from "./connection.ts";
import type { Client } from "./message.ts";
import type { Tracker } from "../tracker.ts";
import type { Route } from "./route.ts";

/** Paths of the fast path, which only GET leads to. */
const FAST_PATHS: readonly string[] = ["/announce", "/scrape"];

/** The tracker as the listener sees it. */
export function createHttpHandler(tracker: Tracker, routes: readonly Route[]): HttpHandler {
  return {
    answerFast: (bytes, head, client, writer) => answerFast(tracker, bytes, head, client, writer),
    settling: () => tracker.backend.settling,
    async answer(request, target, client) {
      const { settings: { accessLog, onProblem }, now } = tracker;
      const startedAt = now();
      const what = `${request.method} ${pathOf(target)}` as const;
      const response = await answerByRoute(tracker, routes, request, target, client).catch(
        (error) => {
          onProblem?.(`The answer to ${what} failed: ${error}`);
          return sentence(500, "This tracker made a mistake, try again later");
        },
      );
      accessLog?.note({
        protocol: "http",
        client: remoteIpOf(tracker, request, client),
        what,
        result: response.status,
        tookMs: now() - startedAt,
      });
      return response;
    },
  };
}

/** From the texts that the runtime has for the addresses of the other end and of ours. */
export function describeClient(tracker: Tracker, hostname: string, ownHostname: string): Client {
  const ip = readRemoteIp(hostname, new Uint8Array(4));
  const { trustedProxies } = tracker.settings;
  const isTrustedProxy = trustedProxies?.some((network) => isInNetwork(ip, network)) ?? false;
  return {
    ip,
    ownIp: isTrustedProxy ? undefined : readRemoteIp(ownHostname, new Uint8Array(4)),
    // The runtime's text of an IPv4 address is canonical, and this is done for each connection.
    ipText: hostname.includes(":") ? formatIp(ip) : hostname,
    isTrustedProxy,
  };
}

async function answerByRoute(
  tracker: Tracker,
  routes: readonly Route[],
  request: Request,
  target: string,
  client: Client,
): Promise<Response> {
  const [path = "", query = ""] = target.split("#", 1)[0]!.split(/\?(.*)/s);
  const method = request.method === "HEAD" ? "GET" : request.method;
  const allowed = new Set<string>(FAST_PATHS.includes(path) ? ["GET"] : []);
  for (const route of routes) {
    const match = route.pattern.exec(path);
    if (match === null) continue;
    allowed.add(route.method);
    if (route.method !== method) continue;
    const remoteIp = remoteIpOf(tracker, request, client);
    if (!route.isUnguarded && tracker.guard !== undefined) {
      const excess = guardAnnounce(tracker.guard, parseIp(remoteIp)!, tracker.now());
      if (excess !== undefined) return sentence(429, excess);
    }
    return await route.handle({ request, match, query, remoteIp, tracker });
  }
  if (allowed.size === 0) return sentence(404, "Not found");
  const methods = [...allowed].join(", ");
  const response = sentence(405, `Only ${methods} is answered here`);
  response.headers.set("allow", methods);
  return response;
}

function remoteIpOf({ settings }: Tracker, request: Request, client: Client): string {
  const header = client.isTrustedProxy ? request.headers.get("x-forwarded-for") : null;
  return header === null
    ? client.ipText
    : forwardedIp(header, settings.trustedProxies ?? []) ?? client.ipText;
}

function pathOf(target: string): `/${string}` {
  return `/${target.split(/[?#]/, 1)[0]!.slice(1)}`;
}

/** A plain answer of one sentence. */
export function sentence(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: { "content-type": "text/plain" } });
}
