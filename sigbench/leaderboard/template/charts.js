// The charts: quality against calls, a panel for each family, and against time; and those of the sections.
"use strict";

function tips(row) {
  const { cell, made } = row;
  return {
    value_text: numbers.interval(row.value, row.low, row.high).join(" "),
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
    standing: row.standing, teacher: row.cell.te, seconds: row.seconds, value: flat(row.value), low, high, colour: colourOf(row.sampler),
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

const drawn = {};

const ticks = (values) => `"values":${JSON.stringify(values)}`;
const ticksFor = (values) => {
  const known = values.filter((value) => value > 0);
  return known.length ? measures.logTicks(Math.min(...known), Math.max(...known)) : [];
};

async function embed(id, spec, datasets, title) {
  const copy = JSON.parse(JSON.stringify(spec).replaceAll('"METRIC"', () => JSON.stringify(title))
    .replaceAll('"values":[-1]', ticks(ticksFor((datasets.span || []).map((row) => row.NFE))))
    .replaceAll('"values":[-2]', ticks(ticksFor(datasets.span ? datasets.span.map((row) => row.value) :
      [...datasets.rows, ...datasets.floor].flatMap((row) => [row.low, row.value, row.high]))))
    .replaceAll('"values":[-3]', ticks(ticksFor(datasets.rows.map((row) => row.seconds)))));
  copy.datasets = datasets;
  copy.layer = copy.layer.filter((layer) => datasets[layer.data.name].length);  // Vega warns of layers without data
  await show(id, copy);
}

// The library that draws, unpacked once, when the first chart is asked for.
let unpacking = null;
function library() {
  unpacking = unpacking || unpacked("library").then((text) => document.head.append(make("script", {}, text)));
  return unpacking;
}

async function show(id, copy) {
  const place = byId(id), muted = "var(--muted)", line = "var(--line)";  // SVG takes the page's colours, in print too
  copy.background = "transparent";
  copy.config = {
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", view: { stroke: null },
    axis: { labelColor: muted, titleColor: muted, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 11,
      titleFontSize: 12, titleFontWeight: 400 },
    legend: { labelColor: "var(--ink)", labelFontSize: 11 },
  };
  const turn = (drawn[id] = (drawn[id] || 0) + 1);
  finish(place);
  await library();
  if (turn !== drawn[id]) return;
  const result = await vegaEmbed(place, copy, { actions: false, renderer: "svg", tooltip: { theme: "custom" } });
  if (turn === drawn[id]) place.finish = () => result.finalize(); else result.finalize();
}

function finish(place) {
  if (place.finish) place.finish();
  place.finish = null;
}

// The rows of a table of the data of sections, which stands in columns.
function rowsOf(place) {
  const { n, columns } = data.tables[place], names = Object.keys(columns);
  const at = (column, i) => (Array.isArray(column) ? column[i] : column.of[column.at[i]]);
  return Array.from({ length: n }, (_, i) => Object.fromEntries(names.map((name) => [name, at(columns[name], i)])));
}

function withData(spec) {
  if (Array.isArray(spec)) return spec.map(withData);
  if (spec === null || typeof spec !== "object") return spec;
  return Object.fromEntries(Object.entries(spec).map(([key, value]) =>
    [key, key === "data" && value && Number.isInteger(value.table) ? { values: rowsOf(value.table) } : withData(value)]));
}

function drawSections() {
  data.sections.forEach((section, number) => {
    if (section.task === task().name) section.charts.forEach((spec, index) => show(`study-${number}-${index}`, withData(spec)));
  });
}

// The samplers that charts leave out at first: twins of others, and those that a family holds beyond what can be told apart.
function foldAtFirst() {
  const b = board();
  state.hidden = new Set([...Object.keys(b.twins), ...b.behind]);
  byId("folded").textContent = b.folded;
  byId("behind").textContent = b.behind.length ? `Left out at first, as a family shows its best eight: ${b.behind.join(", ")}.` : "";
}

function drawLegend(rows) {
  const families = new Map();
  for (const row of rows) if (row.value !== null) families.set(row.family, (families.get(row.family) || new Set()).add(row.sampler));
  const sorted = (names) => [...names].sort((a, b) => styleOf(a)[3] - styleOf(b)[3]);
  byId("legend").replaceChildren(...[...families.keys()].sort().map((family) => make("div", {}, make("b", {}, family),
    ...sorted(families.get(family)).map((name) => make("button", { type: "button", class: "chip", "aria-pressed": String(!state.hidden.has(name)),
      title: Object.hasOwn(board().twins, name) ? `a twin of ${board().twins[name]}` : null, onclick: () => {
        if (!state.hidden.delete(name)) state.hidden.add(name);
        drawCharts(rows);
      } }, dot(name), name)))));
}

function nothing(id) {
  finish(byId(id));
  drawn[id] = (drawn[id] || 0) + 1;
  byId(id).replaceChildren(make("p", {}, "Nothing to draw: no cell that is shown has this metric."));
}

function drawCharts(rows) {
  const m = metric();
  drawLegend(rows);
  const alive = rows.filter((row) => row.value !== null && !state.hidden.has(row.sampler));
  const machines = [...new Set(alive.filter((row) => row.seconds !== null).map((row) => row.machine))];
  const usual = machines.map((name) => [alive.filter((row) => row.machine === name).length, name]).sort((a, b) => b[0] - a[0]);
  if (!machines.includes(state.machine)) state.machine = usual.length ? usual[0][1] : "";
  fill(byId("machine"), machines.map((name) => [name, name]), state.machine);
  byId("machine-label").hidden = !machines.length;
  byId("quality").querySelectorAll(".chart").forEach(finish);
  byId("quality").replaceChildren();
  if (!alive.length || !m) {
    byId("quality").append(make("p", {}, "Nothing to draw: no cell that is shown has this metric."));
    nothing("pareto");
    return;
  }
  const scale = m.better === "higher" ? "linear" : "log", title = m.better === "zero" ? `|${m.name}|` : m.name;
  const floorOf = () => {
    let [low, high] = m.floor[1] === null ? [m.floor[0], m.floor[0]] : [m.floor[1], m.floor[2]];
    if (m.better === "zero") [low, high] = measures.turned(low, high, m.better);
    return [{ value: m.better === "zero" ? Math.abs(m.floor[0]) : m.floor[0], low, high, label: "floor: exact draws of the truth" }];
  };
  drawQuality(alive, m, scale, title, floorOf());
  const timed = alive.filter((row) => row.seconds !== null && row.machine === state.machine), floor = floorOf();
  const points = keepPositive(timed.map((row) => chartRow(row, scale, m.better)), floor, scale);
  embed("pareto", data.charts[`pareto-${scale}`], { rows: points, floor, front: measures.front(points, m.better) }, title);
}

// A panel a family, all on the same axes; a task's teacher is a level in all of them, and stretches none.
function drawQuality(alive, m, scale, title, floor) {
  const points = keepPositive(alive.map((row) => chartRow(row, scale, m.better)), floor, scale);
  const curves = points.filter((point) => point.NFE && !point.teacher), families = [...new Set(curves.map((point) => point.family))].sort();
  const teacher = points.filter((point) => point.teacher && ["measured", "reproduced"].includes(point.standing)).slice(0, 1);
  byId("levels").textContent = teacher.length ? `Dotted: ${teacher[0].sampler}, ${teacher[0].NFE} calls.` : "";
  // The best of all families with no more calls than these.
  const worth = (point) => measures.score(point.value, m.better), best = [];
  for (const point of [...curves].sort((a, b) => a.NFE - b.NFE || worth(a) - worth(b)))
    if (!best.length || worth(point) < worth(best.at(-1))) best.push({ NFE: point.NFE, value: point.value });
  const ends = (values) => [Math.min(...values), Math.max(...values)], calls = ends(curves.map((point) => point.NFE));
  const values = ends([...curves, ...floor].flatMap((point) => [point.low, point.value, point.high]).concat(teacher.map((level) => level.value)));
  const span = calls.map((NFE, i) => ({ NFE, value: values[i] }));
  byId("quality").append(...families.map((family, i) => make("figure", {}, make("figcaption", {}, make("h3", {}, family)), make("div", { id: `quality-${i}`, class: "chart" }))));
  if (!families.length) byId("quality").append(make("p", {}, "Nothing to draw against network calls."));
  families.forEach((family, i) => embed(`quality-${i}`, data.charts[`quality-${scale}`], {
    rows: curves.filter((point) => point.family === family), floor, teacher, span,
    best: families.length > 1 ? [...best, { NFE: calls[1], value: best.at(-1).value }] : [] }, title));
}
