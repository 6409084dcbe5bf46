/** Figures and their targets, printed as one table for every benchmark or as one line of JSON. */
import { formatTable } from "./report.ts";

/** The target of a figure. */
export interface Target {
  readonly bound: "at-least" | "at-most";
  readonly value: number;
  /** The compared value; usually a ratio, which has no unit. */
  readonly measured: number;
  readonly unit: string;
}

export interface Figure {
  readonly what: string;
  /** The measured value with its unit. */
  readonly measured: string;
  /** The value it is compared with, measured in the same run. */
  readonly beside?: string;
  readonly target?: Target;
}

export function atLeast(measured: number, value: number, unit = ""): Target {
  return { bound: "at-least", value, measured, unit };
}

export function atMost(measured: number, value: number, unit = ""): Target {
  return { bound: "at-most", value, measured, unit };
}

export function isMet({ bound, value, measured }: Target): boolean {
  return bound === "at-least" ? measured >= value : measured <= value;
}

/** Prints the command that made the figures, then the figures. */
export function printFigures(title: string, figures: readonly Figure[], json = false): void {
  if (json) return console.log(JSON.stringify({ args: Deno.args, title, figures }));
  console.log(`deno task bench ${Deno.args.join(" ")}\n${title}`);
  console.log(formatTable([
    ["", "measured", "beside", "compared", "target", ""],
    ...figures.map(({ what, measured, beside = "-", target }) => [
      what,
      measured,
      beside,
      target === undefined ? "-" : `${shorten(target.measured)}${target.unit}`,
      target === undefined
        ? "-"
        : `${target.bound === "at-least" ? ">=" : "<="} ${target.value}${target.unit}`,
      target === undefined ? "" : isMet(target) ? "met" : "MISSED",
    ]),
  ]));
}

/** Three significant digits: "0.042", "1.31", "812", "2,400,000". */
export function shorten(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en", {
    minimumFractionDigits: Math.min(digits, 4),
    maximumFractionDigits: Math.min(digits, 4),
    maximumSignificantDigits: 3,
  });
}
