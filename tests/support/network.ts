/**
 * Owns the networks of tests: loopback, or one network namespace for each client, joined by veth
 * pairs to one bridge. The namespaces reach only one another. Namespaces need root and
 * iproute2; their addresses may be the same in every network, since networks are not connected.
 */
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import type { Place } from "./place.ts";
export type { Place } from "./place.ts";
import { hasProgram, runCommand } from "./process.ts";

export interface Network extends AsyncDisposable {
  readonly places: readonly Place[];
}

export const loopback: Place = { host: "127.0.0.1", host6: "::1", command: (argv) => argv };

/** The address as peers see it over IPv4 or IPv6. */
export function placeOver(version: IpVersion, place: Place): Place {
  return version === 4 ? place : { ...place, host: place.host6 };
}

/** Whether this machine has IPv6, at least on loopback. */
export const ipv6 = {
  missing(): Promise<string | undefined> {
    try {
      Deno.listen({ hostname: loopback.host6, port: 0 }).close();
      return Promise.resolve(undefined);
    } catch {
      return Promise.resolve("this machine has no IPv6");
    }
  },
};

const PREFIX = "tt-net";
/** Below the ephemeral ports of the kernel, so that no outgoing connection uses them. */
const PORT_FIRST = 20_000;
const PORT_END = 32_000;
/** Consecutive ports that a test file reserves together, by listening on the first of them. */
const PORTS_RESERVED = 240;
const RESERVATIONS_MAX = (PORT_END - PORT_FIRST) / PORTS_RESERVED;

/** Listens until the test file ends; no other process gets the ports after it. */
const reservation = reservePorts();
let portsTaken = 0;
let networksMade = 0;

/**
 * A TCP port of 127.0.0.1 for a program that cannot choose one itself. No other test process gets
 * it, and no earlier call returned it: some clients refuse a port whose connection closed a moment
 * ago.
 */
export function freshPort(): number {
  portsTaken++;
  if (portsTaken === PORTS_RESERVED) throw new Error(`A test file has ${portsTaken} ports`);
  return reservation.addr.port + portsTaken;
}

function reservePorts(): Deno.TcpListener {
  // Files start at different ports, so that ports rest for a while before they are used again.
  const first = Date.now() % RESERVATIONS_MAX;
  for (let tried = 0; tried < RESERVATIONS_MAX; tried++) {
    const port = PORT_FIRST + ((first + tried) % RESERVATIONS_MAX) * PORTS_RESERVED;
    try {
      const listener = Deno.listen({ hostname: loopback.host, port });
      listener.unref();
      return listener;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("Every port for tests is reserved");
}

/** Why network namespaces cannot be created here, in one sentence; undefined if they can. */
export async function namespacesMissing(): Promise<string | undefined> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    return "network namespaces need root on Linux";
  }
  if (!(await hasProgram("ip"))) return "the program ip (iproute2) is not installed";
  return undefined;
}

/**
 * A network of `count` namespaces, with IPv6 where this machine has it, removed with everything in
 * it when disposed.
 */
export async function openNetwork(count: number): Promise<Network> {
  await sweepAbandoned();
  const hasIpv6 = await ipv6.missing() === undefined;
  // Files that run side by side are threads of one process; their reserved ports differ.
  const hub = `${PREFIX}-${Deno.pid}-${reservation.addr.port}-${networksMade++}`;
  const members = Array.from({ length: count }, (_, index) => `${hub}-${index + 1}`);
  const namespaces = [hub, ...members];
  const close = async () => {
    for (const name of namespaces) await ip(["netns", "del", name]).catch(() => {});
  };
  try {
    for (const name of namespaces) {
      await ip(["netns", "add", name]);
      await ip(["-n", name, "link", "set", "lo", "up"]);
    }
    await ip(["-n", hub, "link", "add", "bridge0", "type", "bridge"]);
    await ip(["-n", hub, "link", "set", "bridge0", "up"]);
    for (const [index, name] of members.entries()) {
      const port = `port${index + 1}`;
      await ip(["link", "add", port, "netns", hub, "type", "veth", "peer", "eth0", "netns", name]);
      await ip(["-n", hub, "link", "set", port, "master", "bridge0", "up"]);
      await ip(["-n", name, "address", "add", `${hostOf(index)}/24`, "dev", "eth0"]);
      if (hasIpv6) {
        // The address is unique, so duplicate detection is not needed.
        const address = [`${host6Of(index)}/64`, "dev", "eth0", "nodad"];
        await ip(["-n", name, "-6", "address", "add", ...address]);
      }
      await ip(["-n", name, "link", "set", "eth0", "up"]);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const places = members.map((name, index) => ({
    host: hostOf(index),
    host6: host6Of(index),
    command: (argv: readonly string[]) => ["ip", "netns", "exec", name, ...argv],
  }));
  return { places, [Symbol.asyncDispose]: close };
}

function hostOf(index: number): string {
  return `10.66.0.${index + 1}`;
}

function host6Of(index: number): string {
  return `fd66::${index + 1}`;
}

async function ip(args: readonly string[]): Promise<void> {
  await runCommand(["ip", ...args]);
}

/** Removes what a killed test process could not remove. */
async function sweepAbandoned(): Promise<void> {
  const { stdout } = await new Deno.Command("ip", { args: ["netns", "list"] }).output();
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const name = line.split(" ")[0]!;
    const pid = name.match(new RegExp(`^${PREFIX}-(\\d+)-`))?.[1];
    if (pid === undefined || await isAlive(Number(pid))) continue;
    await ip(["netns", "del", name]).catch(() => {});
  }
}

async function isAlive(pid: number): Promise<boolean> {
  return await Deno.stat(`/proc/${pid}`).then(() => true, () => false);
}
