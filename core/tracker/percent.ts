/** Percent-escaping of raw bytes in URLs, as info hashes and peer ids need it. Spec: RFC 3986, 2. */
import { byteText } from "../bencode/node.ts";
import { toHex } from "../bytes/hex.ts";

const RESERVED = /[^A-Za-z0-9\-._~]/g;

/** Every byte outside `A-Z a-z 0-9 - . _ ~` becomes `%XX`. */
export function percentEncode(bytes: Uint8Array): string {
  return byteText(bytes).replace(RESERVED, (character) => {
    return "%" + toHex(Uint8Array.of(character.charCodeAt(0))).toUpperCase();
  });
}

/**
 * Byte text (one character a byte) of an escaped query value. "+" is a space, as form encoders write
 * it. Undefined when an escape is broken or a character is none of ASCII.
 */
export function percentDecode(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})|[^\0-\x7f]/.test(text)) return undefined;
  return text.replaceAll("+", " ").replace(/%(..)/g, (_, digits) => {
    return String.fromCharCode(parseInt(digits, 16));
  });
}
