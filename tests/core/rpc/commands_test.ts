import { assertEquals } from "@std/assert";
import { parseRequest } from "../../../core/rpc/envelope.ts";
import { RPC_ERROR } from "../../../core/rpc/json.ts";
import { commandOf, HASH, refusalOf } from "./kit.ts";

const legacy = (method: string, args: object) => commandOf({ method, arguments: args });
const current = (method: string, params: object) => commandOf({ jsonrpc: "2.0", method, params });

Deno.test("torrents are selected by ID, hash, list, or recently_active", () => {
  const idsOf = (ids?: unknown) => {
    const command = legacy("torrent-start", ids === undefined ? {} : { ids });
    return "ids" in command ? command.ids : undefined;
  };
  assertEquals(idsOf(), "all");
  assertEquals(idsOf(3), [3]);
  assertEquals(idsOf(HASH.toUpperCase()), [HASH]);
  assertEquals(idsOf([1, HASH]), [1, HASH]);
  assertEquals(idsOf("recently-active"), "recently_active");
  assertEquals(idsOf("recently_active"), "recently_active");
});

Deno.test("an empty list of torrents selects none, not all", () => {
  assertEquals(legacy("torrent-remove", { ids: [], "delete-local-data": true }), {
    method: "torrent_remove",
    ids: [],
    deleteData: true,
  });
});

Deno.test("invalid torrent selectors are refused", () => {
  for (const ids of ["all", "abc", 1.5, true, null, {}, [[1]], ["recently-active"]]) {
    const { code } = refusalOf({ method: "torrent-stop", arguments: { ids } });
    assertEquals(code, RPC_ERROR.invalidParams, JSON.stringify(ids));
  }
});

Deno.test("torrent_get accepts fields and format in both spellings", () => {
  assertEquals(legacy("torrent-get", { fields: ["id", "hashString"], format: "table" }), {
    method: "torrent_get",
    ids: "all",
    fields: ["id", "hashString"],
    format: "table",
  });
  assertEquals(current("torrent_get", { ids: 2, fields: ["hash_string"] }), {
    method: "torrent_get",
    ids: [2],
    fields: ["hash_string"],
    format: "objects",
  });
  assertEquals(
    refusalOf({ method: "torrent-get", arguments: {} }).message,
    "fields must be a list of names",
  );
});

Deno.test("a torrent is added by base64, magnet link, hash, URL or path", () => {
  const source = (args: object) => {
    const command = legacy("torrent-add", args);
    return command.method === "torrent_add" ? command.source : undefined;
  };
  assertEquals(source({ metainfo: "ZDE6\nYWU=" }), {
    kind: "metainfo",
    bytes: new TextEncoder().encode("d1:ae"),
  });
  const link = `magnet:?xt=urn:btih:${HASH}`;
  assertEquals(source({ filename: link }), { kind: "magnet", link });
  assertEquals(source({ filename: HASH }), { kind: "magnet", link });
  assertEquals(source({ filename: "https://example.org/a.torrent", cookies: "a=b" }), {
    kind: "url",
    url: "https://example.org/a.torrent",
    cookies: "a=b",
  });
  assertEquals(source({ filename: "/tmp/a.torrent" }), { kind: "path", path: "/tmp/a.torrent" });
  assertEquals(
    refusalOf({ method: "torrent-add", arguments: { metainfo: "%" } }).code,
    RPC_ERROR.unrecognized,
  );
  assertEquals(
    refusalOf({ method: "torrent-add", arguments: {} }).message,
    "filename or metainfo is needed",
  );
});

Deno.test("torrent_add accepts initial settings", () => {
  assertEquals(
    legacy("torrent-add", {
      filename: "/a.torrent",
      "download-dir": "/media",
      paused: 1,
      "peer-limit": 12.0,
      bandwidthPriority: -1,
      "files-unwanted": [1, 2],
      "priority-high": [0],
      labels: [" one ", "two", "one"],
      "an-unknown-one": {},
    }),
    {
      method: "torrent_add",
      source: { kind: "path", path: "/a.torrent" },
      downloadDir: "/media",
      moveTo: undefined,
      paused: true,
      change: {
        peer_limit: 12,
        bandwidth_priority: -1,
        files_unwanted: [1, 2],
        priority_high: [0],
        labels: ["one", "two"],
      },
    },
  );
});

