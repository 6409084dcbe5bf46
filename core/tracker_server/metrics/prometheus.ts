/** Metrics as text for Prometheus, format 0.0.4. */

export interface Sample {
  /** Of a histogram's parts: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** One metric with all its samples. */
export interface MetricFamily {
  readonly name: string;
  /** One line. */
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly Sample[];
}

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The text that a scrape of `/metrics` gets. */
export function formatMetrics(families: readonly MetricFamily[]): string {
  return families.map(({ name, help, type, samples }) => {
    const lines = samples.map(({ suffix = "", labels, value }) =>
      `${name}${suffix}${formatLabels(labels)} ${value}\n`
    );
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
  }).join("");
}

function formatLabels(labels: Sample["labels"]): string {
  if (labels.length === 0) return "";
  return `{${labels.map(([name, value]) => `${name}="${escapeValue(value)}"`).join(",")}}`;
}

function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
