/**
 * Where nodes are. Each has its own network (a /24): neighbours share an allowed fast set, and a
 * swarm of neighbours would ask for the same pieces. Spec: BEP 6.
 */
import type { PeerAddress } from "../bytes/address.ts";
import type { Node } from "./node.ts";
import type { World } from "./state.ts";

/** First bytes of the addresses: 10.0.0.1, 10.0.1.1 and so on. */
const FIRST = 10;
const HOST = "1";

/** The address of the node with this index. */
export function ipOf(index: number): string {
  return `${FIRST + (index >>> 16)}.${(index >>> 8) & 255}.${index & 255}.${HOST}`;
}

/** The node that listens there, whether it is online or not. */
export function nodeAt(world: World, { ip, port }: PeerAddress): Node | undefined {
  const [high, middle, low, host] = ip.split(".");
  if (host !== HOST) return undefined;
  const node = world.nodes[(Number(high) - FIRST) * 65_536 + Number(middle) * 256 + Number(low)];
  return node?.address.port === port ? node : undefined;
}
