/**
 * Installs webtorrent, with npm, into a cache folder outside the repository:
 * `deno run --allow-all tests/interop/clients/webtorrent_install.ts`. Its WebRTC module has no
 * binary for some machines and is used by browsers only, so empty classes replace it.
 */
import { runCommand } from "../../support/process.ts";

const VERSION = "2.6.10";
const PACKAGE = {
  private: true,
  type: "module",
  dependencies: { webtorrent: VERSION },
  // Later versions of this dependency do not work with that webtorrent.
  overrides: { "uint8-util": "2.2.5" },
};
/** What webtorrent's dependencies import of the WebRTC module by name. */
const RTC_CLASSES = ["RTCPeerConnection", "RTCSessionDescription", "RTCIceCandidate"];

/** The installed module's path, or undefined when this version is not completely installed. */
export async function webtorrentModule(): Promise<string | undefined> {
  const folder = cacheFolder();
  if (folder === undefined) return undefined;
  const installed = await Deno.readTextFile(`${folder}/installed`).catch(() => "");
  return installed === stamp() ? `${folder}/node_modules/webtorrent/index.js` : undefined;
}

async function install(): Promise<void> {
  const folder = cacheFolder();
  if (folder === undefined) throw new Error("Neither XDG_CACHE_HOME nor HOME is set");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(PACKAGE));
  await runCommand(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
  });
  const classes = RTC_CLASSES.map((name) => `export class ${name} {}\n`).join("");
  const all = `export default { ${RTC_CLASSES.join(", ")} };\n`;
  await Deno.writeTextFile(`${folder}/node_modules/webrtc-polyfill/index.js`, classes + all);
  await Deno.writeTextFile(`${folder}/installed`, stamp());
}

function cacheFolder(): string | undefined {
  const home = Deno.env.get("HOME");
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? (home === undefined ? home : `${home}/.cache`);
  return cache === undefined ? undefined : `${cache}/tt-interop/webtorrent`;
}

function stamp(): string {
  return JSON.stringify([PACKAGE, RTC_CLASSES]);
}

if (import.meta.main) {
  if (await webtorrentModule() === undefined) await install();
  console.log(await webtorrentModule());
}
