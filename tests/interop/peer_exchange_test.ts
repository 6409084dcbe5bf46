/**
 * Peer exchange among real clients: a chain in which each starts with one other becomes a full
 * mesh.
 */
import { formatEndpoint } from "./clients/client.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { namespacesMissing, openNetwork } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch, smallPieces, writeContent, writeTorrent } from "../support/content.ts";
import { interopTest } from "../support/requirements.ts";
import { fileURLToPath } from "node:url";

/** Two rounds of exchange, a minute apart (BEP 11). */
const MESH_DEADLINE_MS = 120_000;
const PORT = 6881;
const SCRIPT = fileURLToPath(new URL("clients/libtorrent_peer.py", import.meta.url));

/** From one end of the chain to the other; no client has any content, so none leaves. */
const CHAIN = ["libtorrent", "tt", "tt", "libtorrent"] as const;

await interopTest({
  name: "a chain of libtorrent and tt becomes a mesh by peer exchange within two minutes",
  needs: [libtorrent, { missing: namespacesMissing }],
  fn: async () => {
    await using scratch = await openScratch();
    await using network = await openNetwork(CHAIN.length);
    await writeContent(scratch.path, smallPieces);
    const torrent = await writeTorrent(scratch.path, smallPieces);
    await using stack = new AsyncDisposableStack();
    const clients: { isTt: boolean; process: ClientProcess }[] = [];
    for (const [i, name] of CHAIN.entries()) {
      const place = network.places[i]!;
      const dir = `${scratch.path}/${i}`;
      await Deno.mkdir(dir);
      const before = network.places[i - 1];
      const peer = before && ["--peer", formatEndpoint({ host: before.host, port: PORT })];
      const listen = formatEndpoint({ host: place.host, port: PORT });
      const args = name === "tt"
        ? ["get", torrent.path, "--host", place.host, "--port", `${PORT}`, "--json"]
        : ["/usr/bin/python3", "-u", SCRIPT, "download", torrent.path, "--listen", listen];
      const rest = ["--dir", dir, ...peer ?? []];
      const argv = name === "tt" ? await ttCommand([...args, ...rest]) : [...args, ...rest];
      const process = new ClientProcess({ place, port: PORT, argv });
      stack.use(process);
      await process.waitForListening();
      clients.push({ isTt: name === "tt", process });
    }
    const others = CHAIN.length - 1;
    await Promise.all(clients.map(({ isTt, process }) => {
      const wanted = isTt ? `"peers":${others},` : `peers ${others}`;
      const isMeshed = (line: string) => line.includes(wanted) || undefined;
      return process.waitForLine(isMeshed, `know all ${others} others`, MESH_DEADLINE_MS);
    }));
  },
});
