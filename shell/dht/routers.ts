/** Bootstrap nodes: well-known host names for a node without contacts. */
import type { PeerAddress } from "../../core/bytes/address.ts";

/** Nodes that others keep up for newcomers. */
export const DEFAULT_ROUTERS: readonly { readonly name: string; readonly port: number }[] = [
  { name: "router.bittorrent.com", port: 6881 },
  { name: "dht.transmissionbt.com", port: 6881 },
  { name: "dht.libtorrent.org", port: 25401 },
  { name: "router.utorrent.com", port: 6881 },
];

/** Their addresses, as far as they resolve. */
export async function resolveRouters(): Promise<PeerAddress[]> {
  const answers = await Promise.all(
    DEFAULT_ROUTERS.flatMap(({ name, port }) =>
      (["A", "AAAA"] as const).map(async (type): Promise<PeerAddress[]> => {
        try {
          return (await Deno.resolveDns(name, type)).map((ip) => ({ ip, port }));
        } catch {
          return [];
        }
      })
    ),
  );
  return answers.flat();
}
