import { assertEquals, assertRejects } from "@std/assert";
import type { ByteStream, Network } from "../../../shell/net/byte_stream.ts";
import { filteredNetwork } from "../../../shell/net/filtered_network.ts";

Deno.test("refused addresses are not dialled, and closed when they come in", async () => {
  const closed: string[] = [], dialled: string[] = [];
  const coming = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
  const network: Network = {
    dial({ ip }) {
      dialled.push(ip);
      return Promise.resolve({} as ByteStream);
    },
    listen: (_, port) => ({
      port,
      accept() {
        const ip = coming.shift()!;
        const stream = { remote: { ip, port: 1 }, close: () => closed.push(ip) };
        return Promise.resolve(stream as unknown as ByteStream);
      },
      close: () => closed.push("listener"),
    }),
  };
  const filtered = filteredNetwork(network, (ip) => ip !== "192.0.2.2");
  await assertRejects(() => filtered.dial({ ip: "192.0.2.1", port: 1 }), Error, "blocklist");
  await filtered.dial({ ip: "192.0.2.2", port: 1 });
  assertEquals(dialled, ["192.0.2.2"]);
  const listener = filtered.listen(undefined, 7);
  assertEquals(listener.port, 7);
  assertEquals((await listener.accept()).remote.ip, "192.0.2.2");
  assertEquals(closed, ["192.0.2.1"]);
  listener.close();
  assertEquals(closed, ["192.0.2.1", "listener"]);
});
