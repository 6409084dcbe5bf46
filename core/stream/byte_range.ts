/**
 * The `Range` header of a request for one file.
 *
 * Spec: RFC 9110, 14.1.2 byte ranges, 14.2 Range. Several ranges in one request are answered with the
 * whole file, which the RFC permits; no player asks for them.
 */

/** First byte and the one after the last. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Longer headers are not read. */
const HEADER_LENGTH_MAX = 200;

/**
 * What to answer: "whole" (no range, or none that must be obeyed), a part, or "unsatisfiable" (416).
 * `length` is the file's size in bytes.
 */
export function parseRange(
  header: string | undefined,
  length: number,
): ByteRange | "whole" | "unsatisfiable" {
  if (header === undefined || header.length > HEADER_LENGTH_MAX) return "whole";
  const match = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header);
  if (match === null) return "whole";
  const [, first, last] = match as unknown as [string, string, string];
  if (first === "" && last === "") return "whole";
  if (first === "") {
    const count = Math.min(Number(last), length);
    return count > 0 ? { start: length - count, end: length } : "unsatisfiable";
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return "whole";
  if (start >= length) return "unsatisfiable";
  return { start, end: last === "" ? length : Math.min(length, Number(last) + 1) };
}
