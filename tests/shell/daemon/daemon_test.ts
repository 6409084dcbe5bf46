/** The daemon itself, in the process of the test: no RPC server, and nobody to talk to. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { readCommand, type RpcCommand } from "../../../core/rpc/commands.ts";
import type { JsonObject } from "../../../core/rpc/json.ts";
import { TORRENT_STATUS } from "../../../core/rpc/torrent_view.ts";
import { Daemon, type DaemonOptions } from "../../../shell/daemon/daemon.ts";
import type { TorrentEntry } from "../../../shell/daemon/entry.ts";
import { handleCommand } from "../../../shell/daemon/handlers.ts";
import type { LogEntry } from "../../../shell/daemon/log.ts";
import { daemonMetrics } from "../../../shell/daemon/metrics.ts";
import { Failure } from "../../../shell/failure.ts";
import { makeTorrent } from "../../../shell/make_torrent.ts";
import { makeBytes, scratch } from "../../support/cli_kit.ts";
import { until } from "../../support/until.ts";

const SIZE = 100_000;
const QUIET = { dht_enabled: false, lpd_enabled: false, port_forwarding_enabled: false };

/** A daemon with its state in the folder. */
async function openDaemon(folder: string, weak: object = {}, options: Partial<DaemonOptions> = {}) {
  const log: LogEntry[] = [];
  const daemon = await Daemon.open({
    ...{ stateFolder: `${folder}/state`, host: "127.0.0.1", defaultPort: 0 },
    shareRule: { percent: 10, strict: false },
    written: {
      weak: { ...QUIET, peer_port: 0, download_dir: `${folder}/dl`, ...weak },
      strong: {},
    },
    onLog: (entry) => log.push(entry),
    ...options,
  });
  const run = async (method: string, params: JsonObject = {}): Promise<JsonObject> => {
    const command = readCommand(method as RpcCommand["method"], params);
    if (!command.ok) throw new Error(command.error.message);
    const outcome = await handleCommand(daemon, command.value, {
      ...{ dialect: "jsonrpc", sessionId: "s", signal: new AbortController().signal },
    });
    if (!outcome.ok) throw new Error(outcome.error.message);
    return outcome.result as JsonObject;
  };
  const eventsOf = () => log.map(({ event }) => event);
  return { daemon, run, log, eventsOf, only: () => daemon.torrents.list()[0]! };
}

/** A torrent of one file, and its content below `dl` if wanted. */
async function makeOne(folder: string, name: string, isThere: boolean, seed = 1): Promise<string> {
  const place = `${folder}/${isThere ? "dl" : "elsewhere"}`;
  await Deno.mkdir(place, { recursive: true });
  await Deno.writeFile(`${place}/${name}`, makeBytes(SIZE, seed));
  return (await makeTorrent(`${place}/${name}`, { pieceLength: 16_384 })).bytes.toBase64();
}

const isIn = (daemon: Daemon, entry: () => TorrentEntry, status: number) =>
  until(() => daemon.view(entry()).status === status, `status ${status}`);

Deno.test("torrents are counted by what they do, and sums go on in the next run", async () => {
  await using dir = await scratch();
  {
    const { daemon, run, eventsOf } = await openDaemon(dir.path);
    const metainfo = await makeOne(dir.path, "a", true);
    const { torrent_added: added } = await run("torrent_add", { metainfo });
    assertEquals((added as JsonObject).name, "a");
    assert("torrent_duplicate" in await run("torrent_add", { metainfo }));
    await run("torrent_add", { metainfo: await makeOne(dir.path, "b", false, 2), paused: true });
    await isIn(daemon, () => daemon.torrents.list()[0]!, TORRENT_STATUS.seeding);
    const { torrents, pausedTorrents, activeTorrents, current, cumulative } = daemon.stats();
    assertEquals([torrents, pausedTorrents, activeTorrents], [2, 1, 0]);
    assertEquals([current.filesAdded, current.sessionCount], [2, 1]);
    assertEquals([cumulative.filesAdded, cumulative.sessionCount], [2, 1]);
    assert(eventsOf().includes("started") && eventsOf().includes("added"));
    const metrics = daemonMetrics(daemon);
    for (
      const line of [
        ...['tt_daemon_torrents{state="seeding"} 1', 'tt_daemon_torrents{state="stopped"} 1'],
        ...[`tt_daemon_content_bytes ${2 * SIZE}`, `tt_daemon_missing_bytes ${SIZE}`],
        ...["tt_daemon_torrents_failed 0", "tt_daemon_peers 0"],
      ]
    ) assert(metrics.includes(`${line}\n`), line);
    await daemon.close();
  }
  const { daemon, run } = await openDaemon(dir.path);
  const { cumulative, pausedTorrents } = daemon.stats();
  assertEquals([cumulative.sessionCount, cumulative.filesAdded, pausedTorrents], [2, 2, 1]);
  await run("torrent_remove", { ids: [1] });
  assertEquals(daemon.torrents.list().map(({ name }) => name), ["b"]);
  assertEquals((await run("torrent_get", { ids: "recently_active", fields: ["id"] })).removed, [1]);
  assert((await Deno.stat(dir.at("dl", "a"))).isFile, "content stays");
  await daemon.close();
});

