/** Wanted and unwanted files through a torrent's whole life. */
import { assert, assertEquals } from "@std/assert";
import {
  PRIORITY_MAX,
  PRIORITY_NORMAL,
  PRIORITY_SKIP,
} from "../../../core/transfer/availability.ts";
import type { AddOptions, TorrentEvent } from "../../../shell/life/types.ts";
import { makeTorrent } from "../../../shell/make_torrent.ts";
import { Session, type TorrentHandle } from "../../../shell/session.ts";
import { assertContent, makeBytes, scratch } from "../../support/cli_kit.ts";
import { exists } from "../disk/support.ts";
import { within } from "../../support/until.ts";

const HOST = "127.0.0.1";
const PIECE = 16 * 1024;
const DOWNLOAD = { kind: "download", resume: true } as const;
/** Every file begins and ends within a piece. */
const SIZE = 3 * PIECE + 1000;
const NAMES = ["a", "b", "c", "d", "e", "f"];

async function makeContent(dir: string) {
  await Deno.mkdir(`${dir}/set`, { recursive: true });
  for (const [i, name] of NAMES.entries()) {
    await Deno.writeFile(`${dir}/set/${name}`, makeBytes(SIZE, i + 1));
  }
  return await makeTorrent(`${dir}/set`, { pieceLength: PIECE });
}

/** Wants the files of these names. */
function want(...names: string[]): number[] {
  return NAMES.map((name) => names.includes(name) ? PRIORITY_NORMAL : PRIORITY_SKIP);
}

async function filesIn(dir: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${dir}/set`)) names.push(name);
  return names.sort();
}

async function assertFiles(dir: string, ...names: string[]): Promise<void> {
  assertEquals(await filesIn(dir), names);
  for (const name of names) {
    await assertContent(`${dir}/set/${name}`, makeBytes(SIZE, NAMES.indexOf(name) + 1));
  }
}

function partFiles(dir: string): string[] {
  return [...Deno.readDirSync(`${dir}/.tt`)].map(({ name }) => name)
    .filter((name) => name.endsWith(".parts"));
}

/** A session whose events a test can wait for. */
class Watched implements AsyncDisposable {
  readonly session = new Session({
    ...{ host: HOST, port: 0, defaultPort: 0, upLimit: undefined, downLimit: undefined },
  });
  readonly events: TorrentEvent[] = [];
  #onEvent = Promise.withResolvers<void>();

  constructor() {
    this.session.subscribe((_, event) => {
      this.events.push(event);
      this.#onEvent.resolve();
      this.#onEvent = Promise.withResolvers();
    });
  }

  async event(kind: TorrentEvent["kind"], count = 1): Promise<TorrentEvent> {
    while (true) {
      const found = this.events.filter((event) => event.kind === kind);
      if (found.length >= count) return found[count - 1]!;
      const failed = this.events.find((event) => event.kind === "failed");
      if (failed !== undefined && kind !== "failed") throw failed.failure;
      await within(this.#onEvent.promise, `the event ${kind}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
  }
}

type Made = Awaited<ReturnType<typeof makeContent>>;

async function seeder(loaded: Made, dir: string): Promise<Watched> {
  const watched = new Watched();
  watched.session.add({ loaded, dir, role: { kind: "seed", isChecked: true } });
  await watched.event("joined");
  return watched;
}

function download(
  loaded: Made,
  watched: Watched,
  options: Partial<AddOptions> & { dir: string },
  ...peers: Watched[]
): TorrentHandle {
  const addresses = peers.map(({ session }) => ({ ip: HOST, port: session.port }));
  return watched.session.add({ loaded, role: DOWNLOAD, peers: addresses, ...options });
}

Deno.test("one file of several costs its bytes and its boundary pieces, and creates nothing else", async () => {
  await using dir = await scratch();
  const loaded = await makeContent(dir.at("S"));
  await using seed = await seeder(loaded, dir.at("S"));
  await using watched = new Watched();
  const options = { dir: dir.at("D"), filePriorities: want("c") };
  const torrent = download(
    loaded,
    watched,
    { ...options, goals: { stopsWhenComplete: true } },
    seed,
  );
  await watched.event("finished");
  const first = Math.floor(2 * SIZE / PIECE), last = Math.floor((3 * SIZE - 1) / PIECE);
  assertEquals(torrent.facts().downloaded, (last - first + 1) * PIECE);
  await assertFiles(dir.at("D"), "c");
  assertEquals(partFiles(dir.at("D")).length, 1);
  assert(!await exists(dir.at("D", "set.unfinished")));

  // A later run trusts the state, and hashes and fetches nothing.
  await torrent.leave();
  await using again = new Watched();
  download(loaded, again, { ...options, goals: { stopsWhenComplete: true } });
  await again.event("finished");
  assert(!again.events.some(({ kind }) => kind === "checked" || kind === "joined"));
});

