/** A torrent's life without a terminal: every command of an adapter, and its events. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Failure } from "../../../shell/failure.ts";
import type { AddOptions, TorrentEvent } from "../../../shell/life/types.ts";
import { Session, type TorrentHandle } from "../../../shell/session.ts";
import { assertContent, scratch } from "../../support/cli_kit.ts";
import { makeLoaded } from "../driver_kit.ts";
import { within } from "../../support/until.ts";

const PIECES = 40;
const { loaded, bytes } = makeLoaded(PIECES);
const HOST = "127.0.0.1";
const DOWNLOAD = { kind: "download", resume: true } as const;

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

  add(options: Partial<AddOptions> & { dir: string }): TorrentHandle {
    return this.session.add({ loaded, role: DOWNLOAD, ...options });
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  /** The `count`th event of that kind, past or future. */
  async event(kind: TorrentEvent["kind"], count = 1): Promise<TorrentEvent> {
    while (true) {
      const found = this.events.filter((event) => event.kind === kind);
      if (found.length >= count) return found[count - 1]!;
      await within(this.#onEvent.promise, `the event ${kind}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
  }
}

async function seeder(dir: string): Promise<Watched> {
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeFile(`${dir}/f.bin`, bytes);
  const watched = new Watched();
  watched.add({ dir, role: { kind: "seed", isChecked: true } });
  await watched.event("joined");
  return watched;
}

const peerOf = ({ session }: Watched) => [{ ip: HOST, port: session.port }];

Deno.test("a torrent downloads, reaches its goal and stops", async () => {
  await using dir = await scratch();
  await using seed = await seeder(dir.at("S"));
  await using other = new Watched();
  const torrent = other.add({
    ...{ dir: dir.at("D"), peers: peerOf(seed), goals: { stopsWhenComplete: true } },
  });
  await other.event("finished");
  assertEquals(other.kinds(), ["resumed", "joined", "complete", "stopped", "finished"]);
  const { state, bytesHave, bytesTotal, isJoined, downloaded } = torrent.facts();
  assertEquals([state, bytesHave, isJoined], ["finished", bytesTotal, false]);
  assertEquals(downloaded, bytes.length);
  await assertContent(`${dir.at("D")}/f.bin`, bytes);
});

Deno.test("a paused torrent is in no swarm, and continues where it stopped", async () => {
  await using dir = await scratch();
  await using seed = await seeder(dir.at("S"));
  await using other = new Watched();
  const torrent = other.add({ dir: dir.at("D"), peers: peerOf(seed), paused: true });
  assertEquals(torrent.facts().state, "paused");
  assertEquals(other.events, []);
  await torrent.resume();
  await other.event("complete");
  assertEquals(torrent.facts().state, "seeding");
  await torrent.pause();
  assertEquals([torrent.facts().state, torrent.facts().isJoined], ["paused", false]);
  await torrent.resume();
  assertEquals(torrent.facts().state, "seeding");
  assertEquals(torrent.facts().downloaded, bytes.length);
  assertEquals(other.kinds().includes("checked"), false, "the saved state is believed");
});

Deno.test("concurrent commands are executed in order", async () => {
  await using dir = await scratch();
  await using other = new Watched();
  const torrent = other.add({ dir: dir.at("D") });
  torrent.pause();
  torrent.resume();
  torrent.recheck();
  torrent.pause();
  await torrent.resume();
  assertEquals(torrent.facts().state, "downloading");
  await torrent.pause();
  assertEquals(torrent.facts().state, "paused");
});

Deno.test("a check finds damage, and the torrent downloads it again", async () => {
  await using dir = await scratch();
  await using seed = await seeder(dir.at("S"));
  await using other = new Watched();
  const torrent = other.add({ dir: dir.at("D"), peers: peerOf(seed) });
  await other.event("complete");
  const file = await Deno.open(`${dir.at("D")}/f.bin`, { write: true });
  await file.write(new Uint8Array(10));
  file.close();
  await torrent.recheck();
  assertEquals(await other.event("checked"), {
    ...{ kind: "checked", piecesGood: PIECES - 1, pieces: PIECES },
  });
  await other.event("complete", 2);
  await assertContent(`${dir.at("D")}/f.bin`, bytes);
});

Deno.test("a stopped torrent is checked and stays stopped", async () => {
  await using dir = await scratch();
  await Deno.mkdir(dir.at("D"));
  await Deno.writeFile(`${dir.at("D")}/f.bin`, bytes);
  await using other = new Watched();
  const torrent = other.add({ dir: dir.at("D"), paused: true });
  await torrent.recheck();
  assertEquals([torrent.facts().state, torrent.facts().bytesHave], ["paused", bytes.length]);
  assertEquals(other.kinds().includes("joined"), false);
});

Deno.test("content and state move to another folder, without downloading or hashing again", async () => {
  await using dir = await scratch();
  await using seed = await seeder(dir.at("S"));
  await using other = new Watched();
  const torrent = other.add({ dir: dir.at("D"), peers: peerOf(seed) });
  await other.event("complete");
  await torrent.move(dir.at("E"));
  assertEquals([torrent.dir, torrent.facts().state], [dir.at("E"), "seeding"]);
  assertEquals(torrent.facts().downloaded, bytes.length);
  assertEquals(other.kinds().filter((kind) => kind === "checked"), []);
  await assertContent(`${dir.at("E")}/f.bin`, bytes);
  await assertMissing(`${dir.at("D")}/f.bin`);
});

Deno.test("existing files at the destination are not replaced by moved content", async () => {
  await using dir = await scratch();
  await using seed = await seeder(dir.at("S"));
  const torrent = seed.session.list()[0]!;
  await Deno.mkdir(dir.at("E"));
  await Deno.writeTextFile(`${dir.at("E")}/f.bin`, "another's");
  await torrent.move(dir.at("E"));
  const { state, failure } = torrent.facts();
  assertEquals([state, failure?.kind, failure?.code], ["failed", "disk", "occupied"]);
  await assertContent(`${dir.at("S")}/f.bin`, bytes);
  assertEquals(await Deno.readTextFile(`${dir.at("E")}/f.bin`), "another's");
  await torrent.resume();
  assertEquals(torrent.facts().state, "seeding");
});

Deno.test("a removed torrent is gone from its session, with or without its data", async () => {
  await using dir = await scratch();
  for (const withData of [false, true]) {
    await using seed = await seeder(dir.at("S"));
    await using other = new Watched();
    const at = dir.at(`D${withData}`);
    const torrent = other.add({ dir: at, peers: peerOf(seed) });
    await other.event("complete");
    await torrent.remove(withData);
    assertEquals(other.session.list(), []);
    assertEquals(torrent.facts().state, "left");
    await assertMissing(`${at}/.tt/${loaded.metainfo.infoHash}.resume`);
    if (withData) await assertMissing(`${at}/f.bin`);
    else await assertContent(`${at}/f.bin`, bytes);
    other.add({ dir: at, peers: peerOf(seed) });
  }
});

Deno.test("facts before, between and after runs: queued, checked, transferred, left", async () => {
  await using dir = await scratch();
  await using seed = await seeder(dir.at("S"));
  const first = new Watched();
  const torrent = first.add({ dir: dir.at("D"), peers: peerOf(seed), paused: true });
  const before = torrent.facts();
  assertEquals([before.uploaded, before.downloaded, before.bytesHave], [0, 0, 0]);
  assertEquals([before.bytesWanted, before.bytesWantedMissing], [bytes.length, bytes.length]);
  const resumed = torrent.resume();
  assertEquals(torrent.facts().state, "queued");
  await resumed;
  // It is in its swarm: to resume it again changes nothing.
  const again = torrent.resume();
  assertEquals(torrent.facts().state === "queued", false);
  await again;
  await first.event("complete");
  await first.session.close();
  const left = torrent.facts();
  assertEquals([left.state, left.downloaded, left.bytesWantedMissing], ["left", bytes.length, 0]);
  void torrent.resume();
  assertEquals(torrent.facts().state, "left");

  // What earlier runs transferred is known as soon as the state was read, and counts on.
  await using second = new Watched();
  const later = second.add({ dir: dir.at("D"), paused: true });
  await later.recheck();
  const { downloaded, bytesHave, checkedBytes, checkBytesTotal, state } = later.facts();
  assertEquals([state, downloaded, bytesHave], ["paused", bytes.length, bytes.length]);
  assertEquals([checkedBytes, checkBytesTotal], [bytes.length, bytes.length]);
});

Deno.test("a failure is a state and an event, and the next attempt may succeed", async () => {
  await using dir = await scratch();
  await using other = new Watched();
  await Deno.writeTextFile(dir.at("D"), "a file in the place of the folder");
  const torrent = other.add({ dir: dir.at("D") });
  await other.event("failed");
  const { state, failure } = torrent.facts();
  assertEquals([state, failure?.kind], ["failed", "disk"]);
  await Deno.remove(dir.at("D"));
  await torrent.resume();
  assertEquals([torrent.facts().state, torrent.facts().failure], ["downloading", undefined]);
});

Deno.test("a torrent can be in its session once", async () => {
  await using dir = await scratch();
  await using other = new Watched();
  other.add({ dir: dir.at("D"), paused: true });
  const error = assertThrows(() => other.add({ dir: dir.at("E"), paused: true }), Failure);
  assertEquals(error.code, "duplicate");
  assert(other.session.get(loaded.metainfo.infoHash) === other.session.list()[0]);
});

async function assertMissing(path: string): Promise<void> {
  assertEquals(await Deno.lstat(path).catch(() => undefined), undefined, path);
}
