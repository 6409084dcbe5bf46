import { assertEquals, assertThrows } from "@std/assert";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { parseStored } from "../../../shell/daemon/settings.ts";
import { newRecord, readRecord } from "../../../shell/daemon/record.ts";
import { Store } from "../../../shell/daemon/store.ts";
import { withoutSecrets } from "../../../shell/daemon/log.ts";
import { Failure } from "../../../shell/failure.ts";
import { scratch } from "../../support/cli_kit.ts";

const HASH = "ab".repeat(20) as InfoHash;

Deno.test("a store returns what was put, changed and removed", async () => {
  await using dir = await scratch();
  const record = newRecord("/media", 5, 0);
  {
    const store = Store.open(dir.path);
    store.put({ infoHash: HASH, torrent: Uint8Array.of(1, 2), record });
    record.doneAt = 9;
    store.update([[HASH, record]]);
    store.setTotals({ ...store.totals(), uploadedBytes: 7 });
    // Not closed: the state that a killed process leaves, except for the lock.
    store.close();
  }
  const store = Store.open(dir.path);
  const [stored] = [...store.torrents()];
  assertEquals(stored, { infoHash: HASH, torrent: Uint8Array.of(1, 2), record });
  assertEquals(store.totals().uploadedBytes, 7);
  store.remove(HASH);
  assertEquals([...store.torrents()], []);
  store.close();
});

Deno.test("an operation that fails halfway leaves nothing behind", async () => {
  await using dir = await scratch();
  const store = Store.open(dir.path);
  const record = newRecord("/media", 5, 0);
  assertThrows(() =>
    store.together(() => {
      store.put({ infoHash: HASH, torrent: Uint8Array.of(1), record });
      throw new Error("half way");
    })
  );
  assertEquals([...store.torrents()], []);
  store.close();
});

Deno.test("a foreign or invalid store file is refused with one sentence", async () => {
  await using dir = await scratch();
  await Deno.writeTextFile(dir.at("daemon.db"), "no database at all, but text".repeat(100));
  assertThrows(() => Store.open(dir.path), Failure, "is not the state of a daemon");
});

Deno.test("records of older versions get current defaults, and invalid ones are skipped", () => {
  const record = newRecord("/media", 5, 3);
  assertEquals(readRecord(JSON.stringify(record)), record);
  const old = readRecord('{"dir":"/a","addedAt":"x","settings":{"download_limit":5,"group":7}}')!;
  assertEquals([old.dir, old.addedAt, old.settings.download_limit, old.settings.group], [
    "/a",
    0,
    5,
    "",
  ]);
  for (const text of ["", "null", "[]", "{}", '{"dir":1}']) {
    assertEquals(readRecord(text), undefined);
  }
});

Deno.test("settings that are no longer valid are dropped", () => {
  assertEquals(parseStored(undefined), { session: {}, groups: [] });
  assertEquals(parseStored("{"), { session: {}, groups: [] });
  assertEquals(
    parseStored('{"session":{"peer_port":1,"download_queue_size":"x","a":1},"groups":[{}]}'),
    { session: { peer_port: 1 }, groups: [] },
  );
});

Deno.test("a log contains no passkey", () => {
  assertEquals(
    withoutSecrets("tracker https://t.example:1/0123456789abcdef0123/announce?pk=5 failed"),
    "tracker https://t.example:1/.../announce?... failed",
  );
  assertEquals(withoutSecrets("http://me:pw@t.example/announce"), "http://...@t.example/announce");
});
