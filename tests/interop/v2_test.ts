/**
 * v2 and hybrid torrents: libtorrent supports both, and the others download hybrids by their v1
 * half.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { aria2 } from "./clients/aria2.ts";
import type { Client } from "./clients/client.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { rtorrent } from "./clients/rtorrent.ts";
import { announceUrl, awaitSeeder, ttTracker } from "./clients/tracker.ts";
import { transmission } from "./clients/transmission.ts";
import { tt } from "./clients/tt.ts";
import { webtorrent } from "./clients/webtorrent.ts";
import {
  awkwardFiles,
  awkwardSizes,
  type Content,
  largePieces,
  openScratch,
  smallPieces,
  writeContent,
  writeTorrent,
} from "../support/content.ts";
import { concurrentSteps, interopTest } from "../support/requirements.ts";
import { assertSameBytes, complete, transfer, TRANSFER_DEADLINE_MS } from "./transfer.ts";
import { freshPort, loopback, type Place } from "../support/network.ts";
import { layerPart } from "../../core/hash_exchange/ranges.ts";
import type { Identity } from "../../core/metainfo/identity.ts";
import type { PieceTrees } from "../../core/metainfo/piece_trees.ts";
import type { InfoHash } from "../../core/metainfo/types.ts";
import { createByteWriter, writtenBytes } from "../../core/bytes/byte_writer.ts";
import { appendMessage, decodeMessage } from "../../core/wire/codec.ts";
import { createFrameView, readFrame } from "../../core/wire/frame.ts";
import { encodeHandshake, HANDSHAKE_SIZE } from "../../core/wire/handshake.ts";
import type { WireMessage } from "../../core/wire/message.ts";
import { until, within } from "../support/until.ts";
import { loadTorrent } from "../../shell/load_torrent.ts";

const LINKS = [
  ["v2", "link"],
  ["hybrid", "link"],
  ["hybrid", "btih"],
  ["hybrid", "btmh"],
] as const;
const CONTENTS = [smallPieces, largePieces, awkwardSizes];
const V2 = CONTENTS.map((content) => inFormat(content, "v2"));
const HYBRID = CONTENTS.map((content) => inFormat(content, "hybrid"));
const FILES = awkwardFiles.flatMap((content) => [
  inFormat(content, "v2"),
  inFormat(content, "hybrid"),
]);

await formatTest(tt, tt, [...V2, ...HYBRID]);
await formatTest(tt, libtorrent, [...V2, ...HYBRID]);
await formatTest(libtorrent, tt, [...V2, ...HYBRID]);
await formatTest(tt, libtorrent, FILES, ", single files");
await formatTest(libtorrent, tt, FILES, ", single files");
await magnetTest(tt, tt);
await magnetTest(tt, libtorrent);
await magnetTest(libtorrent, tt);
await formatTest(tt, rtorrent, HYBRID);
await formatTest(tt, webtorrent, HYBRID);
await bridgeTest();
await mixedSwarmTest();
await refusalTest(aria2, ["aria2c", "-S"], /Info Hash: ([0-9a-f]{40})/);
await refusalTest(transmission, ["transmission-show"], /Hash: ([0-9a-f]{40})/);

function inFormat(content: Content, format: "v2" | "hybrid"): Content {
  return { ...content, format, title: `${format}: ${content.title}` };
}

async function formatTest(
  seeder: Client,
  downloader: Client,
  contents: readonly Content[],
  what = "",
): Promise<void> {
  await interopTest({
    name: `${downloader.name} downloads v2 and hybrid torrents from ${seeder.name}${what}`,
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
 * The reason for the default of `--format`: a client that computes another info hash for a hybrid,
 * or none, cannot share it. Once these can, hybrids can be the default for single files.
 */
