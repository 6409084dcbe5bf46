/**
 * Writes datagrams of the DHT: keys in the order of bencode, no tree in between. Each answer keeps
 * below DATAGRAM_SENT_MAX, because the caller gives no more nodes and values than their limits.
 */
import {
  type ByteWriter,
  createByteWriter,
  extendWriter,
  writeBytes,
  writtenBytes,
} from "../bytes/byte_writer.ts";
import type { IpVersion } from "../bytes/compact_peers.ts";
import { type Endpoint, ENDPOINT4_SIZE, ENDPOINT6_SIZE } from "./endpoint.ts";
import type { KrpcError, MutableItem, NodeInfo, QueryBody } from "./krpc.ts";
import { NODE_ID_SIZE, type NodeId } from "./node_id.ts";

/** Which program sends: two letters and a version. Spec: BEP 5, KRPC protocol, "v"; BEP 20. */
const VERSION = "TT\x00\x01";
const NODE4_SIZE = NODE_ID_SIZE + ENDPOINT4_SIZE;
const NODE6_SIZE = NODE_ID_SIZE + ENDPOINT6_SIZE;
const ENCODED_CAPACITY = 256;

/** What an answer holds besides our id; what is left out is not sent. */
export interface Answer {
  readonly nodes?: readonly NodeInfo[] | undefined;
  readonly nodes6?: readonly NodeInfo[] | undefined;
  readonly values?: readonly Endpoint[] | undefined;
  readonly token?: Uint8Array | undefined;
  readonly bloom?: { readonly seeds: Uint8Array; readonly peers: Uint8Array } | undefined;
  readonly item?: {
    /** Undefined where the sender has it already. */
    readonly value: Uint8Array | undefined;
    readonly publicKey: Uint8Array | undefined;
    readonly signature: Uint8Array | undefined;
    readonly sequence: number | undefined;
  } | undefined;
}

/** One query. Spec: BEP 5, queries. */
export function encodeQuery(
  transaction: string,
  id: NodeId,
  isReadOnly: boolean,
  body: Exclude<QueryBody, { method: "unknown" }>,
): Uint8Array {
  const writer = createByteWriter(ENCODED_CAPACITY);
  raw(writer, "d1:ad");
  writeArguments(writer, id, body);
  raw(writer, "e1:q");
  text(writer, body.method);
  if (isReadOnly) raw(writer, "2:roi1e");
  writeTail(writer, transaction, "q");
  return writtenBytes(writer);
}

/**
 * The response to a query from `to`, which includes its address. Spec: BEP 5, responses; BEP 42.
 */
export function encodeResponse(
  transaction: string,
  id: NodeId,
  to: Endpoint,
  answer: Answer,
): Uint8Array {
  const { bloom, nodes, nodes6, values, token, item } = answer;
  const writer = createByteWriter(ENCODED_CAPACITY);
  raw(writer, "d2:ip");
  text(writer, to);
  raw(writer, "1:rd");
  if (bloom !== undefined) {
    bytesAt(writer, "4:BFpe", bloom.peers);
    bytesAt(writer, "4:BFsd", bloom.seeds);
  }
  textAtKey(writer, "2:id", id);
  if (item?.publicKey !== undefined) bytesAt(writer, "1:k", item.publicKey);
  if (nodes !== undefined) writeNodes(writer, "5:nodes", nodes, NODE4_SIZE);
  if (nodes6 !== undefined) writeNodes(writer, "6:nodes6", nodes6, NODE6_SIZE);
  if (item?.sequence !== undefined) integerAt(writer, "3:seq", item.sequence);
  if (item?.signature !== undefined) bytesAt(writer, "3:sig", item.signature);
  if (token !== undefined) bytesAt(writer, "5:token", token);
  if (item?.value !== undefined) {
    raw(writer, "1:v");
    writeBytes(writer, item.value);
  }
  if (values !== undefined) {
    raw(writer, "6:valuesl");
    for (const value of values) text(writer, value);
    raw(writer, "e");
  }
  raw(writer, "e");
  writeTail(writer, transaction, "r");
  return writtenBytes(writer);
}

