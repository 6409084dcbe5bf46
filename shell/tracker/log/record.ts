/**
 * What became of announces and scrapes, in numbers and, where there is a log, in lines. Transports ask
 * `describeAsker` before they wait, because a query does not outlive the call.
 */
import { addressText } from "../../../core/bytes/address.ts";
import { toHex } from "../../../core/bytes/hex.ts";
import { formatIp } from "../../../core/bytes/ip.ts";
import type { Result } from "../../../core/bytes/result.ts";
import {
  type AnswerResult,
  countAnnounce,
  countInvalidAnnounce,
  countScrape,
  observe,
  type Protocol,
} from "../../../core/tracker_server/metrics/metrics.ts";
import type { AnnounceQuery, AnnounceReply } from "../../../core/tracker_server/types.ts";
import type { AnnounceEvent } from "../../../core/tracker/types.ts";
import type { Tracker } from "../tracker.ts";

/** Of an announce, for its line in the log. */
export interface Asker {
  /** "IP:PORT" */
  readonly client: string;
  readonly infoHash: string;
}

/** Undefined without an access log. */
export function describeAsker({ settings }: Tracker, query: AnnounceQuery): Asker | undefined {
  if (settings.accessLog === undefined) return undefined;
  const client = addressText({ ip: formatIp(query.ip), port: query.port });
  return { client, infoHash: toHex(query.infoHash) };
}

/** An announce that was asked at `startedAt`, by the tracker's clock, and is answered now. */
export function recordAnnounce(
  { metrics, settings, now }: Tracker,
  protocol: Protocol,
  event: AnnounceEvent | undefined,
  answer: Result<AnnounceReply, string>,
  startedAt: number,
  asker: Asker | undefined,
): void {
  const tookMs = now() - startedAt;
  const result = resultOf(answer);
  countAnnounce(metrics, protocol, event, result);
  observe(metrics.latencies[protocol], tookMs);
  if (asker === undefined) return;
  const reason = answer.ok ? undefined : answer.error;
  settings.accessLog!.note({
    protocol,
    ...asker,
    what: event ?? "regular",
    result,
    reason,
    tookMs,
  });
}

/** An announce that could not be read, and is answered with the reason. */
export function recordInvalidAnnounce(
  { metrics, settings, now }: Tracker,
  protocol: Protocol,
  reason: string,
  startedAt: number,
  ip: Uint8Array,
): void {
  countInvalidAnnounce(metrics, protocol);
  settings.accessLog?.note({
    protocol,
    client: formatIp(ip),
    what: "invalid",
    result: "refused",
    reason,
    tookMs: now() - startedAt,
  });
}

/** A scrape; `reason` is why it is refused. */
export function recordScrape(
  { metrics, settings, now }: Tracker,
  protocol: Protocol,
  reason: string | undefined,
  startedAt: number,
  ip: Uint8Array,
): void {
  const result = reason === undefined ? "answered" : "refused";
  countScrape(metrics, protocol, result);
  settings.accessLog?.note({
    protocol,
    client: formatIp(ip),
    what: "scrape",
    result,
    reason,
    tookMs: now() - startedAt,
  });
}

function resultOf(answer: Result<AnnounceReply, string>): AnswerResult {
  if (!answer.ok) return "refused";
  return answer.value.warning === undefined ? "answered" : "stale";
}