async function refusalTest(client: Client, argv: string[], hash: RegExp): Promise<void> {
  await interopTest({
    name: `${client.name} does not support hybrids`,
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

/** With the link of a v2 torrent, and with those of a hybrid: with both hashes, and with either. */
async function magnetTest(seeder: Client, downloader: Client): Promise<void> {
  await interopTest({
    name: `${downloader.name} fetches v2 and hybrid torrents from ${seeder.name} by magnet links`,
    needs: [seeder, downloader, ttTracker],
    fn: (test) =>
      concurrentSteps(
        test,
        LINKS.map(([format, kind]) => ({
          name: `${format}, ${kind}`,
          fn: () => {
            const content = inFormat(awkwardSizes, format);
            return transfer(seeder, downloader, content, ttTracker, undefined, kind);
          },
        })),
      ),
  });
}

/**
 * A client that supports v1 only sends a hybrid to `tt`, without any layer, and `tt` sends it to
 * one that uses the v2 hash only.
 */
async function bridgeTest(): Promise<void> {
  await interopTest({
    name: "a hybrid passes from webtorrent by v1 hash through tt to libtorrent by v2 hash",
    needs: [tt, webtorrent, libtorrent],
    fn: async () => {
      await using scratch = await openScratch();
      const content = inFormat(awkwardSizes, "hybrid");
      const dirs = ["source", "v1", "both", "v2"].map((name) => join(scratch.path, name));
      const [source, v1, both, v2] = dirs.map((dir) => {
        return { dir, place: loopback, port: freshPort(), deadlineMs: TRANSFER_DEADLINE_MS };
      });
      for (const dir of dirs) await Deno.mkdir(dir);
      await writeContent(source!.dir, content);
      const { path: torrentPath, infoHash } = await writeTorrent(source!.dir, content);
      const signal = AbortSignal.timeout(9_000);
      const { metainfo: { identity, trees } } = await loadTorrent(torrentPath, signal);
      const peersAt = ({ place, port }: { place: Place; port: number }) => [
        { host: place.host, port },
      ];

      const first = await tt.seed({ ...source!, torrentPath });
      await using second = await webtorrent.download({
        ...{ ...v1!, torrentPath, peers: peersAt(source!), thenSeed: true },
      });
      await second.completed;
      await first.stop();
      await using third = await tt.download({
        ...{ ...both!, peers: peersAt(v1!), thenSeed: true },
        torrentPath: `magnet:?xt=urn:btih:${infoHash}`,
      });
      await third.completed;
      // Neither the link nor webtorrent provides layers: they were computed from the content.
      const kept = join(both!.dir, ".tt", `${infoHash}.torrent`);
      const layersOf = async (path: string) => {
        const { metainfo } = await loadTorrent(path, AbortSignal.timeout(9_000));
        return metainfo.trees!.layers;
      };
      const layers = await layersOf(torrentPath);
      await until(() => layersOf(kept).then(() => true, () => false), "the layers are kept");
      assertEquals(await layersOf(kept), layers);
      for (const [tree, layer] of layers.entries()) {
        if (layer === undefined) continue;
        const served = await askForLayer(third.port, identity, trees!, tree);
        assertEquals(served.subarray(0, layer.length), layer);
      }
      await using fourth = await libtorrent.download({
        ...{ ...v2!, peers: peersAt(both!) },
        torrentPath: `magnet:?xt=urn:btmh:1220${identity.v2}`,
      });
      await complete(fourth, third);
      await assertSameBytes(tt, content, both!.dir, source!.dir);
      await assertSameBytes(libtorrent, content, v2!.dir, source!.dir);
    },
  });
}

/** The response to a peer that has the v2 hash only: the piece layer of a file. */
async function askForLayer(
  port: number,
  identity: Identity,
  trees: PieceTrees,
  tree: number,
): Promise<Uint8Array> {
  const { tree: _, ...range } = layerPart(trees, tree, 0);
  const { root } = trees.files[tree]!;
  const infoHash = identity.v2!.slice(0, 40) as InfoHash;
  const peerId = new TextEncoder().encode("-XX0000-asksforlayer");
  const writer = createByteWriter();
  appendMessage(writer, { kind: "hash-request", range: { root, ...range } });
  using conn = await Deno.connect({ hostname: loopback.host, port });
  await conn.write(
    encodeHandshake({ infoHash, peerId, fast: true, extended: false, dht: false, v2: true }),
  );
  await conn.write(writtenBytes(writer).slice());
  const input = new Uint8Array(64 * 1024);
  const frame = createFrameView();
  let start = HANDSHAKE_SIZE;
  for (let end = 0;;) {
    const count = await within(conn.read(input.subarray(end)), "an answer to a hash request");
    if (count === null) throw new Error("The connection ended");
    end += count;
    while (readFrame(input, start, end, input.length, frame) === "frame") {
      const { value } = decodeMessage(input, frame) as { value?: WireMessage };
      assert(value?.kind !== "hash-reject", "the request was rejected");
      if (value?.kind === "hashes") return value.hashes;
      start = frame.frameEnd;
    }
  }
}

/** All of them at once at one tracker: by the v1 hash, by the v2 hash, and by both. */
async function mixedSwarmTest(): Promise<void> {
  await interopTest({
    name: "v1, v2 and hybrid peers complete in the swarms of one hybrid",
    needs: [tt, webtorrent, libtorrent, ttTracker],
    fn: async () => {
      await using scratch = await openScratch();
      const content = inFormat(awkwardSizes, "hybrid");
      const source = join(scratch.path, "source");
      await writeContent(source, content);
      const trackerPort = freshPort();
      const url = announceUrl(loopback.host, trackerPort);
      const { path: torrentPath, infoHash } = await writeTorrent(source, content, url);
      const { metainfo: { identity } } = await loadTorrent(torrentPath, AbortSignal.timeout(9_000));
      const tracker = `tr=${encodeURIComponent(url)}`;
      const v1 = `magnet:?xt=urn:btih:${infoHash}&${tracker}`;
      const v2 = `magnet:?xt=urn:btmh:1220${identity.v2}&${tracker}`;

      await using meeting = await ttTracker.start({
        place: loopback,
        port: trackerPort,
        infoHashes: [infoHash],
      });
      await using _seed = await tt.seed({
        ...{ torrentPath, dir: source, place: loopback, port: freshPort() },
      });
      await awaitSeeder(loopback, meeting, infoHash);
      await using running = new AsyncDisposableStack();
      const peers = [
        { client: webtorrent, by: torrentPath },
        { client: libtorrent, by: torrentPath },
        { client: libtorrent, by: v2 },
        { client: tt, by: v1 },
        { client: tt, by: v2 },
      ];
      const downloads = await Promise.all(peers.map(async ({ client, by }, index) => {
        const dir = join(scratch.path, `${index}`);
        await Deno.mkdir(dir);
        const options = { dir, place: loopback, port: freshPort(), thenSeed: true };
        const deadlineMs = TRANSFER_DEADLINE_MS;
        const download = await client.download({ ...options, torrentPath: by, deadlineMs });
        running.use(download);
        return { client, dir, completed: download.completed };
      }));
      await Promise.all(downloads.map(({ completed }) => completed));
      await running.disposeAsync();
      for (const { client, dir } of downloads) await assertSameBytes(client, content, dir, source);
    },
  });
}
