// One torrent in webtorrent, seeded or downloaded, driven by tests and benchmarks. Runs in node.
// node webtorrent_peer.mjs MODULE seed|download TORRENT DIR HOST PORT THEN_SEED [PEER]...
// Prints `checked` once the content is known, then `complete SECONDS` once everything is there.
import { readFile } from "node:fs/promises";
import process from "node:process";

const [modulePath, role, torrentPath, dir, , port, thenSeed, ...peers] = process.argv.slice(2);
const { default: WebTorrent } = await import(modulePath);

const client = new WebTorrent({
  torrentPort: Number(port),
  dht: false,
  lsd: false,
  natUpnp: false,
  natPmp: false,
  utp: false,
  utPex: false,
  webSeeds: false,
  tracker: { wrtc: false },
});
const leave = () => client.destroy(() => process.exit(0));
client.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
process.on("SIGTERM", leave);

const started = performance.now();
const torrent = client.add(
  torrentPath.startsWith("magnet:") ? torrentPath : await readFile(torrentPath),
  { path: dir },
);
torrent.on("warning", (warning) => console.error(String(warning)));
torrent.on("wire", (_wire, address) => console.log(`wire ${address}`));
torrent.on("ready", () => {
  console.log("checked");
  for (const peer of peers) torrent.addPeer(peer);
});
torrent.on("done", () => {
  if (role !== "download") return;
  console.log(`complete ${((performance.now() - started) / 1000).toFixed(3)}`);
  if (thenSeed !== "true") leave();
});
