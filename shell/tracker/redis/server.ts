/**
 * A Redis or Valkey server, or a cluster, found out by asking it. The client library is imported here
 * and only when a store needs it, so that no other command pays for it.
 */
import { Buffer } from "node:buffer";

/** Of a connection, and of finding a cluster's new master after a node fell silent. */
const CONNECT_MS_MAX = 1_500;
const REFRESH_AFTER_MS = 500;
const RECONNECT_MS = 250;

export type RedisArguments = (string | Buffer)[];
export type Send = (command: RedisArguments) => Promise<unknown>;

/** A server, or the masters of a cluster, behind one face. Replies are numbers, Buffers, arrays or null. */
export interface RedisServer {
  readonly isCluster: boolean;
  /** Further nodes of the cluster. */
  readonly otherUrls: readonly string[];
  /** Rejects with Redis's own error or that of the connection; may never settle once dropped. */
  send(firstKey: string, command: RedisArguments): Promise<unknown>;
  /** A way to each node that holds keys. */
  nodes(): Promise<Send[]>;
  /** Closes the connections at once. */
  drop(): void;
}

type Library = typeof import("@redis/client");

/**
 * Connects to the first of `urls` that answers. `onLost` is called when the connection breaks; a cluster
 * mends its own. Rejects with the reason of the last URL.
 */
export async function openRedisServer(
  urls: readonly string[],
  onLost: (why: string) => void,
): Promise<RedisServer> {
  const library = await import("@redis/client");
  let failure: unknown;
  for (const url of urls) {
    try {
      return await openUrl(library, url, onLost);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function openUrl(
  library: Library,
  url: string,
  onLost: (why: string) => void,
): Promise<RedisServer> {
  const client = library.createClient({
    url,
    ...commonOptions(library),
    socket: { connectTimeout: CONNECT_MS_MAX, reconnectStrategy: false },
  });
  // An error event without a listener ends the process.
  client.on("error", (error: Error) => onLost(describe(error)));
  try {
    await within(CONNECT_MS_MAX, client.connect());
    const isCluster = await within(CONNECT_MS_MAX, isClusterNode(client));
    if (isCluster) return await openCluster(library, url);
  } catch (error) {
    drop(client);
    throw error;
  }
  return {
    isCluster: false,
    otherUrls: [],
    send: (_, command) => client.sendCommand(command),
    nodes: () => Promise.resolve([(command) => client.sendCommand(command)]),
    drop: () => drop(client),
  };
}

async function openCluster(library: Library, url: string): Promise<RedisServer> {
  // What the URL says of users and encryption holds for every node.
  const { username, password, socket: { tls } } = library.RedisClient.parseURL(url);
  const cluster = library.createCluster({
    RESP: 2,
    rootNodes: [{ url }],
    // A node that hangs must not keep us from the others.
    minimizeConnections: true,
    defaults: {
      ...commonOptions(library),
      username,
      password,
      socket: { tls, connectTimeout: CONNECT_MS_MAX, reconnectStrategy: RECONNECT_MS },
    },
    topologyRefreshOnReconnectionAttemptStrategy: REFRESH_AFTER_MS,
  });
  cluster.on("error", () => {});
  await within(CONNECT_MS_MAX, cluster.connect()).catch((error) => {
    drop(cluster);
    throw error;
  });
  return {
    isCluster: true,
    otherUrls: [...cluster.masters, ...cluster.replicas].map(({ address }) =>
      urlOfNode(url, address)
    ),
    send: (firstKey, command) => cluster.sendCommand(firstKey, false, command),
    async nodes() {
      const clients = await Promise.all(cluster.masters.map((node) => cluster.nodeClient(node)));
      return clients.map((client) => (command) => client.sendCommand(command));
    },
    drop: () => drop(cluster),
  };
}

function commonOptions(library: Library) {
  return {
    // Understood by every version of either server.
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    // A timer for each command costs as much as the command, and the link looks after all of them.
    commandOptions: { timeout: 0, typeMapping: { [library.RESP_TYPES.BLOB_STRING]: Buffer } },
  } as const;
}

async function isClusterNode(
  client: { sendCommand(command: string[]): Promise<unknown> },
): Promise<boolean> {
  const info = await client.sendCommand(["INFO", "cluster"]);
  return /^cluster_enabled:1/m.test(String(info));
}

/** The kernel may accept for a server that hangs, so its first answers have a deadline too. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const why = `no answer within ${ms / 1_000} s`;
  const timer = setTimeout(() => late.reject(new Error(why)), ms);
  promise.catch(() => {});
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function urlOfNode(url: string, address: string): string {
  const node = new URL(url);
  node.host = address;
  return node.href;
}

function drop(client: { destroy(): void }): void {
  try {
    client.destroy();
  } catch {
    // It is closed already.
  }
}

/** Several addresses of a host that all refuse come as one error without a message. */
function describe(error: Error): string {
  return error.message || (error as { code?: string }).code || error.name;
}
