import { assert, assertEquals } from "@std/assert";
import {
  type StreamReader,
  StreamServer,
  type StreamSource,
} from "../../../shell/stream/server.ts";
import { until } from "../../support/until.ts";

const SECRET = "b".repeat(32);
const FILM = Uint8Array.from({ length: 700_000 }, (_, i) => i % 251);

interface Opened {
  readonly file: number;
  readonly start: number;
  isClosed: boolean;
  reads: number;
}

/** A source in memory; with `gate`, reads wait for it. */
function memorySource(gate?: Promise<void>): { source: StreamSource; opened: Opened[] } {
  const opened: Opened[] = [];
  const files = [{ path: "season 1/film #1.mkv", length: FILM.length }, { path: "e", length: 0 }];
  return {
    opened,
    source: {
      name: "season",
      files,
      openReader(file, start, end): StreamReader {
        const record = { file, start, isClosed: false, reads: 0 };
        opened.push(record);
        let at = start;
        return {
          async read(bytesMax) {
            record.reads++;
            await gate;
            if (at >= end) return undefined;
            const from = at;
            at = Math.min(end, at + bytesMax);
            return FILM.slice(from, at);
          },
          close: () => record.isClosed = true,
        };
      },
    },
  };
}

function open(gate?: Promise<void>) {
  const { source, opened } = memorySource(gate);
  const counts: number[] = [];
  const server = new StreamServer({
    ...{ source, port: 0, secret: SECRET },
    onReaders: (count) => counts.push(count),
  });
  return { server, opened, counts, [Symbol.asyncDispose]: () => server.close() };
}

Deno.test("a whole file, a range and a HEAD get the right bytes and headers", async () => {
  await using streamed = open();
  const url = streamed.server.urlOf(0);
  assert(url.endsWith(`/${SECRET}/0/film%20%231.mkv`), url);
  const whole = await fetch(url);
  assertEquals([whole.status, whole.headers.get("content-type")], [200, "video/x-matroska"]);
  assertEquals(await whole.bytes(), FILM);
  const part = await fetch(url, { headers: { range: "bytes=100-299" } });
  assertEquals([part.status, part.headers.get("content-range")], [206, "bytes 100-299/700000"]);
  assertEquals(await part.bytes(), FILM.slice(100, 300));
  const head = await fetch(url, { method: "HEAD", headers: { range: "bytes=-5" } });
  assertEquals([head.status, head.headers.get("content-length")], [206, "5"]);
  assertEquals(streamed.opened.length, 2);
  assertEquals(streamed.opened.every(({ isClosed }) => isClosed), true);
  assertEquals(streamed.counts.at(-1), 0);
});

Deno.test("a range beyond the end, an empty file and other methods get their status", async () => {
  await using streamed = open();
  const beyond = await fetch(streamed.server.urlOf(0), { headers: { range: "bytes=700000-" } });
  assertEquals([beyond.status, beyond.headers.get("content-range")], [416, "bytes */700000"]);
  await beyond.body?.cancel();
  const empty = await fetch(streamed.server.urlOf(1));
  assertEquals([empty.status, (await empty.bytes()).length], [200, 0]);
  const posted = await fetch(streamed.server.urlOf(0), { method: "POST", body: "x" });
  assertEquals(posted.status, 405);
  await posted.body?.cancel();
});

Deno.test("without the secret, or with another host name, everything is not found", async () => {
  await using streamed = open();
  const url = new URL(streamed.server.urlOf(0));
  for (
    const path of ["/", "/0/film.mkv", `/${SECRET}x/0`, `/${SECRET.slice(1)}/0`, `/${SECRET}/9`]
  ) {
    const answer = await fetch(new URL(path, url));
    assertEquals(answer.status, 404, path);
    await answer.body?.cancel();
  }
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(url.port) });
  await conn.write(new TextEncoder().encode(
    `GET ${url.pathname} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
  ));
  const head = new TextDecoder().decode(await new Response(conn.readable).bytes());
  assert(head.startsWith("HTTP/1.1 403"), head);
});

Deno.test("a playlist contains the playable files", async () => {
  await using streamed = open();
  const text = await (await fetch(streamed.server.playlistUrl)).text();
  assertEquals(text.split("\n").slice(0, 3), [
    "#EXTM3U",
    "#EXTINF:-1,season 1/film #1.mkv",
    streamed.server.urlOf(0),
  ]);
});

Deno.test("a disconnected reader ends its wait, and an idle one is sent one chunk", async () => {
  const gate = Promise.withResolvers<void>();
  await using streamed = open(gate.promise);
  const controller = new AbortController();
  const asked = await fetch(streamed.server.urlOf(0), { signal: controller.signal });
  assertEquals([asked.status, streamed.opened[0]!.isClosed], [200, false]);
  controller.abort();
  gate.resolve();
  await asked.bytes().catch(() => {});
  await until(() => streamed.opened[0]!.isClosed, "the first file is closed");

  using conn = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(streamed.server.urlOf(0)).port),
  });
  const url = new URL(streamed.server.urlOf(0));
  await conn.write(
    new TextEncoder().encode(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`),
  );
  const isRead = () => streamed.opened.length === 2 && streamed.opened[1]!.reads > 0;
  await until(isRead, "the second file is read");
  assert(streamed.opened[1]!.reads <= 8, `${streamed.opened[1]!.reads} chunks were asked for`);
});

Deno.test("the number of readers is limited", async () => {
  const gate = Promise.withResolvers<void>();
  await using streamed = open(gate.promise);
  const answers = await Promise.all(
    Array.from({ length: 80 }, () => fetch(streamed.server.urlOf(0))),
  );
  const refused = answers.filter(({ status }) => status === 503).length;
  assertEquals(refused, 16);
  gate.resolve();
  for (const answer of answers) await answer.body?.cancel();
});
