/** Numbers as people read them. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** "4.7 MB"; powers of 1,000. */
export function size(bytes: number): string {
  let unit = 0, value = bytes;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** "4.7 MB/s"; nothing for zero, so that what moves stands out. */
export function rate(bytesPerSecond: number): string {
  return bytesPerSecond > 0 ? `${size(bytesPerSecond)}/s` : "";
}

/** "3 min"; the two units that matter. */
export function duration(seconds: number): string {
  if (seconds < 0) return "";
  const steps: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const at = steps.findIndex(([unit]) => seconds >= unit);
  if (at < 0) return "0 s";
  const [unit, name] = steps[at]!;
  const next = steps[at + 1];
  const rest = next === undefined ? 0 : Math.floor((seconds % unit) / next[0]);
  const head = `${Math.floor(seconds / unit)} ${name}`;
  return rest > 0 && at < 2 ? `${head} ${rest} ${next![1]}` : head;
}

/** "45.2 %"; 100 only when nothing is missing. */
export function percent(part: number): string {
  if (part >= 1) return "100 %";
  return `${(Math.floor(part * 1000) / 10).toFixed(1)} %`;
}

export function ratio(value: number): string {
  return value < 0 ? "–" : value.toFixed(2);
}