Deno.test("rates and settings hold at once; programs are refused", async () => {
  await using dir = await scratch();
  const { daemon, run } = await openDaemon(dir.path, { speed_limit_up_enabled: false });
  const { up, down } = daemon.session.rates;
  assertEquals([up.isUnlimited, down.isUnlimited], [true, true]);
  await run("session_set", { speed_limit_up_enabled: true, speed_limit_up: 0 });
  assertEquals([up.isUnlimited, down.isUnlimited], [false, true]);
  await run("session_set", { speed_limit_up_enabled: false });
  assertEquals(up.isUnlimited, true);
  await assertRejects(
    () => run("session_set", { script_torrent_done_enabled: true }),
    Error,
    "tt starts no programs",
  );
  await run("session_set", { utp_enabled: true });
  assertEquals(daemon.settings.current.preferred_transports, ["utp", "tcp"]);
  await run("session_set", { utp_enabled: false });
  assertEquals(daemon.settings.current.preferred_transports, ["tcp"]);
  const port = daemon.session.port;
  await run("session_set", { peer_port: port });
  assertEquals((await run("session_get", { fields: ["peer_port"] })).peer_port, port);
  const asked = Promise.race([
    daemon.closeAsked.then(() => true),
    run("session_close").then(() => false),
  ]);
  await asked;
  await daemon.closeAsked;
  await daemon.close();
});

Deno.test("a complete torrent stops at its ratio or its idle time, of its own or of the session", async () => {
  const session = { seed_ratio_limited: true, seed_ratio_limit: 0 };
  const idle = { idle_seeding_limit_enabled: true, idle_seeding_limit: 0 };
  const cases: readonly (readonly [object, object, boolean])[] = [
    [{}, {}, false],
    [session, {}, true],
    [{ ...session, seed_ratio_limited: false }, {}, false],
    [{ ...session, seed_ratio_limit: 1 }, {}, false],
    [session, { seed_ratio_mode: 2 }, false],
    [session, { seed_ratio_mode: 1, seed_ratio_limit: 1 }, false],
    [{}, { seed_ratio_mode: 1, seed_ratio_limit: 0 }, true],
    [{ ...idle, idle_seeding_limit_enabled: false }, {}, false],
    [idle, {}, true],
    [idle, { seed_idle_mode: 2 }, false],
    [{}, { seed_idle_mode: 1, seed_idle_limit: 0 }, true],
  ];
  for (const [weak, change, isFinished] of cases) {
    await using dir = await scratch();
    const { daemon, run, eventsOf, only } = await openDaemon(dir.path, weak);
    await run("torrent_add", { metainfo: await makeOne(dir.path, "a", true) });
    await isIn(daemon, only, TORRENT_STATUS.seeding);
    Object.assign(only().record.settings, change);
    // The last look at limits.
    await daemon.close();
    assertEquals([only().record.isFinished, eventsOf().includes("finished")], [
      isFinished,
      isFinished,
    ]);
    assert(only().record.secondsSeeding > 0, "time counts");
    assertEquals(only().record.secondsDownloading, 0);
  }
});

