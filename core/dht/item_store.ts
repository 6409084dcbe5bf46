/**
 * Small values that others store here: immutable ones under their own hash, mutable ones under the
 * hash of a public key, replaced only by what the key's owner signed with a higher sequence number.
 *
 * Spec: BEP 44.
 */
import type { Sha1 } from "./bloom.ts";
import { KRPC_ERROR, type MutableItem, type PutItem } from "./krpc.ts";
import { type NodeId, readNodeId } from "./node_id.ts";

/** Spec: BEP 44, expiration. */
export const ITEM_LIFE_MS = 2 * 60 * 60_000;
/** Values in all: at most 1.2 MB. The one that was put longest ago makes room. */
export const ITEMS_MAX = 1_000;

/** Whether the holder of an ed25519 public key signed a message; given by the shell. */
export type VerifySignature = (
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
) => boolean;

export interface StoredItem {
  readonly item: PutItem;
  readonly at: number;
}

/** By target, in the order in which they were put. */
export type ItemStore = Map<NodeId, StoredItem>;

/** Where a value belongs: the hash of itself, or of the key and the salt. Spec: BEP 44. */
export function targetOf(item: PutItem, sha1: Sha1): NodeId {
  if (item.kind === "immutable") return readNodeId(sha1(item.value));
  return readNodeId(sha1(concat(item.publicKey, item.salt)));
}

/** The bytes that a mutable value's signature is over. Spec: BEP 44, signature verification. */
export function signedBytes(
  { salt, sequence, value }: Pick<MutableItem, "salt" | "sequence" | "value">,
): Uint8Array {
  const text = (ascii: string) => Uint8Array.from(ascii, (character) => character.charCodeAt(0));
  const head = salt.length === 0 ? text("") : concat(text(`4:salt${salt.length}:`), salt);
  return concat(concat(head, text(`3:seqi${sequence}e1:v`)), value);
}

/** Stores a value whose token was right; otherwise the error code of BEP 44. */
export function storeItem(
  items: ItemStore,
  item: PutItem,
  now: number,
  sha1: Sha1,
  verify: VerifySignature,
): number | undefined {
  const target = targetOf(item, sha1);
  const held = items.get(target)?.item;
  if (item.kind === "mutable") {
    if (held?.kind === "mutable") {
      const { expectedSequence } = item;
      if (expectedSequence !== undefined && expectedSequence !== held.sequence) {
        return KRPC_ERROR.casMismatch;
      }
      const isSame = equals(held.value, item.value);
      if (item.sequence < held.sequence || (item.sequence === held.sequence && !isSame)) {
        return KRPC_ERROR.sequenceTooOld;
      }
    }
    if (!verify(item.publicKey, item.signature, signedBytes(item))) return KRPC_ERROR.badSignature;
  }
  // Deleted first, so that the order is that of puts.
  items.delete(target);
  items.set(target, { item: copyItem(item), at: now });
  if (items.size > ITEMS_MAX) items.delete(items.keys().next().value!);
}

/** Removes values that were not put again in time. */
export function expireItems(items: ItemStore, now: number): void {
  for (const [target, { at }] of items) if (now - at > ITEM_LIFE_MS) items.delete(target);
}

/** Whether what a node answered is what was asked for. Spec: BEP 44, signature verification. */
export function isGenuine(
  item: PutItem,
  target: NodeId,
  sha1: Sha1,
  verify: VerifySignature,
): boolean {
  if (targetOf(item, sha1) !== target) return false;
  return item.kind === "immutable" || verify(item.publicKey, item.signature, signedBytes(item));
}

/** An item that shares no bytes with the datagram it came in. */
export function copyItem(item: PutItem): PutItem {
  if (item.kind === "immutable") return { kind: "immutable", value: item.value.slice() };
  const { value, publicKey, signature, salt } = item;
  return {
    ...item,
    value: value.slice(),
    publicKey: publicKey.slice(),
    signature: signature.slice(),
    salt: salt.slice(),
  };
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function equals(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
