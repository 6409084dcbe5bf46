/**
 * A seeder that shows one piece at a time, and the next only once it hears a `have` of that one, though it
 * has it itself: who withholds such haves waits until the seeder gives up on it. Spec: BEP 16.
 */
import { libtorrent, superSeedingLibtorrent } from "./clients/libtorrent.ts";
import { tt } from "./clients/tt.ts";
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
