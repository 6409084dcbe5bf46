/**
 * 200 torrents in one process, 40 of them active, on real loopback sockets and files, with few
 * descriptors: limits hold, no torrent starves, everything arrives.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { encodeBencode } from "../../core/bencode/encode.ts";
import { processTotals } from "../../core/session/limits.ts";
import { sha1 } from "../../shell/hash/sha1.ts";
import { type LoadedTorrent, parseTorrent } from "../../shell/load_torrent.ts";
import { Session, type TorrentHandle } from "../../shell/session.ts";
import { makeBytes, scratch } from "../support/cli_kit.ts";
import { until } from "../support/until.ts";

const TORRENTS = 200;
const ACTIVE = 40;
const DESCRIPTORS = 256;
const PIECE = 16 * 1024;
const PIECES = 4;
/** Leaves time to sample. */
const DOWN_LIMIT = 1_500_000;
const HOST = "127.0.0.1";

function torrentOf(index: number): { loaded: LoadedTorrent; bytes: Uint8Array } {
  const bytes = makeBytes(PIECES * PIECE, index);
  const pieces = new Uint8Array(20 * PIECES);
  for (let piece = 0; piece < PIECES; piece++) {
    pieces.set(sha1(bytes.subarray(piece * PIECE, (piece + 1) * PIECE)), 20 * piece);
  }
  const info = { name: `${index}.bin`, length: bytes.length, "piece length": PIECE, pieces };
  return { loaded: parseTorrent(encodeBencode({ info }), "a test"), bytes };
}

function sessionOf(descriptors: number, downLimit?: number): Session {
  const limits = { upLimit: undefined, downLimit };
  return new Session({ host: HOST, port: 0, defaultPort: 0, ...limits, descriptors });
}

Deno.test(`${TORRENTS} torrents, ${ACTIVE} active, within ${DESCRIPTORS} descriptors`, async () => {
  await using dir = await scratch();
  const torrents = Array.from({ length: TORRENTS }, (_, index) => torrentOf(index));
  for (const name of ["S1", "S2", "D"]) await Deno.mkdir(dir.at(name));
  const seeds = [sessionOf(4_096), sessionOf(4_096)];
  const session = sessionOf(DESCRIPTORS, DOWN_LIMIT);
  let looks = 0, mostPeers = 0, mostFiles = 0;
  try {
    for (const [index, seed] of seeds.entries()) {
      for (const { loaded, bytes } of torrents.slice(0, ACTIVE)) {
        await Deno.writeFile(join(dir.at(`S${index + 1}`), loaded.metainfo.name), bytes);
        seed.add({ loaded, dir: dir.at(`S${index + 1}`), role: { kind: "seed", isChecked: true } });
      }
    }
    const peers = seeds.map(({ port }) => ({ ip: HOST, port }));
    const handles = torrents.map(({ loaded }, index) =>
      session.add({
        ...{ loaded, dir: dir.at("D"), peers, role: { kind: "download", resume: true } },
        ...{ paused: index >= ACTIVE, goals: {} },
      })
    );
    await untilComplete(handles.slice(0, ACTIVE), () => {
      looks++;
      mostPeers = Math.max(mostPeers, peersOf(handles));
      mostFiles = Math.max(mostFiles, session.usage.openFiles);
      const granted = session.usage.grants;
      const { connections } = processTotals(DESCRIPTORS);
      assert(peersOf(handles) <= connections, `${peersOf(handles)} peers, ${connections} granted`);
      assert(granted.reduce((sum, grant) => sum + grant.connections, 0) <= connections);
      assert(granted.every((grant) => grant.connections >= 2), "each has its least");
    });
    assertEquals(
      handles.slice(ACTIVE).every((torrent) => torrent.facts().state === "paused"),
      true,
    );
    for (const { loaded, bytes } of torrents.slice(0, ACTIVE)) {
      assertEquals(await Deno.readFile(join(dir.at("D"), loaded.metainfo.name)), bytes);
    }
    assert(mostFiles <= DESCRIPTORS / 4, `${mostFiles} files open`);
    assert(looks > 10 && mostPeers > 20, `${looks} looks, ${mostPeers} peers`);
  } finally {
    await Promise.all([session, ...seeds].map((one) => one.close()));
  }
});

function peersOf(handles: readonly TorrentHandle[]): number {
  return handles.reduce((sum, torrent) => sum + (torrent.facts().swarm?.peers ?? 0), 0);
}

async function untilComplete(handles: readonly TorrentHandle[], look: () => void): Promise<void> {
  const isDone = (torrent: TorrentHandle) => {
    const { state, failure } = torrent.facts();
    if (failure !== undefined) throw failure;
    return state === "seeding";
  };
  await until(() => {
    look();
    return handles.every(isDone);
  }, "every torrent is complete");
}
