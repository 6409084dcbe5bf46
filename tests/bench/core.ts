/** `bench core`: the cost of the core's decisions, without sockets, files or hashes. */
import { parseArgs } from "node:util";
import { benchBencode } from "./core_bencode.ts";
import { benchTorrent } from "./core_torrent.ts";
import { benchWire } from "./core_wire.ts";
import { printFigures } from "./figures.ts";

export const CORE_USAGE = `core [--pieces 100000] [--peers 500] [--json]
  Frames, messages, the picker, the choker and bencode, each alone, on one thread.`;

// deno-lint-ignore require-await
export async function benchCore(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      pieces: { type: "string", default: "100000" },
      peers: { type: "string", default: "500" },
      json: { type: "boolean", default: false },
    },
  });
  const load = { pieces: Number(flags.pieces), peers: Number(flags.peers) };
  const figures = [...benchWire(), ...benchTorrent(load), ...benchBencode()];
  printFigures("The core alone, on one thread; medians", figures, flags.json);
}
