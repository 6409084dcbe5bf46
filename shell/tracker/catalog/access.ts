/**
 * Who may change the catalog. With a token: clients that present it. Without one: programs of this
 * machine, while the tracker listens on loopback only. Web pages never: a browser says where a page is
 * from, and a page that had its name pointed at this machine is known by the name that it asks for. A
 * request that names no host, or an odd one, is refused as well.
 */
import { createHash } from "node:crypto";
import { timingSafeEqual } from "@std/crypto/timing-safe-equal";
import { isLoopbackIp } from "../../../core/bytes/ip.ts";

export interface Access {
  readonly token: string | undefined;
  /** The tracker listens on a loopback address. */
  readonly isLocal: boolean;
}

/** Why a change was not allowed: an HTTP status and a sentence. */
export interface AccessRefusal {
  readonly status: 401 | 403;
  readonly message: string;
}

/** What proxies add; a request that came through one is not from this machine. */
const FORWARDING_HEADERS = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/** Undefined when the request may change the catalog. */
export function refuseChange(
  { token, isLocal }: Access,
  request: Request,
): AccessRefusal | undefined {
  const { headers } = request;
  if (token !== undefined) {
    return isBearer(headers.get("authorization"), token) ? undefined : wrong();
  }
  if (!isLocal || FORWARDING_HEADERS.some((name) => headers.has(name))) return closed();
  return isFromPage(headers) || !isLoopbackHost(new URL(request.url).hostname)
    ? { status: 403, message: "Web pages may not change the catalog; use tt or curl" }
    : undefined;
}

/** Old browsers send an Origin with a change, newer ones say on whose behalf they ask. */
function isFromPage(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  return headers.has("origin") || (site !== null && site !== "none");
}

/** Whether the header carries the token. Takes as long for a wrong one as for the right one. */
export function isBearer(header: string | null, token: string): boolean {
  const given = /^Bearer +(.+)$/i.exec(header ?? "")?.[1] ?? "";
  return timingSafeEqual(digest(given), digest(token));
}

/** Of equal length, whatever goes in, as the comparison needs it. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || isLoopbackIp(hostname.replace(/^\[(.*)\]$/, "$1"));
}

function wrong(): AccessRefusal {
  const message = "This catalog needs its token; send it as Authorization: Bearer TOKEN, or give " +
    "tt the option --catalog-token";
  return { status: 401, message };
}

function closed(): AccessRefusal {
  const message =
    "This catalog can be read only; to change it, run the tracker with --catalog-token";
  return { status: 403, message };
}
