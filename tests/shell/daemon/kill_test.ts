/**
 * kill -9 at random moments under load: no torrent is lost, no setting, no wrong byte, and no
 * finished piece is fetched twice. TT_KILLS is the number of kills, TT_SEED selects other moments.
 */
import { assert, assertEquals } from "@std/assert";
import { createRng, nextUint32 } from "../../../core/bytes/random.ts";
import { assertContent, makeFile, startSeed } from "../../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../../support/daemon_kit.ts";
import { until } from "../../support/until.ts";

const KILLS = Number(Deno.env.get("TT_KILLS") ?? 4);
const SIZE = 6_000_000;
/** The longest life before a kill: within adding, checking, downloading, saving. */
const LIFE_MS_MAX = 900;

Deno.test(`a daemon that is killed ${KILLS} times loses nothing and downloads nothing twice`, async () => {
  const seed = Number(Deno.env.get("TT_SEED") ?? 1);
  const rng = createRng(seed);
  const upTo = (most: number) => nextUint32(rng) % most;
  await using dir = await daemonFolder();
  const { torrent, bytes } = await makeFile(dir.at("src"), "film.bin", SIZE);
  const others: string[] = [];
  for (let n = 0; n < 8; n++) {
    others.push((await makeFile(dir.at("src"), `other${n}`, 20_000 + n)).torrent);
  }
  const known = new Set<string>();
  /** Bytes of finished pieces of the film, as last reported by the daemon. */
  let finished = 0;
  for (let kill = 0; kill <= KILLS; kill++) {
    const isLast = kill === KILLS;
    const args = ["--dir", dir.at("dl"), "--share-rule", "off", "--max-downloads", "0"];
    if (!isLast) args.push("--down-limit", "2M");
    await using daemon = await DaemonKit.start(dir.state, args);
    // Everything that a response confirmed is present.
    const listed = await daemon.torrents("hash_string", "have_valid", "downloaded_ever", "labels");
    const hashes = new Set(listed.map(({ hash_string }) => hash_string));
    for (const hash of known) assert(hashes.has(hash), `${hash} is lost after ${kill} kills`);
    const state = await Deno.stat(`${dir.state}/daemon.db`);
    assert(state.size > 0);

    const film = async () => {
      const all = await daemon.torrents("name", "status", "have_valid", "percent_done");
      return all.find(({ name }) => name === "film.bin");
    };
    if (finished > 0) {
      // It is checked before it resumes; finished pieces are present then.
      await until(async () => (await film()).status >= 4, "the content is checked");
      const { have_valid: have } = await film();
      assert(have >= finished, `${have} bytes are left of ${finished}`);
    }

    const dial = `127.0.0.1:${daemon.peerPort}`;
    await using _seeder = await startSeed([torrent, "--dir", dir.at("src"), "--peer", dial]);
    const work = async () => {
      for (const path of kill === 0 ? [torrent, ...others.slice(0, 4)] : others) {
        const metainfo = (await Deno.readFile(path)).toBase64();
        const answer = await daemon.call("torrent_add", { metainfo, labels: ["kept"] });
        known.add((answer.torrent_added ?? answer.torrent_duplicate).hash_string);
        await daemon.call("session_set", { alt_speed_down: 1 + upTo(1000) });
      }
    };
    if (isLast) {
      await work();
      await until(async () => (await film()).percent_done === 1, "the download is complete");
      await assertContent(dir.at("dl", "film.bin"), bytes);
      assertEquals(
        (await daemon.torrents("labels")).every(({ labels }) => labels[0] === "kept"),
        true,
      );
    } else {
      const working = work().catch(() => {});
      await new Promise((done) => setTimeout(done, upTo(LIFE_MS_MAX)));
      finished = Math.max(finished, (await film())?.have_valid ?? 0);
      await daemon.tt.stop("SIGKILL");
      await working;
    }
  }
});
