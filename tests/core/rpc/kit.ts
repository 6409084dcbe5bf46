/** A torrent to query, and helpers for queries. */
import type { RpcCommand } from "../../../core/rpc/commands.ts";
import { formatAnswer, parseRequest } from "../../../core/rpc/envelope.ts";
import type { JsonObject, RpcOutcome } from "../../../core/rpc/json.ts";
import { TORRENT_DEFAULTS } from "../../../core/rpc/torrent_settings.ts";
import { TORRENT_STATUS, type TorrentView } from "../../../core/rpc/torrent_view.ts";

export const HASH = "0123456789abcdef0123456789abcdef01234567";

/** A half-finished download of two files. */
export function view(changes: Partial<TorrentView> = {}): TorrentView {
  return {
    id: 7,
    infoHash: HASH,
    name: "album",
    status: TORRENT_STATUS.downloading,
    error: 0,
    errorText: "",
    downloadDir: "/media",
    torrentFile: "/state/album.torrent",
    comment: "a comment",
    creator: "tt",
    createdAt: 1_600_000_000,
    isPrivate: false,
    magnetLink: `magnet:?xt=urn:btih:${HASH}`,
    addedAt: 1_700_000_000,
    startedAt: 1_700_000_001,
    doneAt: 0,
    activeAt: 1_700_000_500,
    editedAt: 0,
    secondsDownloading: 500,
    secondsSeeding: 0,
    totalSize: 40_000,
    wantedSize: 30_000,
    haveValid: 20_000,
    haveWanted: 15_000,
    haveUnchecked: 0,
    desiredAvailable: 15_000,
    corruptEver: 0,
    downloadedEver: 20_000,
    uploadedEver: 5_000,
    downRate: 1000,
    upRate: 200,
    etaSeconds: 15,
    metadataDone: 1,
    recheckProgress: 0,
    pieceCount: 3,
    pieceLength: 16_384,
    fileCount: 2,
    peersConnected: 1,
    peersSendingToUs: 1,
    peersGettingFromUs: 0,
    webSeedsSendingToUs: 0,
    isFinished: false,
    isStalled: false,
    queuePosition: 0,
    settings: { ...TORRENT_DEFAULTS, labels: ["music"] },
    why: "",
    explanation: "",
    share: { percent: 10, owedBytes: 4000, sharedBytes: 5000, state: "paid" },
    files: () => [
      {
        name: "album/one.flac",
        length: 30_000,
        bytesCompleted: 15_000,
        beginPiece: 0,
        endPiece: 2,
        wanted: true,
        priority: 1,
      },
      {
        name: "album/cover.jpg",
        length: 10_000,
        bytesCompleted: 5_000,
        beginPiece: 1,
        endPiece: 3,
        wanted: false,
        priority: 0,
      },
    ],
    peers: () => [{
      address: "192.0.2.1",
      port: 51413,
      clientName: "Transmission 3.00",
      peerId: "-TR3000-abcdefghijkl",
      source: "tracker",
      addressSource: "tracker",
      isIncoming: false,
      isEncrypted: false,
      isUtp: false,
      clientIsChoked: false,
      peerIsChoked: true,
      clientIsInterested: true,
      peerIsInterested: true,
      progress: 0.5,
      rateToClient: 1000,
      rateToPeer: 0,
      bytesToClient: 20_000,
      bytesToPeer: 0,
    }],
    peersFrom: () => ({
      tracker: 1,
      incoming: 0,
      dht: 0,
      pex: 0,
      lpd: 0,
      ltep: 0,
      cache: 0,
    }),
    trackers: () => [{
      id: 0,
      tier: 0,
      announce: "http://tracker.example.org:6969/announce",
      scrape: "http://tracker.example.org:6969/scrape",
      isBackup: false,
      announceState: 1,
      hasAnnounced: true,
      lastAnnounceAt: 1_700_000_100,
      lastAnnounceSucceeded: true,
      lastAnnounceResult: "Success",
      lastAnnouncePeers: 3,
      nextAnnounceAt: 1_700_001_900,
      seeders: 2,
      leechers: 1,
      downloads: 9,
    }],
    webSeeds: () => [{ url: "http://example.org/album", isDownloading: false, downRate: 0 }],
    pieces: () => Uint8Array.of(0b1010_0000),
    availability: () => [-1, 1, -1],
    ...changes,
  };
}

/** The command of a body with one valid call. */
export function commandOf(body: unknown): RpcCommand {
  const { calls } = parseRequest(JSON.stringify(body));
  const command = calls[0]!.command;
  if (!command.ok) throw new Error(`Refused: ${command.error.message}`);
  return command.value;
}

/** The error of a body with one invalid call: code and message. */
export function refusalOf(body: unknown): { readonly code: number; readonly message: string } {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const { command } = parseRequest(text).calls[0]!;
  if (command.ok) throw new Error(`Taken: ${JSON.stringify(command.value)}`);
  return command.error;
}

/** The response to a body when every valid call returns `result`. */
export function answerTo(body: unknown, result: JsonObject = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const request = parseRequest(text);
  const outcomes = request.calls.map(({ command }): RpcOutcome =>
    command.ok ? { ok: true, result } : command
  );
  const answer = formatAnswer(request, outcomes);
  return answer === undefined ? undefined : JSON.parse(answer);
}
