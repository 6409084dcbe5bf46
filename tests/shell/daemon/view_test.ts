/** What remotes are told about a torrent, of made-up facts. */
import { assertEquals, assertMatch } from "@std/assert";
import { createGeometry } from "../../../core/metainfo/geometry.ts";
import type { Metainfo } from "../../../core/metainfo/types.ts";
import type { Magnet } from "../../../core/metainfo/magnet.ts";
import { TORRENT_ERROR, TORRENT_STATUS } from "../../../core/rpc/torrent_view.ts";
import type { TorrentDetails } from "../../../core/torrent/details.ts";
import type { TorrentFacts } from "../../../core/torrent/facts.ts";
import { TorrentEntry } from "../../../shell/daemon/entry.ts";
import { newRecord, type TorrentRecord } from "../../../shell/daemon/record.ts";
import { contentFiles, EntryView } from "../../../shell/daemon/view.ts";
import { Failure } from "../../../shell/failure.ts";
import type { LifeFacts } from "../../../shell/life/types.ts";

/** Of every view. */
const MOMENT = { atMs: 5_000_000, atUnix: 1_700_000_000.4 };

/** Two files of 20 and 18 bytes with padding between them, in three pieces of 16 bytes; the last has 14. */
const METAINFO = {
  infoHash: "ab".repeat(20),
  identity: { v1: "ab".repeat(20), v2: undefined },
  name: "set",
  isPrivate: true,
  announceTiers: [["http://a.example/x/announce?k=1", "udp://b.example:1/announce"], [
    "http://c.example/track",
  ]],
  webSeeds: ["http://w.example/"],
  geometry: createGeometry(46, 16),
  files: [
    { path: ["set", "a"], length: 20, offset: 0, pad: false },
    { path: ["set", ".pad"], length: 8, offset: 20, pad: true },
    { path: ["set", "b"], length: 18, offset: 28, pad: false },
  ],
} as unknown as Metainfo;

const SWARM = {
  downRate: 3.4,
  upRate: 2.6,
  peers: 2,
  isWaiting: false,
  owedBytes: 9,
  share: "owing",
} as unknown as TorrentFacts;

const FACTS: LifeFacts = {
  state: "downloading",
  dir: "/dl",
  failure: undefined,
  checkedBytes: 6,
  checkBytesTotal: 24,
  bytesHave: 16,
  bytesTotal: 46,
  bytesWanted: 46,
  bytesWantedMissing: 30,
  uploaded: 5,
  downloaded: 7,
  swarm: SWARM,
  isJoined: true,
  trackerError: undefined,
  trackerAnsweredMs: 0,
};

interface Made {
  readonly facts?: Partial<LifeFacts> | null;
  readonly details?: Partial<TorrentDetails>;
  /** Of a torrent that is not in its swarm. */
  readonly pieces?: Uint8Array;
  readonly record?: Partial<TorrentRecord>;
  readonly metainfo?: Partial<Metainfo>;
  readonly change?: (entry: TorrentEntry) => void;
}

function viewOf({ facts = {}, details, pieces, record, metainfo, change }: Made = {}): EntryView {
  const loaded = { metainfo: { ...METAINFO, ...metainfo } } as TorrentEntry["loaded"];
  const entry = new TorrentEntry(4, new Uint8Array(), loaded, {
    ...newRecord("/dl", 1, 0),
    ...record,
  }, undefined);
  const driver = details === undefined ? undefined : {
    details: () => ({
      ...{ peers: () => [], trackers: () => [], availability: () => [] },
      ...{ have: () => new Uint8Array(1) },
      ...details,
    }),
  };
  entry.handle = facts === null ? undefined : {
    facts: () => ({ ...FACTS, ...facts }),
    driver,
    pieces,
  } as unknown as TorrentEntry["handle"];
  change?.(entry);
  return new EntryView(entry, { sharePercent: 10, ...MOMENT });
}

