import { assertEquals, assertRejects } from "@std/assert";
import { TORRENT_DEFAULTS } from "../../../core/rpc/torrent_settings.ts";
import { PRIORITY_NORMAL, PRIORITY_SKIP } from "../../../core/transfer/availability.ts";
import type { TorrentEntry } from "../../../shell/daemon/entry.ts";
import { recentOf, RemovedIds } from "../../../shell/daemon/recent.ts";
import { applyChoice, filePrioritiesOf } from "../../../shell/daemon/selection.ts";
import {
  asFailure,
  bytesASecond,
  hashKey,
  limitsOf,
  renameOnDisk,
  unixSeconds,
} from "../../../shell/daemon/torrent_parts.ts";
import { Failure } from "../../../shell/failure.ts";
import { scratch } from "../../support/cli_kit.ts";

Deno.test("limits are in bytes a second where they are enabled, and never nothing", () => {
  assertEquals(limitsOf(TORRENT_DEFAULTS), { downLimit: undefined, upLimit: undefined });
  const limited = {
    download_limited: true,
    download_limit: 5,
    upload_limited: true,
    upload_limit: 0,
  };
  assertEquals(limitsOf({ ...TORRENT_DEFAULTS, ...limited }), { downLimit: 5_000, upLimit: 1 });
  assertEquals([bytesASecond(0), bytesASecond(1)], [1, 1_000]);
  assertEquals(hashKey("ab".repeat(32)), "ab".repeat(20) as string);
});

Deno.test("a file is renamed on the disk unless that would replace something", async () => {
  await using dir = await scratch();
  const [a, b] = [dir.at("a"), dir.at("b")];
  await renameOnDisk(a, b);
  await Deno.writeTextFile(a, "a");
  await renameOnDisk(a, b);
  assertEquals(await Deno.readTextFile(b), "a");
  await Deno.writeTextFile(a, "other");
  const taken = await assertRejects(() => renameOnDisk(a, b), Failure, "Will not overwrite");
  assertEquals([taken.kind, taken.code], ["disk", "occupied"]);
  await assertRejects(() => renameOnDisk(a, `${b}/below`), Failure, "Cannot rename");
  assertEquals(await Deno.readTextFile(b), "a");
  const failure = new Failure("input", "x", "A sentence");
  assertEquals(asFailure(failure) === failure, true);
  assertEquals([asFailure(new Error("odd")).message, asFailure("text").message], ["odd", "text"]);
});

Deno.test("the selection of a record is one priority a file", () => {
  const none = { unwanted: [], priorities: {} };
  assertEquals(filePrioritiesOf(none, 3), undefined);
  const [skipped, low, normal, high] = filePrioritiesOf(
    { unwanted: [0], priorities: { 1: -1, 3: 1 } },
    4,
  )!;
  assertEquals([skipped, normal], [PRIORITY_SKIP, PRIORITY_NORMAL]);
  assertEquals(low! < normal! && normal! < high! && skipped! < low!, true);
  assertEquals(filePrioritiesOf({ unwanted: [1], priorities: {} }, 2), [
    ...[PRIORITY_NORMAL, PRIORITY_SKIP],
  ]);
});

Deno.test("a choice that makes a torrent done, or not done any more, is noted", async () => {
  const calls: unknown[] = [];
  let missing = 5;
  const record = {
    unwanted: [] as number[],
    priorities: {},
    doneAt: 0,
    settings: TORRENT_DEFAULTS,
  };
  const entry = {
    record,
    metainfo: { files: [{}, {}] },
    handle: {
      setFilePriorities: (priorities: unknown) => (calls.push(priorities), Promise.resolve()),
      setOrder: (order: unknown) => (calls.push(order), Promise.resolve()),
      facts: () => ({ bytesWantedMissing: missing }),
    },
  } as unknown as TorrentEntry;
  assertEquals(await applyChoice(entry), false);
  assertEquals(calls, [[PRIORITY_NORMAL, PRIORITY_NORMAL], {
    isSequential: false,
    firstLast: false,
  }]);
  missing = 0;
  assertEquals(await applyChoice(entry), true);
  assertEquals(Math.abs(record.doneAt - unixSeconds()) < 60, true);
  assertEquals(await applyChoice(entry), false);
  missing = 1;
  assertEquals([await applyChoice(entry), record.doneAt], [true, 0]);
  entry.handle = undefined;
  assertEquals(await applyChoice(entry), false);
});

Deno.test("changes of the last minute are recent, by whichever clock they were noted", () => {
  const entryOf = (activeAt: number, editedAt: number, changedMs: number) =>
    ({ record: { activeAt, editedAt }, changedMs }) as unknown as TorrentEntry;
  const seconds = unixSeconds(), ms = performance.now();
  const old = entryOf(seconds - 70, seconds - 70, ms - 70_000);
  const recent = [
    entryOf(seconds - 50, 0, -Infinity),
    entryOf(0, seconds - 50, -Infinity),
    entryOf(0, 0, ms - 50_000),
  ];
  assertEquals(recentOf([old, ...recent]), recent);
  const removed = new RemovedIds();
  removed.add(3);
  removed.add(4);
  assertEquals(removed.recent(), [3, 4]);
});
