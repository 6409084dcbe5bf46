/** Parsing and printing of the benchmarks' numbers: sizes, medians, tables. */

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1 << 10, M: 1 << 20, G: 1 << 30 };

/** Bytes of "64K", "16M", "1G" (powers of 1,024) or a plain number. */
export function readSize(text: string): number {
  const match = text.match(/^(\d+)([KMG]?)$/);
  if (match === null) throw new Error(`${text} is not a size such as 64K, 16M or 1G`);
  return Number(match[1]) * UNITS[match[2]!]!;
}

/** The middle value; the mean of the two in the middle when there is an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Rows of cells as aligned lines: the first column left-aligned, the others right-aligned. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
    ).join("  ");
  return rows.map(line).join("\n");
}