Deno.test("the status follows the torrent's life, its queue and the user's will", () => {
  const { stopped, checkQueued, checking, downloadQueued, downloading, seedQueued, seeding } =
    TORRENT_STATUS;
  const whole = { bytesHave: 46 };
  const statusOf = (made: Made) => viewOf(made).status;
  assertEquals(statusOf({ facts: { state: "checking" } }), checking);
  assertEquals(statusOf({}), downloading);
  assertEquals(statusOf({ facts: { state: "seeding", ...whole } }), seeding);
  assertEquals(statusOf({ facts: { state: "failed" } }), stopped);
  assertEquals(statusOf({ facts: { state: "queued" } }), checkQueued);
  const paused = { ...FACTS, state: "paused", isJoined: false } as const;
  assertEquals(statusOf({ facts: paused, record: { isStopped: true } }), stopped);
  assertEquals(statusOf({ facts: paused, record: { isFinished: true } }), stopped);
  assertEquals(statusOf({ facts: paused }), downloadQueued);
  assertEquals(statusOf({ facts: { ...paused, ...whole } }), seedQueued);
  assertEquals(statusOf({ facts: null, record: { haveValid: 46 } }), seedQueued);
  const admit = (entry: TorrentEntry) => void (entry.isAdmitted = true);
  assertEquals(statusOf({ facts: null, change: admit }), checkQueued);
});

Deno.test("a magnet link has no size, and the progress of its metadata", () => {
  const magnetView = (change: (entry: TorrentEntry) => void, record: Partial<TorrentRecord> = {}) =>
    viewOf({
      facts: null,
      record,
      change: (entry) => {
        entry.magnet = {} as Magnet;
        change(entry);
      },
    });
  const idle = magnetView(() => {});
  assertEquals([idle.status, idle.totalSize, idle.pieceCount, idle.metadataDone], [
    ...[TORRENT_STATUS.downloadQueued, 0, 0, 0],
  ]);
  assertEquals([idle.peersConnected, idle.why], [0, ""]);
  assertEquals(magnetView(() => {}, { isStopped: true }).status, TORRENT_STATUS.stopped);
  const stage = (facts: object) => (entry: TorrentEntry) => {
    entry.isAdmitted = true;
    entry.metadata = { facts: () => facts } as unknown as TorrentEntry["metadata"];
  };
  const running = magnetView(stage({ peers: 2, metadata: { bytesDone: 1, bytesTotal: 4 } }));
  assertEquals([running.status, running.metadataDone, running.peersConnected, running.why], [
    ...[TORRENT_STATUS.downloading, 0.25, 2, "metadata from 2 peers"],
  ]);
  const lonely = magnetView(stage({ peers: 0, metadata: { bytesDone: 0, bytesTotal: 0 } }));
  assertEquals(lonely.metadataDone, 0);
  assertMatch(lonely.why, /^no peers yet/);
  assertEquals(viewOf().metadataDone, 1);
});

Deno.test("an error is the torrent's own, or its tracker's while it is in the swarm", () => {
  const of = (facts: Partial<LifeFacts>) => {
    const { error, errorText } = viewOf({ facts });
    return [error, errorText];
  };
  assertEquals(of({}), [TORRENT_ERROR.none, ""]);
  assertEquals(of({ trackerError: "down" }), [TORRENT_ERROR.trackerError, "down"]);
  assertEquals(of({ trackerError: "down", isJoined: false }), [TORRENT_ERROR.none, ""]);
  const failure = new Failure("disk", "io", "The disk broke");
  assertEquals(of({ failure, trackerError: "down" }), [TORRENT_ERROR.local, "The disk broke"]);
  assertEquals(viewOf({ facts: { failure } }).why, "The disk broke");
  assertEquals(viewOf({ facts: { isJoined: false } }).why, "");
});

