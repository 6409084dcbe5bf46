/**
 * What a node keeps for its next run: its ids and the nodes it knows. A bencoded dictionary with `id4`,
 * `id6`, `nodes` and `nodes6` (ids and endpoints, packed as in an answer), and a version.
 */
import { decodeBencode } from "../bencode/decode.ts";
import { encodeBencode } from "../bencode/encode.ts";
import { asBytes, asInteger, bytesOfByteText, dictGet } from "../bencode/node.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { ENDPOINT4_SIZE, ENDPOINT6_SIZE, ipVersionOf, isUsable, readEndpoint } from "./endpoint.ts";
import type { NodeInfo } from "./krpc.ts";
import { NODE_ID_SIZE, type NodeId, readNodeId } from "./node_id.ts";

/** Nodes of one IP version; more than a table holds. */
export const SAVED_NODES_MAX = 500;
/** Two full lists and their keys. */
export const SAVED_BYTES_MAX = 64 * 1024;
const FORMAT = 1;

export interface SavedNode {
  readonly ids: { readonly 4?: NodeId | undefined; readonly 6?: NodeId | undefined };
  readonly nodes: readonly NodeInfo[];
}

export interface SavedNodeError {
  readonly code: "saved-node-malformed" | "saved-node-format";
}

/** The bytes of the file. */
export function encodeSavedNode(saved: SavedNode): Uint8Array {
  const pack = (version: 4 | 6) => {
    const nodes = saved.nodes.filter(({ endpoint }) => ipVersionOf(endpoint) === version);
    const text = nodes.slice(0, SAVED_NODES_MAX).map(({ id, endpoint }) => id + endpoint).join("");
    return bytesOfByteText(text);
  };
  const packId = (id: NodeId | undefined) => id === undefined ? undefined : bytesOfByteText(id);
  return encodeBencode({
    format: FORMAT,
    id4: packId(saved.ids[4]),
    id6: packId(saved.ids[6]),
    nodes: pack(4),
    nodes6: pack(6),
  });
}

/** Reads the file of an earlier run; what is no endpoint is left out. */
export function decodeSavedNode(bytes: Uint8Array): Result<SavedNode, SavedNodeError> {
  const decoded = decodeBencode(bytes, { bytesMax: SAVED_BYTES_MAX });
  if (!decoded.ok) return fail({ code: "saved-node-malformed" });
  const root = decoded.value;
  if (asInteger(dictGet(root, "format")) !== FORMAT) return fail({ code: "saved-node-format" });
  const idAt = (key: string) => {
    const id = asBytes(dictGet(root, key));
    return id?.length === NODE_ID_SIZE ? readNodeId(id) : undefined;
  };
  const nodesAt = (key: string, endpointSize: number) => {
    const packed = asBytes(dictGet(root, key)) ?? new Uint8Array();
    const size = NODE_ID_SIZE + endpointSize;
    const count = Math.min(SAVED_NODES_MAX, Math.floor(packed.length / size));
    return Array.from({ length: count }, (_, i): NodeInfo => {
      const id = readNodeId(packed, i * size);
      return { id, endpoint: readEndpoint(packed, i * size + NODE_ID_SIZE, endpointSize) };
    }).filter(({ endpoint }) => isUsable(endpoint));
  };
  const nodes = [...nodesAt("nodes", ENDPOINT4_SIZE), ...nodesAt("nodes6", ENDPOINT6_SIZE)];
  return ok({ ids: { 4: idAt("id4"), 6: idAt("id6") }, nodes });
}
