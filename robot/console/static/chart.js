// Charts with uPlot, in the colours of the page, as wide as their place.

import uPlot from "/static/uplot/uPlot.esm.js";
import { h, when } from "/static/dom.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const COLOURS = ["series-1", "series-2", "series-3", "series-4", "series-5", "series-6"];
// An outcome has the colour that it has elsewhere, as long as no other one has it in the same chart.
const WANTED = {
  callback: 0, interested: 1, completed: 1, transferred: 1, "not interested": 2, "hung up": 2, voicemail: 3, "voicemail left": 3,
  failed: 4, "do not call": 4, rejected: 4, "no answer": 5, busy: 5,
};

function coloursOf(names) {
  const free = new Set(COLOURS), given = new Map();
  for (const name of names) {
    const wanted = COLOURS[WANTED[name]];
    if (free.delete(wanted)) given.set(name, wanted);
  }
  for (const name of names) {
    if (given.has(name)) continue;
    const [next] = free;
    free.delete(next);
    given.set(name, next);
  }
  return (name) => colour(given.get(name));
}
const MINUTES_S = 300;
const FONT = "12px system-ui, sans-serif";

const two = (value) => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Of ticks `apart` seconds: the day where one begins, the time of the day elsewhere. */
function told(at, apart) {
  const time = new Date(at * 1000), midnight = !time.getHours() && !time.getMinutes();
  if (apart >= 86_400 || midnight) return `${time.getDate()} ${MONTHS[time.getMonth()]}`;
  return `${two(time.getHours())}:${two(time.getMinutes())}${apart < 60 ? `:${two(time.getSeconds())}` : ""}`;
}

function axes(unit) {
  const look = { stroke: colour("muted"), font: FONT, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  return [{ ...look, grid: { show: false }, space: 64, values: (_, ticks, __, ___, apart) => ticks.map((tick) => told(tick, apart)) }, { ...look, size: 56, values: (_, ticks) => ticks.map((tick) => `${tick.toLocaleString("en")}${unit}`) }];
}

/** A chart that is drawn again when its place or the colours change. `draw(width)` makes a uPlot. */
class Chart {
  constructor(place, draw) {
    this._draw = () => {
      this._plot?.destroy();
      this._plot = place.clientWidth ? draw(place.clientWidth) : null;
    };
    this._sizes = new ResizeObserver(() => this._plot ? this._plot.setSize({ width: place.clientWidth, height: this._plot.height }) : this._draw());
    this._sizes.observe(place);
    this._dark = matchMedia("(prefers-color-scheme: dark)");
    this._dark.addEventListener("change", this._draw);
    this._draw();
  }

  setData(data) { this._plot?.setData(data); }

  destroy() {
    this._sizes.disconnect();
    this._dark.removeEventListener("change", this._draw);
    this._plot?.destroy();
  }
}

/** Columns on top of each other. series: [name, counts], the lowest first. */
export function stacked(place, times, series, step) {
  const sums = times.map(() => 0);
  const of = coloursOf(series.map(([name]) => name));
  const stack = series.map(([, counts]) => counts.map((value, at) => (sums[at] += value)));
  return new Chart(place, (width) => new uPlot({
    width, height: 300, cursor: { points: { show: false } }, legend: { live: true },
    scales: { x: { range: (_, low, high) => [low - step, high + step] }, y: { range: (_, __, high) => [0, Math.max(4, high * 1.05)] } },
    axes: axes(""),
    // The highest is drawn first, so that the others stand in front of it.
    series: [{ value: (_, at) => at === null ? "" : when(new Date(at * 1000).toISOString()) }, ...series.map(([name, counts]) => ({
      label: name, fill: () => of(name), stroke: () => of(name), width: 0, points: { show: false },
      paths: uPlot.paths.bars({ size: [0.8, 40] }), value: (_, __, ___, index) => index === null ? "" : counts[index].toLocaleString("en"),
    })).reverse()],
  }, [times, ...stack.toReversed()], place));
}

/** Lines over the last minutes. */
export function lines(place, names, data, unit) {
  return new Chart(place, (width) => new uPlot({
    width, height: 160, cursor: { points: { size: 6 } }, axes: axes(unit),
    scales: { x: { range: (_, __, last) => [(last ?? 0) - MINUTES_S, last ?? 0] }, y: { range: (_, __, high) => [0, Math.max(10, (high ?? 0) * 1.15)] } },
    series: [{ value: (_, at) => at === null ? "" : when(new Date(at * 1000).toISOString()) }, ...names.map((name, at) => ({
      label: name, stroke: colour(COLOURS[at]), width: 2, points: { show: false },
      value: (_, value) => value === null || value === undefined ? "" : `${value.toLocaleString("en")}${unit}`,
    }))],
  }, data(), place));
}

/** What a screen reader is told in the place of a chart. */
export const chartPlace = (label) => h("div", { class: "chart", role: "img", "aria-label": label });