Deno.test("sizes are of all files, of wanted ones, and of what is here", () => {
  const plain = viewOf({ details: { have: () => Uint8Array.of(0b100_00000) } });
  assertEquals(
    [plain.totalSize, plain.wantedSize, plain.haveValid, plain.haveWanted, plain.leftUntilDone],
    [46, 46, 16, 16, 30],
  );
  // Of the first file 16 bytes are here; the second one is not wanted.
  const part = viewOf({
    record: { unwanted: [2, 9] },
    details: { have: () => Uint8Array.of(0b100_00000) },
  });
  assertEquals([part.wantedSize, part.haveWanted, part.leftUntilDone], [28, 16, 12]);
  assertEquals(part.files().map(({ wanted }) => wanted), [true, false]);
  const whole = viewOf({ facts: { bytesHave: 46 }, record: { unwanted: [2] } });
  assertEquals([whole.haveWanted, whole.leftUntilDone, whole.desiredAvailable], [28, 0, 0]);
});

Deno.test("before the first check, what is here is what was here in the last run", () => {
  const record = { haveValid: 32, uploaded: 50, downloaded: 60 };
  const unknown = { isJoined: false, bytesHave: 0, uploaded: 0, downloaded: 0 };
  const before = viewOf({ facts: unknown, record });
  assertEquals([before.haveValid, before.uploadedEver, before.downloadedEver], [32, 50, 60]);
  assertEquals(viewOf({ facts: { ...unknown, bytesHave: 16 }, record }).haveValid, 16);
  assertEquals(viewOf({ facts: { ...unknown, isJoined: true }, record }).haveValid, 0);
  assertEquals(viewOf({ facts: null, record }).haveValid, 32);
  const after = viewOf({ facts: { uploaded: 51, downloaded: 61 }, record });
  assertEquals([after.uploadedEver, after.downloadedEver], [51, 61]);
  const { percent, owedBytes, sharedBytes, state } = after.share;
  assertEquals([percent, owedBytes, sharedBytes, state], [10, 9, 51, "owing"]);
  assertEquals(viewOf({ facts: null }).share.owedBytes, 0);
});

Deno.test("files show their pieces and the bytes of them that are here", () => {
  const view = viewOf({
    record: { priorities: { 2: 1 } },
    details: { have: () => Uint8Array.of(0b011_00000) },
  });
  assertEquals(view.files(), [
    {
      ...{ name: "set/a", length: 20, bytesCompleted: 4, beginPiece: 0, endPiece: 2 },
      ...{ wanted: true, priority: 0 },
    },
    {
      ...{ name: "set/b", length: 18, bytesCompleted: 18, beginPiece: 1, endPiece: 3 },
      ...{ wanted: true, priority: 1 },
    },
  ]);
  assertEquals([view.fileCount, contentFiles(view.entry)], [2, [0, 2]]);
  const done = viewOf({ facts: { bytesHave: 46 } });
  assertEquals(done.files().map(({ bytesCompleted }) => bytesCompleted), [20, 18]);
  const empty = { path: ["e"], length: 0, offset: 46, pad: false };
  const withEmpty = viewOf({ metainfo: { files: [empty] as unknown as Metainfo["files"] } });
  const [file] = withEmpty.files();
  assertEquals([file!.beginPiece, file!.endPiece, file!.bytesCompleted], [2, 2, 0]);
});

Deno.test("pieces are bits, and availability counts peers of those that are missing", () => {
  const details = { have: () => Uint8Array.of(0b010_00000), availability: () => [3, 1, 0] };
  const view = viewOf({ details });
  assertEquals(view.pieces(), Uint8Array.of(0b010_00000));
  assertEquals(view.availability(), [3, -1, 0]);
  assertEquals(view.desiredAvailable, 16);
  assertEquals(
    viewOf({ details: { ...details, availability: () => [0, 1, 2] } }).desiredAvailable,
    14,
  );
  const done = viewOf({ facts: { bytesHave: 46 } });
  assertEquals([done.pieces(), done.availability()], [Uint8Array.of(0b111_00000), [-1, -1, -1]]);
  const eight = { geometry: createGeometry(128, 16) };
  assertEquals(viewOf({ facts: { bytesHave: 128 }, metainfo: eight }).pieces(), Uint8Array.of(255));
  const ten = { geometry: createGeometry(160, 16) };
  const bits = viewOf({ facts: { bytesHave: 160 }, metainfo: ten }).pieces();
  assertEquals(bits, Uint8Array.of(255, 0b110_00000));
  const idle = viewOf({ facts: { isJoined: false }, pieces: Uint8Array.of(0b001_00000) });
  assertEquals(idle.pieces(), Uint8Array.of(0b001_00000));
  assertEquals(viewOf({ facts: null }).pieces(), Uint8Array.of(0));
  assertEquals(viewOf({ facts: null }).availability(), [0, 0, 0]);
});

