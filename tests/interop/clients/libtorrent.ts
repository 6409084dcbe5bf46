/** libtorrent through its Python module, which Debian installs for the system's Python only. */
import { fileURLToPath } from "node:url";
import {
  type Client,
  formatEndpoint,
  type TransferOptions,
  watchDownload,
  watchSeed,
} from "./client.ts";
import { ClientProcess } from "../../support/process.ts";

/** The system's own Python, which has the module. */
export const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("libtorrent_peer.py", import.meta.url));

export const libtorrent: Client = {
  name: "libtorrent",
  dials: true,
  refusesLoopback: false,
  makesEmptyFiles: true,

  async missing() {
    const probe = new Deno.Command(PYTHON, { args: ["-c", "import libtorrent"], stderr: "null" });
    const works = await probe.output().then(({ success }) => success, () => false);
    return works ? undefined : "the package python3-libtorrent is not installed";
  },

  async seed(options) {
    const peer = launch("seed", options);
    return await watchSeed(peer, checkedLine);
  },

  async download(options) {
    const peer = launch("download", options, options.thenSeed ? ["--then-seed"] : []);
    return await watchDownload(peer, options, completeLine);
  },
};

/**
 * Announces one piece at a time to a peer, and the next once others have that one. Spec: BEP 16.
 */
export const superSeedingLibtorrent: Client = {
  ...libtorrent,
  name: "a super-seeding libtorrent",

  async seed(options) {
    return await watchSeed(launch("seed", options, ["--super-seed"]), checkedLine);
  },
};

/** Finds peers by local discovery only. Spec: BEP 14. */
export const locallyDiscoveredLibtorrent: Client = {
  ...libtorrent,

  async seed(options) {
    return await watchSeed(launch("seed", options, ["--lsd"]), checkedLine);
  },

  async download(options) {
    return await watchDownload(launch("download", options, ["--lsd"]), options, completeLine);
  },
};

function launch(role: string, options: TransferOptions, more: readonly string[] = []) {
  const { torrentPath, dir, place, port, peers = [], dhtNodes = [] } = options;
  const argv = [PYTHON, "-u", SCRIPT, role, torrentPath, "--dir", dir];
  argv.push("--listen", formatEndpoint({ host: place.host, port }));
  for (const peer of peers) argv.push("--peer", formatEndpoint(peer));
  for (const node of dhtNodes) argv.push("--dht-node", formatEndpoint(node));
  return new ClientProcess({ place, port, argv: [...argv, ...more] });
}

/** Whether it is the `checked` line of our driver scripts. */
export function checkedLine(line: string): boolean {
  return line === "checked";
}

/** The seconds in the `complete SECONDS` line of our driver scripts. */
export function completeLine(line: string): { seconds: number } | undefined {
  const seconds = line.match(/^complete ([\d.]+)$/)?.[1];
  return seconds === undefined ? undefined : { seconds: Number(seconds) };
}
