import { assertEquals } from "@std/assert";
import {
  type AccessEntry,
  AccessLog,
  formatEntry,
  openAccessLog,
} from "../../../../shell/tracker/log/access_log.ts";

const ENTRY: AccessEntry = {
  protocol: "http",
  client: "192.0.2.1",
  what: "started",
  infoHash: "a7".repeat(20),
  result: "answered",
  tookMs: 0.1234,
};

Deno.test("a line has time, address, protocol, request, torrent, result and duration", () => {
  const at = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6));
  assertEquals(
    formatEntry(ENTRY, at),
    `2026-01-02T03:04:05.006Z 192.0.2.1 http started ${"a7".repeat(20)} answered 123us\n`,
  );
  const { infoHash: _, ...rest } = ENTRY;
  const page: AccessEntry = { ...rest, what: "GET /torrents", result: 200 };
  assertEquals(
    formatEntry(page, at),
    "2026-01-02T03:04:05.006Z 192.0.2.1 http GET /torrents - 200 123us\n",
  );
  const refused: AccessEntry = { ...rest, what: "invalid", result: "refused", reason: "No port" };
  assertEquals(
    formatEntry(refused, at),
    "2026-01-02T03:04:05.006Z 192.0.2.1 http invalid - refused 123us No port\n",
  );
});

Deno.test("a request cannot forge a line or fill the log", () => {
  const what = `GET /\n2026 forged \x1b[31m${"x".repeat(5_000)}` as const;
  const line = formatEntry({ ...ENTRY, what }, new Date(0));
  assertEquals(line.split("\n").length, 2);
  assertEquals(line.length < 400, true);
  assertEquals(line.includes("\x1b"), false);
});

Deno.test("all lines are in the file when it is closed", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "earlier\n");
    const log = await openAccessLog(path);
    for (let i = 0; i < 2_000; i++) log.note(ENTRY);
    await log.close();
    const lines = (await Deno.readTextFile(path)).split("\n");
    assertEquals([lines[0], lines.length, lines.at(-1)], ["earlier", 2_002, ""]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("partial writes lose no byte of the log", async () => {
  let text = "";
  const log = new AccessLog({
    write(bytes) {
      const part = bytes.subarray(0, 7);
      text += new TextDecoder().decode(part);
      return Promise.resolve(part.length);
    },
    close: () => {},
  });
  for (let i = 0; i < 20; i++) log.note({ ...ENTRY, client: `192.0.2.${i}` });
  await log.close();
  assertEquals(
    text.trimEnd().split("\n").map((line) => line.split(" ")[1]),
    Array.from({ length: 20 }, (_, i) => `192.0.2.${i}`),
  );
});

Deno.test("lines refused by a full disk are counted, and logging continues", async () => {
  let isFull = true;
  let text = "";
  const written = Promise.withResolvers<void>();
  const log = new AccessLog({
    write(bytes) {
      if (isFull) {
        written.resolve();
        return Promise.reject(new Error("No space left on device"));
      }
      text += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    },
    close: () => {},
  });
  log.note(ENTRY);
  log.note(ENTRY);
  await written.promise;
  isFull = false;
  await Promise.resolve();
  log.note(ENTRY);
  await log.close();
  assertEquals(text.endsWith("# 2 lines were lost\n"), true, text);
});
