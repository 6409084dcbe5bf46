/** The address of the other end of a socket, from the runtime's text, parsed for each packet. */
import { IPV4_SIZE, parseIp } from "../../bytes/ip.ts";

const DOT = 0x2e;
const DIGIT_0 = 0x30;

/**
 * 4 or 16 bytes; an IPv4 address that comes wrapped in IPv6 is IPv4. The bytes are in `scratch`, of
 * 4 bytes, where they fit. Throws for what is no address, because the runtime gives nothing else.
 */
export function readRemoteIp(text: string, scratch: Uint8Array): Uint8Array {
  let part = 0;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      scratch[part++] = value;
      value = 0;
    } else if (code >= DIGIT_0 && code < DIGIT_0 + 10) {
      value = value * 10 + code - DIGIT_0;
    } else {
      part = IPV4_SIZE;
    }
  }
  if (part === IPV4_SIZE - 1) {
    scratch[part] = value;
    return scratch;
  }
  // A scope ("%2") names an interface of this machine and is no part of the address.
  const ip = parseIp(text.split("%")[0]!);
  if (ip === undefined) throw new Error(`Invariant broken: ${text} is an address of a socket`);
  return ip;
}
