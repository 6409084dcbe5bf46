/** What one tracker said to two announces, on two address families or for two swarms, as one result. */
import type { IpVersion } from "../bytes/compact_peers.ts";
import { fail, ok } from "../bytes/result.ts";
import { uniquePeers } from "./answer.ts";
import type { AnnounceAnswer, AnnounceError, AnnounceResult } from "./types.ts";

/** What one family said. */
export interface FamilyResult {
  readonly version: IpVersion;
  readonly result: AnnounceResult;
}

/** The more a failure says, the further in front: a tracker's own words before the network's. */
const TELLING: readonly AnnounceError["code"][] = [
  "refused",
  "http-status",
  "bad-answer",
  "forbidden",
  "unsupported",
  "unreachable",
];

/**
 * One result of one or two: peers of both, the longer intervals, the larger counts. It succeeds where
 * one of them did, and otherwise fails with the more telling error; a tracker is gone for good only
 * where both say so.
 *
 * Spec: BEP 7, announcing on both families.
 */
export function mergeFamilies(results: readonly FamilyResult[]): AnnounceResult {
  const families = results.filter(({ result }) => result.ok).map(({ version }) => version);
  return mergeResults(results.map(({ result }) => result), families);
}

/**
 * One result of the announces to both swarms of a hybrid, merged as families are. A peer of both swarms
 * counts once.
 *
 * Spec: BEP 52, upgrade path: "can join both swarms".
 */
export function mergeSwarms(results: readonly AnnounceResult[]): AnnounceResult {
  const families = results.flatMap((result) => result.ok ? result.value.families ?? [] : []);
  return mergeResults(results, families.length === 0 ? undefined : [...new Set(families)]);
}

function mergeResults(
  results: readonly AnnounceResult[],
  families: readonly IpVersion[] | undefined,
): AnnounceResult {
  const answers: AnnounceAnswer[] = [];
  const errors: AnnounceError[] = [];
  for (const result of results) {
    if (result.ok) answers.push(result.value);
    else errors.push(result.error);
  }
  if (answers.length === 0) return fail(mergeErrors(errors));
  const largest = (read: (answer: AnnounceAnswer) => number | undefined) => {
    const told = answers.map(read).filter((value) => value !== undefined);
    return told.length === 0 ? undefined : Math.max(...told);
  };
  const first = <T>(read: (answer: AnnounceAnswer) => T | undefined) =>
    answers.map(read).find((value) => value !== undefined);
  return ok({
    intervalSeconds: largest(({ intervalSeconds }) => intervalSeconds)!,
    minIntervalSeconds: largest(({ minIntervalSeconds }) => minIntervalSeconds),
    seeders: largest(({ seeders }) => seeders),
    leechers: largest(({ leechers }) => leechers),
    peers: uniquePeers(answers.flatMap(({ peers }) => peers)),
    trackerId: first(({ trackerId }) => trackerId),
    warning: first(({ warning }) => warning),
    externalIp: first(({ externalIp }) => externalIp),
    families,
  });
}

function mergeErrors(errors: readonly AnnounceError[]): AnnounceError {
  const [telling] = errors.toSorted((a, b) => TELLING.indexOf(a.code) - TELLING.indexOf(b.code));
  if (errors.every((error) => error.isGone)) return telling!;
  const { isGone: _, ...back } = telling!;
  return back;
}
