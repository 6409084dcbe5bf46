import { assertEquals } from "@std/assert";
import { camelName, currentName, kebabName } from "../../../core/rpc/names.ts";
import { TORRENT_FIELDS, torrentsAnswer } from "../../../core/rpc/torrent_fields.ts";
import { peerFlags } from "../../../core/rpc/torrent_objects.ts";
import type { PeerView, TorrentView } from "../../../core/rpc/torrent_view.ts";
import { HASH, view } from "./kit.ts";

/** As listed in rpc-spec of Transmission 4.1. */
const CURRENT =
  "activity_date added_date availability bandwidth_priority bytes_completed comment corrupt_ever creator date_created desired_available done_date download_dir downloaded_ever download_limit download_limited edit_date error error_string eta eta_idle file_count files file_stats group hash_string have_unchecked have_valid honors_session_limits id is_finished is_private is_stalled labels left_until_done magnet_link manual_announce_time max_connected_peers metadata_percent_complete name peer_limit peers peers_connected peers_from peers_getting_from_us peers_sending_to_us percent_complete percent_done pieces piece_count piece_size priorities primary_mime_type queue_position rate_download rate_upload recheck_progress seconds_downloading seconds_seeding seed_idle_limit seed_idle_mode seed_ratio_limit seed_ratio_mode sequential_download sequential_download_from_piece size_when_done start_date status torrent_file total_size trackers tracker_list tracker_stats uploaded_ever upload_limit upload_limited upload_ratio wanted webseeds webseeds_ex webseeds_sending_to_us"
    .split(" ");

/** As listed in rpc-spec of Transmission 4.0.6. */
const OLDER =
  "activityDate addedDate availability bandwidthPriority comment corruptEver creator dateCreated desiredAvailable doneDate downloadDir downloadedEver downloadLimit downloadLimited editDate error errorString eta etaIdle file-count files fileStats group hashString haveUnchecked haveValid honorsSessionLimits id isFinished isPrivate isStalled labels leftUntilDone magnetLink manualAnnounceTime maxConnectedPeers metadataPercentComplete name peer-limit peers peersConnected peersFrom peersGettingFromUs peersSendingToUs percentComplete percentDone pieces pieceCount pieceSize priorities primary-mime-type queuePosition rateDownload rateUpload recheckProgress secondsDownloading secondsSeeding seedIdleLimit seedIdleMode seedRatioLimit seedRatioMode sizeWhenDone startDate status trackers trackerList trackerStats totalSize torrentFile uploadedEver uploadLimit uploadLimited uploadRatio wanted webseeds webseedsSendingToUs"
    .split(" ");

function ask(fields: readonly string[], dialect: "legacy" | "jsonrpc" = "jsonrpc") {
  const [torrent] = torrentsAnswer({ fields, format: "objects" }, [view()], dialect);
  // deno-lint-ignore no-explicit-any
  return torrent as any;
}

Deno.test("every field of both specifications is returned under the requested name", () => {
  assertEquals(Object.keys(ask(CURRENT)), CURRENT);
  assertEquals(Object.keys(ask(OLDER, "legacy")), OLDER);
  assertEquals(TORRENT_FIELDS.filter((name) => !name.startsWith("tt_")), CURRENT.toSorted());
});

Deno.test("names round-trip through the old dialect", () => {
  for (const name of CURRENT) {
    assertEquals(currentName(camelName(name)), name);
    assertEquals(currentName(kebabName(name)), name);
  }
  assertEquals(currentName("isUTP"), "is_utp");
  assertEquals(camelName("is_utp"), "isUTP");
  assertEquals(currentName("cache-size-mb"), "cache_size_mib");
});

