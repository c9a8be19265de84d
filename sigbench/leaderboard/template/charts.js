// The charts: quality against calls and against time, and those of the sections.
"use strict";

function tips(row) {
  const { cell, made } = row;
  return {
    value_text: numbers.interval(row.value, row.low, row.high).join(" "), rank: row.rankText,
    floor_text: row.floor ? numbers.interval(...row.floor).join(" ") : "–",
    time_text: row.seconds === null ? "–" : numbers.duration(row.seconds),
    efficiency: cell.e === null ? "–" : numbers.digits(cell.e), memory: cell.mb === null ? "–" : `${numbers.digits(cell.mb)} MB`,
    size: `${board().samples} × ${cell.r}`, versions: `sigbench ${made.sigbench}, torch ${made.torch}`,
    machine: `${made.machine}, ${made.dtype}`, date: cell.d, key: cell.k,
  };
}

function chartRow(row, scale, better) {
  const flat = (value) => (value === null ? null : better === "zero" ? Math.abs(value) : value);
  let [low, high] = row.low === null || row.high === null ? [row.value, row.value] : [row.low, row.high];
  if (better === "zero") [low, high] = measures.turned(low, high, better);
  return { sampler: row.sampler, family: row.family, grid: row.grid, steps: row.steps, NFE: row.NFE, entry: row.entry,
    standing: row.standing, seconds: row.seconds, value: flat(row.value), low, high, colour: colourOf(row.sampler),
    shape: styleOf(row.sampler)[2], ...tips(row) };
}

function keepPositive(rows, floor, scale) {
  if (scale !== "log") return rows;
  const positive = rows.concat(floor).map((row) => row.value).filter((value) => value > 0);
  const least = positive.length ? Math.min(...positive) / 2 : 1e-9;
  // A log axis shows no zero: what reaches it is cut half below the least value.
  for (const row of rows.concat(floor)) for (const field of ["value", "low", "high"]) row[field] = Math.max(row[field], least);
  return rows;
}

const ink = () => {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
};
const drawn = {};

const ticks = (values) => `"values":${JSON.stringify(values)}`;
const ticksFor = (values) => {
  const known = values.filter((value) => value > 0);
  return known.length ? measures.logTicks(Math.min(...known), Math.max(...known)) : [];
};

async function embed(id, spec, datasets, title) {
  const copy = JSON.parse(JSON.stringify(spec).replaceAll('"METRIC"', () => JSON.stringify(title))
    .replaceAll('"values":[-1]', ticks(ticksFor(datasets.rows.map((row) => row.NFE))))
    .replaceAll('"values":[-2]', ticks(ticksFor([...datasets.rows, ...datasets.floor].flatMap((row) => [row.low, row.value, row.high]))))
    .replaceAll('"values":[-3]', ticks(ticksFor(datasets.rows.map((row) => row.seconds)))));
  copy.datasets = datasets;
  await show(id, copy);
}

async function show(id, copy) {
  const colour = ink(), place = byId(id);
  copy.background = "transparent";
  copy.config = {
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", view: { stroke: null },
    axis: { labelColor: colour("--muted"), titleColor: colour("--muted"), gridColor: colour("--line"), domainColor: colour("--line"),
      tickColor: colour("--line"), labelFontSize: 11, titleFontSize: 12, titleFontWeight: 400 },
    legend: { labelColor: colour("--ink"), labelFontSize: 11 },
  };
  const turn = (drawn[id] = (drawn[id] || 0) + 1);
  if (place.finish) place.finish();
  place.finish = null;
  const result = await vegaEmbed(place, copy, { actions: false, renderer: "svg", tooltip: { theme: "custom" } });
  if (turn === drawn[id]) place.finish = () => result.finalize(); else result.finalize();
}

function drawSections() {
  data.sections.forEach((section, number) => {
    if (section.task === task().name) section.charts.forEach((spec, index) => show(`study-${number}-${index}`, JSON.parse(JSON.stringify(spec))));
  });
}

function drawCharts(rows) {
  const m = metric(), entries = new Map();
  for (const row of rows) if (row.value !== null && !entries.has(row.sampler)) entries.set(row.sampler, row);
  byId("legend").replaceChildren(...[...entries.values()].sort((a, b) => styleOf(a.sampler)[3] - styleOf(b.sampler)[3]).map((row) =>
    make("button", { type: "button", class: "chip", "aria-pressed": String(!state.hidden.has(row.sampler)), onclick: () => {
      if (!state.hidden.delete(row.sampler)) state.hidden.add(row.sampler);
      drawCharts(rows);
    } }, dot(row), row.sampler)));
  const alive = rows.filter((row) => row.value !== null && !state.hidden.has(row.sampler));
  const machines = [...new Set(alive.filter((row) => row.seconds !== null).map((row) => row.machine))];
  const usual = machines.map((name) => [alive.filter((row) => row.machine === name).length, name]).sort((a, b) => b[0] - a[0]);
  if (!machines.includes(state.machine)) state.machine = usual.length ? usual[0][1] : "";
  fill(byId("machine"), machines.map((name) => [name, name]), state.machine);
  byId("machine-label").hidden = !machines.length;
  if (!alive.length || !m) {
    for (const id of ["quality", "pareto"]) {
      if (byId(id).finish) byId(id).finish();
      byId(id).finish = null;
      drawn[id] = (drawn[id] || 0) + 1;
      byId(id).replaceChildren(make("p", {}, "Nothing to draw: no cell that is shown has this metric."));
    }
    return;
  }
  const scale = m.better === "higher" ? "linear" : "log", title = m.better === "zero" ? `|${m.name}|` : m.name;
  const floorOf = () => {
    let [low, high] = m.floor[1] === null ? [m.floor[0], m.floor[0]] : [m.floor[1], m.floor[2]];
    if (m.better === "zero") [low, high] = measures.turned(low, high, m.better);
    return [{ value: m.better === "zero" ? Math.abs(m.floor[0]) : m.floor[0], low, high, label: "floor: exact draws of the truth" }];
  };
  const draw1 = (kept, name) => {
    const floor = floorOf(), points = keepPositive(kept.map((row) => chartRow(row, scale, m.better)), floor, scale);
    const best = measures.front(points.filter((point) => point.seconds !== null), m.better);
    const datasets = name === "quality" ? { rows: points, floor } : { rows: points, floor, front: best };
    embed(name, data.charts[`${name}-${scale}`], datasets, title);
  };
  draw1(alive, "quality");
  draw1(alive.filter((row) => row.seconds !== null && row.machine === state.machine), "pareto");
}
