/** A network that does not reach some addresses, and is not reached from them. */
import type { Network } from "./byte_stream.ts";

/** `isRefused` is called for each connection, so that a list may change meanwhile. */
export function filteredNetwork(network: Network, isRefused: (ip: string) => boolean): Network {
  return {
    async dial(address) {
      if (isRefused(address.ip)) throw new Error("The address is on the blocklist");
      return await network.dial(address);
    },
    listen(host, port) {
      const listener = network.listen(host, port);
      return {
        get port() {
          return listener.port;
        },
        async accept() {
          for (;;) {
            const stream = await listener.accept();
            if (!isRefused(stream.remote.ip)) return stream;
            stream.close();
          }
        },
        close: () => listener.close(),
      };
    },
  };
}
