import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { BATCH_MAX, formatAnswer, parseRequest } from "../../../core/rpc/envelope.ts";
import { property, RPC_ERROR, type RpcOutcome } from "../../../core/rpc/json.ts";
import { RPC_METHODS } from "../../../core/rpc/commands.ts";
import { kebabName } from "../../../core/rpc/names.ts";
import { answerTo, commandOf, refusalOf } from "./kit.ts";

Deno.test("a response in the old dialect has result, arguments and the tag", () => {
  assertEquals(answerTo({ method: "session-stats", tag: 39693 }), {
    arguments: {},
    result: "success",
    tag: 39693,
  });
  assertEquals(answerTo({ method: "session-stats" }), { arguments: {}, result: "success" });
  const refused = answerTo({ method: "dance", tag: 1 });
  assertEquals(refused, { arguments: {}, result: 'Method "dance" is unknown', tag: 1 });
});

Deno.test("a JSON-RPC response has result and id, an error has a number", () => {
  assertEquals(answerTo({ jsonrpc: "2.0", method: "session_stats", id: "a" }), {
    jsonrpc: "2.0",
    result: {},
    id: "a",
  });
  assertEquals(answerTo({ jsonrpc: "2.0", method: "dance", id: null }), {
    jsonrpc: "2.0",
    error: {
      code: -32601,
      message: "Method not found",
      data: { error_string: 'Method "dance" is unknown' },
    },
    id: null,
  });
});

// The specification's examples that fit methods with named parameters.
Deno.test("JSON-RPC: an invalid request is refused with the specified number", () => {
  const cases: [string, number][] = [
    ['{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', RPC_ERROR.parse],
    ['{"jsonrpc": "2.0", "method": 1, "params": "bar"}', RPC_ERROR.invalidRequest],
    ['{"jsonrpc": "1.0", "method": "session_get"}', RPC_ERROR.invalidRequest],
    ['{"jsonrpc": "2.0", "method": "session_get", "id": {}}', RPC_ERROR.invalidRequest],
    ['{"jsonrpc": "2.0", "method": "session_get", "params": [1]}', RPC_ERROR.invalidParams],
    ["[]", RPC_ERROR.invalidRequest],
    ["1", RPC_ERROR.invalidRequest],
    ["null", RPC_ERROR.invalidRequest],
    ["", RPC_ERROR.parse],
  ];
  for (const [body, code] of cases) assertEquals(refusalOf(body).code, code, body);
  assertEquals(answerTo("[1,2]").length, 2);
  assertEquals(answerTo("[1]")[0].id, null);
  // An invalid request is answered even without an ID.
  assertEquals(answerTo('{"jsonrpc": "2.0", "method": 1}').error.code, RPC_ERROR.invalidRequest);
});

Deno.test("JSON-RPC: notifications get no response, alone or in a batch", () => {
  const notification = { jsonrpc: "2.0", method: "session_stats" };
  assertEquals(answerTo(notification), undefined);
  assertEquals(answerTo([notification, notification]), undefined);
  assertEquals(answerTo([notification, { ...notification, id: 2 }]), [
    { jsonrpc: "2.0", result: {}, id: 2 },
  ]);
});

Deno.test("a batch keeps its order, has a limit, and contains only JSON-RPC", () => {
  const call = (id: number) => ({ jsonrpc: "2.0", method: "session_stats", id });
  const full = Array.from({ length: BATCH_MAX }, (_, id) => call(id));
  assertEquals(answerTo(full).map(({ id }: { id: number }) => id), full.map(({ id }) => id));
  assertEquals(refusalOf([...full, call(0)]).code, RPC_ERROR.invalidRequest);
  assertEquals(answerTo([{ method: "session-get" }])[0].error.code, RPC_ERROR.invalidRequest);
});

Deno.test("every method exists in both dialects", () => {
  const params = {
    fields: ["id"],
    location: "/a",
    path: "/a",
    name: "b",
    filename: "/a.torrent",
  };
  for (const method of RPC_METHODS) {
    assertEquals(commandOf({ jsonrpc: "2.0", method, params }).method, method);
    assertEquals(commandOf({ method: kebabName(method), arguments: params }).method, method);
  }
});