Deno.test("torrent_add accepts the settings that only this implementation has", () => {
  const ours = { tt_move_to: "/done", tt_first_last: true, tt_super_seed: true };
  const command = current("torrent_add", { filename: "/a.torrent", ...ours });
  assertEquals("moveTo" in command && [command.moveTo, command.change], ["/done", {
    tt_first_last: true,
    tt_super_seed: true,
  }]);
});

Deno.test("paths must be absolute", () => {
  const refused = [
    { method: "torrent-add", arguments: { filename: "/a", "download-dir": "b" } },
    { method: "torrent-add", arguments: { filename: "/a", tt_move_to: "b" } },
    { method: "torrent-set-location", arguments: { location: "../up" } },
    { method: "free-space", arguments: { path: "." } },
  ];
  for (const body of refused) assertEquals(refusalOf(body).code, RPC_ERROR.pathNotAbsolute);
  assertEquals(
    refusalOf({ method: "session-set", arguments: { "download-dir": "rel" } }).message,
    "download_dir must be an absolute path",
  );
});

Deno.test("torrent_set reads all changes in both spellings", () => {
  const older = legacy("torrent-set", {
    ids: [1],
    downloadLimit: 50,
    downloadLimited: true,
    seedRatioMode: 1,
    seedRatioLimit: 1.5,
    trackerReplace: [0, "http://a.example/announce"],
    "peer-limit": 9,
    queuePosition: 3,
  });
  const newer = current("torrent_set", {
    ids: [1],
    download_limit: 50,
    download_limited: true,
    seed_ratio_mode: 1,
    seed_ratio_limit: 1.5,
    tracker_replace: [0, "http://a.example/announce"],
    peer_limit: 9,
    queue_position: 3,
  });
  assertEquals(older, newer);
  assertEquals(older, {
    method: "torrent_set",
    ids: [1],
    change: {
      download_limit: 50,
      download_limited: true,
      seed_ratio_mode: 1,
      seed_ratio_limit: 1.5,
      tracker_replace: [{ id: 0, url: "http://a.example/announce" }],
      peer_limit: 9,
      queue_position: 3,
    },
  });
});

Deno.test("the error names the parameter of the wrong type", () => {
  const cases: [object, string][] = [
    [{ downloadLimit: "fast" }, "download_limit must be a whole number from 0 to 100000000"],
    [{ downloadLimited: "yes" }, "download_limited must be true or false"],
    [{ labels: ["a,b"] }, "labels must not hold a comma"],
    [{ labels: [" "] }, "labels must not hold an empty label"],
    [
      { "files-wanted": [-1] },
      "files_wanted has an item that must be a whole number " +
      "from 0 to 10000000",
    ],
    [{ location: "here" }, "location must be an absolute path"],
    [
      { trackerReplace: [1] },
      "tracker_replace must be a list of tracker ids, each followed " +
      "by a URL",
    ],
    [{ trackerList: "a\0" }, "tracker_list must not hold a NUL"],
  ];
  for (const [args, message] of cases) {
    assertEquals(refusalOf({ method: "torrent-set", arguments: args }).message, message);
  }
});

Deno.test("session_set accepts the old names", () => {
  assertEquals(
    legacy("session-set", {
      "cache-size-mb": 8,
      encryption: "tolerated",
      seedRatioLimit: 3,
      "alt-speed-time-day": 65,
      "rpc-version": 1,
    }),
    {
      method: "session_set",
      change: {
        cache_size_mib: 8,
        encryption: "allowed",
        seed_ratio_limit: 3,
        alt_speed_time_day: 65,
      },
    },
  );
});

Deno.test("groups have a name", () => {
  assertEquals(legacy("group-set", { name: " slow ", "speed-limit-up": 5 }), {
    method: "group_set",
    name: "slow",
    change: { speed_limit_up: 5 },
  });
  assertEquals(refusalOf({ method: "group-set", arguments: {} }).message, "name is missing");
  assertEquals(legacy("group-get", { name: "slow" }), { method: "group_get", names: ["slow"] });
});

