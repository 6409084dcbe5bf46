/** Decoded nodes as plain values, for comparison in tests. */
import type { BencodeNode } from "../../../core/bencode/node.ts";
import { byteText } from "../../../core/bencode/node.ts";
import type { Bencodable } from "../../../core/bencode/encode.ts";

/** One character per byte. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * "readable": byte strings as text, and objects. "exact": bytes and Maps, which encode back to the
 * same bytes.
 */
export function plainValue(node: BencodeNode, form: "readable" | "exact" = "readable"): Bencodable {
  switch (node.kind) {
    case "integer":
      return node.value;
    case "bytes":
      return form === "readable" ? byteText(node.value) : node.value;
    case "list":
      return node.items.map((item) => plainValue(item, form));
    case "dict": {
      const entries = [...node.entries].map(([key, item]) =>
        [key, plainValue(item, form)] as const
      );
      return form === "readable" ? Object.fromEntries(entries) : new Map(entries);
    }
  }
}
