/** `tt dht`: the health of a DHT node, and the peers that it finds. */
import { decodeBencode } from "../../core/bencode/decode.ts";
import { asText } from "../../core/bencode/node.ts";
import type { PeerAddress } from "../../core/bytes/address.ts";
import type { DhtCommand } from "../../core/cli/dht_command.ts";
import type { DhtHealth } from "../../core/cli/dht_results.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import type { DhtFacts } from "../../core/dht/facts.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { isObject, type JsonObject } from "../../core/rpc/json.ts";
import { camelName, renameKeys } from "../../core/rpc/names.ts";
import { now, sleep } from "../clock.ts";
import { DaemonClient } from "../daemon/client.ts";
import { DhtNode } from "../dht/dht_node.ts";
import { dhtHealth } from "../dht/health.ts";
import { dhtSettings } from "../dht/settings.ts";
import { Failure } from "../failure.ts";
import { toPortError } from "../net/port_error.ts";
import { UdpSocket } from "../net/udp_socket.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";

/** Between two looks at the node. */
const LOOK_MS = 100;

export async function dht(command: DhtCommand, context: Context): Promise<void> {
  if (command.mayBeOfDaemon && await showDaemonNode(command, context)) return;
  const { host, port, nodes, infoHashes } = command;
  const settings = dhtSettings({ isOn: true, nodes })!;
  const socket = openSocket(host, port);
  // It is gone in a moment, and would be a dead entry in the tables of others.
  const node = new DhtNode(socket, { ...settings, isReadOnly: true });
  try {
    await joined(node, command, context);
    for (const infoHash of infoHashes) await lookUp(node, infoHash, context);
    for (const value of command.put) await store(node, value, context);
    for (const target of command.get) await show(node, target, context);
    if (command.put.length + command.get.length > 0) return;
    sayHealth(node, context);
  } finally {
    await node.close();
    socket.close();
  }
}

/** Whether a daemon is running and has a node; one whose folder is named must. */
async function showDaemonNode(
  { state }: DhtCommand,
  { output, signal }: Context,
): Promise<boolean> {
  try {
    const client = await DaemonClient.open(state, signal);
    const { node } = renameKeys(await client.call("tt_dht"), camelName) as JsonObject;
    if (!isObject(node)) {
      if (state === undefined) return false;
      const message = "The daemon has no DHT node: --dht is off, or no public torrent is running";
      throw new CommandError(EXIT.network, "dht", message);
    }
    output.result({ event: "dht", ...(node as unknown as DhtHealth) });
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "no-daemon" && state === undefined) return false;
    throw error;
  }
}

function openSocket(host: string | undefined, port: number): UdpSocket {
  try {
    return UdpSocket.open(host, port);
  } catch (error) {
    throw toPortError(error, host, port);
  }
}

/** Waits until the nearest nodes are known. */
async function joined(
  node: DhtNode,
  { timeoutMs }: DhtCommand,
  { signal }: Context,
): Promise<void> {
  const deadlineMs = now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const facts = node.facts();
    if (facts !== undefined && isSettled(facts)) return;
    if (now() >= deadlineMs) break;
    await sleep(LOOK_MS);
  }
  const hasNodes = node.facts()?.networks.some(({ nodes }) => nodes > 0);
  if (hasNodes) return;
  const message = `Cannot join the DHT: no node answered within ${timeoutMs / 1000} s; ` +
    "try again later, or name a node with --dht-node";
  throw new CommandError(EXIT.network, "dht", message);
}

function isSettled({ networks, lookupsActive }: DhtFacts): boolean {
  return lookupsActive === 0 && networks.some(({ nodes }) => nodes > 0);
}

async function lookUp(
  node: DhtNode,
  infoHash: InfoHash,
  { output, signal }: Context,
): Promise<void> {
  const peers: PeerAddress[] = [];
  const onPeers = (more: readonly PeerAddress[]) => peers.push(...more);
  const reports = await node.lookup(infoHash, { onPeers, scrape: true, signal });
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const scrapes = reports.flatMap(({ scrape }) => scrape ?? []);
  const firsts = reports.flatMap(({ firstPeerMs }) => firstPeerMs ?? []);
  output.result({
    event: "dht-lookup",
    infoHash,
    peers,
    seeders: scrapes.length > 0 ? sum(scrapes.map(({ seeds }) => seeds)) : undefined,
    leechers: scrapes.length > 0 ? sum(scrapes.map((scrape) => scrape.peers)) : undefined,
    queries: sum(reports.map(({ queries }) => queries)),
    replies: sum(reports.map(({ replies }) => replies)),
    hops: Math.max(0, ...reports.map(({ hops }) => hops)),
    firstPeerMs: firsts.length > 0 ? Math.min(...firsts) : undefined,
    durationMs: Math.max(0, ...reports.map(({ durationMs }) => durationMs)),
  });
}

async function store(node: DhtNode, value: Uint8Array, context: Context): Promise<void> {
  const { target, nodes } = await node.put(value, context.signal);
  if (nodes === 0) {
    throw new CommandError(EXIT.network, "dht", "No node of the DHT accepted the value; try again");
  }
  context.output.result({ event: "dht-stored", target, nodes });
}

async function show(node: DhtNode, target: InfoHash, { output, signal }: Context): Promise<void> {
  const item = await node.get(target, signal);
  if (item === undefined) {
    const message = `No node of the DHT has a value under ${target}; values last about two hours`;
    throw new CommandError(EXIT.network, "dht", message);
  }
  const decoded = decodeBencode(item.value, { bytesMax: item.value.length });
  output.result({
    event: "dht-value",
    target,
    text: decoded.ok ? asText(decoded.value) : undefined,
    bencoded: item.value.toBase64(),
    sequence: item.kind === "mutable" ? item.sequence : undefined,
  });
}

function sayHealth(node: DhtNode, { output }: Context): void {
  output.result({ event: "dht", ...dhtHealth("command", node.port, node.facts()!) });
}
