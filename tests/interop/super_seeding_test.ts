/**
 * Seeders that announce pieces one by one. libtorrent announces the next only after a `have` for
 * the one before, though the peer has it: a client that suppresses such haves waits until the
 * seeder times out. rtorrent delays its haves until it sends another message. Spec: BEP 16.
 */
import { others } from "./clients/all.ts";
import { libtorrent, superSeedingLibtorrent } from "./clients/libtorrent.ts";
import { superSeedingTt, tt } from "./clients/tt.ts";
import { nestedFolder } from "../support/content.ts";
import { interopTest } from "../support/requirements.ts";
import { transfer } from "./transfer.ts";

for (const downloader of [tt, libtorrent]) {
  await interopTest({
    name: `${downloader.name} downloads from a super-seeding libtorrent`,
    needs: [superSeedingLibtorrent, downloader],
    fn: () => transfer(superSeedingLibtorrent, downloader, nestedFolder),
  });
}

for (const downloader of [tt, ...others]) {
  await interopTest({
    name: `${downloader.name} downloads from a super-seeding tt`,
    needs: [downloader],
    fn: () => transfer(superSeedingTt, downloader, nestedFolder),
  });
}