Deno.test("the numbers are those of the torrent", () => {
  assertEquals(
    ask([
      "percent_done",
      "percent_complete",
      "left_until_done",
      "size_when_done",
      "upload_ratio",
      "eta",
      "pieces",
      "wanted",
      "priorities",
      "bytes_completed",
      "primary_mime_type",
      "tracker_list",
      "labels",
      "webseeds",
    ]),
    {
      percent_done: 0.5,
      percent_complete: 0.5,
      left_until_done: 15_000,
      size_when_done: 30_000,
      upload_ratio: 0.25,
      eta: 15,
      pieces: "oA==",
      wanted: [true, false],
      priorities: [1, 0],
      bytes_completed: [15_000, 5_000],
      primary_mime_type: "audio/flac",
      tracker_list: "http://tracker.example.org:6969/announce",
      labels: ["music"],
      webseeds: ["http://example.org/album"],
    },
  );
});

Deno.test("nested objects use the names of their dialect", () => {
  const fields = ["files", "fileStats", "peers", "peersFrom", "trackers", "trackerStats", "wanted"];
  const older = ask(fields, "legacy");
  assertEquals(Object.keys(older.files[0]), [
    "name",
    "length",
    "bytesCompleted",
    "beginPiece",
    "endPiece",
  ]);
  assertEquals(older.fileStats[1], { bytesCompleted: 5_000, wanted: false, priority: 0 });
  assertEquals(older.wanted, [1, 0]);
  assertEquals(older.peers[0].isUTP, false);
  assertEquals(older.peers[0].flagStr, "Du");
  assertEquals(older.peersFrom.fromTracker, 1);
  assertEquals(older.trackers[0].sitename, "example");
  assertEquals(older.trackerStats[0].host, "http://tracker.example.org:6969");
  assertEquals(older.trackerStats[0].lastAnnounceResult, "Success");
  const newer = ask(["tracker_stats", "peers", "peers_from"]);
  assertEquals(newer.tracker_stats[0].seeder_count, 2);
  assertEquals(newer.peers[0].is_utp, false);
  assertEquals(newer.peers_from.from_ltep, 0);
});

Deno.test("a table starts with the names; unknown and duplicate ones are omitted", () => {
  const table = torrentsAnswer(
    { fields: ["id", "nothing", "hashString", "id", "__proto__"], format: "table" },
    [view(), view({ id: 8 })],
    "legacy",
  );
  assertEquals(table, [["id", "hashString"], [7, HASH], [8, HASH]]);
});

Deno.test("an unknown time is a negative number", () => {
  const eta = (changes: Parameters<typeof view>[0]) =>
    (torrentsAnswer(
      { fields: ["eta"], format: "table" },
      [view(changes)],
      "legacy",
    )[1] as number[])[0];
  assertEquals(eta({ etaSeconds: undefined }), -2);
  assertEquals(eta({ etaSeconds: undefined, haveWanted: 30_000 }), -1);
});

Deno.test("the flags of a peer show its state, source and transport", () => {
  const [peer] = view().peers();
  assertEquals(peerFlags(peer!), "Du");
  assertEquals(
    peerFlags({
      ...peer!,
      isUtp: true,
      clientIsInterested: false,
      peerIsInterested: false,
      peerIsChoked: false,
      isEncrypted: true,
      isIncoming: true,
      source: "dht",
    }),
    "TK?EHI",
  );
});

