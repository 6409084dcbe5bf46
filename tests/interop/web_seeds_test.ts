/** Torrents whose only source, or one of them, is a real web server. */
import { assert, assertEquals } from "@std/assert";
import { freshPort, loopback } from "../support/network.ts";
import { nginxServer, startNginx } from "./clients/nginx.ts";
import { runCommand } from "../support/process.ts";
import { tt } from "./clients/tt.ts";
import { ttCommand } from "../support/tt_command.ts";
import { nestedFolder, openScratch, smallPieces, writeContent } from "../support/content.ts";
import type { Content } from "../support/content.ts";
import { interopTest } from "../support/requirements.ts";
import { assertSameBytes, TRANSFER_DEADLINE_MS } from "./transfer.ts";

/** Downloads the content with nginx as its only source; returns the lines of the server's log. */
async function download(content: Content): Promise<string[]> {
  await using scratch = await openScratch();
  const [source, target] = [`${scratch.path}/source`, `${scratch.path}/target`];
  await Deno.mkdir(target);
  await writeContent(source, content);
  await using server = await startNginx(source, scratch.path);
  const path = `${scratch.path}/it.torrent`;
  const args = ["create", `${source}/${content.name}`, "--web-seed", server.url, "--out", path];
  await runCommand(await ttCommand([...args, "--piece-length", String(content.pieceLength)]));
  await using get = await tt.download({
    torrentPath: path,
    dir: target,
    place: loopback,
    port: freshPort(),
    deadlineMs: TRANSFER_DEADLINE_MS,
  });
  await get.completed;
  await assertSameBytes(tt, content, target, source);
  return await server.log();
}

await interopTest({
  name: "tt downloads from nginx alone: a folder with pieces across files, and a large file",
  needs: [nginxServer],
  fn: async (test) => {
    await test.step("nested folder", async () => {
      const log = await download(nestedFolder);
      assert(log.every((line) => / 206 /.test(line)), log.join("\n"));
    });
    await test.step("one file", async () => {
      const log = await download(smallPieces);
      const size = smallPieces.files.reduce((sum, { length }) => sum + length, 0);
      const pieces = Math.ceil(size / smallPieces.pieceLength);
      const sent = log.map((line) => Number(/ 206 (\d+) /.exec(line)?.[1]));
      assertEquals(sent.reduce((sum, bytes) => sum + bytes, 0), size);
      assert(log.length < pieces / 4, `${log.length} requests for ${pieces} pieces`);
    });
  },
});