Deno.test("responses in the old dialect have the old names", () => {
  const legacy = (method: string, args: object, result: Parameters<typeof answerTo>[1]) =>
    answerTo({ method, arguments: args }, result).arguments;
  assertEquals(
    legacy("torrent-add", { filename: "/a" }, {
      torrent_added: { id: 1, name: "a_b", hash_string: "c" },
    }),
    { "torrent-added": { id: 1, name: "a_b", hashString: "c" } },
  );
  assertEquals(
    legacy("session-get", {}, {
      seed_ratio_limit: 2,
      seed_ratio_limited: true,
      cache_size_mib: 4,
      encryption: "allowed",
      units: { speed_bytes: 1000 },
    }),
    {
      seedRatioLimit: 2,
      seedRatioLimited: true,
      "cache-size-mb": 4,
      encryption: "tolerated",
      units: { "speed-bytes": 1000 },
    },
  );
  assertEquals(
    legacy("session-stats", {}, {
      active_torrent_count: 1,
      current_stats: { uploaded_bytes: 2 },
    }),
    { activeTorrentCount: 1, "current-stats": { uploadedBytes: 2 } },
  );
  assertEquals(
    legacy("free-space", { path: "/a" }, { path: "/a", size_bytes: 1, total_size: 2 }),
    { path: "/a", "size-bytes": 1, total_size: 2 },
  );
  assertEquals(legacy("port-test", {}, { port_is_open: true, ip_protocol: "ipv4" }), {
    "port-is-open": true,
    ip_protocol: "ipv4",
  });
  assertEquals(
    legacy("group-get", {}, { group: [{ honors_session_limits: true, speed_limit_up: 1 }] }),
    { group: [{ honorsSessionLimits: true, "speed-limit-up": 1 }] },
  );
});

Deno.test("an error may carry results", () => {
  const body = { jsonrpc: "2.0", method: "port_test", id: 1 };
  const failed: RpcOutcome = {
    ok: false,
    error: { code: 8, message: "No answer", result: { ip_protocol: "ipv6" } },
  };
  const answer = (request: object) =>
    JSON.parse(formatAnswer(parseRequest(JSON.stringify(request)), [failed])!);
  assertEquals(answer(body).error, {
    code: 8,
    message: "HTTP error",
    data: { error_string: "No answer", result: { ip_protocol: "ipv6" } },
  });
  assertEquals(answer({ method: "port-test" }), {
    arguments: { ip_protocol: "ipv6" },
    result: "No answer",
  });
});

Deno.test("for any JSON, every call gets one response or is refused", () => {
  const method = fc.constantFrom(...RPC_METHODS);
  const name = fc.constantFrom(
    "ids",
    "fields",
    "format",
    "filename",
    "metainfo",
    "labels",
    "location",
    "tracker_replace",
    "trackerReplace",
    "files_wanted",
    "files-wanted",
    "alt_speed_time_day",
    "path",
    "name",
    "__proto__",
    "constructor",
  );
  const params = fc.dictionary(fc.oneof(name, fc.string()), fc.jsonValue({ maxDepth: 3 }));
  const call = fc.oneof(
    fc.record({ jsonrpc: fc.constant("2.0"), method, params, id: fc.jsonValue({ maxDepth: 1 }) }),
    fc.record({ method: method.map(kebabName), arguments: params, tag: fc.jsonValue() }),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.oneof(call, fc.array(call)), (body) => {
      const text = JSON.stringify(body);
      const request = parseRequest(text);
      assertEquals(request.calls.length > 0, true);
      const outcomes = request.calls.map(({ command }): RpcOutcome =>
        command.ok ? { ok: true, result: {} } : command
      );
      const answer = formatAnswer(request, outcomes);
      if (answer !== undefined) JSON.parse(answer);
      for (const { command } of request.calls) {
        if (command.ok) assertEquals(RPC_METHODS.includes(command.value.method), true);
        else assertEquals(command.error.message.length > 0, true);
      }
    }),
    { seed: 14, numRuns: 500 },
  );
});

Deno.test("any text gets a response", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const request = parseRequest(text);
      assertEquals(request.calls.length, 1);
    }),
    { seed: 14, numRuns: 300 },
  );
});

Deno.test("arguments of either dialect must be an object", () => {
  assertEquals(refusalOf({ method: "session-get", arguments: [] }), {
    code: RPC_ERROR.invalidParams,
    message: "The arguments must be an object",
  });
});

Deno.test("a call without a method is answered under its id, or null", () => {
  assertEquals(answerTo({ jsonrpc: "2.0", method: 1, id: 5 }).id, 5);
  assertEquals(answerTo({ jsonrpc: "2.0", method: 1 }).id, null);
});

Deno.test("an error that has no title is its own, and names no method of JSON's prototype", () => {
  const request = parseRequest(JSON.stringify({ jsonrpc: "2.0", method: "session_stats", id: 1 }));
  const failed: RpcOutcome = { ok: false, error: { code: 99, message: "Too late" } };
  assertEquals(JSON.parse(formatAnswer(request, [failed])!).error, {
    code: 99,
    message: "Too late",
    data: { error_string: "Too late" },
  });
  assertEquals(property({}, "constructor"), undefined);
});

Deno.test("only the session's encryption has another word in the old dialect", () => {
  const older = (method: string) =>
    answerTo({ method, arguments: {} }, { encryption: "allowed" }).arguments;
  assertEquals(older("session-get"), { encryption: "tolerated" });
  assertEquals(older("session-stats"), { encryption: "allowed" });
  assertEquals(answerTo({ method: "session-get" }, { encryption: "required" }).arguments, {
    encryption: "required",
  });
});
