/** Decodes datagrams of the DHT, which come from any host. */
import { asBytes, asInteger, asList, asText, type BencodeNode, dictGet } from "../bencode/node.ts";
import { type BencodeError, decodeBencode } from "../bencode/decode.ts";
import type { IpVersion } from "../bytes/compact_peers.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { type Endpoint, ENDPOINT4_SIZE, ENDPOINT6_SIZE, readEndpoint } from "./endpoint.ts";
import {
  BLOOM_SIZE,
  DATAGRAM_READ_MAX,
  type KrpcError,
  type KrpcMessage,
  type KrpcQuery,
  type KrpcResponse,
  type NodeInfo,
  PUBLIC_KEY_SIZE,
  type PutItem,
  type QueryBody,
  SALT_BYTES_MAX,
  SIGNATURE_SIZE,
  TOKEN_BYTES_MAX,
  TRANSACTION_BYTES_MAX,
  VALUE_BYTES_MAX,
} from "./krpc.ts";
import { NODE_ID_SIZE, type NodeId, readNodeId, textAt } from "./node_id.ts";

export type KrpcFault =
  /** Not bencode, or longer than DATAGRAM_READ_MAX. */
  | { readonly code: "krpc-bencode"; readonly error: BencodeError }
  /** No dictionary with a type and a transaction id of bearable length. */
  | { readonly code: "krpc-envelope" }
  /** The sender's id is missing or has not 20 bytes. */
  | { readonly code: "krpc-id"; readonly kind: "query" | "response"; readonly transaction: string }
  /**
   * An argument that the method needs is missing or malformed; the error can be reported to the
   * sender.
   */
  | { readonly code: "krpc-argument"; readonly key: string; readonly transaction: string }
  /** Too long a value or salt. Spec: BEP 44, errors 205 and 207. */
  | { readonly code: "krpc-value-size" | "krpc-salt-size"; readonly transaction: string };

/**
 * Reads one datagram. Unknown keys, keys out of order and bytes after the message are forgiven.
 *
 * Spec: BEP 5, KRPC protocol.
 */
export function decodeKrpc(bytes: Uint8Array): Result<KrpcMessage, KrpcFault> {
  const decoded = decodeBencode(bytes, { tolerant: true, bytesMax: DATAGRAM_READ_MAX });
  if (!decoded.ok) return fail({ code: "krpc-bencode", error: decoded.error });
  const root = decoded.value;
  const transaction = asBytes(dictGet(root, "t"));
  if (transaction === undefined || transaction.length > TRANSACTION_BYTES_MAX) {
    return fail({ code: "krpc-envelope" });
  }
  const text = textAt(transaction, 0, transaction.length);
  switch (asText(dictGet(root, "y"))) {
    case "q":
      return decodeQuery(bytes, root, text);
    case "r":
      return decodeResponse(bytes, root, text);
    case "e":
      return ok(decodeError(root, text));
    default:
      return fail({ code: "krpc-envelope" });
  }
}

function decodeQuery(
  bytes: Uint8Array,
  root: BencodeNode,
  transaction: string,
): Result<KrpcQuery, KrpcFault> {
  const args = dictGet(root, "a");
  const id = idAt(args, "id");
  if (id === undefined) return fail({ code: "krpc-id", kind: "query", transaction });
  const body = decodeBody(bytes, asText(dictGet(root, "q")), args, transaction);
  if (!body.ok) return body;
  const isReadOnly = asInteger(dictGet(root, "ro")) === 1;
  return ok({ kind: "query", transaction, id, isReadOnly, ...body.value });
}

function decodeBody(
  bytes: Uint8Array,
  method: string | undefined,
  args: BencodeNode | undefined,
  transaction: string,
): Result<QueryBody, KrpcFault> {
  const lacks = (key: string) => fail({ code: "krpc-argument" as const, key, transaction });
  switch (method) {
    case "ping":
      return ok({ method });
    case "find_node": {
      const target = idAt(args, "target");
      if (target === undefined) return lacks("target");
      return ok({ method, target, want: wantAt(args) });
    }
    case "get_peers": {
      const target = idAt(args, "info_hash");
      if (target === undefined) return lacks("info_hash");
      const noSeeds = flagAt(args, "noseed");
      return ok({ method, target, want: wantAt(args), noSeeds, scrape: flagAt(args, "scrape") });
    }
    case "announce_peer": {
      const target = idAt(args, "info_hash");
      if (target === undefined) return lacks("info_hash");
      const token = tokenAt(args);
      if (token === undefined) return lacks("token");
      const impliedPort = (asInteger(dictGet(args, "implied_port")) ?? 0) !== 0;
      const port = asInteger(dictGet(args, "port"));
      if (!impliedPort && (port === undefined || port < 1 || port > 65535)) return lacks("port");
      const isSeed = flagAt(args, "seed");
      return ok({ method, target, port: impliedPort ? 0 : port!, impliedPort, isSeed, token });
    }
    case "get": {
      const target = idAt(args, "target");
      if (target === undefined) return lacks("target");
      const sequence = asInteger(dictGet(args, "seq"));
      return ok({ method, target, want: wantAt(args), sequence });
    }
    case "put": {
      const token = tokenAt(args);
      if (token === undefined) return lacks("token");
      const item = decodeItem(bytes, args, transaction);
      return item.ok ? ok({ method, token, item: item.value }) : item;
    }
    default:
      return ok({ method: "unknown" });
  }
}

