/**
 * Transmission's command-line client. It refuses peers of 127.0.0.0/8, has no option for a peer's
 * address, and unchokes for the first time after ten seconds.
 */
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { encodeCompactPeers } from "../../../core/bytes/compact_peers.ts";
import { type Client, type TransferOptions, watchDownload, watchSeed } from "./client.ts";
import { namespacesMissing } from "../../support/network.ts";
import { ClientProcess, hasProgram } from "../../support/process.ts";

/** All peer discovery off. */
export const SETTINGS = {
  "dht-enabled": false,
  "lpd-enabled": false,
  "pex-enabled": false,
  "port-forwarding-enabled": false,
  // With uTP on, it dials by uTP alone and never falls back to TCP.
  "utp-enabled": false,
  "rpc-enabled": false,
  "rename-partial-files": false,
  "ratio-limit-enabled": false,
};

export const transmission: Client = {
  name: "transmission",
  dials: false,
  refusesLoopback: true,
  makesEmptyFiles: false,
  lacksUdp6: "it takes no IPv6 address in the URL of a UDP tracker",

  async missing() {
    if (!(await hasProgram("transmission-cli"))) {
      return "the package transmission-cli is not installed";
    }
    return await namespacesMissing();
  },

  async seed(options) {
    const peer = await launch(options);
    return await watchSeed(peer, seeds);
  },

  async download(options) {
    const peer = await launch(options);
    // It does not exit by itself.
    return await watchDownload(
      peer,
      { ...options, thenSeed: true },
      (line) => seeds(line) ? { seconds: undefined } : undefined,
    );
  },
};

function seeds(line: string): boolean {
  return line.startsWith("Seeding");
}

async function launch(
  { torrentPath, dir, place, port, dhtNodes = [] }: TransferOptions,
): Promise<ClientProcess> {
  const config = await Deno.makeTempDir({ prefix: "tt-transmission-" });
  const settings = { ...SETTINGS, "dht-enabled": dhtNodes.length > 0 };
  await Deno.writeTextFile(`${config}/settings.json`, JSON.stringify(settings));
  if (dhtNodes.length > 0) {
    // As an earlier run would have saved them; it queries the nodes of a dht.bootstrap file much
    // slower.
    const nodes = encodeCompactPeers(dhtNodes.map(({ host: ip, port }) => ({ ip, port })), 4);
    const id = Uint8Array.from({ length: 20 }, (_, index) => (port * (index + 1)) & 0xff);
    await Deno.writeFile(`${config}/dht.dat`, encodeBencode({ id, nodes }));
  }
  // Its status lines end without a newline, and it flushes a pipe only every few kilobytes.
  const argv = ["stdbuf", "-o0", "transmission-cli", "--config-dir", config, "--download-dir", dir];
  argv.push("--port", String(port), "--no-portmap", "--encryption-tolerated", torrentPath);
  return new ClientProcess({
    place,
    port,
    argv,
    env: { HOME: config },
    cleanUp: () => Deno.remove(config, { recursive: true }),
  });
}
