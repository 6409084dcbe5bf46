/** The last minutes of both rates, for all torrents together. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { rate } from "./format.ts";
import type { State } from "./state.ts";

const HEIGHT_PX = 120;
/** A shorter axis would show fractions of a second. */
const SPAN_SECONDS_MIN = 60;

export function SpeedGraph({ history }: Pick<State, "history">) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  useEffect(() => {
    const element = box.current!;
    const made = new uPlot(optionsOf(element), [[], [], []], element);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => {
    const [times, down, up] = history;
    plot.current?.setData([[...times], [...down], [...up]]);
  }, [history]);
  return (
    <figure class="graph">
      <figcaption>
        <span class="down">Download</span> <span class="up">Upload</span>
      </figcaption>
      <div ref={box} />
    </figure>
  );
}

/** Colours are read when they are drawn, so that the graph follows the theme. */
function optionsOf(element: HTMLElement): uPlot.Options {
  const colour = (name: string) => () => getComputedStyle(element).getPropertyValue(name).trim();
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 } };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { range: (_plot, first, last) => [Math.min(first, last - SPAN_SECONDS_MIN), last] },
      y: { range: (_plot, _low, high) => [0, Math.max(high, 1_000) * 1.1] },
    },
    axes: [
      { ...axis, size: 28 },
      { ...axis, size: 76, values: (_plot, ticks) => ticks.map((tick) => rate(tick) || "0") },
    ],
    series: [
      {},
      { stroke: colour("--leech"), width: 1.5, points: { show: false } },
      { stroke: colour("--seed"), width: 1.5, points: { show: false } },
    ],
  };
}
