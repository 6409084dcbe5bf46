/**
 * A whole session with several torrents on a virtual clock: what they share, and how they affect
 * each other.
 */
import { assert, assertEquals } from "@std/assert";
import { processTotals } from "../../core/session/limits.ts";
import { magnetLink } from "../../core/metainfo/magnet.ts";
import type { AddOptions, TorrentEvent } from "../../shell/life/types.ts";
import { readMagnet } from "../../shell/magnet/metadata_stage.ts";
import { RateLimiter } from "../../shell/net/rate_limiter.ts";
import type { SessionOptions, TorrentHandle } from "../../shell/session.ts";
import { type Content, makeContent } from "./bottle/contents.ts";
import { MemoryDisk } from "./bottle/memory_disk.ts";
import { MemoryNetwork } from "./bottle/memory_network.ts";
import { MemoryTracker } from "./bottle/memory_tracker.ts";
import { type Computer, PORT, Program } from "./bottle/program.ts";
import { VirtualClock } from "./bottle/virtual_clock.ts";
import { createRng } from "../../core/bytes/random.ts";

const KIB = 1024;
const DIR = "/d";
const DOWNLOAD = { kind: "download", resume: true } as const;
const SEED = { kind: "seed", isChecked: true } as const;

/** Opening a real file or socket would fail. */
const inMemory = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, permissions: "none", fn });

/** Computers that reach each other; each runs one program at a time. */
class Net {
  readonly clock = new VirtualClock();
  readonly #network = new MemoryNetwork({ clock: this.clock });
  readonly #tracker = new MemoryTracker();
  readonly #rng = createRng(1);
  #seed = 0;
  #computers = 0;

