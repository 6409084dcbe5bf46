/** The trackers that clients use: ours and opentracker, with one interface. */
import { fileURLToPath } from "node:url";
import type { IpVersion } from "../../../core/bytes/compact_peers.ts";
import { formatEndpoint } from "./client.ts";
import { namespacesMissing, type Place } from "../../support/network.ts";
import { ClientProcess, hasProgram, type Running } from "../../support/process.ts";
import { ttCommand } from "../../support/tt_command.ts";

/** A seeder announces as soon as it listens. */
const SEEDER_DEADLINE_MS = 20_000;
const AWAIT_SEEDER = fileURLToPath(new URL("await_seeder.ts", import.meta.url));

export interface TrackerOptions {
  readonly place: Place;
  readonly port: number;
  /** The torrents it serves, 40 hexadecimal digits each; `tt tracker` serves any. */
  readonly infoHashes: readonly string[];
}

export interface Tracker {
  readonly name: string;
  /** What is missing on this machine, in one sentence, or undefined when nothing is. */
  missing(): Promise<string | undefined>;
  /** Resolves once it responds. */
  start(options: TrackerOptions): Promise<Running>;
}

/** How a client reaches a tracker. */
export interface Way {
  readonly scheme: "http" | "udp";
  readonly ipVersion: IpVersion;
}

/** The URL to announce to. */
export function announceUrl(host: string, port: number, scheme: Way["scheme"] = "http"): string {
  return `${scheme}://${formatEndpoint({ host, port })}/announce`;
}

/**
 * Resolves once the tracker knows a seeder of the torrent, so that the first announce of a
 * downloader started now returns it. Sends its requests from `place`.
 */
export async function awaitSeeder(
  place: Place,
  tracker: Running,
  infoHash: string,
): Promise<void> {
  const hash = infoHash.replace(/../g, "%$&");
  const url = `http://${formatEndpoint(tracker)}/scrape?info_hash=${hash}`;
  const argv = [Deno.execPath(), "run", "--quiet", "--allow-net", AWAIT_SEEDER, url];
  await using waiting = new ClientProcess({ place, port: 0, argv });
  await waiting.waitForSuccess(SEEDER_DEADLINE_MS);
}

export const ttTracker: Tracker = {
  name: "tt tracker",
  missing: () => Promise.resolve(undefined),
  async start({ place, port }) {
    const address = ["--host", place.host, "--port", String(port)];
    const argv = await ttCommand(["tracker", ...address, "--store", "memory"]);
    const tracker = new ClientProcess({ place, port, argv });
    await tracker.waitForListening();
    return tracker;
  },
};

/** opentracker serves whitelisted torrents only, from a list inside the folder of its chroot. */
export const opentracker: Tracker = {
  name: "opentracker",
  async missing() {
    if (!(await hasProgram("opentracker"))) return "the package opentracker is not installed";
    // A chroot requires root, as namespaces do.
    return await namespacesMissing();
  },
  async start({ place, port, infoHashes }) {
    const folder = await Deno.makeTempDir({ prefix: "tt-opentracker-" });
    await Deno.chmod(folder, 0o755);
    await Deno.writeTextFile(`${folder}/wl.txt`, infoHashes.map((hash) => `${hash}\n`).join(""));
    const argv = ["opentracker", "-d", folder, "-w", "/wl.txt", "-u", "nobody"];
    argv.push("-i", place.host, "-p", String(port), "-P", String(port));
    const tracker = new ClientProcess({
      place,
      port,
      argv,
      cleanUp: () => Deno.remove(folder, { recursive: true }),
    });
    await tracker.waitForListening();
    return tracker;
  },
};
