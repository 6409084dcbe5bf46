/** Hexadecimal text of bytes, lower case, and back. */
import type { ReadonlyBytes } from "./view.ts";

/** Two digits a byte, lower case. */
export function toHex(bytes: ReadonlyBytes): string {
  return bytes.toHex();
}

/** Undefined unless `text` is an even number of hexadecimal digits. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
