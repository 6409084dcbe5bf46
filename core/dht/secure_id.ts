/**
 * Node ids derived from the node's IP address, so that no node can choose a place near a torrent.
 *
 * Spec: BEP 42, node ID restriction.
 */
import { crc32c } from "../bytes/crc32c.ts";
import { nextUint32, type Rng } from "../bytes/random.ts";
import { type Endpoint, ENDPOINT4_SIZE, SCOPE_PUBLIC, scopeOf } from "./endpoint.ts";
import { NODE_ID_SIZE, type NodeId, randomNodeId } from "./node_id.ts";

/** Which bits of each byte of the address count; the fewer, the larger the network. */
const MASK4 = [0x03, 0x0f, 0x3f, 0xff];
const MASK6 = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff];

/** Whether `id` is one that the node at `endpoint` may have; any, unless the address is public. */
export function isCompliantId(id: NodeId, endpoint: Endpoint): boolean {
  if (scopeOf(endpoint) !== SCOPE_PUBLIC) return true;
  const crc = prefixOf(endpoint, id.charCodeAt(NODE_ID_SIZE - 1) & 7);
  return id.charCodeAt(0) === crc >>> 24 && id.charCodeAt(1) === ((crc >>> 16) & 255) &&
    (id.charCodeAt(2) & 0xf8) === ((crc >>> 8) & 0xf8);
}

/** An id for a node whose address others see as `endpoint` (the port does not matter). */
export function createSecureId(endpoint: Endpoint, rng: Rng): NodeId {
  const chance = randomNodeId(rng);
  const last = nextUint32(rng) & 255;
  const crc = prefixOf(endpoint, last & 7);
  const third = ((crc >>> 8) & 0xf8) | (chance.charCodeAt(2) & 7);
  return String.fromCharCode(crc >>> 24, (crc >>> 16) & 255, third) +
    chance.slice(3, NODE_ID_SIZE - 1) + String.fromCharCode(last);
}

/** The checksum whose first 21 bits the id begins with; `r` is 0..7. */
function prefixOf(endpoint: Endpoint, r: number): number {
  const mask = endpoint.length === ENDPOINT4_SIZE ? MASK4 : MASK6;
  const bytes = Uint8Array.from(mask, (bits, i) => endpoint.charCodeAt(i) & bits);
  bytes[0]! |= r << 5;
  return crc32c(bytes);
}
