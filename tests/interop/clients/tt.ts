/** `tt` as a client beside the others. */
import {
  type Client,
  formatEndpoint,
  type TransferOptions,
  watchDownload,
  watchSeed,
} from "./client.ts";
import { ttCommand } from "../../support/tt_command.ts";
import { ClientProcess } from "../../support/process.ts";

export interface TtOptions {
  /** The value of `--share-rule`, for downloads. */
  readonly shareRule: string;
  /** Options of the runtime, such as `--inspect`; not for a compiled file. */
  readonly runtimeFlags?: readonly string[];
  /** The value of `--trace`. */
  readonly trace?: string;
  /** Seeds with `--super-seed`. */
  readonly superSeed?: boolean;
}

/** `tt` with a share rule. */
export function ttWith({ shareRule, runtimeFlags = [], trace, superSeed }: TtOptions): Client {
  const recording = trace === undefined ? [] : ["--trace", trace];
  return {
    name: superSeed ? "a super-seeding tt" : "tt",
    dials: true,
    refusesLoopback: false,
    makesEmptyFiles: true,

    missing: () => Promise.resolve(undefined),

    async seed(options) {
      const args = ["seed", ...commonArguments(options), ...recording];
      if (superSeed) args.push("--super-seed");
      const peer = await launch(args, options, runtimeFlags);
      return await watchSeed(peer, (line) => eventOf(line)?.event === "checked");
    },

    async download(options) {
      const args = ["get", ...commonArguments(options), "--share-rule", shareRule, ...recording];
      if (!options.thenSeed) args.push("--no-seed");
      const peer = await launch(args, options, runtimeFlags);
      return await watchDownload(peer, options, (line) => {
        const event = eventOf(line);
        return event?.event === "complete" ? { seconds: Number(event.seconds) } : undefined;
      });
    },
  };
}

/** `tt` without a share rule: a transfer between two must not wait for a third. */
export const tt: Client = ttWith({ shareRule: "off" });

/** Announces each piece to one peer until others have it. Spec: BEP 16. */
export const superSeedingTt: Client = ttWith({ shareRule: "off", superSeed: true });

function commonArguments(
  { torrentPath, dir, port, place, peers = [], dhtNodes = [] }: TransferOptions,
): string[] {
  const args = [torrentPath, "--dir", dir, "--host", place.host, "--port", String(port), "--json"];
  for (const peer of peers) args.push("--peer", formatEndpoint(peer));
  // The environment of these tests switches it off.
  if (dhtNodes.length > 0) args.push("--dht", "on");
  for (const node of dhtNodes) args.push("--dht-node", formatEndpoint(node));
  return args;
}

async function launch(
  args: readonly string[],
  { port, place }: TransferOptions,
  runtimeFlags: readonly string[],
): Promise<ClientProcess> {
  return new ClientProcess({ place, port, argv: await ttCommand(args, runtimeFlags) });
}

/** The event of a line of `--json`, or undefined for any other line. */
function eventOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
