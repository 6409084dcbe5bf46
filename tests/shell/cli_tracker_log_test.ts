/** What a tracker's user can read: the access log, and its errors. */
import { assertEquals, assertMatch } from "@std/assert";
import { assertOneSentence, runTt, scratch, startTracker } from "../support/cli_kit.ts";

Deno.test("every request is in the access log once the tracker has stopped", async () => {
  await using dir = await scratch();
  const path = dir.at("access.log");
  await using tracker = await startTracker(["--data", dir.at("t.db"), "--access-log", path]);
  for (const target of ["/announce", "/healthz", "/torrents?q=secret"]) {
    const response = await fetch(new URL(target, tracker.url));
    await response.body?.cancel();
  }
  await tracker.stop();
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
  assertEquals(lines.length, 3);
  assertMatch(lines[0]!, /^\S+Z 127\.0\.0\.1 http invalid - refused \d+us info_hash is missing$/);
  assertMatch(lines[1]!, / GET \/healthz - 200 \d+us$/);
  assertMatch(lines[2]!, / GET \/torrents - 200 \d+us$/);
});

Deno.test("an unwritable access log gives one sentence", async () => {
  await using dir = await scratch();
  const path = dir.at("no such folder/access.log");
  const args = ["tracker", "--port", "0", "--store", "memory", "--access-log", path];
  const sentence = assertOneSentence(await runTt(args), 5);
  assertMatch(
    sentence,
    /Cannot write the access log .*access\.log: .*; choose another --access-log$/,
  );
});
