/** DHT nodes that a torrent without a tracker names. Spec: BEP 5, torrent file extensions. */
import { asInteger, asList, asText, type BencodeNode, dictGet } from "../bencode/node.ts";
import type { PeerAddress } from "../bytes/address.ts";
import { canonicalIp } from "../bytes/ip.ts";

/** The BEP suggests 8; more serve only to have packets sent to a victim. */
const NODES_MAX = 16;
const PORT_MAX = 65_535;

/** Those named by an address; host names, for which a name server would be asked, are left out. */
export function parseDhtNodes(root: BencodeNode): PeerAddress[] {
  const nodes: PeerAddress[] = [];
  for (const pair of asList(dictGet(root, "nodes")) ?? []) {
    const [host, number] = asList(pair) ?? [];
    const ip = canonicalIp(asText(host) ?? "");
    const port = asInteger(number) ?? 0;
    if (ip === undefined || port < 1 || port > PORT_MAX) continue;
    nodes.push({ ip, port });
    if (nodes.length === NODES_MAX) break;
  }
  return nodes;
}
