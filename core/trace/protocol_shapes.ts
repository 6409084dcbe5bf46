/**
 * The shapes of what a trace may hold. The core trusts the types of its inputs, so a trace that came
 * from elsewhere is checked field by field before the core sees it. The compiler sees to it that no
 * kind and no field is missing here.
 */
import type { PeerAddress } from "../bytes/address.ts";
import type { Bitfield } from "../bytes/bitfield.ts";
import type { FileHashRange } from "../hash_exchange/ranges.ts";
import type { Geometry, ShortPiece } from "../metainfo/geometry.ts";
import type { Event } from "../torrent/protocol.ts";
import type { WebSeedOptions } from "../torrent/web_seeds.ts";
import type { HashTreeOptions } from "../transfer/hash_trees.ts";
import type { DuePiece } from "../transfer/order.ts";
import type { PieceRange } from "../transfer/wanted.ts";
import type { ShareRule } from "../transfer/share_rule.ts";
import type { AnnounceAnswer, AnnounceError } from "../tracker/types.ts";
import type { Features } from "../wire/handshake.ts";
import type { Message } from "../wire/message.ts";
import type { RecordedOptions } from "./disguise_protocol.ts";
import {
  type Fields,
  isBytes,
  isCount,
  isFlag,
  isNumber,
  isText,
  kinds,
  listOf,
  type OfKind,
  oneOf,
  optional,
  record,
  type Shape,
  tagged,
} from "./shape.ts";

const PEER_ID_SIZE = 20;

type Members<U extends { readonly kind: string }> = {
  readonly [K in U["kind"]]: Fields<OfKind<U, K>>;
};

const isPeerId: Shape = (value) => value instanceof Uint8Array && value.length === PEER_ID_SIZE;
const isAddress = record({ ip: isText, port: isCount } satisfies Fields<PeerAddress>);
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
  port: { port: isCount },
  suggest: isPiece,
  "have-all": {},
  "have-none": {},
  "allowed-fast": isPiece,
  extended: { id: isCount, payload: isBytes },
  unknown: { id: isCount },
};

const isAnswer = record(
  {
    intervalSeconds: isNumber,
    minIntervalSeconds: optional(isNumber),
    seeders: optional(isNumber),
    leechers: optional(isNumber),
    peers: listOf(isAddress),
    trackerId: optional(isText),
    warning: optional(isText),
    externalIp: optional(isText),
    families: optional(listOf(oneOf(4, 6))),
  } satisfies Fields<AnnounceAnswer>,
);

const isAnnounceError = record(
  {
    code: oneOf("refused", "unreachable", "bad-answer", "http-status", "forbidden", "unsupported"),
    message: isText,
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
  "dial-failed": { job: isCount, why: isText },
  message: { peer: isCount, message: kinds(MESSAGES) },
  disconnected: { peer: isCount, why: isText },
  violated: { peer: isCount, why: isText },
  "piece-checked": { job: isCount, matches: isFlag },
  "piece-written": { job: isCount },
  "leaves-compared": { job: isCount, blocks: listOf(isCount) },
  "hashes-proven": isHashRange,
  "hashes-wrong": isHashRange,
  "hashes-refused": isHashRange,
  "hash-request": isHashRange,
  "hashes-answered": { peer: isCount },
  "disk-failed": { job: isCount, message: isText },
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
    why: isText,
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
  timer: {},
  stop: {},
};

const OPTIONS: Fields<RecordedOptions> = {
  infoHash: isText,
  geometry: optional(isGeometryShape),
  peerId: isPeerId,
  port: isCount,
  dhtPort: optional(isCount),
  clientName: isText,
  announceTiers: listOf(listOf(isText)),
  isPrivate: isFlag,
  have: optional(isBitfield),
  priorities: optional(isBytes),
  isSequential: optional(isFlag),
  uploadedBefore: isCount,
  downloadedBefore: isCount,
  waivedBefore: isFlag,
  shareRule: record({ percent: isNumber, strict: isFlag } satisfies Fields<ShareRule>),
  seedRatio: optional(isNumber),
  seedTimeMs: optional(isNumber),
  seed: isCount,
  webSeeds: optional(
    listOf(
      record(
        { key: isCount, url: isText, seedKind: oneOf("files", "script") } satisfies Fields<
          WebSeedOptions
        >,
      ),
    ),
  ),
  hashTrees: optional(isHashTrees),
};

/** An event that the core may be given. */
export const isEvent: Shape = kinds(EVENTS);

/** Options of which the core may be made, once their sizes agree. */
export const isOptions: Shape = record(OPTIONS);
