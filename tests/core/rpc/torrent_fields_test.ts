import { assertEquals } from "@std/assert";
import { camelName, currentName, kebabName } from "../../../core/rpc/names.ts";
import { peerFlags, TORRENT_FIELDS, torrentsAnswer } from "../../../core/rpc/torrent_fields.ts";
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