  computer(): Computer {
    const ip = `10.0.0.${++this.#computers}`;
    const disk = new MemoryDisk(this.clock, this.#rng);
    return { ip, disk, clock: this.clock, network: this.#network, tracker: this.#tracker };
  }

  start(computer: Computer, options: Partial<SessionOptions> = {}): Program {
    return new Program(computer, ++this.#seed, options);
  }

  /** A program that has all of `contents` and seeds it. */
  seeder(contents: readonly Content[], options: Partial<SessionOptions> = {}): Seeder {
    const computer = this.computer();
    for (const content of contents) put(computer, content);
    const program = this.start(computer, options);
    for (const { loaded } of contents) program.session.add({ loaded, dir: DIR, role: SEED });
    return { program, peers: [{ ip: computer.ip, port: PORT }] };
  }
}

interface Seeder {
  readonly program: Program;
  readonly peers: { readonly ip: string; readonly port: number }[];
}

function put({ disk }: Computer, { files }: Content, edit = (bytes: Uint8Array) => bytes): void {
  for (const [path, bytes] of files) disk.put(`${DIR}/${path}`, edit(bytes.slice()));
}

function contentsOf(count: number, pieces: number): Content[] {
  return Array.from({ length: count }, (_, i) =>
    makeContent({
      ...{ name: `${i}.bin`, format: "v1", pieceLength: 16 * KIB, lengths: [pieces * 16 * KIB] },
    }));
}

function download(
  { session }: Program,
  { loaded }: Content,
  options: Partial<AddOptions> = {},
): TorrentHandle {
  return session.add({ loaded, dir: DIR, role: DOWNLOAD, ...options });
}

const isSeeding = (torrent: TorrentHandle) => torrent.facts().state === "seeding";

inMemory("torrents share the session's limit, it holds, and none starves", async () => {
  const net = new Net();
  const contents = contentsOf(4, 20);
  const rate = 100_000;
  const { program: seed, peers } = net.seeder(contents, { upLimit: rate });
  const program = net.start(net.computer());
  const torrents = contents.map((content) => download(program, content, { peers }));
  await net.clock.run(6_000);
  const bytes = torrents.map((torrent) => torrent.facts().downloaded);
  const sum = bytes.reduce((a, b) => a + b);
  assert(sum > 0.7 * 6 * rate && sum < 8 * rate, `${sum} bytes in 6 s at ${rate} a second`);
  for (const one of bytes) assert(one > sum / 16, `a torrent got ${one} of ${sum} bytes`);
  seed.session.setLimits({ upLimit: undefined, downLimit: undefined });
  assert(await net.clock.runUntil(() => torrents.every(isSeeding), 20_000), "all arrive");
  await program.stop();
  await seed.stop();
});

inMemory("what a torrent asks for does not wait behind what its own limit holds back", async () => {
  const net = new Net();
  const [content] = contentsOf(1, 40);
  const halves = [net.computer(), net.computer()];
  const middle = 20 * 16 * KIB;
  put(halves[0]!, content!, (bytes) => bytes.fill(0, 0, middle));
  put(halves[1]!, content!, (bytes) => bytes.fill(0, middle));
  const limits = [{ upLimit: 2_000 }, {}];
  const programs = halves.map((computer, i) => net.start(computer, limits[i]));
  const torrents = programs.map((program, i) => {
    const peers = [{ ip: halves[1 - i]!.ip, port: PORT }];
    return download(program, content!, { peers });
  });
  assert(
    await net.clock.runUntil(() => isSeeding(torrents[0]!), 15_000),
    "the limited one is done",
  );
  assert(!isSeeding(torrents[1]!), "the other one is held back");
  for (const program of programs) await program.stop();
});

inMemory(
  "a mistake of ours ends one torrent, its state is saved, and the others go on",
  async () => {
    const net = new Net();
    const contents = contentsOf(2, 10);
    const { program: seed, peers } = net.seeder(contents);
    const computer = net.computer();
    const program = net.start(computer);
    const events: TorrentEvent[] = [];
    program.session.subscribe((torrent, event) => {
      if (torrent.name === "0.bin") events.push(event);
      if (torrent.name === "0.bin" && event.kind === "complete") throw new Error("a mistake");
    });
    const torrents = contents.map((content) => download(program, content, { peers }));
    await net.clock.run(10_000);
    const { state, failure } = torrents[0]!.facts();
    assertEquals([state, failure?.kind], ["failed", "internal"]);
    assertEquals(isSeeding(torrents[1]!), true);
    assert(computer.disk.bytesOf(`${DIR}/.tt/${torrents[0]!.infoHash}.resume`) !== undefined);
    events.length = 0;
    await net.clock.settle(torrents[0]!.resume());
    assertEquals(isSeeding(torrents[0]!), true);
    assertEquals(
      events.some(({ kind }) => kind === "checked"),
      false,
      "the saved state is believed",
    );
    await program.stop();
    await seed.stop();
  },
);

inMemory(
  "torrents that are complete keep no memory for pieces and no file open for writing",
  async () => {
    const net = new Net();
    const contents = contentsOf(3, 12);
    const { program: seed, peers } = net.seeder(contents);
    const program = net.start(net.computer());
    const torrents = contents.map((content) => download(program, content, { peers }));
    let most = 0;
    await net.clock.runUntil(() => {
      most = Math.max(most, program.session.usage.retainedBytes);
      return torrents.every(isSeeding);
    }, 20_000);
    assert(most > 0, "buffers are used again while pieces come");
    assertEquals(program.session.usage.retainedBytes, 0);
    await program.stop();
    await seed.stop();
  },
);

inMemory("files of a run that lost power before it saved a state are taken up again", async () => {
  const net = new Net();
  const [content] = contentsOf(1, 40);
  const { program: seed, peers } = net.seeder([content!], { upLimit: 50_000 });
  const computer = net.computer();
  const first = net.start(computer);
  const torrent = download(first, content!, { peers });
  await net.clock.runUntil(() => torrent.facts().bytesHave > 0, 5_000);
  first.kill();
  // Of what was not synced, only the size is left; of the state, not even its name.
  const path = `${DIR}/0.bin`;
  computer.disk.put(path, new Uint8Array(computer.disk.bytesOf(path)!.length));
  computer.disk.take(`${DIR}/.tt/${torrent.infoHash}.resume`);
  const second = net.start(computer);
  const again = download(second, content!, { peers });
  await net.clock.run(1_000);
  assertEquals(again.facts().failure, undefined);
  assertEquals(again.facts().state, "downloading");
  await second.stop();
  await seed.stop();
});

inMemory("metadata that no torrent takes over is kept for ten minutes", async () => {
  const net = new Net();
  const [content] = contentsOf(1, 2);
  const { program: seed, peers } = net.seeder([content!]);
  const program = net.start(net.computer());
  const magnet = readMagnet(magnetLink(content!.loaded.metainfo));
  const stage = await net.clock.settle(program.session.fetch({ magnet, peers }));
  const loaded = await net.clock.settle(stage.loaded(new AbortController().signal));
  assertEquals(loaded.metainfo.infoHash, content!.loaded.metainfo.infoHash);
  await net.clock.run(9 * 60_000);
  assertEquals(stage.facts().peers, 1);
  await net.clock.run(2 * 60_000);
  assertEquals(stage.facts().stage, "stopped");
  await program.stop();
  await seed.stop();
});

inMemory("limits and goals of a torrent take effect while it is in its swarm", async () => {
  const net = new Net();
  const contents = contentsOf(1, 30);
  const { program: seed, peers } = net.seeder(contents);
  const program = net.start(net.computer());
  const torrent = download(program, contents[0]!, { peers, limits: { downLimit: 20_000 } });
  await net.clock.run(3_000);
  const before = torrent.facts().downloaded;
  assert(before < 200_000, `${before} bytes`);
  const parent = {
    down: new RateLimiter(10_000, undefined, net.clock),
    up: program.session.rates.up,
  };
  torrent.setLimits({ parent });
  await net.clock.run(2_000);
  const between = torrent.facts().downloaded;
  assert(between - before < 100_000, `${between - before} bytes under the limit of a group`);
  torrent.setLimits({});
  assert(await net.clock.runUntil(() => isSeeding(torrent), 10_000), "the limits are gone");
  torrent.setGoals({ stopsWhenComplete: true });
  await net.clock.run(1_000);
  assertEquals(torrent.facts().state, "finished");
  const given = seed.session.list()[0]!;
  given.setGoals({ seedTimeMs: 1_000 });
  await net.clock.run(3_000);
  assertEquals(given.facts().state, "finished", "it has seeded longer than that");
  await program.stop();
  await seed.stop();
});

const MANY = 200, ACTIVE = 40, DESCRIPTORS = 256;

inMemory(
  `${MANY} torrents, ${ACTIVE} active, share ${DESCRIPTORS} descriptors; none starves`,
  async () => {
    const net = new Net();
    const contents = contentsOf(ACTIVE, 12).concat(
      Array.from(
        { length: MANY - ACTIVE },
        (_, i) =>
          makeContent({ name: `p${i}`, format: "v1", pieceLength: 16 * KIB, lengths: [100 + i] }),
      ),
    );
    const seeds = Array.from(
      { length: 4 },
      () => net.seeder(contents.slice(0, ACTIVE), { descriptors: 4_096 }),
    );
    const peers = seeds.flatMap(({ peers }) => peers);
    const downLimit = 400_000;
    const program = net.start(net.computer(), { descriptors: DESCRIPTORS, downLimit });
    const torrents = contents.map((content, index) =>
      download(program, content, { peers, paused: index >= ACTIVE })
    );
    const active = torrents.slice(0, ACTIVE);
    /** When each torrent got its last byte, as far as it was sampled. */
    const progress = new Map(active.map((torrent) => [torrent, { bytes: 0, atMs: 0 }]));
    let stillMs = 0, mostPeers = 0, looks = 0;
    const isOver = await net.clock.runUntil(() => {
      looks++;
      const { grants, openFiles } = program.session.usage;
      const { connections } = processTotals(DESCRIPTORS);
      const used = active.reduce((sum, torrent) => sum + (torrent.facts().swarm?.peers ?? 0), 0);
      mostPeers = Math.max(mostPeers, used);
      assert(used <= connections, `${used} connections of ${connections}`);
      assert(openFiles <= DESCRIPTORS / 4, `${openFiles} files are open`);
      const buffers = grants.reduce((sum, grant) => sum + grant.bufferBytes, 0);
      assert(buffers <= processTotals(DESCRIPTORS).bufferBytes, `${buffers} bytes`);
      for (const [torrent, seen] of progress) {
        const { downloaded, state } = torrent.facts();
        if (downloaded > seen.bytes || state === "seeding") {
          progress.set(torrent, { bytes: downloaded, atMs: net.clock.now() });
        } else stillMs = Math.max(stillMs, net.clock.now() - seen.atMs);
      }
      return active.every(isSeeding);
    }, 5 * 60_000);
    assert(isOver, "everything arrives");
    assert(mostPeers > ACTIVE && looks > 1_000, `${mostPeers} peers in ${looks} looks`);
    assert(stillMs < 15_000, `a torrent stood still for ${stillMs} ms`);
    assertEquals(torrents.slice(ACTIVE).filter((one) => one.facts().state !== "paused"), []);
    await program.stop();
    for (const seed of seeds) await seed.program.stop();
  },
);