Deno.test("where content goes follows the settings, unless some of it is there", async () => {
  await using dir = await scratch();
  const weak = { incomplete_dir_enabled: true, incomplete_dir: dir.at("parts") };
  const { daemon, run } = await openDaemon(dir.path, {
    ...weak,
    ...{ start_added_torrents: false, default_trackers: "http://127.0.0.1:1/announce" },
  });
  await run("torrent_add", { metainfo: await makeOne(dir.path, "a", false) });
  await run("torrent_add", { metainfo: await makeOne(dir.path, "b", true, 2) });
  await run("torrent_add", {
    ...{ metainfo: await makeOne(dir.path, "c", false, 3), download_dir: dir.at("own") },
    ...{ files_unwanted: [0], priority_high: [0] },
  });
  const records = daemon.torrents.list().map(({ record }) => record);
  assertEquals(records.map((record) => [record.dir, record.incompleteDir]), [
    [dir.at("dl"), dir.at("parts")],
    [dir.at("dl"), ""],
    [dir.at("own"), dir.at("parts")],
  ]);
  assertEquals(records.map(({ isStopped }) => isStopped), [true, true, true]);
  assertEquals(records[0]!.trackers, [["http://127.0.0.1:1/announce"]]);
  assertEquals([records[2]!.unwanted, records[2]!.priorities], [[0], { 0: 1 }]);
  assertEquals([records[0]!.unwanted, records[0]!.priorities], [[], {}]);
  await assertRejects(
    () => run("torrent_set", { ids: [3], files_wanted: [1] }),
    Error,
    "no file 1",
  );
  await run("torrent_set", { ids: [3], files_wanted: [0], priority_normal: [0] });
  assertEquals([records[2]!.unwanted, records[2]!.priorities], [[], {}]);
  await run("torrent_set", { ids: [2], tracker_list: "http://127.0.0.1:2/announce" });
  assertEquals(daemon.torrents.list()[1]!.metainfo.announceTiers, [[
    "http://127.0.0.1:2/announce",
  ]]);
  await assertRejects(
    () => run("torrent_set", { ids: [2], tracker_list: "nonsense" }),
    Error,
    "is not a tracker's URL",
  );
  await run("torrent_set", { ids: [3], queue_position: 0 });
  assertEquals(daemon.torrents.list().map(({ name }) => name), ["c", "a", "b"]);
  await run("queue_move_bottom", { ids: [3] });
  await run("torrent_set_location", { ids: [1], location: dir.at("new"), move: false });
  const moved = daemon.torrents.get(daemon.torrents.list()[0]!.infoHash)!.record;
  assertEquals([moved.dir, moved.incompleteDir], [dir.at("new"), ""]);
  await assertRejects(
    () => run("torrent_rename_path", { ids: [1, 2], path: "a", name: "x" }),
    Error,
    "1 torrent",
  );
  await run("torrent_rename_path", { ids: [2], path: "b", name: "new" });
  assertEquals(daemon.torrents.list()[1]!.name, "new");
  assert((await Deno.stat(dir.at("dl", "new"))).isFile, "renamed on the disk");
  await assertRejects(
    () => run("torrent_rename_path", { ids: [2], path: "b", name: "y" }),
    Error,
    "has no file or folder b",
  );
  await daemon.close();
});

Deno.test("a blocklist of the user must be readable, one that was fetched is only reported", async () => {
  await using dir = await scratch();
  await assertRejects(() => openDaemon(dir.path, {}, { blocklist: dir.at("none") }), Failure);
  await Deno.writeTextFile(dir.at("state", "blocklist.txt"), "{}{}".repeat(99));
  const { daemon, log, run } = await openDaemon(dir.path);
  assertEquals(log.filter(({ level }) => level === "warning").length, 1);
  await assertRejects(() => run("blocklist_update"), Error, "set blocklist_url first");
  const { size_bytes: free, total_size: total } = await run("free_space", { path: dir.path });
  assert(Number(free) > 0 && Number(total) >= Number(free));
  await assertRejects(() => run("free_space", { path: dir.at("none") }), Error, "Cannot look at");
  assertEquals(await run("port_test"), { port_is_open: false, ip_protocol: "ipv4" });
  await run("group_set", { name: "slow", speed_limit_up_enabled: true });
  await run("group_set", { name: "fast" });
  const namesOf = async (params: JsonObject) =>
    ((await run("group_get", params)).group as JsonObject[]).map(({ name }) => name);
  assertEquals([await namesOf({}), await namesOf({ name: ["slow"] })], [["slow", "fast"], [
    "slow",
  ]]);
  assertEquals((await run("tt_dht")).node, null);
  await daemon.close();
});
