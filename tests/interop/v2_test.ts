/** v2 and hybrid torrents: libtorrent speaks both, and the others take hybrids by their v1 half. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { aria2 } from "./clients/aria2.ts";
import type { Client } from "./clients/client.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { rtorrent } from "./clients/rtorrent.ts";
import { ttTracker } from "./clients/tracker.ts";
import { transmission } from "./clients/transmission.ts";
import { tt } from "./clients/tt.ts";
import { webtorrent } from "./clients/webtorrent.ts";
import {
  awkwardSizes,
  type Content,
  largePieces,
  openScratch,
  smallPieces,
  writeContent,
  writeTorrent,
} from "./content.ts";
import { concurrentSteps, interopTest } from "./requirements.ts";
import { transfer } from "./transfer.ts";

const V2 = [smallPieces, largePieces, awkwardSizes].map((content) => inFormat(content, "v2"));
const HYBRID = [smallPieces, largePieces, awkwardSizes].map((content) =>
  inFormat(content, "hybrid")
);

await formatTest(tt, tt, [...V2, ...HYBRID]);
await formatTest(tt, libtorrent, [...V2, ...HYBRID]);
await formatTest(libtorrent, tt, [...V2, ...HYBRID]);
await magnetTest(tt, tt);
await magnetTest(tt, libtorrent);
await magnetTest(libtorrent, tt);
await formatTest(tt, rtorrent, HYBRID);
await formatTest(tt, webtorrent, HYBRID);
await refusalTest(aria2, ["aria2c", "-S"], /Info Hash: ([0-9a-f]{40})/);
await refusalTest(transmission, ["transmission-show"], /Hash: ([0-9a-f]{40})/);

function inFormat(content: Content, format: "v2" | "hybrid"): Content {
  return { ...content, format, title: `${format}: ${content.title}` };
}

async function formatTest(
  seeder: Client,
  downloader: Client,
  contents: readonly Content[],
): Promise<void> {
  await interopTest({
    name: `${downloader.name} downloads v2 and hybrid torrents from ${seeder.name}`,
    needs: [seeder, downloader],
    fn: (test) =>
      concurrentSteps(
        test,
        contents.map((content) => ({
          name: content.title,
          fn: () => transfer(seeder, downloader, content),
        })),
      ),
  });
}

/**
 * The reason for the default of `--format`: a client that reads another info hash out of a hybrid, or
 * none, cannot share it. Once these do, hybrids can be the default for single files.
 */
async function refusalTest(client: Client, argv: string[], hash: RegExp): Promise<void> {
  await interopTest({
    name: `${client.name} does not read hybrids`,
    needs: [client],
    fn: async () => {
      await using scratch = await openScratch();
      for (const format of ["v1", "hybrid"] as const) {
        const content = { ...smallPieces, format };
        await writeContent(scratch.path, content);
        const { path, infoHash } = await writeTorrent(
          scratch.path,
          content,
          undefined,
          join(scratch.path, `${format}.torrent`),
        );
        const [program, ...args] = [...argv, path];
        const { stdout } = await new Deno.Command(program!, { args, stderr: "null" }).output();
        const found = new TextDecoder().decode(stdout).match(hash)?.[1];
        assertEquals(found === infoHash, format === "v1", `${format}: ${found}`);
      }
    },
  });
}

/** By the link of a v2 torrent, and by that of a hybrid, which names both hashes. */
async function magnetTest(seeder: Client, downloader: Client): Promise<void> {
  await interopTest({
    name: `${downloader.name} fetches v2 and hybrid torrents from ${seeder.name} by magnet links`,
    needs: [seeder, downloader, ttTracker],
    fn: (test) =>
      concurrentSteps(
        test,
        (["v2", "hybrid"] as const).map((format) => ({
          name: format,
          fn: () =>
            transfer(
              seeder,
              downloader,
              inFormat(awkwardSizes, format),
              ttTracker,
              undefined,
              true,
            ),
        })),
      ),
  });
}
