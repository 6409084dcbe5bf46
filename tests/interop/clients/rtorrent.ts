/**
 * rtorrent 0.9.8, without its screen. No setting gives it a peer's address, so it needs a tracker
 * or an incoming connection, and it runs until it is stopped. It prints nothing, so its events run
 * `echo`.
 */
import { join } from "node:path";
import { type Client, type TransferOptions, watchDownload, watchSeed } from "./client.ts";
import { ClientProcess, hasProgram } from "../../support/process.ts";

/** What its events echo. */
const WORD = "reached";
/** Port 9 of its own host, where nothing listens. */
const NO_TRACKER = "http://127.0.0.1:9/announce";

export const rtorrent: Client = {
  name: "rtorrent",
  dials: false,
  refusesLoopback: false,
  makesEmptyFiles: true,

  async missing() {
    return await hasProgram("rtorrent") ? undefined : "the package rtorrent is not installed";
  },

  async seed(options) {
    const peer = await launch(options, "hash_done");
    return await watchSeed(peer, saysSo);
  },

  async download(options) {
    const peer = await launch(options, "finished");
    return await watchDownload(
      peer,
      { ...options, thenSeed: true },
      (line) => saysSo(line) ? { seconds: undefined } : undefined,
    );
  },
};

/** The output of echo, not the command line that is logged before it; each follows a zero byte. */
function saysSo(line: string): boolean {
  return line === `\0${WORD}`;
}

/** Its event of this name prints a line for which `saysSo` holds. */
async function launch(
  { torrentPath, dir, place, port }: TransferOptions,
  event: "hash_done" | "finished",
): Promise<ClientProcess> {
  const folder = await Deno.makeTempDir({ prefix: "tt-rtorrent-" });
  // It binds to no IPv6 address, and listens on all addresses otherwise.
  const bind = place.host.includes(":") ? "" : `network.bind_address.set = ${place.host}`;
  const settings = join(folder, "rtorrent.rc");
  await Deno.writeTextFile(
    settings,
    `
system.daemon.set = true
log.execute = "/dev/stdout"
method.set_key = event.download.${event}, tell, "execute.nothrow=/bin/echo,${WORD}"
directory.default.set = "${dir}"
${bind}
network.port_range.set = ${port}-${port}
network.port_random.set = no
dht.mode.set = disable
protocol.pex.set = no
protocol.encryption.set = allow_incoming,prefer_plaintext
load.start = "${await withTracker(torrentPath, folder)}"
`,
  );
  return new ClientProcess({
    place,
    port,
    argv: ["rtorrent", "-n", "-o", `import=${settings}`],
    cleanUp: () => Deno.remove(folder, { recursive: true }),
  });
}

/**
 * Without DHT it refuses torrents without a tracker; a copy in `folder` names one that does not
 * exist.
 */
async function withTracker(torrentPath: string, folder: string): Promise<string> {
  const torrent = await Deno.readFile(torrentPath);
  const text = new TextDecoder("latin1").decode(torrent);
  if (/^d(8:announce|13:announce-list)/.test(text)) return torrentPath;
  const path = join(folder, "copy.torrent");
  const head = new TextEncoder().encode(`d8:announce${NO_TRACKER.length}:${NO_TRACKER}`);
  await Deno.writeFile(path, new Uint8Array([...head, ...torrent.subarray(1)]));
  return path;
}
