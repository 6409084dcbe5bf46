/**
 * Seeders that show pieces one by one. libtorrent shows the next only once it hears a `have` of the one
 * before, though it has that itself: who withholds such haves waits until the seeder gives up on it.
 * rtorrent withholds its haves until it has something else to say. Spec: BEP 16.
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
