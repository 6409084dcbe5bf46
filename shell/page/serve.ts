/** The daemon's page as HTTP answers. Nothing in it needs another host. */
import { PAGE_ASSETS } from "./assets.ts";

const HEADERS = {
  "Cache-Control": "no-cache",
  "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** The page or a part of it; undefined when nothing of it lies there. GET and HEAD only. */
export function servePage(method: string, path: string): Response | undefined {
  if (!Object.hasOwn(PAGE_ASSETS, path)) return undefined;
  if (method !== "GET" && method !== "HEAD") {
    return new Response(null, { status: 405, headers: { Allow: "GET, HEAD" } });
  }
  const { type, body } = PAGE_ASSETS[path]!;
  return new Response(method === "GET" ? body : null, {
    headers: { ...HEADERS, "Content-Type": type },
  });
}
