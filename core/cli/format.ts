/**
 * Numbers for people. Sizes and rates are decimal (1 MB is 1,000,000 bytes), as in other BitTorrent
 * programs and on disk labels; piece lengths are binary (256 KiB), as their powers of two ask for.
 */

const DECIMAL_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const BINARY_UNITS = ["B", "KiB", "MiB", "GiB"];

/** "0 B", "999 B", "1.5 kB", "12.3 MB". */
export function formatBytes(bytes: number): string {
  return scale(bytes, 1000, DECIMAL_UNITS);
}

/** Bytes a second: "12.3 MB/s". */
export function formatRate(rateBytesPerSecond: number): string {
  return `${formatBytes(rateBytesPerSecond)}/s`;
}

/** "256 KiB", "1 MiB"; for sizes that are powers of two. */
export function formatPieceLength(bytes: number): string {
  return scale(bytes, 1024, BINARY_UNITS).replace(".0 ", " ");
}

/**
 * "42.6 %", always rounded down: 100 % appears only when nothing is missing. An empty whole is
 * complete.
 */
export function formatPercent(part: number, whole: number): string {
  if (part >= whole) return "100 %";
  const tenths = Math.min(999, Math.floor((Math.max(0, part) / whole) * 1000));
  return `${(tenths / 10).toFixed(1)} %`;
}

/** "43 s", "2 min 5 s", "3 h 12 min", "4 d 2 h"; more than 100 days is "more than 100 d". */
export function formatDuration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [Math.floor(total / 86_400), total / 3600 % 24, total / 60 % 60];
  if (days >= 100) return "more than 100 d";
  if (days > 0) return joinSpans(days, "d", Math.floor(hours), "h");
  if (total >= 3600) return joinSpans(Math.floor(hours), "h", Math.floor(minutes), "min");
  if (total >= 60) return joinSpans(Math.floor(minutes), "min", total % 60, "s");
  return `${total} s`;
}

/** "1.43"; one more digit than people care for hides nothing. */
export function formatRatio(ratio: number): string {
  return (Math.floor(ratio * 100) / 100).toFixed(2);
}

/** "1 peer", "2 peers", "1,234 pieces". */
export function formatCount(count: number, noun: string): string {
  return `${groupDigits(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** "3 of 1,200 pieces". */
export function formatPart(part: number, whole: number, noun: string): string {
  return `${groupDigits(part)} of ${formatCount(whole, noun)}`;
}

function groupDigits(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

function scale(value: number, base: number, units: readonly string[]): string {
  let scaled = Math.max(0, value);
  let unit = 0;
  // 999.95 would be rounded to "1000.0" below.
  while (unit + 1 < units.length && scaled >= base - 0.05) {
    scaled /= base;
    unit++;
  }
  return `${unit === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${units[unit]!}`;
}

function joinSpans(first: number, firstUnit: string, second: number, secondUnit: string): string {
  return second === 0 ? `${first} ${firstUnit}` : `${first} ${firstUnit} ${second} ${secondUnit}`;
}