Deno.test("what a request leaves out is the harmless choice, and all torrents", () => {
  assertEquals(current("torrent_remove", {}), {
    method: "torrent_remove",
    ids: "all",
    deleteData: false,
  });
  assertEquals(current("torrent_set_location", { location: "/a" }), {
    method: "torrent_set_location",
    ids: "all",
    location: "/a",
    move: false,
  });
  assertEquals(current("torrent_rename_path", { path: "a", name: "b" }), {
    method: "torrent_rename_path",
    ids: "all",
    path: "a",
    name: "b",
  });
  assertEquals(current("torrent_set", {}), { method: "torrent_set", ids: "all", change: {} });
  assertEquals(current("tt_log", {}), { method: "tt_log", since: 0, ids: "all" });
  assertEquals(current("tt_log", { since: 5, ids: 1 }), { method: "tt_log", since: 5, ids: [1] });
  assertEquals(current("tt_log", { since: 0 }), { method: "tt_log", since: 0, ids: "all" });
  assertEquals(current("session_get", {}), { method: "session_get", fields: undefined });
  assertEquals(current("port_test", { ip_protocol: "ipv6" }), {
    method: "port_test",
    ipProtocol: "ipv6",
  });
  assertEquals(current("free_space", { path: "/a" }), { method: "free_space", path: "/a" });
});

Deno.test("a request that lacks what it cannot do without is refused", () => {
  const cases: [string, object, string][] = [
    ["torrent_set_location", {}, "location is missing"],
    ["torrent_rename_path", { path: "a" }, "path and name are needed"],
    ["torrent_rename_path", { name: "b" }, "path and name are needed"],
    ["free_space", {}, "path is missing"],
    ["group_set", { name: " " }, "name is missing"],
  ];
  for (const [method, params, message] of cases) {
    assertEquals(refusalOf({ jsonrpc: "2.0", method, params }), {
      code: RPC_ERROR.invalidParams,
      message,
    });
  }
});

Deno.test("a refused selector says what one is, and a refused method is repeated in part", () => {
  const wrong = "ids must be a torrent id, a hash, a list of these, or recently_active";
  for (const ids of [1.5, [1.5], ["x"], {}]) {
    assertEquals(refusalOf({ method: "torrent-stop", arguments: { ids } }).message, wrong);
  }
  assertEquals(
    refusalOf({ method: "x".repeat(101) }).message,
    `Method "${"x".repeat(100)}" is unknown`,
  );
});

Deno.test("parameters keep their bounds", () => {
  const set = (change: object) => {
    const command = legacy("torrent-set", change);
    return command.method === "torrent_set" ? command.change : undefined;
  };
  const refused = (change: object) =>
    refusalOf({ method: "torrent-set", arguments: change }).code === RPC_ERROR.invalidParams;
  assertEquals(set({ seedRatioLimit: 0 }), { seed_ratio_limit: 0 });
  assertEquals(set({ seedRatioLimit: 1_000_000 }), { seed_ratio_limit: 1_000_000 });
  assertEquals(set({ honorsSessionLimits: 0 }), { honors_session_limits: false });
  assertEquals(set({ honorsSessionLimits: 1 }), { honors_session_limits: true });
  assertEquals(set({ group: "x".repeat(200) }), { group: "x".repeat(200) });
  // A fraction is cut off.
  assertEquals(set({ bandwidthPriority: -0.5 }), { bandwidth_priority: 0 });
  for (
    const change of [
      ...[{ seedRatioLimit: -0.1 }, { seedRatioLimit: 1_000_001 }, { seedRatioLimit: "1" }],
      ...[{ seedRatioLimit: true }, { seedRatioLimit: null }, { seedRatioLimit: [1] }],
      ...[{ honorsSessionLimits: 2 }, { group: "x".repeat(201) }, { group: 1 }],
    ]
  ) assertEquals(refused(change), true, JSON.stringify(change));
  const labels = (count: number) => ({ labels: Array.from({ length: count }, (_, i) => `l${i}`) });
  assertEquals([refused(labels(101)), set(labels(100))?.labels?.length], [true, 100]);
});

Deno.test("trackers are replaced in pairs of an id and a URL, a thousand at most", () => {
  const replace = (trackerReplace: unknown) => {
    const { command } = parseRequest(
      JSON.stringify({ method: "torrent-set", arguments: { trackerReplace } }),
    ).calls[0]!;
    return command.ok && command.value.method === "torrent_set"
      ? command.value.change.tracker_replace
      : undefined;
  };
  assertEquals(replace([1, "a", 2, "b"]), [{ id: 1, url: "a" }, { id: 2, url: "b" }]);
  assertEquals(replace([]), []);
  const pairs = (count: number) => Array.from({ length: count }, (_, i) => [i, "u"]).flat();
  assertEquals([replace(pairs(1000))?.length, replace(pairs(1001))], [1000, undefined]);
  for (const wrong of [[1, "a", 2], [1, 2], ["a", "b"], ["a", 1], 1]) {
    assertEquals(replace(wrong), undefined, JSON.stringify(wrong));
  }
});
