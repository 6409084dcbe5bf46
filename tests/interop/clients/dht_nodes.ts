/**
 * Several DHT nodes of ours in one process, each on its own address, so that clients which need a
 * network of some size find one. A separate program, for use inside a network namespace. Prints
 * `ready` once all know each other.
 *
 *     deno run tests/interop/clients/dht_nodes.ts PORT IP...
 */
import { DhtNode } from "../../../shell/dht/dht_node.ts";
import { UdpSocket } from "../../../shell/net/udp_socket.ts";
import { until } from "../../support/until.ts";

const [port = "0", ...ips] = Deno.args;

const routers = [{ ip: ips[0]!, port: Number(port) }];
const nodes = ips.map((ip) => {
  const socket = UdpSocket.open(ip, Number(port));
  return new DhtNode(socket, { routers, tablePath: undefined });
});
const isReady = (node: DhtNode) =>
  (node.facts()?.networks[0]?.nodes ?? 0) >= Math.min(8, ips.length - 1);
await until(() => nodes.every(isReady), "the nodes know each other");
console.log("ready");
