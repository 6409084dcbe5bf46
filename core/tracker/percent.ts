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
