/** The network that we are in: neighbours found by multicast, a port at the gateway, and silence. */
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { aria2 } from "./clients/aria2.ts";
import { miniupnpd, startGateway } from "./clients/miniupnpd.ts";
import { namespacesMissing, type Network, openNetwork, type Place } from "./clients/network.ts";
import { ClientProcess, runCommand } from "./clients/process.ts";
import { ttCommand } from "./clients/tt.ts";
import { openScratch, smallPieces, writeContent } from "./content.ts";
import { interopTest } from "./requirements.ts";

const DEADLINE_MS = 40_000;
/** Longer than any first step takes: the lookups of a start, the first announce of a torrent. */
const SILENCE_MS = 6_000;
const LISTENER = fileURLToPath(new URL("clients/packet_listener.py", import.meta.url));
/** Where nobody listens: what is sent there shows all the same. */
const DHT_PORT = 6_882;
const ON = { TT_DHT: "on", TT_LSD: "on", TT_PORTMAP: "on" };
const ONLY_LSD = { TT_DHT: "off", TT_LSD: "on", TT_PORTMAP: "off" };
const ONLY_PORTMAP = { TT_DHT: "off", TT_LSD: "off", TT_PORTMAP: "on" };

const namespaces = { missing: namespacesMissing };
const python = {
  missing: () =>
    Promise.resolve(
      Deno.build.os === "linux" ? undefined : "raw sockets for the listener need Linux",
    ),
};

interface Scene {
  readonly network: Network;
  readonly folder: string;
  readonly torrent: { readonly path: string };
}

/** Content with a torrent that names no tracker, in a network of two places. */
async function withScene(
  run: (scene: Scene) => Promise<void>,
  options: { isPrivate?: boolean } = {},
): Promise<void> {
  await using scratch = await openScratch();
  await using network = await openNetwork(2);
  await writeContent(scratch.path, smallPieces);
  const path = `${scratch.path}/${smallPieces.name}.torrent`;
  const args = ["create", `${scratch.path}/${smallPieces.name}`, "--out", path];
  // On loopback: a private torrent needs a tracker, and nothing of it is to be seen outside.
  if (options.isPrivate) args.push("--private", "--tracker", "http://127.0.0.1:1/announce");
  await runCommand(await ttCommand(args));
  const torrent = { path };
  await run({ network, folder: scratch.path, torrent });
}

async function startTt(
  place: Place,
  args: readonly string[],
  env: Record<string, string>,
): Promise<ClientProcess> {
  const argv = await ttCommand([...args, "--json"]);
  return new ClientProcess({ place, port: 0, argv, env });
}

const eventIs = (name: string) => (line: string) =>
  line.startsWith(`{"event":"${name}"`) ? line : undefined;

await interopTest({
  name: "tt finds a seeding tt and a seeding aria2 by local discovery alone",
  needs: [namespaces, aria2],
  fn: async (test) => {
    await test.step("tt", () =>
      withScene(async ({ network, folder, torrent }) => {
        const [a, b] = network.places;
        await using seeder = await startTt(a!, ["seed", torrent.path, "--dir", folder], ONLY_LSD);
        await seeder.waitForLine(eventIs("checked"), "the seeder", DEADLINE_MS);
        const args = ["get", torrent.path, "--dir", `${folder}/got`, "--no-seed"];
        await using get = await startTt(b!, args, ONLY_LSD);
        await get.waitForLine(eventIs("complete"), "the download", DEADLINE_MS);
      }));
    await test.step("aria2", () =>
      withScene(async ({ network, folder, torrent }) => {
        const [a, b] = network.places;
        const args = ["get", torrent.path, "--dir", `${folder}/got`, "--no-seed"];
        await using get = await startTt(b!, args, ONLY_LSD);
        await get.waitForLine(eventIs("listening"), "the download to listen", DEADLINE_MS);
        await using seeder = new ClientProcess({
          place: a!,
          port: 6881,
          argv: [
            ...["aria2c", "--no-conf", "--enable-dht=false", "--bt-enable-lpd=true"],
            ...["--bt-lpd-interface=eth0", "--listen-port=6881", "--seed-ratio=0.0"],
            ...["--bt-seed-unverified=true", `--dir=${folder}`, torrent.path],
          ],
        });
        await get.waitForLine(eventIs("complete"), `the download (${seeder.pid})`, DEADLINE_MS);
      }));
  },
});

await interopTest({
  name: "aria2 fetches metadata and content from tt by a magnet link and local discovery",
  needs: [namespaces, aria2],
  fn: () =>
    withScene(async ({ network, folder, torrent }) => {
      const [a, b] = network.places;
      const shown = await runCommand(await ttCommand(["show", torrent.path, "--json"]));
      const { magnet } = JSON.parse(shown);
      await using download = new ClientProcess({
        place: a!,
        port: 6881,
        argv: [
          ...["aria2c", "--no-conf", "--enable-dht=false", "--bt-enable-lpd=true"],
          ...["--bt-lpd-interface=eth0", "--listen-port=6881", "--seed-time=0"],
          ...["--on-bt-download-complete=/bin/echo", `--dir=${folder}/got`, magnet],
        ],
      });
      await using seeder = await startTt(b!, ["seed", torrent.path, "--dir", folder], ONLY_LSD);
      const isDone = (line: string) => /^[0-9a-f]{16} \d+ /.test(line) || undefined;
      await download.waitForLine(isDone, `the download (${seeder.pid})`, DEADLINE_MS);
    }),
});