Deno.test("peers, files, trackers and web seeds are whole objects", () => {
  const answer = ask(["files", "file_stats", "peers", "trackers", "tracker_stats", "webseeds_ex"]);
  assertEquals(answer.files[1], {
    name: "album/cover.jpg",
    length: 10_000,
    bytes_completed: 5_000,
    begin_piece: 1,
    end_piece: 3,
  });
  assertEquals(answer.file_stats[0], { bytes_completed: 15_000, wanted: true, priority: 1 });
  assertEquals(answer.peers, [{
    address: "192.0.2.1",
    bytes_to_client: 20_000,
    bytes_to_peer: 0,
    client_is_choked: false,
    client_is_interested: true,
    client_name: "Transmission 3.00",
    flag_str: "Du",
    is_downloading_from: true,
    is_encrypted: false,
    is_incoming: false,
    is_uploading_to: false,
    is_utp: false,
    peer_id: "-TR3000-abcdefghijkl",
    peer_is_choked: true,
    peer_is_interested: true,
    port: 51413,
    progress: 0.5,
    rate_to_client: 1000,
    rate_to_peer: 0,
    tt_source: "tracker",
  }]);
  assertEquals(answer.trackers, [{
    announce: "http://tracker.example.org:6969/announce",
    id: 0,
    scrape: "http://tracker.example.org:6969/scrape",
    sitename: "example",
    tier: 0,
  }]);
  assertEquals(answer.tracker_stats, [{
    announce: "http://tracker.example.org:6969/announce",
    announce_state: 1,
    download_count: 9,
    downloader_count: -1,
    has_announced: true,
    has_scraped: true,
    host: "http://tracker.example.org:6969",
    id: 0,
    is_backup: false,
    last_announce_peer_count: 3,
    last_announce_result: "Success",
    last_announce_start_time: 1_700_000_100,
    last_announce_succeeded: true,
    last_announce_time: 1_700_000_100,
    last_announce_timed_out: false,
    last_scrape_result: "",
    last_scrape_start_time: 0,
    last_scrape_succeeded: true,
    last_scrape_time: 1_700_000_100,
    last_scrape_timed_out: false,
    leecher_count: 1,
    next_announce_time: 1_700_001_900,
    next_scrape_time: 1_700_001_900,
    scrape: "http://tracker.example.org:6969/scrape",
    scrape_state: 0,
    seeder_count: 2,
    sitename: "example",
    tier: 0,
  }]);
  assertEquals(answer.webseeds_ex, [{
    url: "http://example.org/album",
    is_downloading: false,
    download_bytes_per_second: 0,
  }]);
});

/** One field of a torrent. */
function fieldOf(field: string, changes: Partial<TorrentView>): unknown {
  const [torrent] = torrentsAnswer(
    { fields: [field], format: "objects" },
    [view(changes)],
    "jsonrpc",
  );
  return (torrent as Record<string, unknown>)[field];
}

Deno.test("a part is 0 without metadata, at most 1, and 1 of nothing", () => {
  const done = (changes: Partial<TorrentView>) => [
    fieldOf("percent_done", changes),
    fieldOf("percent_complete", changes),
  ];
  assertEquals(done({ metadataDone: 0.5 }), [0, 0]);
  assertEquals(done({ wantedSize: 0, haveWanted: 0, totalSize: 0, haveValid: 0 }), [1, 1]);
  assertEquals(done({ haveWanted: 30_001, haveValid: 40_001 }), [1, 1]);
  assertEquals(done({ wantedSize: 1, haveWanted: 0, totalSize: 1, haveValid: 0 }), [0, 0]);
  assertEquals(fieldOf("left_until_done", { haveWanted: 30_001 }), 0);
});

Deno.test("the ratio is of what was downloaded, else of what was there, else unknown", () => {
  const ratio = (downloadedEver: number, haveValid: number) =>
    fieldOf("upload_ratio", { uploadedEver: 500, downloadedEver, haveValid });
  assertEquals([ratio(1000, 10), ratio(0, 250), ratio(0, 1), ratio(0, 0)], [0.5, 2, 500, -1]);
});

Deno.test("the rates of a peer say whether it sends or receives", () => {
  const [peer] = view().peers();
  const of = (rateToClient: number, rateToPeer: number) => {
    const [facts] = fieldOf("peers", { peers: () => [{ ...peer!, rateToClient, rateToPeer }] }) as [
      Record<string, unknown>,
    ];
    return [facts.is_downloading_from, facts.is_uploading_to];
  };
  assertEquals([of(0, 0), of(1, 0), of(0, 1)], [[false, false], [true, false], [false, true]]);
});

