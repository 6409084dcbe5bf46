/**
 * Every option, event, effect and report, field by field: what it must look like, and what of it names
 * someone. The core trusts the types of its inputs, so a trace that came from elsewhere is checked before
 * the core sees it; and a trace is to be shown to anyone, so that nothing is written to one but as it is
 * described here. The compiler sees to it that no kind and no field is missing.
 *
 * Identities get pseudonyms (see pseudonyms.ts); text that the core only passes on is left out;
 * numbers, pieces and what we say ourselves stay.
 */
import type { PeerAddress } from "../bytes/address.ts";
import type { Bitfield } from "../bytes/bitfield.ts";
import type { FileHashRange } from "../hash_exchange/ranges.ts";
import type { Geometry, ShortPiece } from "../metainfo/geometry.ts";
import type { Effect, Event, Report } from "../torrent/protocol.ts";
import { EXTENSIONS } from "../torrent/extensions.ts";
import type { TorrentOptions } from "../torrent/state.ts";
import type { WebSeedOptions } from "../torrent/web_seeds.ts";
import type { SharingGoals } from "../transfer/goals.ts";
import type { HashTreeOptions } from "../transfer/hash_trees.ts";
import type { DuePiece } from "../transfer/order.ts";
import type { PieceRange } from "../transfer/wanted.ts";
import type { ShareRule } from "../transfer/share_rule.ts";
import type { AnnounceAnswer, AnnounceError, AnnounceRequest } from "../tracker/types.ts";
import type { Features } from "../wire/handshake.ts";
import {
  decodeExtendedHandshake,
  encodeExtendedHandshake,
  EXTENDED_HANDSHAKE_ID,
} from "../wire/extended.ts";
import type { Message } from "../wire/message.ts";
import type { SavedState } from "../transfer/protocol.ts";
import {
  anonymizeAddress,
  anonymizeAddressText,
  anonymizeIp,
  anonymizePeerId,
  anonymizePort,
  anonymizeTrackerId,
  anonymizeUrl,
  anonymizeWebUrl,
  LEFT_OUT,
  PSEUDONYM_INFO_HASH,
  type Pseudonyms,
} from "./pseudonyms.ts";
import {
  type Fields,
  isBytes,
  isCount,
  isFlag,
  isNumber,
  isText,
  kinds,
  listOf,
  naming,
  type OfKind,
  oneOf,
  optional,
  record,
  tagged,
} from "./shape.ts";

const PEER_ID_SIZE = 20;

type Members<U extends { readonly kind: string }> = {
  readonly [K in U["kind"]]: Fields<OfKind<U, K>>;
};

/** What a trace keeps of a torrent's options: all that is data and no content. */
export type RecordedOptions = Omit<TorrentOptions, "sha1" | "priorityOf">;

/** Text that others wrote, or a system's: the core only passes it on. */
const isForeignText = naming<string>(isText, () => LEFT_OUT);
/** The info dictionary, of which only the size is kept. */
const isMetadata = naming<Uint8Array>(isBytes, (bytes) => new Uint8Array(bytes.length));
const isInfoHash = naming<string>(isText, () => PSEUDONYM_INFO_HASH);
const isPeerId = naming<Uint8Array>(
  {
    accepts: (value) => value instanceof Uint8Array && value.length === PEER_ID_SIZE,
    anonymize: undefined,
  },
  (id, names) => anonymizePeerId(names, id),
);
const isIp = naming<string>(isText, (ip, names) => anonymizeIp(names, ip));
const isPort = naming<number>(isCount, (port, names) => anonymizePort(names, port));
const isUrl = naming<string>(isText, (url, names) => anonymizeUrl(names, url));
const isWebUrl = naming<string>(isText, (url, names) => anonymizeWebUrl(names, url));
const isTrackerId = naming<string>(isText, (id, names) => anonymizeTrackerId(names, id));
const isAddressText = naming<string>(isText, (text, names) => anonymizeAddressText(names, text));
const isAddress = naming<PeerAddress>(
  record({ ip: isText, port: isCount } satisfies Fields<PeerAddress>),
  (address, names) => anonymizeAddress(names, address),
);
const isFeatures = record(
  { fast: isFlag, extended: isFlag, dht: isFlag, v2: optional(isFlag) } satisfies Fields<
    Features
  >,
);
const isHashRange = {
  peer: isCount,
  range: record(
    {
      tree: isCount,
      baseLayer: isCount,
      index: isCount,
      length: isCount,
      proofLayers: isCount,
    } satisfies Fields<FileHashRange>,
  ),
};
const isPiece = { piece: isCount };
const STARTED_PIECE = { piece: isCount, blocks: isBytes };
const isBlock = { piece: isCount, begin: isCount, length: isCount };

