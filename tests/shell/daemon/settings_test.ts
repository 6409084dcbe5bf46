import { assertEquals } from "@std/assert";
import { SESSION_DEFAULTS } from "../../../core/rpc/session_settings.ts";
import { parseStored, settingsPath, SettingsStore } from "../../../shell/daemon/settings.ts";
import { scratch } from "../../support/cli_kit.ts";

Deno.test("options come before changes by RPC, those before the config file, and all before defaults", async () => {
  await using dir = await scratch();
  const written = {
    weak: { peer_limit_global: 1, download_queue_size: 1, seed_queue_size: 1 },
    strong: { download_queue_size: 3 },
  };
  const store = await SettingsStore.open(dir.path, written);
  await store.change({ download_queue_size: 2, seed_queue_size: 2 });
  // In force at once, whatever was written.
  assertEquals([store.current.download_queue_size, store.current.seed_queue_size], [2, 2]);
  store.changeForNow({ alt_speed_enabled: true });
  assertEquals(store.current.alt_speed_enabled, true);
  const { current } = await SettingsStore.open(dir.path, written);
  assertEquals(
    [current.peer_limit_global, current.download_queue_size, current.seed_queue_size],
    [1, 3, 2],
  );
  assertEquals(current.alt_speed_enabled, SESSION_DEFAULTS.alt_speed_enabled);
});

Deno.test("the port is any where it is random, else the one that counts most, if one is configured", async () => {
  await using dir = await scratch();
  const portOf = async (weak: object, strong: object) =>
    (await SettingsStore.open(dir.path, { weak, strong })).peerPort;
  assertEquals(await portOf({}, {}), undefined);
  assertEquals(await portOf({ peer_port: 5 }, {}), 5);
  const store = await SettingsStore.open(dir.path, { weak: {}, strong: {} });
  await store.change({ peer_port: 6 });
  assertEquals(await portOf({ peer_port: 5 }, {}), 6);
  assertEquals(await portOf({ peer_port: 5 }, { peer_port: 7 }), 7);
  await store.change({ peer_port_random_on_start: true });
  assertEquals(await portOf({ peer_port: 5 }, { peer_port: 7 }), 0);
});

Deno.test("groups are changed, kept, and read again", async () => {
  await using dir = await scratch();
  const written = { weak: {}, strong: {} };
  const store = await SettingsStore.open(dir.path, written);
  await store.setGroup("slow", { speed_limit_up: 5 });
  await store.setGroup("slow", { speed_limit_up_enabled: true });
  const both = store.setGroup("fast", {});
  await Promise.all([both, store.change({ peer_port: 9 })]);
  const again = await SettingsStore.open(dir.path, written);
  assertEquals(again.groups, store.groups);
  const [slow, fast] = again.groups;
  assertEquals([slow!.name, slow!.speed_limit_up, slow!.speed_limit_up_enabled], ["slow", 5, true]);
  assertEquals([fast!.name, again.current.peer_port], ["fast", 9]);
  assertEquals(JSON.parse(await Deno.readTextFile(settingsPath(dir.path))).session, {
    peer_port: 9,
  });
  assertEquals(parseStored("[]"), { session: {}, groups: [] });
  assertEquals(parseStored('{"session":[],"groups":{}}'), { session: {}, groups: [] });
  assertEquals(
    parseStored('{"groups":[7,{"name":""},{"name":"x","speed_limit_up":"y"}]}').groups,
    [],
  );
});
