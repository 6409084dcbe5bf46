import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { sessionAnswer, statsAnswer } from "../../../core/rpc/session_answer.ts";
import {
  isAltTime,
  newGroup,
  ratesInForce,
  readSetting,
  SESSION_DEFAULTS,
  SESSION_PARAMS,
} from "../../../core/rpc/session_settings.ts";
import {
  applyFileChange,
  applySettings,
  changeTrackers,
  formatTrackerList,
  parseTrackerList,
  readTorrentSettings,
  TORRENT_DEFAULTS,
} from "../../../core/rpc/torrent_settings.ts";

/** As listed in rpc-spec of Transmission 4.1. */
const SESSION_KEYS =
  "alt_speed_down alt_speed_enabled alt_speed_time_begin alt_speed_time_day alt_speed_time_enabled alt_speed_time_end alt_speed_up anti_brute_force_enabled blocklist_enabled blocklist_size blocklist_url cache_size_mib config_dir default_trackers dht_enabled download_dir download_dir_free_space download_queue_enabled download_queue_size encryption idle_seeding_limit idle_seeding_limit_enabled incomplete_dir incomplete_dir_enabled lpd_enabled peer_limit_global peer_limit_per_torrent peer_port peer_port_random_on_start pex_enabled port_forwarding_enabled preferred_transports queue_stalled_enabled queue_stalled_minutes rename_partial_files reqq rpc_version rpc_version_minimum rpc_version_semver script_torrent_added_enabled script_torrent_added_filename script_torrent_done_enabled script_torrent_done_filename script_torrent_done_seeding_enabled script_torrent_done_seeding_filename seed_queue_enabled seed_queue_size seed_ratio_limit seed_ratio_limited sequential_download session_id speed_limit_down speed_limit_down_enabled speed_limit_up speed_limit_up_enabled start_added_torrents tcp_enabled trash_original_torrent_files units utp_enabled version"
    .split(" ");

const FACTS = {
  settings: SESSION_DEFAULTS,
  version: "0.1.0",
  configDir: "/state",
  sessionId: "abc",
  blocklistSize: 3,
  freeBytes: 1e9,
};

Deno.test("session_get returns all specified keys, or the requested ones", () => {
  const answer = sessionAnswer(FACTS, undefined);
  assertEquals(SESSION_KEYS.filter((key) => !(key in answer)), []);
  // Clients parse a Transmission version number at the start.
  assertEquals(answer.version, "4.1.1 (tt 0.1.0)");
  assertEquals(sessionAnswer(FACTS, ["blocklist-size", "seedRatioLimit", "nothing"]), {
    blocklist_size: 3,
    seed_ratio_limit: 2,
  });
});

Deno.test("the defaults are valid values", () => {
  for (const [key, value] of Object.entries(SESSION_DEFAULTS)) {
    assertEquals(readSetting(key, value), { [key]: value });
  }
  assertEquals(Object.keys(SESSION_DEFAULTS).toSorted(), Object.keys(SESSION_PARAMS).toSorted());
  assertEquals(readSetting("peer_port", "x"), {});
  assertEquals(readSetting("constructor", 1), {});
});

Deno.test("session_stats has totals of this run and of all runs", () => {
  const totals = {
    uploadedBytes: 1,
    downloadedBytes: 2,
    filesAdded: 3,
    secondsActive: 4,
    sessionCount: 5,
  };
  const answer = statsAnswer({
    activeTorrents: 1,
    pausedTorrents: 2,
    torrents: 3,
    downRate: 4,
    upRate: 5,
    current: totals,
    cumulative: totals,
  });
  assertEquals(answer.cumulative_stats, {
    uploaded_bytes: 1,
    downloaded_bytes: 2,
    files_added: 3,
    seconds_active: 4,
    session_count: 5,
  });
});

Deno.test("alternate rates replace the normal ones while they are enabled", () => {
  const settings = { ...SESSION_DEFAULTS, speed_limit_up_enabled: true, speed_limit_up: 30 };
  assertEquals(ratesInForce(settings), { down: undefined, up: 30_000 });
  assertEquals(ratesInForce({ ...settings, alt_speed_enabled: true, alt_speed_down: 0 }), {
    down: 0,
    up: 50_000,
  });
});

