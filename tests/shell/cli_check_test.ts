/** Content so large that threads hash it; the compiled file must include them. */
import { assertEquals, assertMatch } from "@std/assert";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { runTt, scratch } from "../support/cli_kit.ts";

const MUCH_BYTES = 200 * 1024 * 1024;

Deno.test("large content is hashed, checked, and its damage found", async () => {
  await using dir = await scratch();
  const path = dir.at("much.bin"), torrent = dir.at("much.torrent");
  using file = await Deno.open(path, { create: true, write: true });
  await file.truncate(MUCH_BYTES);
  await file.write(new TextEncoder().encode("not only zeros"));

  const made = await runTt(["create", path, "--out", torrent, "--piece-length", "1M"]);
  assertEquals(made.code, EXIT.done, made.stderr);
  const args = ["verify", torrent, "--dir", dir.at(".")];
  const checked = await runTt(args);
  assertEquals(checked.code, EXIT.done, checked.stderr);
  assertMatch(checked.stdout, /all good, 200 pieces checked/);

  await file.seek(MUCH_BYTES / 2, Deno.SeekMode.Start);
  await file.write(new Uint8Array([1]));
  const damaged = await runTt(args);
  assertEquals(damaged.code, EXIT.mismatch, damaged.stderr);
  assertMatch(damaged.stdout + damaged.stderr, /1 of 200 pieces/);
});
