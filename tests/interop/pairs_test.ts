/** `tt` and each real client, in both directions, with every kind of content, without a tracker. */
import { others } from "./clients/all.ts";
import type { Client } from "./clients/client.ts";
import { tt } from "./clients/tt.ts";
import { contents } from "../support/content.ts";
import { concurrentSteps, interopTest } from "../support/requirements.ts";
import { transfer } from "./transfer.ts";

await pairTest(tt, tt);
for (const client of others) {
  await pairTest(tt, client);
  await pairTest(client, tt);
}

async function pairTest(seeder: Client, downloader: Client): Promise<void> {
  await interopTest({
    name: `${downloader.name} downloads the same bytes from ${seeder.name}`,
    needs: [seeder, downloader],
    fn: (test) =>
      concurrentSteps(
        test,
        contents.map((content) => ({
          name: content.title,
          fn: () => transfer(seeder, downloader, content),
        })),
      ),
  });
}
