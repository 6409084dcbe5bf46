/** Options of the DHT, and the command that shows its health. */
import type { PeerAddress } from "../bytes/address.ts";
import { encodeBencode } from "../bencode/encode.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { infoHashFromHex } from "../metainfo/info_hash.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";
import type { OutputSettings } from "./common_settings.ts";
import { defineCommand, output, state } from "./command_spec.ts";
import { many, one, oneOr } from "./option.ts";
import { readHost, readPeer, readPort, readSecondsAsMs } from "./values.ts";

/** Spec: BEP 44, "v must be less than 1000 bytes". */
const VALUE_BYTES_MAX = 1_000;

export interface DhtCommand extends OutputSettings {
  readonly kind: "dht";
  /** Ask for the daemon's node if one is running: nothing says how a node of our own should be. */
  readonly mayBeOfDaemon: boolean;
  /** State folder of the daemon; undefined is the usual one. */
  readonly state: string | undefined;
  readonly infoHashes: readonly InfoHash[];
  readonly host: string | undefined;
  /** 0 picks a free one. */
  readonly port: number;
  readonly nodes: readonly PeerAddress[];
  /** To store, bencoded. Spec: BEP 44. */
  readonly put: readonly Uint8Array[];
  /** To get what is stored under them. */
  readonly get: readonly InfoHash[];
  /** How long to wait for the first nodes. */
  readonly timeoutMs: number;
}

const dhtNode = many(
  "IP:PORT",
  readPeer,
  "Bootstrap from this node instead of the well-known ones; may be repeated",
);

/** For every command that runs torrents. */
export const dhtOptions = {
  dht: oneOr("on|off", readSwitch, "on", "Find peers without a tracker, through the DHT"),
  dhtNode,
};

export const DHT_COMMAND = defineCommand({
  summary: "Show the state of the DHT: nodes, lookups, traffic",
  usage: ["[INFO_HASH...] [options]"],
  operands: { name: "INFO_HASH", min: 0, max: Infinity },
  about: [
    "Prints statistics of the running daemon's node. Without a daemon, or with any of --host, --port " +
    "and --dht-node: joins the DHT, finds the nodes nearest to its own ID, and prints statistics. With " +
    "info hashes, also looks up the peers of those torrents.",
    "Known nodes are saved in the state folder for the next run, except with --dht-node.",
  ],
  options: {
    host: one("IP", readHost, "Use this address; a loopback address reaches only this machine", {
      shownDefault: "all",
    }),
    port: oneOr("N", readPort, "0", "Use this UDP port; 0 picks a free one", {
      setting: "dht-port",
    }),
    dhtNode,
    timeout: oneOr(
      "SECONDS",
      readSecondsAsMs,
      "20",
      "Give up if no node answers within this time",
      {
        setting: "dht-timeout",
      },
    ),
    get: many("TARGET", readTarget, "Print the value that is stored under these 40 digits"),
    put: many("TEXT", readValue, "Store a text for about two hours, and print its target"),
    state,
    ...output,
  },
  conflicts: [],
  examples: ["tt dht", "tt dht --json", "tt dht 0123456789abcdef0123456789abcdef01234567"],
});

/** The command of its values. */
export function toDhtCommand(
  operands: readonly string[],
  values: {
    readonly host: string | undefined;
    readonly port: number;
    readonly dhtNode: readonly PeerAddress[];
    readonly put: readonly Uint8Array[];
    readonly get: readonly InfoHash[];
    readonly timeout: number;
    readonly state: string | undefined;
    readonly json: boolean;
    readonly quiet: boolean;
  },
): Result<DhtCommand, { readonly code: "bad-value"; readonly message: string }> {
  const infoHashes: InfoHash[] = [];
  for (const operand of operands) {
    const infoHash = infoHashFromHex(operand);
    if (infoHash === undefined) {
      const message = `"${operand}" is not an info hash; give 40 hexadecimal digits`;
      return fail({ code: "bad-value", message });
    }
    infoHashes.push(infoHash);
  }
  const { dhtNode: nodes, timeout: timeoutMs, ...rest } = values;
  const asksNothing = [operands, nodes, rest.get, rest.put].every((list) => list.length === 0);
  const mayBeOfDaemon = asksNothing && rest.host === undefined && rest.port === 0;
  return ok({ kind: "dht", mayBeOfDaemon, infoHashes, nodes, timeoutMs, ...rest });
}

function readTarget(text: string): Result<InfoHash, string> {
  const target = infoHashFromHex(text);
  return target === undefined ? fail("is not a target; give 40 hexadecimal digits") : ok(target);
}

/** A text as an immutable value: a bencoded string. */
function readValue(text: string): Result<Uint8Array, string> {
  const value = encodeBencode(text);
  return value.length > VALUE_BYTES_MAX
    ? fail(`is too long; a value has at most ${VALUE_BYTES_MAX} bytes`)
    : ok(value);
}

function readSwitch(text: string): Result<boolean, string> {
  const word = text.toLowerCase();
  if (["on", "true", "yes", "1"].includes(word)) return ok(true);
  if (["off", "false", "no", "0"].includes(word)) return ok(false);
  return fail("is not valid; give on or off");
}