const isGeometryShape = record(
  {
    totalSize: isCount,
    pieceLength: isCount,
    pieceCount: isCount,
    shortPieces: optional(
      listOf(record({ piece: isCount, size: isCount } satisfies Fields<ShortPiece>)),
    ),
  } satisfies Fields<Geometry>,
);
const isHashTrees = record(
  {
    fileLengths: listOf(isCount),
    missingLayers: listOf(isCount),
    layersRequired: isFlag,
  } satisfies Fields<HashTreeOptions>,
);
const SHARING_GOALS: Fields<SharingGoals> = {
  shareRule: record({ percent: isNumber, strict: isFlag } satisfies Fields<ShareRule>),
  seedRatio: optional(isNumber),
  seedTimeMs: optional(isNumber),
};
const isBitfield = record({ bytes: isBytes, count: isCount } satisfies Fields<Bitfield>);

const MESSAGES: Members<Message> = {
  "keep-alive": {},
  choke: {},
  unchoke: {},
  interested: {},
  "not-interested": {},
  have: isPiece,
  bitfield: { bits: isBytes },
  request: isBlock,
  cancel: isBlock,
  reject: isBlock,
  port: { port: isPort },
  suggest: isPiece,
  "have-all": {},
  "have-none": {},
  "allowed-fast": isPiece,
  extended: { id: isCount, payload: isBytes, name: optional(isText) },
  unknown: { id: isCount },
};

const isAnyMessage = kinds(MESSAGES);
const isMessage = naming<Message>(isAnyMessage, (message, names) => {
  if (message.kind === "extended") return anonymizeExtended(message, names);
  return isAnyMessage.anonymize!(message, names);
});

const NOTHING = new Uint8Array();

/**
 * Each extension says which parts of its messages identify someone. Those of theirs come under our number, ours
 * go under the peer's and bear the name. What no extension of ours takes is left out.
 */
function anonymizeExtended(
  message: Extract<Message, { kind: "extended" }>,
  names: Pseudonyms,
): Message {
  const { id, name, payload } = message;
  if (id === EXTENDED_HANDSHAKE_ID) return anonymizeHandshake(message, names);
  const extension = EXTENSIONS.find((one) =>
    name === undefined ? one.number === id : one.name === name
  );
  const pseudonymizer = { address: (address: PeerAddress) => anonymizeAddress(names, address) };
  return { ...message, payload: extension?.anonymize(payload, pseudonymizer) ?? NOTHING };
}

function anonymizeHandshake(
  message: Extract<Message, { kind: "extended" }>,
  names: Pseudonyms,
): Message {
  const decoded = decodeExtendedHandshake(message.payload);
  if (!decoded.ok) return { ...message, payload: NOTHING };
  const { port, yourIp } = decoded.value;
  const payload = encodeExtendedHandshake({
    ...decoded.value,
    port: port && anonymizePort(names, port),
    yourIp: yourIp && anonymizeIp(names, yourIp),
  });
  return { ...message, payload };
}