Deno.test("a schedule over midnight belongs to the day on which it starts", () => {
  const schedule = {
    ...SESSION_DEFAULTS,
    alt_speed_time_enabled: true,
    alt_speed_time_begin: 22 * 60,
    alt_speed_time_end: 6 * 60,
    // Saturday only.
    alt_speed_time_day: 1 << 6,
  };
  const at = (day: number, hour: number) => isAltTime(schedule, { day, minute: hour * 60 });
  assertEquals([at(6, 21), at(6, 22), at(0, 5), at(0, 6), at(0, 22)], [
    false,
    true,
    true,
    false,
    false,
  ]);
  assertEquals(isAltTime(SESSION_DEFAULTS, { day: 1, minute: 600 }), undefined);
  const day = { ...schedule, alt_speed_time_begin: 540, alt_speed_time_end: 1020 };
  assertEquals(isAltTime(day, { day: 6, minute: 540 }), true);
  assertEquals(isAltTime(day, { day: 6, minute: 1020 }), false);
});

Deno.test("file changes apply to the named files, or to all for an empty list", () => {
  const choices = [{ wanted: true, priority: 0 }, { wanted: true, priority: 0 }];
  assertEquals(applyFileChange(choices, { files_unwanted: [], files_wanted: [1] }), {
    ok: true,
    value: [{ wanted: false, priority: 0 }, { wanted: true, priority: 0 }],
  });
  assertEquals(applyFileChange(choices, { priority_high: [0], priority_low: [1] }), {
    ok: true,
    value: [{ wanted: true, priority: 1 }, { wanted: true, priority: -1 }],
  });
  assertEquals(applyFileChange(choices, { priority_high: [2] }), { ok: false, error: 2 });
});

Deno.test("torrent settings accept valid values only", () => {
  const settings = applySettings(TORRENT_DEFAULTS, { download_limit: 5, location: "/a" });
  assertEquals(settings, { ...TORRENT_DEFAULTS, download_limit: 5 });
});

Deno.test("a tracker list has one line per tracker and a blank line between tiers", () => {
  const text =
    "http://a.example/x\nudp://b.example:1\n\n\n https://c.example/y \nhttp://a.example/x";
  const tiers = [["http://a.example/x", "udp://b.example:1"], ["https://c.example/y"]];
  assertEquals(parseTrackerList(text), { ok: true, value: tiers });
  assertEquals(parseTrackerList("ftp://a"), { ok: false, error: "ftp://a" });
  assertEquals(parseTrackerList(""), { ok: true, value: [] });
});

Deno.test("formatting and parsing round-trips any tiers", () => {
  const url = fc.nat(9999).map((n) => `http://t${n}.example/announce`);
  const tiers = fc.uniqueArray(url, { minLength: 1 }).map((urls) =>
    urls.reduce<string[][]>((all, one, index) => {
      if (index % 3 === 0) all.push([]);
      all.at(-1)!.push(one);
      return all;
    }, [])
  );
  fc.assert(
    fc.property(tiers, (given) => {
      assertEquals(parseTrackerList(formatTrackerList(given)), { ok: true, value: given });
    }),
    { seed: 14, numRuns: 100 },
  );
});

Deno.test("trackers are replaced and removed by ID, and added as a tier", () => {
  const tiers = [["http://a.example/x", "http://b.example/x"], ["http://c.example/x"]];
  assertEquals(
    changeTrackers(tiers, {
      tracker_replace: [{ id: 1, url: "udp://d.example:1" }],
      tracker_remove: [0, 2],
      tracker_add: ["http://e.example/x", "udp://d.example:1"],
    }),
    { ok: true, value: [["udp://d.example:1"], ["http://e.example/x"]] },
  );
  assertEquals(changeTrackers(tiers, { tracker_remove: [3] }), { ok: false, error: "tracker 3" });
  assertEquals(changeTrackers(tiers, { tracker_add: ["x"] }), { ok: false, error: "x" });
});

Deno.test("a new group limits nothing and obeys the session", () => {
  assertEquals(newGroup("slow"), {
    name: "slow",
    honors_session_limits: true,
    speed_limit_down: 0,
    speed_limit_down_enabled: false,
    speed_limit_up: 0,
    speed_limit_up_enabled: false,
  });
});