function decodeItem(
  bytes: Uint8Array,
  args: BencodeNode | undefined,
  transaction: string,
): Result<PutItem, KrpcFault> {
  const lacks = (key: string) => fail({ code: "krpc-argument" as const, key, transaction });
  const value = spanAt(bytes, args, "v");
  if (value === undefined) return lacks("v");
  if (value.length > VALUE_BYTES_MAX) return fail({ code: "krpc-value-size", transaction });
  // The datagram is read with tolerance, the value must not be: its bytes are hashed.
  if (!decodeBencode(value).ok) return lacks("v");
  if (dictGet(args, "k") === undefined) return ok({ kind: "immutable", value });
  const publicKey = sizedAt(args, "k", PUBLIC_KEY_SIZE);
  if (publicKey === undefined) return lacks("k");
  const signature = sizedAt(args, "sig", SIGNATURE_SIZE);
  if (signature === undefined) return lacks("sig");
  const sequence = asInteger(dictGet(args, "seq"));
  if (sequence === undefined || sequence < 0) return lacks("seq");
  const salt = asBytes(dictGet(args, "salt")) ?? new Uint8Array();
  if (salt.length > SALT_BYTES_MAX) return fail({ code: "krpc-salt-size", transaction });
  const expectedSequence = asInteger(dictGet(args, "cas"));
  return ok({ kind: "mutable", value, publicKey, signature, salt, sequence, expectedSequence });
}

function decodeResponse(
  bytes: Uint8Array,
  root: BencodeNode,
  transaction: string,
): Result<KrpcResponse, KrpcFault> {
  const body = dictGet(root, "r");
  const id = idAt(body, "id");
  if (id === undefined) return fail({ code: "krpc-id", kind: "response", transaction });
  const seeds = sizedAt(body, "BFsd", BLOOM_SIZE);
  const peers = sizedAt(body, "BFpe", BLOOM_SIZE);
  const nodes = readNodes(asBytes(dictGet(body, "nodes")), ENDPOINT4_SIZE);
  const nodes6 = readNodes(asBytes(dictGet(body, "nodes6")), ENDPOINT6_SIZE);
  return ok({
    kind: "response",
    transaction,
    id,
    nodes: nodes6.length === 0 ? nodes : [...nodes, ...nodes6],
    values: readValues(dictGet(body, "values")),
    token: tokenAt(body),
    ownEndpoint: ownEndpointAt(root),
    bloom: seeds && peers && { seeds, peers },
    value: spanAt(bytes, body, "v"),
    publicKey: sizedAt(body, "k", PUBLIC_KEY_SIZE),
    signature: sizedAt(body, "sig", SIGNATURE_SIZE),
    sequence: asInteger(dictGet(body, "seq")),
  });
}

function decodeError(root: BencodeNode, transaction: string): KrpcError {
  const code = asInteger(asList(dictGet(root, "e"))?.[0]) ?? 0;
  return { kind: "error", transaction, code, ownEndpoint: ownEndpointAt(root) };
}

/** Whole nodes only; what is left over at the end is not one. */
function readNodes(bytes: Uint8Array | undefined, endpointSize: number): NodeInfo[] {
  const nodes: NodeInfo[] = [];
  if (bytes === undefined) return nodes;
  const size = NODE_ID_SIZE + endpointSize;
  for (let at = 0; at + size <= bytes.length; at += size) {
    const id = readNodeId(bytes, at);
    nodes.push({ id, endpoint: readEndpoint(bytes, at + NODE_ID_SIZE, endpointSize) });
  }
  return nodes;
}

/** Spec: BEP 32, "must be able to properly parse hybrid values lists". */
function readValues(node: BencodeNode | undefined): Endpoint[] {
  const values: Endpoint[] = [];
  for (const item of asList(node) ?? []) {
    const bytes = asBytes(item);
    const size = bytes?.length;
    if (size !== ENDPOINT4_SIZE && size !== ENDPOINT6_SIZE) continue;
    values.push(readEndpoint(bytes!, 0, size));
  }
  return values;
}

/**
 * Of a response or an error. Some nodes send the address without a port, which is all that counts.
 */
function ownEndpointAt(root: BencodeNode): Endpoint | undefined {
  const bytes = asBytes(dictGet(root, "ip"));
  switch (bytes?.length) {
    case ENDPOINT4_SIZE:
    case ENDPOINT6_SIZE:
      return readEndpoint(bytes, 0, bytes.length);
    default:
      return undefined;
  }
}

function idAt(dict: BencodeNode | undefined, key: string): NodeId | undefined {
  const bytes = sizedAt(dict, key, NODE_ID_SIZE);
  return bytes && readNodeId(bytes);
}

function tokenAt(dict: BencodeNode | undefined): Uint8Array | undefined {
  const token = asBytes(dictGet(dict, "token"));
  return token !== undefined && token.length <= TOKEN_BYTES_MAX ? token : undefined;
}

function sizedAt(
  dict: BencodeNode | undefined,
  key: string,
  size: number,
): Uint8Array | undefined {
  const bytes = asBytes(dictGet(dict, key));
  return bytes?.length === size ? bytes : undefined;
}

/** The bencoded bytes of a value, whatever it is. */
function spanAt(
  bytes: Uint8Array,
  dict: BencodeNode | undefined,
  key: string,
): Uint8Array | undefined {
  const node = dictGet(dict, key);
  return node && bytes.subarray(node.start, node.end);
}

function flagAt(dict: BencodeNode | undefined, key: string): boolean {
  return asInteger(dictGet(dict, key)) === 1;
}

/** Spec: BEP 32, want. */
function wantAt(args: BencodeNode | undefined): readonly IpVersion[] {
  const want: IpVersion[] = [];
  for (const item of asList(dictGet(args, "want")) ?? []) {
    const text = asText(item);
    if (text === "n4" && !want.includes(4)) want.push(4);
    if (text === "n6" && !want.includes(6)) want.push(6);
  }
  return want;
}
