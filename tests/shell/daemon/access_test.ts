/** Requests that must be refused, each over a real socket, to a real daemon. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../../core/cli/exit_codes.ts";
import { answerBody, readBody } from "../../../shell/daemon/http_body.ts";
import { assertOneSentence, runTt } from "../../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../../support/daemon_kit.ts";

/** The status of a request written by hand: fetch would not send such headers. */
async function rawStatus(url: string, request: string): Promise<number> {
  const { hostname, port } = new URL(url);
  using conn = await Deno.connect({ hostname, port: Number(port) });
  await conn.write(new TextEncoder().encode(request.replaceAll("\n", "\r\n")));
  const buffer = new Uint8Array(4096);
  const count = await conn.read(buffer) ?? 0;
  return Number(new TextDecoder().decode(buffer.subarray(0, count)).split(" ")[1]);
}

Deno.test("a daemon serves only authenticated clients", async () => {
  await using dir = await daemonFolder();
  const login = ["--rpc-user", "ann", "--rpc-password", "correct horse"];
  await using daemon = await DaemonKit.start(dir.state, [
    ...login,
    "--allow-host",
    "tt.example.org",
    "--log",
    dir.at("log.jsonl"),
  ]);
  const { url, token } = daemon;
  const body = '{"method":"session-get"}';
  const post = async (headers: Record<string, string>) => {
    const response = await fetch(`${url}/transmission/rpc`, { method: "POST", body, headers });
    await response.body?.cancel();
    return response;
  };
  const bearer = { authorization: `Bearer ${token}` };

  // A session ID is sent to authorized clients, and required.
  const first = await post(bearer);
  assertEquals(first.status, 409);
  const id = first.headers.get("x-transmission-session-id")!;
  assertEquals(first.headers.get("x-transmission-rpc-version"), "6.0.1");
  const session = { "x-transmission-session-id": id };
  assertEquals((await post({ ...bearer, ...session })).status, 200);
  assertEquals((await post({ ...bearer, "x-transmission-session-id": "x" })).status, 409);

  // Tokens and passwords.
  const basic = (pair: string) => ({ authorization: `Basic ${btoa(pair)}`, ...session });
  assertEquals((await post(session)).status, 401);
  assertEquals((await post({ ...session, authorization: `Bearer ${token}x` })).status, 401);
  assertEquals((await post(basic("ann:correct horse"))).status, 200);
  assertEquals((await post(basic(`anyone:${token}`))).status, 200);
  assertEquals((await post(basic("ann:wrong"))).status, 401);
  assertEquals((await post(basic("a:nn:correct horse"))).status, 401);

  // Foreign origins and host names.
  const head = (host: string, more = "") =>
    `POST /transmission/rpc HTTP/1.1\nHost: ${host}\nAuthorization: Bearer ${token}\n` +
    `X-Transmission-Session-Id: ${id}\nContent-Length: ${body.length}\n${more}\n${body}`;
  const own = new URL(url).host;
  assertEquals(await rawStatus(url, head(own)), 200);
  assertEquals(await rawStatus(url, head("rebinding.example")), 421);
  assertEquals(await rawStatus(url, head("tt.example.org")), 200);
  assertEquals(await rawStatus(url, head(own, "Origin: https://evil.example\n")), 403);
  assertEquals(await rawStatus(url, head(own, `Origin: http://${own}\n`)), 200);
  assertEquals(await rawStatus(url, head(own, "Sec-Fetch-Site: cross-site\n")), 403);
  const upgrade = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n";
  assertEquals(await rawStatus(url, head(own, upgrade)), 400);

  // A body of 1 GB is refused before it has arrived.
  const huge = `POST /transmission/rpc HTTP/1.1\nHost: ${own}\nAuthorization: Bearer ${token}\n` +
    `X-Transmission-Session-Id: ${id}\nContent-Length: 1000000000\n\n`;
  assertEquals(await rawStatus(url, huge), 413);

  // The page needs no token, the metrics do.
  assertEquals(await rawStatus(url, `GET / HTTP/1.1\nHost: ${own}\n\n`), 200);
  assertEquals(await rawStatus(url, `GET / HTTP/1.1\nHost: rebinding.example\n\n`), 421);
  assertEquals(await rawStatus(url, `GET /metrics HTTP/1.1\nHost: ${own}\n\n`), 401);
  assertEquals(await rawStatus(url, `GET /transmission/rpc HTTP/1.1\nHost: ${own}\n\n`), 401);

  // Guessing is stopped soon, but clients with the token are not locked out.
  await daemon.call("session_set", { anti_brute_force_threshold: 5 });
  const guesses: number[] = [];
  for (let guess = 0; guess < 7; guess++) guesses.push((await post(basic("ann:no"))).status);
  assertEquals(guesses.at(-1), 429);
  assertEquals((await post(basic("ann:correct horse"))).status, 429);
  assertEquals((await post({ ...bearer, ...session })).status, 200);

  // None of it was logged.
  const { stdout, stderr } = await daemon.tt.stop();
  const log = await Deno.readTextFile(dir.at("log.jsonl"));
  for (const text of [stdout, stderr, log]) {
    for (const secret of [token, "correct horse", "wrong"]) assert(!text.includes(secret));
  }
  assertStringIncludes(log, "Wrong password from 127.0.0.1");
  for (const name of ["token", "settings.json"]) {
    assertEquals((await Deno.stat(`${dir.state}/${name}`)).mode! & 0o777, 0o600, name);
  }
  assertEquals((await Deno.stat(dir.state)).mode! & 0o777, 0o700);
});

