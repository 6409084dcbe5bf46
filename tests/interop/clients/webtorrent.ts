/** webtorrent from npm, in node, as installed by `webtorrent_install.ts` in a cache folder. */
import { fileURLToPath } from "node:url";
import {
  type Client,
  formatEndpoint,
  type TransferOptions,
  watchDownload,
  watchSeed,
} from "./client.ts";
import { checkedLine, completeLine } from "./libtorrent.ts";
import { ClientProcess, hasProgram } from "../../support/process.ts";
import { webtorrentModule } from "./webtorrent_install.ts";

const SCRIPT = fileURLToPath(new URL("webtorrent_peer.mjs", import.meta.url));

export const webtorrent: Client = {
  name: "webtorrent",
  dials: true,
  refusesLoopback: false,
  makesEmptyFiles: true,
  lacksUdp6: "its UDP trackers are IPv4 only",

  async missing() {
    if (!(await hasProgram("node"))) return "the program node is not installed";
    if (await webtorrentModule() === undefined) {
      return "webtorrent is not installed, see tests/interop/clients/webtorrent_install.ts";
    }
    return undefined;
  },

  async seed(options) {
    const peer = await launch("seed", options, false);
    return await watchSeed(peer, checkedLine);
  },

  async download(options) {
    const peer = await launch("download", options, options.thenSeed ?? false);
    return await watchDownload(peer, options, completeLine);
  },
};

async function launch(role: string, options: TransferOptions, thenSeed: boolean) {
  const { torrentPath, dir, place, port, peers = [] } = options;
  const module = (await webtorrentModule())!;
  const argv = ["node", SCRIPT, module, role, torrentPath, dir, place.host, String(port)];
  argv.push(String(thenSeed), ...peers.map(formatEndpoint));
  return new ClientProcess({ place, port, argv });
}
