/** Many seeders of one torrent, of several clients in fixed shares. */
import { aria2 } from "../interop/clients/aria2.ts";
import type { Client, Endpoint } from "../interop/clients/client.ts";
import { libtorrent } from "../interop/clients/libtorrent.ts";
import { freshPort, loopback } from "../support/network.ts";
import type { Running } from "../support/process.ts";
import { rtorrent } from "../interop/clients/rtorrent.ts";
import { tt } from "../interop/clients/tt.ts";
import type { Prepared } from "./scenario_run.ts";

/** Percentages. Transmission accepts no peers on loopback, and a webtorrent needs 200 MB. */
const SHARES: readonly (readonly [Client, number])[] = [
  [aria2, 50],
  [libtorrent, 25],
  [rtorrent, 15],
  [tt, 10],
];
/** Each hashes the content first; starting more at once would gain nothing. */
const STARTS_AT_ONCE = 4;

export interface MixedSwarm extends AsyncDisposable {
  readonly peers: readonly Endpoint[];
}

/** Resolves once all of them serve the content. */
export async function startMixedSwarm(
  count: number,
  { dir, torrent }: Prepared,
): Promise<MixedSwarm> {
  const kinds = SHARES.flatMap(([client, share]) =>
    Array<Client>(Math.round(count * share / 100)).fill(client)
  );
  const running: Running[] = [];
  const peers: Endpoint[] = [];
  const stop = async () => {
    await Promise.all(running.map((peer) => peer.stop()));
  };
  const startNext = async () => {
    for (let client = kinds.pop(); client !== undefined; client = kinds.pop()) {
      const port = freshPort();
      running.push(await client.seed({ torrentPath: torrent.path, dir, place: loopback, port }));
      peers.push({ host: loopback.host, port });
    }
  };
  try {
    await Promise.all(Array.from({ length: STARTS_AT_ONCE }, startNext));
  } catch (error) {
    await stop();
    throw error;
  }
  return { peers, [Symbol.asyncDispose]: stop };
}
