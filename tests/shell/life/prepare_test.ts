/** What a torrent finds on the disk before it joins its swarm, and what it says about it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { countBits, createBitfield, setBit } from "../../../core/bytes/bitfield.ts";
import { encodeResume, type ResumeState } from "../../../core/transfer/resume.ts";
import { PRIORITY_NORMAL, PRIORITY_SKIP } from "../../../core/transfer/availability.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import { loadOptions, loadTorrentBytes, saveState } from "../../../shell/disk/state_file.ts";
import { openStorage, type Storage } from "../../../shell/disk/storage.ts";
import { Failure } from "../../../shell/failure.ts";
import { bytesOf, prepare, type Prepared, readState } from "../../../shell/life/prepare.ts";
import type { Role, TorrentEvent } from "../../../shell/life/types.ts";
import type { Wanted } from "../../../shell/life/wanting.ts";
import type { LoadedTorrent } from "../../../shell/load_torrent.ts";
import { makeTorrent } from "../../../shell/make_torrent.ts";
import { parseTorrent } from "../../../shell/load_torrent.ts";
import { makeBytes, scratch } from "../../support/cli_kit.ts";

const PIECE = 16 * 1024;
/** Two and a half pieces, so that the second file shares one with the first; and an empty one. */
const SIZES = { a: 2.5 * PIECE, b: 1.5 * PIECE, c: 0 };
const NAMES = Object.keys(SIZES);
const PIECES = 4;
const ALL: Wanted = { priorities: undefined, order: {} };
const DOWNLOAD: Role = { kind: "download", resume: true };
const SEED: Role = { kind: "seed", isChecked: false };

interface Run {
  readonly role?: Role;
  readonly trust?: boolean;
  readonly ownState?: ResumeState;
  readonly wanted?: Wanted;
  readonly remember?: Uint8Array;
}

interface Outcome {
  readonly prepared: Prepared;
  readonly events: TorrentEvent[];
  /** Bytes hashed, and of how many. */
  readonly progress: readonly (readonly [number, number])[];
}