Deno.test("each flag of a peer stands for one fact", () => {
  const [peer] = view().peers();
  const none: PeerView = {
    ...peer!,
    clientIsChoked: true,
    peerIsChoked: true,
    clientIsInterested: false,
    peerIsInterested: false,
  };
  const cases: [Partial<PeerView>, string][] = [
    [{}, ""],
    [{ clientIsInterested: true }, "d"],
    [{ clientIsInterested: true, clientIsChoked: false }, "D"],
    [{ peerIsInterested: true }, "u"],
    [{ peerIsInterested: true, peerIsChoked: false }, "U"],
    [{ clientIsChoked: false }, "K"],
    [{ peerIsChoked: false }, "?"],
    [{ isEncrypted: true }, "E"],
    [{ source: "dht" }, "H"],
    [{ source: "pex" }, "X"],
    [{ source: "lpd" }, "L"],
    [{ isIncoming: true }, "I"],
    [{ isUtp: true }, "T"],
  ];
  for (const [changes, flags] of cases) assertEquals(peerFlags({ ...none, ...changes }), flags);
});

Deno.test("the site of a tracker is its domain, and an address its own", () => {
  const [tracker] = view().trackers();
  const site = (announce: string) => {
    const trackers = () => [{ ...tracker!, announce }];
    const [stats] = fieldOf("tracker_stats", { trackers }) as [Record<string, unknown>];
    return [stats.host, stats.sitename];
  };
  assertEquals(site("https://a.b.example.org/x"), ["https://a.b.example.org:443", "example"]);
  assertEquals(site("http://example.org/x"), ["http://example.org:80", "example"]);
  assertEquals(site("http://local/x"), ["http://local:80", "local"]);
  assertEquals(site("udp://192.0.2.7:6969"), ["udp://192.0.2.7:6969", "192.0.2.7"]);
  assertEquals(site("http://[2001:db8::1]/x"), ["http://[2001:db8::1]:80", "[2001:db8::1]"]);
  assertEquals(site("no URL"), ["no URL", "no URL"]);
});

Deno.test("the type is that of most bytes, and what has no known ending is just bytes", () => {
  const typeOf = (...files: [string, number][]) => {
    const [file] = view().files();
    return fieldOf("primary_mime_type", {
      files: () => files.map(([name, length]) => ({ ...file!, name, length })),
    });
  };
  assertEquals(typeOf(["a.txt", 2], ["b.MKV", 1]), "text/plain");
  assertEquals(typeOf(["a.txt", 2], ["b.mkv", 1], ["c.mkv", 2]), "video/x-matroska");
  assertEquals(typeOf(["a.txt", 2], ["b.mkv", 2]), "text/plain", "the first of equals");
  assertEquals(typeOf(["a.txt", 1]), "text/plain");
  for (const name of ["README", "a.constructor", "txt.", "a.b/c"]) {
    assertEquals(typeOf([name, 1]), "application/octet-stream", name);
  }
  assertEquals(typeOf(), "application/octet-stream");
  assertEquals(typeOf(["a.txt", 0]), "application/octet-stream");
});

Deno.test("trackers are listed by tier, in the order of the tiers", () => {
  const [tracker] = view().trackers();
  const of = (...tiers: [number, string][]) =>
    fieldOf("tracker_list", {
      trackers: () => tiers.map(([tier, announce]) => ({ ...tracker!, tier, announce })),
    });
  assertEquals(of([0, "a"], [0, "b"], [2, "c"]), "a\nb\n\nc");
});

Deno.test("names of the language are no fields", () => {
  assertEquals(ask(["constructor", "toString", "__proto__", "id"]), { id: 7 });
});

Deno.test("no time of a manual announce and no idle time is ever given", () => {
  assertEquals(ask(["manual_announce_time", "eta_idle"]), {
    manual_announce_time: 0,
    eta_idle: -1,
  });
});
