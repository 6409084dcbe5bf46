/** What BEP 27 forbids is refused with one sentence. */
import { assertMatch } from "@std/assert";
import { assertOneSentence, LOCAL, makeBytes, runTt, scratch } from "../support/cli_kit.ts";

Deno.test("--peer is refused for a private torrent, whose peers come from its trackers only", async () => {
  await using dir = await scratch();
  await Deno.writeFile(dir.at("secret.bin"), makeBytes(1_000));
  const tracker = ["--tracker", "http://127.0.0.1:1/announce"];
  await runTt(["create", "secret.bin", "--private", ...tracker], { cwd: dir.path });
  const peer = ["--peer", "127.0.0.1:6881"];
  const get = await runTt(
    ["get", ...LOCAL, "secret.bin.torrent", "--dir", "D", ...peer],
    { cwd: dir.path },
  );
  assertMatch(
    assertOneSentence(get, 2),
    /--peer 127\.0\.0\.1:6881 .* private torrent .* remove --peer/,
  );
});