Deno.test("rates in force are those that are enabled, in bytes", () => {
  const rates = { ...SESSION_DEFAULTS, speed_limit_down: 20, speed_limit_up: 30 };
  assertEquals(ratesInForce(rates), { down: undefined, up: undefined });
  assertEquals(ratesInForce({ ...rates, speed_limit_down_enabled: true }), {
    down: 20_000,
    up: undefined,
  });
  const alternate = { ...rates, alt_speed_enabled: true, alt_speed_down: 7, alt_speed_up: 8 };
  assertEquals(ratesInForce(alternate), { down: 7_000, up: 8_000 });
});

Deno.test("a schedule applies on its days only, from its begin to before its end", () => {
  const onSunday = (begin: number, end: number) => (day: number, minute: number) =>
    isAltTime({
      ...SESSION_DEFAULTS,
      alt_speed_time_enabled: true,
      alt_speed_time_begin: begin,
      alt_speed_time_end: end,
      alt_speed_time_day: 1,
    }, { day, minute });
  const byDay = onSunday(60, 120);
  assertEquals([byDay(0, 59), byDay(0, 60), byDay(0, 119), byDay(0, 120)], [
    ...[false, true, true, false],
  ]);
  assertEquals([byDay(1, 60), byDay(6, 60)], [false, false]);
  const allDay = onSunday(60, 60);
  assertEquals([allDay(0, 0), allDay(0, 60), allDay(0, 1439), allDay(1, 0)], [
    ...[true, true, true, false],
  ]);
  const overnight = onSunday(120, 60);
  assertEquals([overnight(0, 119), overnight(0, 120), overnight(1, 59), overnight(1, 60)], [
    ...[false, true, true, false],
  ]);
  assertEquals([overnight(0, 59), overnight(6, 120)], [false, false]);
});

Deno.test("a change of files names the first index that is none, of whichever list", () => {
  const choices = [{ wanted: true, priority: 0 }, { wanted: false, priority: 1 }];
  const lists = ["files_unwanted", "files_wanted", "priority_low", "priority_normal"] as const;
  for (const list of [...lists, "priority_high"] as const) {
    assertEquals(applyFileChange(choices, { [list]: [0, 2, 3] }), { ok: false, error: 2 }, list);
  }
  assertEquals(applyFileChange(choices, {}), { ok: true, value: choices });
  assertEquals(applyFileChange(choices, { priority_normal: [1], files_wanted: [1] }), {
    ok: true,
    value: [choices[0]!, { wanted: true, priority: 0 }],
  });
});

Deno.test("empty tiers of a tracker list are none", () => {
  assertEquals(parseTrackerList("\n\nhttp://a.example/x\n\n\n\nhttp://a.example/x\n\n"), {
    ok: true,
    value: [["http://a.example/x"]],
  });
});

Deno.test("each change of trackers stands for itself", () => {
  const tiers = [["http://a.example/x"], ["http://b.example/x"]];
  assertEquals(changeTrackers(tiers, {}), { ok: true, value: tiers });
  assertEquals(changeTrackers(tiers, { tracker_remove: [1] }), { ok: true, value: [tiers[0]!] });
  assertEquals(changeTrackers(tiers, { tracker_add: ["udp://c.example:1"] }), {
    ok: true,
    value: [...tiers, ["udp://c.example:1"]],
  });
  const replace = (id: number, url: string) =>
    changeTrackers(tiers, { tracker_replace: [{ id, url }] });
  assertEquals(replace(0, "udp://c.example:1"), {
    ok: true,
    value: [["udp://c.example:1"], tiers[1]!],
  });
  assertEquals(replace(2, "udp://c.example:1"), { ok: false, error: "tracker 2" });
  assertEquals(replace(0, "x"), { ok: false, error: "x" });
});

Deno.test("stored settings of a torrent are read again, each that still fits", () => {
  assertEquals(readTorrentSettings(undefined), TORRENT_DEFAULTS);
  assertEquals(
    readTorrentSettings({
      download_limit: 5,
      labels: ["a"],
      upload_limit: "fast",
      location: "/a",
      constructor: 1,
      group: "g",
    }),
    { ...TORRENT_DEFAULTS, download_limit: 5, labels: ["a"], group: "g" },
  );
});
