/**
 * The daemon's RPC from the page's side: JSON-RPC 2.0 over one path, authorised by the token that the
 * daemon prints as part of the page's address (behind `#`, so that it is in no request line and no log),
 * or by a user name and password.
 */

const PATH = "/transmission/rpc";
const CREDENTIALS_KEY = "tt-credentials";
const SESSION_HEADER = "X-Transmission-Session-Id";

export class RpcError extends Error {}
/** The daemon requires a token. */
export class Unauthorized extends RpcError {}

let sessionId = "";
let nextId = 1;

/** Takes the token out of the address, so that it is neither bookmarked nor shown. */
export function adoptToken(): void {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  useToken(token);
  history.replaceState(null, "", location.pathname);
}

export function useToken(token: string): void {
  sessionStorage.setItem(CREDENTIALS_KEY, `Bearer ${token}`);
}

export function usePassword(user: string, password: string): void {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  sessionStorage.setItem(CREDENTIALS_KEY, `Basic ${btoa(String.fromCharCode(...bytes))}`);
}

/** Asks the daemon; throws Unauthorized, or an RpcError with a sentence for the reader. */
export async function call<T>(method: string, params: object = {}): Promise<T> {
  const body = JSON.stringify({ jsonrpc: "2.0", method, params, id: nextId++ });
  let response = await post(body);
  if (response.status === 409) {
    sessionId = response.headers.get(SESSION_HEADER) ?? "";
    response = await post(body);
  }
  if (response.status === 401) {
    throw new Unauthorized("The daemon does not accept these credentials");
  }
  if (!response.ok) throw new RpcError(`The daemon answered ${response.status}`);
  const answer = await response.json();
  if (answer.error !== undefined) {
    throw new RpcError(answer.error.data?.error_string ?? answer.error.message);
  }
  return answer.result as T;
}

async function post(body: string): Promise<Response> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (sessionId !== "") headers[SESSION_HEADER] = sessionId;
  const credentials = sessionStorage.getItem(CREDENTIALS_KEY);
  if (credentials !== null) headers.Authorization = credentials;
  try {
    return await fetch(PATH, { method: "POST", headers, body, cache: "no-store" });
  } catch {
    throw new RpcError("The daemon does not answer; it may have been stopped");
  }
}
