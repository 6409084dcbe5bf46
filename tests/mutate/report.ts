/** What came of the mutants: a line for each survivor, a row for each module. */
import type { PlannedMutant } from "./plan.ts";

export interface Sums {
  readonly module: string;
  /** How many mutants the module has, tried or not. */
  readonly all: number;
  readonly killed: number;
  readonly survived: number;
  readonly equivalent: number;
}

/**
 * Lines of "path | before | after # reason", or "path function | before | after # reason"; a mutant keeps its
 * name when lines move.
 */
export function readEquivalents(text: string): Set<string> {
  return new Set(text.split("\n").map((line) => line.split(" # ")[0]!.trim()));
}

/** Whether the mutant is listed, anywhere in its file or in its function. */
export function isEquivalent(equivalents: ReadonlySet<string>, mutant: PlannedMutant): boolean {
  const { path, inside } = mutant;
  return equivalents.has(keyOf(mutant)) ||
    equivalents.has(keyOf({ ...mutant, path: `${path} ${inside}` }));
}

export function keyOf({ path, before, after }: PlannedMutant): string {
  return `${path} | ${before} | ${after}`.trim();
}

/** Killed mutants of those that are not equivalent. */
export function percent(killed: number, survived: number): string {
  const whole = killed + survived;
  return whole === 0 ? "-" : `${(100 * killed / whole).toFixed(1)} %`;
}

/** The rows of a table that `tableOf` made, without the last one. */
export function readTable(text: string): Sums[] {
  return [...text.matchAll(/^\| ((?:core|shell)\S*) +\|(.*)\|$/gm)].map(([, module, rest]) => {
    const [all, , killed, survived, equivalent] = rest!.split("|").map(Number);
    return {
      module: module!,
      all: all!,
      killed: killed!,
      survived: survived!,
      equivalent: equivalent!,
    };
  });
}

/** A Markdown table, with a row of all. */
export function tableOf(rows: readonly Sums[]): string {
  const sum = (read: (row: Sums) => number) => rows.reduce((total, row) => total + read(row), 0);
  const all: Sums = {
    module: "all",
    all: sum((row) => row.all),
    killed: sum((row) => row.killed),
    survived: sum((row) => row.survived),
    equivalent: sum((row) => row.equivalent),
  };
  const cells = [
    ["module", "mutants", "tried", "killed", "survived", "equivalent", "killed of the others"],
    ...[...rows, all].map((row) => [
      row.module,
      String(row.all),
      String(row.killed + row.survived + row.equivalent),
      String(row.killed),
      String(row.survived),
      String(row.equivalent),
      percent(row.killed, row.survived),
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lineOf = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [lineOf(cells[0]!), rule, ...cells.slice(1).map(lineOf)].join("\n");
}