const isAnswer = record(
  {
    intervalSeconds: isNumber,
    minIntervalSeconds: optional(isNumber),
    seeders: optional(isNumber),
    leechers: optional(isNumber),
    peers: listOf(isAddress),
    trackerId: optional(isTrackerId),
    warning: optional(isForeignText),
    externalIp: optional(isIp),
    families: optional(listOf(oneOf(4, 6))),
  } satisfies Fields<AnnounceAnswer>,
);

const isAnnounceError = record(
  {
    code: oneOf("refused", "unreachable", "bad-answer", "http-status", "forbidden", "unsupported"),
    message: isForeignText,
    retryInSeconds: optional(isNumber),
    isGone: optional(isFlag),
  } satisfies Fields<AnnounceError>,
);

const EVENTS: Members<Event> = {
  start: {},
  "peers-found": {
    addresses: listOf(isAddress),
    source: oneOf("user", "tracker", "incoming", "dht", "pex", "lsd", "magnet", "resume"),
  },
  connected: {
    peer: isCount,
    job: optional(isCount),
    address: isAddress,
    peerId: isPeerId,
    features: isFeatures,
  },
  "dial-failed": { job: isCount, why: isForeignText },
  message: { peer: isCount, message: isMessage },
  disconnected: { peer: isCount, why: isForeignText },
  violated: { peer: isCount, why: isText },
  "piece-checked": { job: isCount, matches: isFlag, layer: optional(isCount) },
  "piece-written": { job: isCount },
  "blocks-kept": STARTED_PIECE,
  "leaves-compared": { job: isCount, blocks: listOf(isCount) },
  "hashes-proven": isHashRange,
  "hashes-wrong": isHashRange,
  "hashes-refused": isHashRange,
  "hash-request": isHashRange,
  "hashes-answered": { peer: isCount },
  "disk-failed": { job: isCount, message: isForeignText },
  "blocks-sent": { peer: isCount, bytes: isCount },
  "uploads-taken-back": { peer: isCount, blocks: listOf(isCount) },
  "block-unreadable": { peer: isCount, ...isBlock },
  announced: {
    job: isCount,
    result: tagged("ok", {
      true: record({ value: isAnswer }),
      false: record({ error: isAnnounceError }),
    }),
  },
  "state-saved": { job: isCount },
  granted: { connections: isCount, dials: isCount, uploadSlots: isCount, bufferBytes: isCount },
  "announce-now": {},
  "web-seed-failed": {
    peer: isCount,
    verdict: oneOf("wait", "drop"),
    why: isForeignText,
    waitMs: optional(isNumber),
  },
  "metadata-checked": { job: isCount, matches: isFlag },
  metadata: {
    geometry: isGeometryShape,
    have: isBitfield,
    isPrivate: isFlag,
    priorities: optional(isBytes),
    hashTrees: optional(isHashTrees),
  },
  prioritize: {
    ranges: listOf(
      record({ first: isCount, end: isCount, priority: isCount } satisfies Fields<PieceRange>),
    ),
  },
  order: { isSequential: isFlag },
  due: {
    pieces: listOf(record({ piece: isCount, atMs: isNumber } satisfies Fields<DuePiece>)),
  },
  goals: SHARING_GOALS,
  timer: {},
  stop: {},
};

const OPTIONS: Fields<RecordedOptions> = {
  infoHash: isInfoHash,
  geometry: optional(isGeometryShape),
  peerId: isPeerId,
  port: isPort,
  dhtPort: optional(isPort),
  clientName: isText,
  announceTiers: listOf(listOf(isUrl)),
  isPrivate: isFlag,
  infoBytes: optional(isMetadata),
  have: optional(isBitfield),
  priorities: optional(isBytes),
  isSequential: optional(isFlag),
  superSeed: optional(isFlag),
  uploadedBefore: isCount,
  downloadedBefore: isCount,
  waivedBefore: isFlag,
  ...SHARING_GOALS,
  seed: isCount,
  webSeeds: optional(
    listOf(
      record(
        { key: isCount, url: isWebUrl, seedKind: oneOf("files", "script") } satisfies Fields<
          WebSeedOptions
        >,
      ),
    ),
  ),
  hashTrees: optional(isHashTrees),
};

