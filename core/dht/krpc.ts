/**
 * The messages of the DHT and their limits. Ids, endpoints and transactions are byte text; tokens and
 * values are views into the datagram they came in, to be copied by the module that keeps them.
 *
 * Spec: BEP 5, KRPC protocol; BEP 32, 33, 42, 43, 44.
 */
import type { IpVersion } from "../bytes/compact_peers.ts";
import type { Endpoint } from "./endpoint.ts";
import type { NodeId } from "./node_id.ts";

/** Spec: BEP 32, maximum packet size; for what we send. */
export const DATAGRAM_SENT_MAX = 1024;
/** An Ethernet packet; larger ones are not read. */
export const DATAGRAM_READ_MAX = 1500;
/** A transaction id of a query that we echo; those of the field have 1 to 8 bytes. */
export const TRANSACTION_BYTES_MAX = 32;
/** A token that we keep and give back; those of the field have 4 to 20 bytes. */
export const TOKEN_BYTES_MAX = 64;
/** Spec: BEP 44, value and salt. */
export const VALUE_BYTES_MAX = 1000;
export const SALT_BYTES_MAX = 64;
/** Spec: BEP 44, ed25519. */
export const PUBLIC_KEY_SIZE = 32;
export const SIGNATURE_SIZE = 64;
/** Spec: BEP 33, bloom filters. */
export const BLOOM_SIZE = 256;

/** Spec: BEP 5, errors; BEP 44, errors. */
export const KRPC_ERROR = {
  generic: 201,
  server: 202,
  protocol: 203,
  unknownMethod: 204,
  valueTooBig: 205,
  badSignature: 206,
  saltTooBig: 207,
  casMismatch: 301,
  sequenceTooOld: 302,
} as const;

/** A node as others speak of it. */
export interface NodeInfo {
  readonly id: NodeId;
  readonly endpoint: Endpoint;
}

export type KrpcMessage = KrpcQuery | KrpcResponse | KrpcError;

interface QueryHead {
  readonly kind: "query";
  readonly transaction: string;
  readonly id: NodeId;
  /** The sender answers no queries and must not be named to others. Spec: BEP 43. */
  readonly isReadOnly: boolean;
}

export type KrpcQuery = QueryHead & QueryBody;

/** What is asked. `want` is empty for "what the packet came over". */
export type QueryBody =
  | { readonly method: "ping" }
  | { readonly method: "find_node"; readonly target: NodeId; readonly want: readonly IpVersion[] }
  | {
    readonly method: "get_peers";
    readonly target: NodeId;
    readonly want: readonly IpVersion[];
    readonly noSeeds: boolean;
    readonly scrape: boolean;
  }
  | {
    readonly method: "announce_peer";
    readonly target: NodeId;
    /** 0..65535; without meaning where `impliedPort`: then it is that of the packet. */
    readonly port: number;
    readonly impliedPort: boolean;
    readonly isSeed: boolean;
    readonly token: Uint8Array;
  }
  | {
    readonly method: "get";
    readonly target: NodeId;
    readonly want: readonly IpVersion[];
    /** Only a value newer than this is wanted. */
    readonly sequence: number | undefined;
  }
  | { readonly method: "put"; readonly token: Uint8Array; readonly item: PutItem }
  /** One that is not known here; some networks are asked for more than the BEPs say. */
  | { readonly method: "unknown" };

/** A value to be stored, bencoded as it is hashed and signed. */
export type PutItem = ImmutableItem | MutableItem;

export interface ImmutableItem {
  readonly kind: "immutable";
  /** The bencoded value. */
  readonly value: Uint8Array;
}

export interface MutableItem {
  readonly kind: "mutable";
  readonly value: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  /** At most SALT_BYTES_MAX, empty for none. */
  readonly salt: Uint8Array;
  readonly sequence: number;
  /** Store only over this sequence number. */
  readonly expectedSequence: number | undefined;
}

export interface KrpcResponse {
  readonly kind: "response";
  readonly transaction: string;
  readonly id: NodeId;
  /** IPv4 and IPv6 nodes. */
  readonly nodes: readonly NodeInfo[];
  /** Peers of both families. */
  readonly values: readonly Endpoint[];
  readonly token: Uint8Array | undefined;
  /** How the answering node sees us. Spec: BEP 42, bootstrapping. */
  readonly ownEndpoint: Endpoint | undefined;
  /** Seeds and peers. Spec: BEP 33. */
  readonly bloom: { readonly seeds: Uint8Array; readonly peers: Uint8Array } | undefined;
  /** Spec: BEP 44, get. `value` is bencoded. */
  readonly value: Uint8Array | undefined;
  readonly publicKey: Uint8Array | undefined;
  readonly signature: Uint8Array | undefined;
  readonly sequence: number | undefined;
}

export interface KrpcError {
  readonly kind: "error";
  readonly transaction: string;
  readonly code: number;
  readonly ownEndpoint: Endpoint | undefined;
}
