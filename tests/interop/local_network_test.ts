/** The local network: peers found by multicast, a port mapping at the gateway, and silence. */
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { aria2 } from "./clients/aria2.ts";
import { locallyDiscoveredLibtorrent } from "./clients/libtorrent.ts";
import { miniupnpd, startGateway } from "./clients/miniupnpd.ts";
import {
  ipv6,
  namespacesMissing,
  type Network,
  openNetwork,
  type Place,
  placeOver,
} from "../support/network.ts";
import { ClientProcess, runCommand } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch, smallPieces, writeContent } from "../support/content.ts";
import { interopTest } from "../support/requirements.ts";

const DEADLINE_MS = 40_000;
/** Longer than any initial step takes: the lookups at a start, the first announce of a torrent. */
const SILENCE_MS = 6_000;
const LISTENER = fileURLToPath(new URL("clients/packet_listener.py", import.meta.url));
/** An address without a listener: packets to it are captured all the same. */
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

/** Content with a torrent without a tracker, in a network of two namespaces. */
async function withScene(
  run: (scene: Scene) => Promise<void>,
  options: { isPrivate?: boolean } = {},
): Promise<void> {
  await using scratch = await openScratch();
  await using network = await openNetwork(2);
  await writeContent(scratch.path, smallPieces);
  const path = `${scratch.path}/${smallPieces.name}.torrent`;
  const args = ["create", `${scratch.path}/${smallPieces.name}`, "--out", path];
  // On loopback: a private torrent needs a tracker, and none of its traffic may be seen outside.
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
  name: "tt and libtorrent find each other by local discovery over IPv6 alone",
  needs: [namespaces, ipv6, locallyDiscoveredLibtorrent],
  fn: async (test) => {
    const withIpv6 = (run: (scene: Scene) => Promise<void>) =>
      withScene(async (scene) => {
        for (const place of scene.network.places) {
          await runCommand(place.command(["ip", "-4", "address", "flush", "dev", "eth0"]));
        }
        await run(scene);
      });
    const seedTt = async (place: Place, { torrent, folder }: Scene) => {
      const seeder = await startTt(place, ["seed", torrent.path, "--dir", folder], ONLY_LSD);
      await seeder.waitForLine(eventIs("checked"), "the seeder", DEADLINE_MS);
      return seeder;
    };
    await test.step("tt finds tt", () =>
      withIpv6(async (scene) => {
        const [a, b] = scene.network.places;
        await using _seeder = await seedTt(a!, scene);
        const args = ["get", scene.torrent.path, "--dir", `${scene.folder}/got`, "--no-seed"];
        await using get = await startTt(b!, args, ONLY_LSD);
        await get.waitForLine(eventIs("complete"), "the download", DEADLINE_MS);
      }));
    await test.step("tt finds libtorrent", () =>
      withIpv6(async ({ network, folder, torrent }) => {
        const [a, b] = network.places;
        const args = ["get", torrent.path, "--dir", `${folder}/got`, "--no-seed"];
        await using get = await startTt(b!, args, ONLY_LSD);
        await get.waitForLine(eventIs("listening"), "the download to listen", DEADLINE_MS);
        await using _seeder = await locallyDiscoveredLibtorrent.seed({
          torrentPath: torrent.path,
          dir: folder,
          place: placeOver(6, a!),
          port: 6881,
        });
        await get.waitForLine(eventIs("complete"), "the download", DEADLINE_MS);
      }));
    await test.step("libtorrent finds tt", () =>
      withIpv6(async (scene) => {
        const [a, b] = scene.network.places;
        await using download = await locallyDiscoveredLibtorrent.download({
          torrentPath: scene.torrent.path,
          dir: `${scene.folder}/got`,
          place: placeOver(6, a!),
          port: 6881,
          deadlineMs: DEADLINE_MS,
        });
        await using _seeder = await seedTt(b!, scene);
        await download.completed;
      }));
  },
});

await interopTest({
  name:
    "a torrent is announced to both groups on every interface, from an address of that interface",
  needs: [namespaces, ipv6, python],
  fn: () =>
    withScene(async ({ network, folder, torrent }) => {
      const place = network.places[0]!;
      const ip = (...args: string[]) => runCommand(place.command(["ip", ...args]));
      await ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth2");
      await ip("address", "add", "10.67.0.1/24", "dev", "eth1");
      await ip("-6", "address", "add", "fd67::1/64", "dev", "eth1", "nodad");
      for (const name of ["eth1", "eth2"]) await ip("link", "set", name, "up");
      const seen = await packetsDuring(
        place,
        async () => {
          const args = ["get", torrent.path, "--dir", `${folder}/got`];
          await using get = await startTt(place, args, ONLY_LSD);
          await get.waitForLine(eventIs("listening"), "the download", DEADLINE_MS);
          await new Promise((resolve) => setTimeout(resolve, 3_000));
        },
        "eth1",
      );
      const announces = seen.filter((line) => line.endsWith(" 6771")).sort();
      assertEquals(announces, [
        "udp 10.67.0.1 239.192.152.143 6771",
        "udp fd67::1 ff15::efc0:988f 6771",
      ]);
    }),
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
  name: "a seeder reports once that it was reached from outside",
  needs: [namespaces],
  fn: () =>
    withScene(async ({ network, folder, torrent }) => {
      const [a, b] = network.places;
      // Public addresses that no test can reach.
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
  name: "miniupnpd accepts our PCP, NAT-PMP and UPnP",
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
      // A kernel without NAT refuses the rule: then the next protocol is tried, until the last.
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

/** Packets that leave or reach `place` during `run`. */
async function packetsDuring(
  place: Place,
  run: () => Promise<void>,
  networkInterface = "eth0",
): Promise<string[]> {
  const argv = ["/usr/bin/python3", LISTENER, networkInterface];
  await using tap = new ClientProcess({ place, port: 0, argv });
  await tap.waitForLine((line) => line === "listening" || undefined, "the listener", DEADLINE_MS);
  await run();
  const lines = tap.log().split("\n").filter((line) => line !== "listening");
  return lines;
}

await interopTest({
  name: "on loopback or with a private torrent tt sends nothing to the network",
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
        assertEquals(packets.some((line) => / 239\.192\.152\.143 6771$/.test(line)), true);
        if (await ipv6.missing() === undefined) {
          assertEquals(packets.some((line) => / ff15::efc0:988f 6771$/.test(line)), true);
        }
        const { host } = network.places[1]!;
        assertEquals(packets.some((line) => line.endsWith(` ${host} ${DHT_PORT}`)), true);
      }));
  },
});