/** Writes `head`, then `chunk` until the server answers; the status of its answer, and bytes sent. */
async function flood(url: string, head: string, chunk: Uint8Array) {
  const { hostname, port } = new URL(url);
  using conn = await Deno.connect({ hostname, port: Number(port) });
  await conn.write(new TextEncoder().encode(head.replaceAll("\n", "\r\n")));
  const buffer = new Uint8Array(4096);
  let isAnswered = false;
  const answer = conn.read(buffer).then((count) => count ?? 0, () => 0)
    .finally(() => isAnswered = true);
  let sent = 0;
  try {
    while (!isAnswered && sent < 1e9) sent += await conn.write(chunk.subarray(sent % chunk.length));
  } catch {
    // The connection is closed.
  }
  const text = new TextDecoder().decode(buffer.subarray(0, await answer));
  return { status: Number(text.split(" ")[1]), sent };
}

Deno.test("endless heads and bodies are cut off, and slow heads keep nobody out", async () => {
  await using dir = await daemonFolder();
  await using daemon = await DaemonKit.start(dir.state);
  const { url, token } = daemon;
  const { hostname, port, host } = new URL(url);
  const letters = new Uint8Array(64 * 1024).fill(97);
  const head = await flood(url, `GET / HTTP/1.1\nHost: ${host}\nX: `, letters);
  assertEquals(head.status, 400);
  assert(head.sent < 50e6, `${head.sent} bytes of a head`);

  const first = await fetch(`${url}/transmission/rpc`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  await first.body?.cancel();
  const id = first.headers.get("x-transmission-session-id");
  const chunk = new TextEncoder().encode(`10000\r\n${"a".repeat(0x10000)}\r\n`);
  const body = await flood(
    url,
    `POST /transmission/rpc HTTP/1.1\nHost: ${host}\nAuthorization: Bearer ${token}\n` +
      `X-Transmission-Session-Id: ${id}\nTransfer-Encoding: chunked\n\n`,
    chunk,
  );
  assertEquals(body.status, 413);
  assert(body.sent < 1e9, `${body.sent} bytes of a body`);

  const slow = await Promise.all(Array.from({ length: 200 }, async () => {
    const conn = await Deno.connect({ hostname, port: Number(port) });
    await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost:"));
    return conn;
  }));
  assertEquals(await daemon.torrents("id"), []);
  for (const conn of slow) conn.close();
});

Deno.test("addresses other than loopback need a certificate, or --allow-plain-http", async () => {
  await using dir = await daemonFolder();
  const args = ["daemon", "--state", dir.state, "--rpc", "0.0.0.0:0"];
  const refused = assertOneSentence(await runTt(args), EXIT.usage);
  assertStringIncludes(refused, "--cert and --key");
  const half = assertOneSentence(await runTt([...args, "--cert", "c.pem"]), EXIT.usage);
  assertStringIncludes(half, "go together");
  const lone = ["daemon", "--state", dir.state, "--rpc-user", "ann"];
  assertStringIncludes(assertOneSentence(await runTt(lone), EXIT.usage), "go together");
});

Deno.test("a request body that is too long or too slow is refused", async () => {
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1000)),
  });
  const request = (body: BodyInit) => new Request("http://a/", { method: "POST", body });
  assertEquals(await readBody(request(endless), 10_000), { ok: false, status: 413 });
  const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  assertEquals(await readBody(request(silent), 10_000, 20), { ok: false, status: 408 });
  assertEquals(await readBody(request("abc"), 3), { ok: true, text: "abc" });
  assertEquals(await readBody(request("abcd"), 3), { ok: false, status: 413 });
});

Deno.test("a client that stops reading is disconnected, a slow one gets everything", async () => {
  const text = "x".repeat(1_000_000);
  const whole = await new Response(answerBody(text)).text();
  assertEquals(whole.length, text.length);
  const stopped = (answerBody(text, 20) as ReadableStream<Uint8Array>).getReader();
  await stopped.read();
  await new Promise((done) => setTimeout(done, 60));
  const end = await stopped.read().then(() => "read", (error: Error) => error.message);
  assertEquals(end, "The reader stopped");
});