Deno.test("rates count in the swarm only, and the time left follows from them", () => {
  const running = viewOf();
  assertEquals([running.downRate, running.upRate, running.etaSeconds], [3, 3, 10]);
  const left = viewOf({ facts: { isJoined: false } });
  assertEquals([left.downRate, left.upRate, left.peersConnected], [0, 0, 0]);
  assertEquals([left.peersSendingToUs, left.peersGettingFromUs], [0, 0]);
  assertEquals(left.etaSeconds, undefined);
  assertEquals(viewOf({ facts: { bytesHave: 46 } }).etaSeconds, undefined);
  const waiting = { ...SWARM, isWaiting: true };
  assertEquals(viewOf({ facts: { swarm: waiting } }).etaSeconds, undefined);
  const checking = viewOf({ facts: { state: "checking" } });
  assertEquals([checking.recheckProgress, running.recheckProgress], [0.25, 0]);
  assertEquals(viewOf({ facts: { state: "checking", checkBytesTotal: 0 } }).recheckProgress, 0);
});

const PEER = {
  address: { ip: "192.0.2.1", port: 6881 },
  client: undefined as string | undefined,
  id: new TextEncoder().encode("-TR4050-\x00bcdefghijkl"),
  source: "lsd",
  isIncoming: false,
  isEncrypted: false,
  isUtp: false,
  isChokingUs: true,
  isChokedByUs: false,
  isInteresting: true,
  isInterested: false,
  piecesHave: 1,
  downRate: 0.6,
  upRate: 0,
  downloaded: 11,
  uploaded: 12,
};

Deno.test("peers show their client, source, progress and rates", () => {
  const peers = [PEER, { ...PEER, source: "resume", client: "Other 2", downRate: 0, upRate: 1.6 }];
  const view = viewOf({ details: { peers: () => peers as never } });
  const [first, second] = view.peers();
  assertEquals([first!.clientName, second!.clientName], ["TR 4.0.5.0", "Other 2"]);
  assertEquals([first!.source, first!.addressSource, second!.source], ["lpd", "lsd", "cache"]);
  assertEquals(first!.peerId, "-TR4050-.bcdefghijkl");
  assertEquals([first!.progress, first!.rateToClient, second!.rateToPeer], [1 / 3, 1, 2]);
  assertEquals([first!.bytesToClient, first!.bytesToPeer], [11, 12]);
  assertEquals([first!.clientIsChoked, first!.peerIsChoked], [true, false]);
  assertEquals([first!.clientIsInterested, first!.peerIsInterested], [true, false]);
  assertEquals([view.peersSendingToUs, view.peersGettingFromUs, view.peersConnected], [1, 1, 2]);
  const { lpd, cache, tracker } = view.peersFrom();
  assertEquals([lpd, cache, tracker], [1, 1, 0]);
  const foreign = { ...PEER, id: new TextEncoder().encode("M7-9-2--aaaaaaaaaaaa") };
  const [odd] = viewOf({ details: { peers: () => [foreign] as never } }).peers();
  assertEquals(odd!.clientName, "");
  const magnet = viewOf({
    details: { peers: () => [PEER] as never },
    change: (entry) => void (entry.magnet = {} as Magnet),
  });
  assertEquals(magnet.peers()[0]!.progress, 1);
});