/** A refusal; `message` is ASCII. Spec: BEP 5, errors. */
export function encodeError(
  transaction: string,
  to: Endpoint,
  code: KrpcError["code"],
  message: string,
): Uint8Array {
  const writer = createByteWriter(ENCODED_CAPACITY);
  raw(writer, `d1:eli${code}e`);
  text(writer, message);
  raw(writer, "e2:ip");
  text(writer, to);
  writeTail(writer, transaction, "e");
  return writtenBytes(writer);
}

function writeArguments(
  writer: ByteWriter,
  id: NodeId,
  body: Exclude<QueryBody, { method: "unknown" }>,
): void {
  if (body.method === "put") {
    const mutable = body.item.kind === "mutable" ? body.item : undefined;
    if (mutable?.expectedSequence !== undefined) {
      integerAt(writer, "3:cas", mutable.expectedSequence);
    }
    textAtKey(writer, "2:id", id);
    if (mutable !== undefined) writeMutable(writer, mutable);
    bytesAt(writer, "5:token", body.token);
    raw(writer, "1:v");
    return writeBytes(writer, body.item.value);
  }
  textAtKey(writer, "2:id", id);
  switch (body.method) {
    case "ping":
      return;
    case "find_node":
      textAtKey(writer, "6:target", body.target);
      return writeWant(writer, body.want);
    case "get_peers":
      textAtKey(writer, "9:info_hash", body.target);
      if (body.noSeeds) integerAt(writer, "6:noseed", 1);
      if (body.scrape) integerAt(writer, "6:scrape", 1);
      return writeWant(writer, body.want);
    case "announce_peer":
      integerAt(writer, "12:implied_port", body.impliedPort ? 1 : 0);
      textAtKey(writer, "9:info_hash", body.target);
      integerAt(writer, "4:port", body.port);
      if (body.isSeed) integerAt(writer, "4:seed", 1);
      return bytesAt(writer, "5:token", body.token);
    case "get":
      if (body.sequence !== undefined) integerAt(writer, "3:seq", body.sequence);
      textAtKey(writer, "6:target", body.target);
      return writeWant(writer, body.want);
  }
}

function writeMutable(writer: ByteWriter, item: MutableItem): void {
  bytesAt(writer, "1:k", item.publicKey);
  if (item.salt.length > 0) bytesAt(writer, "4:salt", item.salt);
  integerAt(writer, "3:seq", item.sequence);
  bytesAt(writer, "3:sig", item.signature);
}

function writeWant(writer: ByteWriter, want: readonly IpVersion[]): void {
  if (want.length === 0) return;
  raw(writer, "4:wantl");
  for (const version of want) raw(writer, version === 4 ? "2:n4" : "2:n6");
  raw(writer, "e");
}

function writeNodes(
  writer: ByteWriter,
  key: string,
  nodes: readonly NodeInfo[],
  size: number,
): void {
  raw(writer, `${key}${nodes.length * size}:`);
  for (const { id, endpoint } of nodes) {
    raw(writer, id);
    raw(writer, endpoint);
  }
}

function writeTail(writer: ByteWriter, transaction: string, kind: string): void {
  raw(writer, "1:t");
  text(writer, transaction);
  raw(writer, "1:v");
  text(writer, VERSION);
  raw(writer, `1:y1:${kind}e`);
}

function textAtKey(writer: ByteWriter, key: string, value: string): void {
  raw(writer, key);
  text(writer, value);
}

function bytesAt(writer: ByteWriter, key: string, value: Uint8Array): void {
  raw(writer, `${key}${value.length}:`);
  writeBytes(writer, value);
}

function integerAt(writer: ByteWriter, key: string, value: number): void {
  raw(writer, `${key}i${value}e`);
}

/** A bencoded string of byte text. */
function text(writer: ByteWriter, value: string): void {
  raw(writer, `${value.length}:`);
  raw(writer, value);
}

/** Byte text as it is. */
function raw(writer: ByteWriter, value: string): void {
  const at = extendWriter(writer, value.length);
  for (let i = 0; i < value.length; i++) writer.bytes[at + i] = value.charCodeAt(i);
}
