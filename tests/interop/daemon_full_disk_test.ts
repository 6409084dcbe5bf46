/**
 * The disk of the daemon's state fills up, and the daemon is killed: nothing that it confirmed is
 * lost.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { makeFile, runTt } from "../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../support/daemon_kit.ts";
import { interopTest, type Requirement } from "../support/requirements.ts";

/** A small separate file system in memory. */
async function mount(at: string, size: string): Promise<AsyncDisposable> {
  await Deno.mkdir(at, { recursive: true });
  const run = async (...argv: string[]) => {
    const { success, stderr } = await new Deno.Command(argv[0]!, { args: argv.slice(1) }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  await run("mount", "-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", at);
  return { [Symbol.asyncDispose]: () => run("umount", "--lazy", at) };
}

const mayMount: Requirement = {
  async missing() {
    const at = await Deno.makeTempDir({ prefix: "tt-mount-" });
    try {
      await using _ = await mount(at, "64k");
      return undefined;
    } catch {
      return "file systems can't be mounted here";
    } finally {
      await Deno.remove(at).catch(() => {});
    }
  },
};

await interopTest({
  name: "a daemon with a full disk reports it, loses nothing, and continues once space is free",
  needs: [mayMount],
  async fn() {
    await using dir = await daemonFolder();
    const torrents: string[] = [];
    for (let n = 0; n < 6; n++) {
      torrents.push((await makeFile(dir.at("src"), `file${n}`, 20_000 + n)).torrent);
    }
    await using _disk = await mount(dir.state, "1500k");
    const fill = `${dir.state}/fill`;
    const args = ["--dir", dir.at("src")];
    const hashes = async (daemon: DaemonKit) =>
      (await daemon.torrents("hash_string")).map(({ hash_string }) => hash_string).toSorted();
    let before: string[];
    {
      await using daemon = await DaemonKit.start(dir.state, args);
      await daemon.run("add", ...torrents.slice(0, 4));
      await daemon.until(({ status }) => status === 6);
      before = await hashes(daemon);
      await Deno.writeFile(fill, new Uint8Array(3_000_000)).catch(() => {});
      const full = await daemon.run("add", torrents[4]!);
      assertMatch(full.stderr, /the disk is full;.* nothing was lost/);
      const set = await daemon.answer("session_set", { download_queue_size: 3 });
      assertMatch(JSON.stringify(set.error), /disk is full/);
      assertEquals(await hashes(daemon), before);
      await daemon.tt.stop("SIGKILL");
    }
    const refused = await runTt(["daemon", "--state", dir.state, "--rpc", "127.0.0.1:0", ...args]);
    assertMatch(refused.stderr, /full/);
    await Deno.remove(fill);
    await using daemon = await DaemonKit.start(dir.state, args);
    assertEquals(await hashes(daemon), before);
    const added = await daemon.run("add", torrents[5]!);
    assertEquals(added.code, 0, added.stderr);
    assertEquals((await hashes(daemon)).length, 5);
    await daemon.tt.stop();
  },
});
