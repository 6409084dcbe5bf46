/** Readers of the daemon's own option values; see values.ts. */
import { fail, ok, type Result } from "../bytes/result.ts";
import { PORT_MAX, readHost, readRate } from "./values.ts";

/** Where the RPC server listens. */
export interface RpcAddress {
  /** An IP address. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** "127.0.0.1:9091", "[::1]:9091" or "localhost:9091". */
export function readRpcAddress(text: string): Result<RpcAddress, string> {
  const parts = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(text);
  const host = parts === null ? undefined : readHost(parts[1]!);
  const port = Number(parts?.[2]);
  if (host?.ok && port <= PORT_MAX) return ok({ host: host.value, port });
  return fail("is not an address to listen on; give IP:PORT, such as 127.0.0.1:9091");
}

/** Minutes after midnight; the end may be before the beginning, over midnight. */
export interface TimeSpan {
  readonly begin: number;
  readonly end: number;
}

/** "22:00-06:30". */
export function readTimeSpan(text: string): Result<TimeSpan, string> {
  const parts = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text)?.slice(1).map(Number);
  if (parts !== undefined) {
    const [hour, minute, endHour, endMinute] = parts as [number, number, number, number];
    if (hour < 24 && endHour < 24 && minute < 60 && endMinute < 60) {
      return ok({ begin: hour * 60 + minute, end: endHour * 60 + endMinute });
    }
  }
  return fail("is not a time span; give one such as 22:00-06:30");
}

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** "mon-fri,sun" to bits, Sunday the lowest. */
export function readDays(text: string): Result<number, string> {
  let bits = 0;
  for (const part of text.toLowerCase().split(",")) {
    const [first, last = first] = part.split("-").map((day) => DAYS.indexOf(day.trim()));
    if (first === undefined || first < 0 || last! < 0 || part.split("-").length > 2) {
      return fail("is not a list of days; give some such as mon-fri or sat,sun");
    }
    for (let day = first;; day = (day + 1) % 7) {
      bits |= 1 << day;
      if (day === last) break;
    }
  }
  return ok(bits);
}

/** A name under which a proxy reaches the daemon; lower case. */
export function readHostName(text: string): Result<string, string> {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (/^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/.test(name)) return ok(name);
  return fail("is not a host name; give one such as tt.example.org, without a port");
}

/** An http or https URL. */
export function readHttpUrl(text: string): Result<string, string> {
  if (/^https?:\/\/[^/]/i.test(text) && URL.canParse(text)) return ok(text);
  return fail("is not a URL; give one such as https://example.org/hook");
}

/** What `tt status` sorts by. */
export const STATUS_SORTS = ["activity", "name", "progress", "size", "ratio", "added"] as const;
export type StatusSort = typeof STATUS_SORTS[number];

/** One of STATUS_SORTS. */
export function readStatusSort(text: string): Result<StatusSort, string> {
  const sort = STATUS_SORTS.find((name) => name === text);
  return sort === undefined
    ? fail(`is not an order; give one of ${STATUS_SORTS.join(", ")}`)
    : ok(sort);
}

/** As `readRate`, but null for `off`: no limit, which differs from saying nothing. */
export function readLimit(text: string): Result<number | null, string> {
  const rate = readRate(text);
  return rate.ok ? ok(rate.value ?? null) : rate;
}
