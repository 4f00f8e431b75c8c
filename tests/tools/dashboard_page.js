// Draws PANELS (see dashboard_page.py) on Grafana's grid: 24 columns, rows of 30 pixels with 8 between them.
"use strict";

const COLOURS = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642"];
const ROW = 38, GAP = 8, WIDTH = 1440;

const scaled = (value, base, names) => {
  let step = 0;
  for (; Math.abs(value) >= base && step < names.length - 1; step += 1) value /= base;
  return `${+value.toPrecision(3)} ${names[step]}`.trim();
};

const seconds = (value) => {
  if (value === 0) return "0 s";
  if (Math.abs(value) < 1e-3) return `${+(value * 1e6).toPrecision(3)} µs`;
  if (Math.abs(value) < 1) return `${+(value * 1e3).toPrecision(3)} ms`;
  return value < 120 ? `${+value.toPrecision(3)} s` : value < 7200 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
};

const UNITS = {
  bytes: (value) => scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]),
  percentunit: (value) => `${+(100 * value).toPrecision(3)} %`,
  reqps: (value) => `${+value.toPrecision(3)} req/s`,
  s: seconds,
  celsius: (value) => `${+value.toPrecision(3)} °C`,
  currencyUSD: (value) => `$${value.toFixed(2)}`,
  bool_yes_no: (value) => (value ? "Yes" : "No"),
  dateTimeFromNow: (value) => `${seconds(Date.now() / 1000 - value / 1000)} ago`,
  short: (value) => scaled(value, 1000, ["", "K", "Mil", "Bil"]),
};

const shown = (unit, value) => (value === null || value === undefined ? "–" : (UNITS[unit] ?? UNITS.short)(value));

const element = (tag, style, text = "") => {
  const made = document.createElement(tag);
  made.style.cssText = style;
  made.textContent = text;
  return made;
};

const stat = (box, panel) => {
  const many = panel.series.length > 1;
  const row = element("div", "display:flex;flex-wrap:wrap;gap:4px 24px;justify-content:center;align-items:center;flex:1");
  for (const one of panel.series) {
    const cell = element("div", "text-align:center");
    if (many) cell.append(element("div", "font-size:12px;color:#666", one.name));
    cell.append(element("div", `font-size:${many ? 20 : 34}px;color:#3d71d9`, shown(panel.unit, one.values.at(-1))));
    row.append(cell);
  }
  box.append(row);
};

const curves = (box, panel, width, height) => {
  const times = [...new Set(panel.series.flatMap((one) => one.times))].sort((a, b) => a - b);
  const rows = panel.series.map((one) => {
    const at = new Map(one.times.map((time, number) => [time, one.values[number]]));
    return times.map((time) => at.get(time) ?? null);
  });
  const letters = panel.series.reduce((sum, one) => sum + one.name.length + 6, 0);
  const legend = Math.min(3, Math.ceil((7 * letters) / width)) * 16 + 4;
  const drawing = element("div", "");
  box.append(drawing);
  new uPlot({
    width: width - 16, height: height - 40 - legend, legend: { show: false }, cursor: { show: false },
    scales: { y: { range: (_plot, low, high) => [Math.min(0, low ?? 0), high || 1] } },
    axes: [{ stroke: "#666" }, { stroke: "#666", size: 76, values: (_plot, marks) => marks.map((mark) => shown(panel.unit, mark)) }],
    series: [{}, ...panel.series.map((one, number) => {
      const colour = COLOURS[number % COLOURS.length];
      return { label: one.name, stroke: colour, fill: `${colour}1a`, width: 1.5, points: { show: false } };
    })],
  }, [times, ...rows], drawing);
  const names = element("div", `display:flex;flex-wrap:wrap;align-content:flex-start;align-items:flex-start;gap:2px 12px;font-size:11px;height:${legend}px;overflow:hidden`);
  panel.series.forEach((one, number) => {
    names.append(element("span", `border-left:10px solid ${COLOURS[number % COLOURS.length]};padding-left:4px`, one.name));
  });
  box.append(names);
};

document.body.style.cssText = `margin:16px;width:${WIDTH}px;background:#f4f5f5;font:14px sans-serif;color:#24292e`;
document.body.append(element("h1", "font-size:20px;font-weight:500;margin:0 0 12px", TITLE));
const grid = element("div", "position:relative");
grid.style.height = `${Math.max(...PANELS.map((panel) => panel.place.y + panel.place.h)) * ROW}px`;
document.body.append(grid);
for (const panel of PANELS) {
  const width = (panel.place.w * WIDTH) / 24 - GAP, height = panel.place.h * ROW - GAP;
  const place = `left:${(panel.place.x * WIDTH) / 24}px;top:${panel.place.y * ROW}px;width:${width}px;height:${height}px`;
  const box = element("section", `position:absolute;box-sizing:border-box;${place};background:#fff;border:1px solid #ddd;border-radius:2px;padding:6px 8px;display:flex;flex-direction:column;overflow:hidden`);
  grid.append(box);
  box.append(element("div", "font-weight:500;height:22px", panel.title));
  if (!panel.series.length) box.append(element("div", "margin:auto;color:#888", panel.note ?? "No data"));
  else if (panel.kind === "stat") stat(box, panel);
  else curves(box, panel, width, height);
}
document.title += " (drawn)";