await interopTest({
  name: "a seeder says so once when a peer from outside has reached it",
  needs: [namespaces],
  fn: () =>
    withScene(async ({ network, folder, torrent }) => {
      const [a, b] = network.places;
      // Addresses of nobody that a test could reach, but of no private network either.
      for (const [place, host] of [[a!, "45.45.46.1"], [b!, "45.45.46.2"]] as const) {
        await runCommand(place.command(["ip", "address", "add", `${host}/24`, "dev", "eth0"]));
      }
      const args = ["seed", torrent.path, "--dir", folder, "--port", "6999"];
      await using seeder = await startTt(a!, args, {});
      await seeder.waitForLine(eventIs("checked"), "the seeder", DEADLINE_MS);
      const get = ["get", torrent.path, "--dir", `${folder}/got`, "--no-seed"];
      await using inside = await startTt(b!, [...get, "--peer", `${a!.host}:6999`], {});
      await inside.waitForLine(eventIs("complete"), "the first download", DEADLINE_MS);
      assertEquals(seeder.log().includes('"event":"reachable"'), false);
      const more = ["--dir", `${folder}/again`, "--peer", "45.45.46.1:6999"];
      await using outside = await startTt(b!, ["get", torrent.path, "--no-seed", ...more], {});
      await outside.waitForLine(eventIs("complete"), "the second download", DEADLINE_MS);
      const line = await seeder.waitForLine(eventIs("reachable"), "reachable", DEADLINE_MS);
      assertEquals(JSON.parse(line).peer.startsWith("45.45.46.2:"), true);
    }),
});

await interopTest({
  name: "miniupnpd understands our PCP, NAT-PMP and UPnP",
  needs: [namespaces, miniupnpd],
  fn: () =>
    withScene(async ({ network, folder, torrent }) => {
      const [b, a] = network.places;
      await using gateway = await startGateway(a!, b!, folder);
      const args = ["seed", torrent.path, "--dir", folder, "--port", "6999"];
      await using seeder = await startTt(a!, args, ONLY_PORTMAP);
      await seeder.waitForLine(eventIs("checked"), "the seeder", DEADLINE_MS);
      const sees = (pattern: RegExp) =>
        gateway.waitForLine((line) => pattern.test(line) || undefined, `${pattern}`, DEADLINE_MS);
      await sees(/PCP request received from 10\.66\.0\.2:\d+ 60bytes/);
      // A kernel without NAT refuses the rule: then the next protocol is tried, and the last one.
      const outcome = await gateway.waitForLine(
        (line) => {
          if (/PCP MAP: added/.test(line)) return "mapped";
          return /NAT-PMP port mapping request/.test(line) ? "refused" : undefined;
        },
        "an outcome",
        DEADLINE_MS,
      );
      if (outcome === "mapped") return;
      await sees(/NAT-PMP port mapping request : 6999->10\.66\.0\.2:6999 tcp lifetime=3600s/);
      await sees(/AddPortMapping: ext port 6999 to 10\.66\.0\.2:6999 protocol TCP for: tt/);
    }),
});

/** What leaves or reaches `place` while `run` goes on. */
async function packetsDuring(place: Place, run: () => Promise<void>): Promise<string[]> {
  const argv = ["/usr/bin/python3", LISTENER, "eth0"];
  await using tap = new ClientProcess({ place, port: 0, argv });
  await tap.waitForLine((line) => line === "listening" || undefined, "the listener", DEADLINE_MS);
  await run();
  const lines = tap.log().split("\n").filter((line) => line !== "listening");
  return lines;
}

await interopTest({
  name: "a tt on loopback, and one with a private torrent, send nothing to the network",
  needs: [namespaces, python],
  fn: async (test) => {
    const quiet = async (scene: Scene, extra: readonly string[], what: string) => {
      const { network, folder, torrent } = scene;
      const [place] = network.places;
      const packets = await packetsDuring(place!, async () => {
        const args = ["get", torrent.path, "--dir", `${folder}/got`, ...extra];
        args.push("--dht-node", `${network.places[1]!.host}:${DHT_PORT}`);
        await using get = await startTt(place!, args, ON);
        await get.waitForLine(eventIs("listening"), what, DEADLINE_MS);
        await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
      });
      assertEquals(packets, []);
    };
    await test.step("loopback", () =>
      withScene((scene) => quiet(scene, ["--host", "127.0.0.1"], "a download on loopback")));
    await test.step("private", () =>
      withScene((scene) => quiet(scene, ["--no-portmap"], "a private download"), {
        isPrivate: true,
      }));
    await test.step("the listener hears a public torrent", () =>
      withScene(async ({ network, folder, torrent }) => {
        const [place] = network.places;
        const packets = await packetsDuring(place!, async () => {
          const args = ["get", torrent.path, "--dir", `${folder}/got`];
          args.push("--dht-node", `${network.places[1]!.host}:${DHT_PORT}`);
          await using get = await startTt(place!, args, { ...ONLY_LSD, TT_DHT: "on" });
          await get.waitForLine(eventIs("listening"), "a public download", DEADLINE_MS);
          await new Promise((resolve) => setTimeout(resolve, 3_000));
        });
        assertEquals(packets.some((line) => /239\.192\.152\.143 6771/.test(line)), true);
        const { host } = network.places[1]!;
        assertEquals(packets.some((line) => line.endsWith(` ${host} ${DHT_PORT}`)), true);
      }));
  },
});
