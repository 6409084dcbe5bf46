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
  | { readonly kind: "extended"; readonly id: number; readonly payload: Uint8Array }
  /** A message id that we do not know; its payload is ignored. */
  | { readonly kind: "unknown"; readonly id: number };

export interface BlockMessage {
  readonly kind: "request" | "cancel" | "reject";
  readonly piece: number;
  /** Byte offset within the piece. */
  readonly begin: number;
  /** Bytes. */
  readonly length: number;
}
