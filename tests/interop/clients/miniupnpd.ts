/**
 * Debian's miniupnpd as the gateway of a network: it parses requests even where the kernel cannot
 * map.
 */
import type { Place } from "../../support/network.ts";
import { ClientProcess, hasProgram, runCommand } from "../../support/process.ts";

/** An address outside any test's network; miniupnpd requires a public one. */
const PUBLIC_IP = "45.45.45.1";

export const miniupnpd = {
  async missing(): Promise<string | undefined> {
    return await hasProgram("miniupnpd") ? undefined : "miniupnpd is not installed";
  },
};

/** Makes `gateway` the default gateway of `host` and starts the daemon there. */
export async function startGateway(
  host: Place,
  gateway: Place,
  folder: string,
): Promise<ClientProcess> {
  const run = (place: Place, argv: readonly string[]) => runCommand(place.command(argv));
  await run(host, ["ip", "route", "add", "default", "via", gateway.host]);
  await run(gateway, ["ip", "link", "add", "ext0", "type", "veth", "peer", "name", "ext1"]);
  await run(gateway, ["ip", "address", "add", `${PUBLIC_IP}/24`, "dev", "ext0"]);
  for (const link of ["ext0", "ext1"]) await run(gateway, ["ip", "link", "set", link, "up"]);
  const config = `${folder}/miniupnpd.conf`;
  await Deno.writeTextFile(
    config,
    [
      "ext_ifname=ext0",
      "listening_ip=eth0",
      "port=5555",
      "enable_natpmp=yes",
      "enable_upnp=yes",
      "secure_mode=yes",
      "uuid=00000000-0000-0000-0000-000000000001",
      "allow 1024-65535 0.0.0.0/0 1024-65535",
      "",
    ].join("\n"),
  );
  const argv = ["miniupnpd", "-d", "-f", config, "-P", `${folder}/miniupnpd.pid`];
  const daemon = new ClientProcess({ place: gateway, port: 5555, argv });
  await daemon.waitForLine(
    (line) => /Listening for NAT-PMP/.test(line) || undefined,
    "the gateway to listen",
    20_000,
  );
  return daemon;
}
