import { assertEquals } from "@std/assert";
import { fail, ok } from "../../../core/bytes/result.ts";
import { mergeFamilies, mergeSwarms } from "../../../core/tracker/merge_answers.ts";
import type { AnnounceAnswer, AnnounceError } from "../../../core/tracker/types.ts";
import { errorOf, valueOf } from "./unwrap.ts";

const ANSWER: AnnounceAnswer = {
  intervalSeconds: 60,
  minIntervalSeconds: undefined,
  seeders: undefined,
  leechers: undefined,
  peers: [],
  trackerId: undefined,
  warning: undefined,
  externalIp: undefined,
};
const said = (version: 4 | 6, more: Partial<AnnounceAnswer>) => {
  return { version, result: ok({ ...ANSWER, ...more }) };
};
const failed = (version: 4 | 6, code: AnnounceError["code"], more: Partial<AnnounceError> = {}) => {
  return { version, result: fail({ code, message: code, ...more }) };
};

Deno.test("merging takes all peers, the longer intervals and the larger counts", () => {
  const four = { ip: "192.0.2.1", port: 1 }, six = { ip: "2001:db8::1", port: 1 };
  const merged = mergeFamilies([
    said(4, { intervalSeconds: 1800, peers: [four], seeders: 3, warning: "Closing" }),
    said(6, { minIntervalSeconds: 90, peers: [six, four], seeders: 5, trackerId: "x" }),
  ]);
  assertEquals(valueOf(merged), {
    ...ANSWER,
    intervalSeconds: 1800,
    minIntervalSeconds: 90,
    seeders: 5,
    peers: [four, six],
    trackerId: "x",
    warning: "Closing",
    families: [4, 6],
  });
});

Deno.test("a success of one family is a success, with its family", () => {
  const merged = mergeFamilies([failed(4, "refused"), said(6, {})]);
  assertEquals(valueOf(merged).families, [6]);
});

Deno.test("of two failures the more specific one is reported", () => {
  const merged = mergeFamilies([
    failed(6, "unreachable"),
    failed(4, "refused", { retryInSeconds: 60 }),
  ]);
  assertEquals(errorOf(merged), { code: "refused", message: "refused", retryInSeconds: 60 });
});

Deno.test("a tracker is gone for good only if both families say so", () => {
  const gone = { isGone: true };
  const one = mergeFamilies([failed(4, "refused", gone), failed(6, "unreachable")]);
  assertEquals(errorOf(one).isGone, undefined);
  const both = mergeFamilies([failed(4, "refused", gone), failed(6, "http-status", gone)]);
  assertEquals(errorOf(both).isGone, true);
});

Deno.test("responses from both swarms of a hybrid are merged, and one refusal does no harm", () => {
  const one = { ip: "192.0.2.1", port: 1 }, two = { ip: "192.0.2.2", port: 1 };
  const merged = mergeSwarms([
    said(4, { peers: [one], seeders: 1, families: [4] }).result,
    said(4, { peers: [two, one], seeders: 2, families: [4, 6] }).result,
  ]);
  assertEquals(valueOf(merged), {
    ...ANSWER,
    peers: [one, two],
    seeders: 2,
    families: [4, 6],
  });
  const half = mergeSwarms([said(4, { peers: [one] }).result, failed(4, "refused").result]);
  assertEquals(valueOf(half).peers, [one]);
  const none = mergeSwarms([failed(4, "unreachable").result, failed(4, "refused").result]);
  assertEquals(errorOf(none).code, "refused");
});
