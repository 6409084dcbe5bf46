/** The most used tracker of Node, installed with npm into a cache folder outside the repository. */
import type { Tracker } from "../interop/clients/tracker.ts";
import { ClientProcess, hasProgram, runCommand } from "../support/process.ts";

const VERSION = "11.2.3";
/** Only its server: the client needs a WebRTC module that has no binary for some machines. */
const PROGRAM = `
import Server from "./node_modules/bittorrent-tracker/server.js";
const server = new Server({ udp: true, http: true, ws: false, stats: false, trustProxy: false });
server.on("error", (error) => console.error(error));
server.on("warning", () => {});
server.listen(Number(process.argv[2]), process.argv[3]);
`;

export const bittorrentTracker: Tracker = {
  name: "bittorrent-tracker",
  async missing() {
    if (!(await hasProgram("node"))) return "node is not installed";
    return await install().then(() => undefined, (error) => `it cannot be installed: ${error}`);
  },
  async start({ place, port }) {
    const argv = ["node", `${await install()}/server.mjs`, String(port), place.host];
    const tracker = new ClientProcess({ place, port, argv });
    await tracker.waitForListening();
    return tracker;
  },
};

/** The folder it is installed in. */
async function install(): Promise<string> {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  const folder = `${home}/tt-interop/bittorrent-tracker`;
  const stamp = VERSION + PROGRAM;
  if (await Deno.readTextFile(`${folder}/installed`).catch(() => "") === stamp) return folder;
  await Deno.mkdir(folder, { recursive: true });
  const dependencies = { "bittorrent-tracker": VERSION };
  await Deno.writeTextFile(
    `${folder}/package.json`,
    JSON.stringify({ private: true, dependencies }),
  );
  await Deno.writeTextFile(`${folder}/server.mjs`, PROGRAM);
  await runCommand(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
  });
  await Deno.writeTextFile(`${folder}/installed`, stamp);
  return folder;
}