const isCounts = listOf(isCount);
const isJobOfPiece = { job: isCount, piece: isCount };

const isRequest = record(
  {
    infoHash: isInfoHash,
    peerId: isPeerId,
    port: isPort,
    uploaded: isCount,
    downloaded: isCount,
    left: isCount,
    event: optional(isText),
    numWant: isCount,
    key: isCount,
    trackerId: optional(isTrackerId),
    startedOn: optional(isCounts),
  } satisfies Fields<AnnounceRequest>,
);

const isSavedState = record(
  {
    pieces: isBytes,
    uploaded: isCount,
    downloaded: isCount,
    waived: isFlag,
    started: listOf(record(STARTED_PIECE)),
  } satisfies Fields<SavedState>,
);

const REPORTS: Members<Report> = {
  tracker: {
    url: isUrl,
    peers: isCount,
    seeders: optional(isCount),
    leechers: optional(isCount),
    warning: optional(isForeignText),
  },
  "tracker-failed": { url: isUrl, message: isForeignText },
  "dht-node": { address: isAddress },
  "peer-banned": { address: isAddressText, why: isText },
  "peer-violated": { address: isAddressText, why: isText },
  metadata: { bytes: isMetadata },
  "piece-failed": { piece: isCount, senders: listOf(isAddressText) },
  share: { state: isText, owedBytes: isCount, sharedBytes: isCount },
  complete: {},
  "super-seeding-done": { why: isText },
  "seeding-done": { why: isText },
  "disk-failed": { message: isForeignText },
  "web-seed-failed": { url: isWebUrl, isDropped: isFlag, why: isForeignText },
};

const EFFECTS: Members<Effect> = {
  send: { peer: isCount, message: isMessage },
  close: { peer: isCount, why: isText },
  dial: { job: isCount, address: isAddress },
  announce: { job: isCount, url: isUrl, request: isRequest },
  "check-metadata": { job: isCount, bytes: isMetadata },
  request: { peer: isCount, blocks: isCounts },
  upload: { peer: isCount, blocks: isCounts },
  "take-back-uploads": { peer: isCount, blocks: optional(isCounts) },
  "pause-reading": { peer: isCount },
  "resume-reading": { peer: isCount },
  "check-piece": isJobOfPiece,
  "write-piece": isJobOfPiece,
  "drop-piece": isPiece,
  "ask-hashes": isHashRange,
  "answer-hashes": isHashRange,
  "reject-hashes": isHashRange,
  "compare-leaves": isJobOfPiece,
  "save-state": { job: isCount, state: isSavedState },
  "open-web-seed": { peer: isCount, url: isWebUrl, seedKind: isText },
  "close-web-seed": { peer: isCount },
  report: { report: kinds(REPORTS) },
};

const EVENT = kinds(EVENTS);
const EFFECT = kinds(EFFECTS);
const OPTION = record(OPTIONS);

/** Whether it is an event that the core may be given. */
export function isEvent(value: unknown): value is Event {
  return EVENT.accepts(value);
}

/** Whether these are options of which the core may be made, once their sizes agree. */
export function isOptions(value: unknown): value is RecordedOptions {
  return OPTION.accepts(value);
}

/** As the core of a replay is to get them. */
export function anonymizeOptions(names: Pseudonyms, options: RecordedOptions): RecordedOptions {
  return OPTION.anonymize!(options, names) as RecordedOptions;
}

/** As the core of a replay is to get it. */
export function anonymizeEvent(names: Pseudonyms, event: Event): Event {
  return EVENT.anonymize!(event, names) as Event;
}

/** As the core of a replay will give it. */
export function anonymizeEffect(names: Pseudonyms, effect: Effect): Effect {
  return EFFECT.anonymize!(effect, names) as Effect;
}
