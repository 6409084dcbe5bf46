// webtorrent's own streaming server of one torrent, for the bench of streams. Runs in node.
// node stream_webtorrent.mjs MODULE TORRENT DIR PEER
// Prints `url URL` once the file can be asked for.
import { readFile } from "node:fs/promises";
import process from "node:process";

const [modulePath, torrentPath, dir, peer] = process.argv.slice(2);
const { default: WebTorrent } = await import(modulePath);

const client = new WebTorrent({
  ...{ dht: false, lsd: false, natUpnp: false, natPmp: false, utp: false, utPex: false },
  ...{ webSeeds: false, tracker: { wrtc: false } },
});
const leave = () => client.destroy(() => process.exit(0));
client.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
process.on("SIGTERM", leave);
const { server } = client.createServer();
const torrent = client.add(await readFile(torrentPath), { path: dir });
torrent.on("ready", () => {
  torrent.addPeer(peer);
  server.listen(0, "127.0.0.1", () => {
    console.log(`url http://127.0.0.1:${server.address().port}${torrent.files[0].streamURL}`);
  });
});
