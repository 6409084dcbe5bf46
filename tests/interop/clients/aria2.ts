/**
 * aria2. No option gives it a peer's address, so it needs a tracker or an incoming connection. It
 * exits with 0 when it could not listen, and leaves after uploading the torrent's size.
 */
import {
  type Client,
  formatEndpoint,
  type TransferOptions,
  watchDownload,
  watchSeed,
} from "./client.ts";
import { ClientProcess, hasProgram } from "../../support/process.ts";

const COMMON = [
  "--no-conf",
  // Its UDP trackers need its DHT, which has no nodes here.
  "--enable-dht=true",
  "--bt-enable-lpd=false",
  "--enable-peer-exchange=false",
  "--allow-overwrite=true",
  "--file-allocation=none",
  "--bt-stop-timeout=0",
  "--summary-interval=0",
];

export const aria2: Client = {
  name: "aria2",
  dials: false,
  refusesLoopback: false,
  makesEmptyFiles: true,
  lacksUdp6: "its UDP trackers are IPv4 only",

  async missing() {
    return await hasProgram("aria2c") ? undefined : "the package aria2 is not installed";
  },

  async seed(options) {
    const peer = launch(options, ["--seed-ratio=0.0", "--bt-seed-unverified=true"]);
    return await watchSeed(peer);
  },

  async download(options) {
    const peer = launch(options, [
      // The hook is called with the download's ID, its number of files and its path.
      "--on-bt-download-complete=/bin/echo",
      options.thenSeed ? "--seed-ratio=0.0" : "--seed-time=0",
    ]);
    return await watchDownload(
      peer,
      options,
      (line) => /^[0-9a-f]{16} \d+ /.test(line) ? { seconds: undefined } : undefined,
    );
  },
};

function launch(
  { torrentPath, dir, place, port, dhtNodes = [] }: TransferOptions,
  more: readonly string[],
) {
  const argv = ["aria2c", ...COMMON, `--listen-port=${port}`, `--dir=${dir}`];
  argv.push(`--dht-listen-port=${port}`, `--dht-file-path=${dir}/.aria2-dht.dat`);
  // It supports one.
  for (const node of dhtNodes.slice(0, 1)) argv.push(`--dht-entry-point=${formatEndpoint(node)}`);
  argv.push(`--disable-ipv6=${!place.host.includes(":")}`, ...more, torrentPath);
  return new ClientProcess({ place, port, argv });
}
