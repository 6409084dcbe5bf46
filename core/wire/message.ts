/**
 * The peer wire messages as data. Block payload is not here: a `piece` frame goes down the data plane
 * as offsets into the read buffer (see frame.ts).
 */

export type Message =
  | { readonly kind: "keep-alive" }
  | { readonly kind: "choke" }
  | { readonly kind: "unchoke" }
  | { readonly kind: "interested" }
  | { readonly kind: "not-interested" }
  | { readonly kind: "have"; readonly piece: number }
  | { readonly kind: "bitfield"; readonly bits: Uint8Array }
  | BlockMessage
  | { readonly kind: "port"; readonly port: number }
  | { readonly kind: "suggest"; readonly piece: number }
  | { readonly kind: "have-all" }
  | { readonly kind: "have-none" }
  | { readonly kind: "allowed-fast"; readonly piece: number }
  | {
    readonly kind: "extended";
    readonly id: number;
    readonly payload: Uint8Array;
    /** The name of the extension whose message of ours it is; the peer chose the number. */
    readonly name?: string;
  }
  /** A message id that we do not know; its payload is ignored. */
  | { readonly kind: "unknown"; readonly id: number };

/**
 * Messages about hash trees. They name files by their roots, which the core does not know: the shell
 * translates them.
 */
export type HashMessage =
  | { readonly kind: "hash-request" | "hash-reject"; readonly range: HashRange }
  | {
    readonly kind: "hashes";
    readonly range: HashRange;
    /** 32 bytes each: those of the range, then the uncles. */
    readonly hashes: Uint8Array;
  };

/** Whatever goes over the wire outside of `piece` frames. */
export type WireMessage = Message | HashMessage;

/** Hashes of one layer of a file's tree. Spec: BEP 52, hash request. */
export interface HashRange {
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Layers above the leaves at which the hashes stand. */
  readonly baseLayer: number;
  /** In hashes of the base layer. */
  readonly index: number;
  readonly length: number;
  /** Layers above the base layer up to which uncles are asked for. */
  readonly proofLayers: number;
}

export interface BlockMessage {
  readonly kind: "request" | "cancel" | "reject";
  readonly piece: number;
  /** Byte offset within the piece. */
  readonly begin: number;
  /** Bytes. */
  readonly length: number;
}