Deno.test("trackers show their tier, state, and when they are asked next", () => {
  const inMs = (ms: number) => MOMENT.atMs + ms;
  const known = [
    {
      url: METAINFO.announceTiers[0]![0],
      ...{ lastSuccessMs: inMs(-60_000), nextMs: inMs(1_800_000), seeders: 3, leechers: 4 },
      ...{ error: undefined, warning: "be nice", isUnderWay: false },
    },
    { url: METAINFO.announceTiers[0]![1], error: "timed out", isUnderWay: true },
    { url: METAINFO.announceTiers[1]![0] },
  ];
  const view = viewOf({ details: { trackers: () => known as never } });
  const [first, second, third] = view.trackers();
  assertEquals([first!.id, first!.tier, second!.id, second!.tier, third!.id, third!.tier], [
    ...[0, 0, 1, 0, 2, 1],
  ]);
  assertEquals([first!.scrape, second!.scrape, third!.scrape], [
    "http://a.example/x/scrape?k=1",
    "udp://b.example:1/announce",
    "",
  ]);
  assertEquals([first!.isBackup, second!.isBackup, third!.isBackup], [false, false, true]);
  assertEquals([first!.announceState, second!.announceState, third!.announceState], [1, 3, 0]);
  assertEquals([first!.hasAnnounced, second!.hasAnnounced, third!.hasAnnounced], [
    ...[true, true, false],
  ]);
  assertEquals([first!.lastAnnounceSucceeded, second!.lastAnnounceSucceeded], [true, false]);
  assertEquals(third!.lastAnnounceSucceeded, false);
  assertEquals(
    [first!.lastAnnounceResult, second!.lastAnnounceResult, third!.lastAnnounceResult],
    ["be nice", "timed out", ""],
  );
  assertEquals([first!.lastAnnouncePeers, second!.lastAnnouncePeers], [7, 0]);
  assertEquals([first!.seeders, first!.leechers, second!.seeders, second!.leechers], [
    3,
    4,
    -1,
    -1,
  ]);
  assertEquals(
    [first!.lastAnnounceAt, first!.nextAnnounceAt, second!.lastAnnounceAt],
    [1_699_999_940, 1_700_001_800, 1_700_000_000],
  );
  assertEquals([second!.nextAnnounceAt, third!.lastAnnounceAt], [0, 0]);
  const silent = viewOf({ facts: null }).trackers();
  assertEquals(silent.map(({ isBackup, downloads }) => [isBackup, downloads]), [
    ...[[false, -1], [false, -1], [false, -1]],
  ]);
  const scheduled = { url: METAINFO.announceTiers[1]![0], nextMs: inMs(5_000) };
  const next = viewOf({ details: { trackers: () => [scheduled] as never } }).trackers()[2]!;
  assertEquals([next.isBackup, next.announceState, next.lastAnnounceResult], [false, 1, ""]);
});

Deno.test("what the record and the torrent say is passed on", () => {
  const record = {
    ...{ addedAt: 1, startedAt: 2, doneAt: 3, activeAt: 4, editedAt: 5, corruptEver: 6 },
    ...{ secondsDownloading: 7.6, secondsSeeding: 8.4, isFinished: true, queuePosition: 9 },
  };
  const view = viewOf({ record, change: (entry) => void (entry.isStalled = true) });
  assertEquals(
    [view.addedAt, view.startedAt, view.doneAt, view.activeAt, view.editedAt, view.corruptEver],
    [1, 2, 3, 4, 5, 6],
  );
  assertEquals([view.secondsDownloading, view.secondsSeeding, view.queuePosition], [8, 8, 9]);
  assertEquals([view.isFinished, view.isStalled, view.isPrivate, view.id], [true, true, true, 4]);
  assertEquals([view.comment, view.creator, view.createdAt], ["", "", 0]);
  const said = { comment: "c", createdBy: "d", creationDate: 10 };
  const told = viewOf({ metainfo: said });
  assertEquals([told.comment, told.creator, told.createdAt], ["c", "d", 10]);
  assertMatch(view.magnetLink, /^magnet:\?xt=urn:btih:abab/);
  assertEquals(viewOf({ record: { magnet: "magnet:?x" } }).magnetLink, "magnet:?x");
  assertEquals(view.webSeeds(), [{ url: "http://w.example/", isDownloading: false, downRate: 0 }]);
  assertEquals([view.webSeedsSendingToUs, view.haveUnchecked, view.pieceLength], [0, 0, 16]);
});
