import { assertEquals } from "@std/assert";
import { firstHostOf, gatewayOf } from "../../shell/local_network.ts";

const HEAD =
  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

Deno.test("the default gateway is that of the default route", () => {
  const routes = HEAD +
    "eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n" +
    "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
  assertEquals(gatewayOf(routes), "192.168.0.1");
});

Deno.test("without a default route, or with other text, there is no gateway", () => {
  assertEquals(gatewayOf(HEAD), undefined);
  assertEquals(gatewayOf(""), undefined);
  assertEquals(
    gatewayOf(`${HEAD}tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n`),
    undefined,
  );
  assertEquals(gatewayOf(`${HEAD}eth0\t00000000\tnonsense\t0003\n`), undefined);
});

Deno.test("without a known gateway the first address of the network is tried", () => {
  assertEquals(firstHostOf("192.168.7.20", "255.255.255.0"), "192.168.7.1");
  assertEquals(firstHostOf("10.20.30.40", "255.255.252.0"), "10.20.28.1");
  assertEquals(firstHostOf("10.0.0.1", "255.255.255.0"), undefined);
});