/** A folder that may hold the content of a torrent, and preparations of it. */
async function openFolder(format: "v1" | "v2" = "v1") {
  const dir = await scratch();
  const source = dir.at("source", "set");
  await Deno.mkdir(source, { recursive: true });
  for (const [i, name] of NAMES.entries()) {
    await Deno.writeFile(`${source}/${name}`, makeBytes(Object.values(SIZES)[i]!, i + 1));
  }
  const made = await makeTorrent(source, { pieceLength: PIECE, format });
  const loaded: LoadedTorrent = parseTorrent(made.bytes, "a test");
  const { metainfo } = loaded;
  const place = dir.at("there");
  const stateOf = async (pieces: readonly number[], change: Partial<ResumeState> = {}) => {
    const have = createBitfield(metainfo.geometry.pieceCount);
    for (const piece of pieces) setBit(have, piece);
    const storage = openStorage(place, metainfo, { infoHash: metainfo.infoHash });
    const files = await storage.stamps();
    await storage.close();
    return {
      ...{ infoHash: metainfo.infoHash, pieces: have.bytes, uploaded: 3, downloaded: 4 },
      ...{ waived: false, torrent: undefined },
      files: files.map((file) => file && { length: file.length, mtimeMs: file.mtimeMs }),
      ...change,
    };
  };
  return {
    ...{ loaded, metainfo, place, stateOf },
    /** Puts files there. */
    async put(...names: string[]): Promise<void> {
      await Deno.mkdir(`${place}/set`, { recursive: true });
      for (const name of names) await Deno.copyFile(`${source}/${name}`, `${place}/set/${name}`);
    },
    async keep(state: ResumeState): Promise<void> {
      await saveState(place, metainfo.infoHash, encodeResume(state));
    },
    async run(
      { role = DOWNLOAD, trust = true, ownState, wanted = ALL, remember }: Run = {},
    ): Promise<Outcome> {
      const events: TorrentEvent[] = [], progress: [number, number][] = [];
      const storage: Storage = openStorage(place, metainfo, {
        readOnly: role.kind === "seed",
        infoHash: metainfo.infoHash,
      });
      try {
        const prepared = await prepare({
          ...{ loaded, dir: place, role, remember, wanted, storage, trust, ownState },
          say: (event) => events.push(event),
          onProgress: (bytes, total) => progress.push([bytes, total]),
          signal: new AbortController().signal,
          system: { fileSystem: realFileSystem, hashesHere: true },
        });
        return { prepared, events, progress };
      } finally {
        await storage.close();
      }
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

Deno.test("a new download has nothing, hashes nothing and makes its files", async () => {
  await using folder = await openFolder();
  const { prepared, events, progress } = await folder.run({ remember: Uint8Array.of(7) });
  assertEquals(countBits(prepared.have), 0);
  assertEquals([events, progress], [[{ kind: "resumed", piecesKept: 0, pieces: PIECES }], []]);
  assertEquals(prepared.state, undefined);
  assertEquals(prepared.bytes, { bytesWanted: 4 * PIECE, bytesWantedMissing: 4 * PIECE });
  assertEquals(Deno.statSync(`${folder.place}/set/a`).size, SIZES.a);
  assertEquals(Deno.statSync(`${folder.place}/set/c`).size, 0);
  assert(Deno.statSync(`${folder.place}/set.unfinished`).isFile);
  const { infoHash } = folder.metainfo;
  assertEquals(await loadOptions(folder.place, infoHash), Uint8Array.of(7));
  assertEquals(await loadTorrentBytes(folder.place, infoHash), folder.loaded.bytes);
  // Without trust there is nothing to report either.
  assertEquals((await folder.run({ trust: false })).events.map(({ kind }) => kind), []);
});

Deno.test("content without a state is hashed, and complete content loses its marker", async () => {
  await using folder = await openFolder();
  await folder.put("a", "b");
  await Deno.writeTextFile(`${folder.place}/set.unfinished`, "mine");
  const { prepared, events, progress } = await folder.run({ trust: false });
  assertEquals(countBits(prepared.have), PIECES);
  assertEquals(events, [
    { kind: "checked", piecesGood: PIECES, pieces: PIECES },
    { kind: "resumed", piecesKept: PIECES, pieces: PIECES },
  ]);
  assertEquals([progress[0], progress.at(-1)], [[0, 4 * PIECE], [4 * PIECE, 4 * PIECE]]);
  assertEquals(prepared.bytes.bytesWantedMissing, 0);
});

Deno.test("a saved state is believed where files are as they were, and hashed where not", async () => {
  await using folder = await openFolder();
  await folder.put("a", "b", "c");
  await folder.keep(await folder.stateOf([0, 1]));
  const first = await folder.run();
  assertEquals(countBits(first.prepared.have), 2);
  assertEquals(first.events, [{ kind: "resumed", piecesKept: 2, pieces: PIECES }]);
  assertEquals([first.prepared.state?.uploaded, first.prepared.state?.downloaded], [3, 4]);
  assertEquals(first.prepared.bytes.bytesWantedMissing, 2 * PIECE);
  assertEquals((await readState(folder.place, folder.metainfo.infoHash))?.downloaded, 4);
  // Not trusted: everything is hashed once, and there is more than the state knew.
  const checked = await folder.run({ trust: false });
  assertEquals(checked.events[0], { kind: "checked", piecesGood: PIECES, pieces: PIECES });
  // The first file was touched: its pieces are hashed, and those of the others are not.
  await folder.keep(await folder.stateOf([0, 1, 2, 3]));
  await Deno.utime(`${folder.place}/set/a`, 1_000, 1_000);
  const touched = await folder.run();
  assertEquals(touched.events, [
    { kind: "checked", piecesGood: 3, pieces: 3 },
    { kind: "resumed", piecesKept: PIECES, pieces: PIECES },
  ]);
});

Deno.test("files that are gone since are named, with the bytes of the lost pieces", async () => {
  await using folder = await openFolder();
  await folder.put("a", "b", "c");
  await folder.keep(await folder.stateOf([0, 1, 3]));
  await Deno.remove(`${folder.place}/set/a`);
  await Deno.remove(`${folder.place}/set/c`);
  const { events, prepared } = await folder.run();
  assertEquals(events.find(({ kind }) => kind === "missing-files"), {
    ...{ kind: "missing-files", files: ["set/a"], bytes: 2 * PIECE },
  });
  assertEquals(countBits(prepared.have), 1);
  // What is not wanted is not missed.
  await folder.keep(await folder.stateOf([0, 1, 3], { files: [{ length: 1, mtimeMs: 1 }] }));
  assertEquals(
    (await folder.run()).events.map(({ kind }) => kind).includes("missing-files"),
    false,
  );
});

Deno.test("a file that is not wanted is neither made nor missed", async () => {
  await using folder = await openFolder();
  const wanted = { priorities: [PRIORITY_NORMAL, PRIORITY_SKIP, PRIORITY_NORMAL], order: {} };
  await folder.put("a", "b", "c");
  await folder.keep(await folder.stateOf([0, 1, 2, 3]));
  await Deno.remove(`${folder.place}/set/b`);
  const { prepared, events } = await folder.run({ wanted });
  assertEquals(events.map(({ kind }) => kind).includes("missing-files"), false);
  assertEquals(prepared.bytes.bytesWanted, 3 * PIECE);
  assertEquals([...prepared.priorities!], [1, 1, 1, 0].map((is) => is ? PRIORITY_NORMAL : 0));
  assertEquals(await Deno.stat(`${folder.place}/set/b`).catch(() => undefined), undefined);
});

Deno.test("files with data that is none of the torrent's are not overwritten", async () => {
  await using folder = await openFolder();
  await Deno.mkdir(`${folder.place}/set`, { recursive: true });
  await Deno.writeFile(`${folder.place}/set/b`, makeBytes(SIZES.b, 9));
  const failure = await assertRejects(() => folder.run(), Failure, "contains nothing of set");
  assertEquals([failure.kind, failure.code], ["disk", "occupied"]);
  assert(failure.message.includes(`${folder.place}/set/b`), failure.message);
  // An earlier run kept its torrent there: they are its own.
  const own = await openFolder();
  await using _own = own;
  await own.run();
  await Deno.writeFile(`${own.place}/set/b`, makeBytes(SIZES.b, 9));
  assertEquals(countBits((await own.run({ trust: false })).prepared.have), 0);
});

Deno.test("a seeder hashes what it does not know, and has to have everything", async () => {
  await using folder = await openFolder();
  await folder.put("a", "b", "c");
  const fresh = await folder.run({ role: SEED });
  assertEquals(fresh.events, [{ kind: "checked", piecesGood: PIECES, pieces: PIECES }]);
  assertEquals(fresh.prepared.bytes, { bytesWanted: 4 * PIECE, bytesWantedMissing: 0 });
  assertEquals(fresh.progress.at(-1), [4 * PIECE, 4 * PIECE]);
  const checked = { ...SEED, isChecked: true, superSeed: true } as const;
  const known = await folder.run({ role: checked });
  assertEquals([known.events, known.progress, known.prepared.superSeed], [[], [], true]);
  assertEquals(countBits(known.prepared.have), PIECES);
  // Not trusted, it is hashed again, whatever was checked.
  assertEquals((await folder.run({ role: checked, trust: false })).events.length, 1);
  // What this process knows itself is believed, as far as files are as they were.
  const ownState = await folder.stateOf([0, 1, 2, 3]);
  assertEquals((await folder.run({ role: checked, ownState })).events, []);
  await Deno.utime(`${folder.place}/set/b`, 1_000, 1_000);
  assertEquals((await folder.run({ role: checked, ownState })).events, [
    { kind: "checked", piecesGood: PIECES, pieces: PIECES },
  ]);
  await Deno.writeFile(`${folder.place}/set/b`, makeBytes(SIZES.b, 9));
  const failure = await assertRejects(
    () => folder.run({ role: SEED }),
    Failure,
    "Cannot seed set: 2",
  );
  assertEquals([failure.kind, failure.code], ["mismatch", "incomplete"]);
});

Deno.test("blocks of unfinished pieces that the state of a v2 torrent claims are kept", async () => {
  await using folder = await openFolder("v2");
  await folder.put("a", "b", "c");
  const hashes = new Uint8Array(
    await crypto.subtle.digest(
      "SHA-256",
      makeBytes(SIZES.a, 1).slice(PIECE, 2 * PIECE),
    ),
  );
  const started = [{ piece: 1, blocks: Uint8Array.of(0x80), hashes }];
  await folder.keep(await folder.stateOf([0], { started }));
  const { prepared, events } = await folder.run();
  const resumed = events.at(-1) as { blocksKept?: number; piecesKept: number };
  assertEquals([resumed.piecesKept, resumed.blocksKept], [1, 1]);
  assertEquals(prepared.kept?.map(({ piece }) => piece), [1]);
  // Those of a piece that is here, or that the torrent does not have, are nothing.
  await folder.keep(
    await folder.stateOf([0, 1], {
      started: [...started, { ...started[0]!, piece: 99 }],
    }),
  );
  const next = await folder.run();
  assertEquals([next.prepared.kept, next.events], [
    [],
    [{ kind: "resumed", piecesKept: 2, pieces: folder.metainfo.geometry.pieceCount }],
  ]);
  const untrusted = await folder.run({ trust: false });
  assertEquals(untrusted.prepared.kept, []);
  assertEquals(bytesOf(folder.metainfo, untrusted.prepared.have), SIZES.a + SIZES.b);
});

Deno.test("links of a torrent are named once in a run", async () => {
  await using folder = await openFolder();
  Object.assign(folder.metainfo, { symlinks: [["set", "link"]] });
  const { events } = await folder.run();
  assertEquals(events[0], { kind: "left-out", path: "set/link" });
  const again = await folder.run({ ownState: await folder.stateOf([]) });
  assertEquals(again.events.map(({ kind }) => kind), ["resumed"]);
});