Deno.test("files can be selected and unselected at runtime, and no data is lost", async () => {
  await using dir = await scratch();
  const loaded = await makeContent(dir.at("S"));
  await using seed = await seeder(loaded, dir.at("S"));
  await using watched = new Watched();
  const torrent = download(
    loaded,
    watched,
    { dir: dir.at("D"), filePriorities: want("b", "e") },
    seed,
  );
  await watched.event("complete");
  await assertFiles(dir.at("D"), "b", "e");
  await torrent.setFilePriorities(want("b", "c", "d"));
  await watched.event("complete", 2);
  await assertFiles(dir.at("D"), "b", "c", "d", "e");
  await torrent.setFilePriorities(NAMES.map(() => PRIORITY_MAX));
  await watched.event("complete", 3);
  await assertFiles(dir.at("D"), ...NAMES);
  assertEquals(partFiles(dir.at("D")), []);
  // No piece was downloaded twice: boundary pieces were kept in the part file.
  assertEquals(torrent.facts().downloaded, NAMES.length * SIZE);
});

Deno.test("a later run may want other files, and downloads nothing twice", async () => {
  await using dir = await scratch();
  const loaded = await makeContent(dir.at("S"));
  await using seed = await seeder(loaded, dir.at("S"));
  for (const names of [["a", "d"], ["d", "e"], NAMES]) {
    await using watched = new Watched();
    const torrent = download(
      loaded,
      watched,
      {
        ...{ dir: dir.at("D"), filePriorities: want(...names) },
        goals: { stopsWhenComplete: true },
      },
      seed,
    );
    await watched.event("finished");
    assert(!watched.events.some(({ kind }) => kind === "checked"));
    if (names === NAMES) assertEquals(torrent.facts().downloaded, NAMES.length * SIZE);
  }
  await assertFiles(dir.at("D"), ...NAMES);
  assertEquals(partFiles(dir.at("D")), []);
});

Deno.test("wanted pieces are uploaded, including those in the part file", async () => {
  await using dir = await scratch();
  const loaded = await makeContent(dir.at("S"));
  await using partial = new Watched();
  {
    await using seed = await seeder(loaded, dir.at("S"));
    download(loaded, partial, { dir: dir.at("P"), filePriorities: want("c", "d") }, seed);
    await partial.event("complete");
  }
  await using watched = new Watched();
  const options = { dir: dir.at("D"), filePriorities: want("c") };
  download(loaded, watched, { ...options, goals: { stopsWhenComplete: true } }, partial);
  await watched.event("finished");
  await assertFiles(dir.at("D"), "c");
});

Deno.test("finished content moves together with its part file", async () => {
  await using dir = await scratch();
  const loaded = await makeContent(dir.at("S"));
  await using seed = await seeder(loaded, dir.at("S"));
  await using watched = new Watched();
  const torrent = download(
    loaded,
    watched,
    { dir: dir.at("D"), moveTo: dir.at("E"), filePriorities: want("b") },
    seed,
  );
  await watched.event("moved");
  await assertFiles(dir.at("E"), "b");
  await watched.event("joined", 2);
  await torrent.setFilePriorities(want("b", "c"));
  await watched.event("complete", 2);
  await assertFiles(dir.at("E"), "b", "c");
  assertEquals(torrent.facts().dir, dir.at("E"));
});

Deno.test("a file that cannot be created ends the torrent with its sentence", async () => {
  await using dir = await scratch();
  const loaded = await makeContent(dir.at("S"));
  await using seed = await seeder(loaded, dir.at("S"));
  await using watched = new Watched();
  const torrent = download(
    loaded,
    watched,
    { dir: dir.at("D"), filePriorities: want("b") },
    seed,
  );
  await watched.event("complete");
  await Deno.mkdir(dir.at("D", "set", "c"));
  await torrent.setFilePriorities(want("b", "c"));
  const failed = await watched.event("failed");
  assert(failed.kind === "failed");
  assertEquals(failed.kind === "failed" && failed.failure.code, "occupied");
});

Deno.test("a file whose pieces all came with its neighbours is created once it is wanted", async () => {
  await using dir = await scratch();
  await Deno.mkdir(dir.at("S", "set"), { recursive: true });
  // The small one lies within the piece that both others share.
  const sizes = { a: PIECE + 10, b: 20, c: PIECE };
  for (const [name, size] of Object.entries(sizes)) {
    await Deno.writeFile(dir.at("S", "set", name), makeBytes(size, size));
  }
  const loaded = await makeTorrent(dir.at("S", "set"), { pieceLength: PIECE });
  await using seed = await seeder(loaded, dir.at("S"));
  for (const wanted of [[0, 0, PRIORITY_NORMAL], [0, PRIORITY_NORMAL, 0]]) {
    await using watched = new Watched();
    const options = { dir: dir.at("D"), filePriorities: wanted };
    const goals = { stopsWhenComplete: true };
    const torrent = download(loaded, watched, { ...options, goals }, seed);
    await watched.event("finished");
    const { bytesWanted, bytesWantedMissing } = torrent.facts();
    assertEquals(bytesWantedMissing, 0);
    assertEquals(bytesWanted, wanted[2] === 0 ? PIECE : PIECE + 30);
  }
  assertEquals(await filesIn(dir.at("D")), ["b", "c"]);
  await assertContent(dir.at("D", "set", "b"), makeBytes(sizes.b, sizes.b));
});
