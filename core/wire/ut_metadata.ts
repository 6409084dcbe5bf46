/**
 * The messages in which peers send each other the info dictionary, for those who came with a magnet
 * link. They travel as payloads of `extended` messages under the id that the receiver chose.
 */
import { type BencodeError, decodeBencode } from "../bencode/decode.ts";
import { encodeBencode } from "../bencode/encode.ts";
import { asInteger, dictGet } from "../bencode/node.ts";
import { fail, ok, type Result } from "../bytes/result.ts";

/** The name in the extension handshake. */
export const UT_METADATA = "ut_metadata";
/** Spec: BEP 9, "blocks of 16KiB". The last one may be shorter. */
export const METADATA_PIECE_SIZE = 16_384;
/**
 * Largest metadata that is taken: the hashes of 800,000 pieces, or of 13 TB in pieces of 16 MiB. The
 * largest torrents seen in the field have 10 MB.
 */
export const METADATA_BYTES_MAX = 16 * 1024 * 1024;
/** A piece and the dictionary before it, with whatever other clients add there. */
export const METADATA_MESSAGE_BYTES_MAX = METADATA_PIECE_SIZE + 1024;

const TYPE_REQUEST = 0;
const TYPE_DATA = 1;
const TYPE_REJECT = 2;
const PIECE_INDEX_MAX = METADATA_BYTES_MAX / METADATA_PIECE_SIZE - 1;

export type MetadataMessage =
  | { readonly kind: "request"; readonly piece: number }
  | {
    readonly kind: "data";
    readonly piece: number;
    /** Bytes of the whole metadata; undefined when the sender left it out. */
    readonly totalSize: number | undefined;
    /** 1 to METADATA_PIECE_SIZE bytes. */
    readonly payload: Uint8Array;
  }
  | { readonly kind: "reject"; readonly piece: number }
  /** A type of a later version: ignored. */
  | { readonly kind: "unknown" };

export type MetadataMessageError =
  | { readonly code: "metadata-bencode"; readonly cause: BencodeError }
  | { readonly code: "metadata-not-dict" | "metadata-type-missing" }
  | { readonly code: "metadata-piece"; readonly piece: number | undefined }
  | { readonly code: "metadata-payload-size"; readonly size: number };

/** Pieces of metadata of `size` bytes, the short one included. */
export function metadataPieceCount(size: number): number {
  return Math.ceil(size / METADATA_PIECE_SIZE);
}

/** Bytes of piece `piece` of metadata of `size` bytes. */
export function metadataPieceSize(size: number, piece: number): number {
  return Math.min(METADATA_PIECE_SIZE, size - piece * METADATA_PIECE_SIZE);
}

/** The payload of an `extended` message. Spec: BEP 9, extension message. */
export function encodeMetadataMessage(
  message: Exclude<MetadataMessage, { kind: "unknown" }>,
): Uint8Array {
  const { kind, piece } = message;
  if (kind !== "data") {
    return encodeBencode({ msg_type: kind === "request" ? TYPE_REQUEST : TYPE_REJECT, piece });
  }
  const { payload, totalSize } = message;
  const head = encodeBencode({ msg_type: TYPE_DATA, piece, total_size: totalSize });
  const bytes = new Uint8Array(head.length + payload.length);
  bytes.set(head);
  bytes.set(payload, head.length);
  return bytes;
}

/**
 * Reads the payload of an `extended` message; a `data` payload is a view into it. Errors: see
 * `MetadataMessageError`. Spec: BEP 9, extension message.
 */
export function decodeMetadataMessage(
  bytes: Uint8Array,
): Result<MetadataMessage, MetadataMessageError> {
  const decoded = decodeBencode(bytes, {
    tolerant: true,
    bytesMax: METADATA_MESSAGE_BYTES_MAX,
  });
  if (!decoded.ok) return fail({ code: "metadata-bencode", cause: decoded.error });
  const dict = decoded.value;
  if (dict.kind !== "dict") return fail({ code: "metadata-not-dict" });
  const type = asInteger(dictGet(dict, "msg_type"));
  if (type === undefined) return fail({ code: "metadata-type-missing" });
  if (type !== TYPE_REQUEST && type !== TYPE_DATA && type !== TYPE_REJECT) {
    return ok({ kind: "unknown" });
  }
  const piece = asInteger(dictGet(dict, "piece"));
  if (piece === undefined || piece < 0 || piece > PIECE_INDEX_MAX) {
    return fail({ code: "metadata-piece", piece });
  }
  if (type !== TYPE_DATA) return ok({ kind: type === TYPE_REQUEST ? "request" : "reject", piece });
  const payload = bytes.subarray(dict.end);
  if (payload.length === 0 || payload.length > METADATA_PIECE_SIZE) {
    return fail({ code: "metadata-payload-size", size: payload.length });
  }
  return ok({ kind: "data", piece, totalSize: asInteger(dictGet(dict, "total_size")), payload });
}
