/**
 * The extension handshake: a dictionary under extended id 0 in which a peer names the extensions it
 * supports, each with the id to use for it, and a few facts about itself.
 *
 * Tolerant in what it takes: an entry of the wrong type or out of range counts as absent, since
 * clients add their own entries. Deliberately absent: `ipv4` and `ipv6`, unverified addresses that
 * would not be dialled.
 */
import { type BencodeError, decodeBencode } from "../bencode/decode.ts";
import { encodeBencode } from "../bencode/encode.ts";
import { asBytes, asInteger, asText, type BencodeNode, dictGet } from "../bencode/node.ts";
import { formatIp, IPV4_SIZE, IPV6_SIZE, parseIp } from "../bytes/ip.ts";
import { fail, ok, type Result } from "../bytes/result.ts";

/** The extended id of the handshake itself. */
export const EXTENDED_HANDSHAKE_ID = 0;
/** What a peer lets wait when it does not say. Spec: BEP 10, reqq. */
export const REQQ_DEFAULT = 250;
/** Those seen take some hundred bytes; nothing of use is longer than this. */
export const EXTENDED_HANDSHAKE_BYTES_MAX = 16 * 1024;
/** Characters of a client's name that we keep: a line in a list of peers. */
export const VERSION_LENGTH_MAX = 64;

const EXTENDED_ID_MAX = 255;
const PORT_MAX = 65_535;

/** What a field that is undefined would say is left as it was: a later handshake changes what it names. */
export interface ExtendedHandshake {
  /** `m`: the ids that the sender wants to see, by extension; 0 switches the extension off. */
  readonly extensions: ReadonlyMap<string, number>;
  /** `v`: the client's name and version, for people. */
  readonly version: string | undefined;
  /** `p`: the TCP port on which the sender listens. */
  readonly port: number | undefined;
  /** `reqq`: requests that the sender keeps waiting before it drops any; 1 or more. */
  readonly reqq: number | undefined;
  /** `yourip`: the receiver's address as the sender sees it. */
  readonly yourIp: string | undefined;
  /** `upload_only`: the sender will download nothing more. BEP 21. */
  readonly uploadOnly: boolean | undefined;
  /** `metadata_size`: bytes of the info dictionary. BEP 9. */
  readonly metadataSize: number | undefined;
}

/** A handshake that changes nothing. */
export const SAYS_NOTHING: ExtendedHandshake = {
  extensions: new Map(),
  version: undefined,
  port: undefined,
  reqq: undefined,
  yourIp: undefined,
  uploadOnly: undefined,
  metadataSize: undefined,
};

export type ExtendedHandshakeError =
  | { readonly code: "extended-handshake-bencode"; readonly cause: BencodeError }
  | { readonly code: "extended-handshake-not-dict" };

/** The payload of an `extended` message with id 0. Spec: BEP 10, handshake message. */
export function encodeExtendedHandshake(handshake: ExtendedHandshake): Uint8Array {
  return encodeBencode({
    m: handshake.extensions,
    v: handshake.version,
    p: handshake.port,
    reqq: handshake.reqq,
    yourip: handshake.yourIp === undefined ? undefined : parseIp(handshake.yourIp),
    upload_only: handshake.uploadOnly === undefined ? undefined : Number(handshake.uploadOnly),
    metadata_size: handshake.metadataSize,
  });
}

/**
 * Reads the payload of an `extended` message with id 0. Errors: "extended-handshake-bencode",
 * "extended-handshake-not-dict". Spec: BEP 10, handshake message; BEP 9; BEP 21.
 */
export function decodeExtendedHandshake(
  payload: Uint8Array,
): Result<ExtendedHandshake, ExtendedHandshakeError> {
  const decoded = decodeBencode(payload, {
    tolerant: true,
    bytesMax: EXTENDED_HANDSHAKE_BYTES_MAX,
  });
  if (!decoded.ok) return fail({ code: "extended-handshake-bencode", cause: decoded.error });
  const dict = decoded.value;
  if (dict.kind !== "dict") return fail({ code: "extended-handshake-not-dict" });
  return ok({
    extensions: extensionsOf(dictGet(dict, "m")),
    version: versionOf(dictGet(dict, "v")),
    port: integerWithin(dictGet(dict, "p"), 1, PORT_MAX),
    reqq: integerWithin(dictGet(dict, "reqq"), 1, Number.MAX_SAFE_INTEGER),
    yourIp: ipOf(dictGet(dict, "yourip")),
    uploadOnly: flagOf(dictGet(dict, "upload_only")),
    metadataSize: integerWithin(dictGet(dict, "metadata_size"), 1, Number.MAX_SAFE_INTEGER),
  });
}

function extensionsOf(node: BencodeNode | undefined): Map<string, number> {
  const extensions = new Map<string, number>();
  if (node?.kind !== "dict") return extensions;
  for (const [name, value] of node.entries) {
    const id = integerWithin(value, 0, EXTENDED_ID_MAX);
    if (id !== undefined) extensions.set(name, id);
  }
  return extensions;
}

function flagOf(node: BencodeNode | undefined): boolean | undefined {
  const value = asInteger(node);
  return value === undefined ? undefined : value !== 0;
}

/** Shortened, and without control characters. */
function versionOf(node: BencodeNode | undefined): string | undefined {
  const text = asText(node)?.replace(/\p{C}/gu, "").trim();
  return text ? [...text].slice(0, VERSION_LENGTH_MAX).join("").trimEnd() : undefined;
}

function ipOf(node: BencodeNode | undefined): string | undefined {
  const bytes = asBytes(node);
  return bytes?.length === IPV4_SIZE || bytes?.length === IPV6_SIZE ? formatIp(bytes) : undefined;
}

function integerWithin(
  node: BencodeNode | undefined,
  min: number,
  max: number,
): number | undefined {
  const value = asInteger(node);
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
