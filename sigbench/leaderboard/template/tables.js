// The long table with the details of each row, and the network calls that a quality takes.
"use strict";

const FIRST_ROWS = 150;

const COLUMNS = [
  ["sampler", "Sampler", "name", (row) => row.sampler],
  ["grid", "Grid", "optional", (row) => row.grid],
  ["steps", "Steps", "num optional", (row) => row.steps],
  ["NFE", "NFE", "num", (row) => (row.NFE === null ? Infinity : row.NFE)],
  ["value", "VALUE", "num", (row) => (row.value === null ? Infinity : measures.score(row.value, metric().better))],
  ["spark", "", "spark spark-cell", null],
  ["seconds", "Time a sample", "num optional", (row) => (row.seconds === null ? Infinity : row.seconds)],
  ["date", "Measured", "num optional", (row) => row.cell.d],
];

function sorted(rows) {
  const column = COLUMNS.find((each) => each[0] === state.sort) || COLUMNS[0];
  const value = COLUMNS.find((each) => each[0] === "value")[3];
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const sign = state.descending ? -1 : 1;
  return [...rows].sort((a, b) => sign * order(column[3](a), column[3](b)) || order(value(a), value(b)));
}

function spark(row, span) {
  const drawn = svg("svg", { viewBox: "0 0 150 18", preserveAspectRatio: "none", "aria-hidden": "true" });
  const add = (tag, attributes) => drawn.append(svg(tag, attributes));
  const at = (value) => 4 + 142 * Math.min(1, Math.max(0, span(value)));
  if (row.floor) add("line", { x1: at(row.floor[0]), x2: at(row.floor[0]), y1: 0, y2: 18, stroke: "#888", "stroke-dasharray": "3 2" });
  if (row.low !== null && row.high !== null)
    add("rect", { x: at(row.low), width: Math.max(1, at(row.high) - at(row.low)), y: 7, height: 4, fill: colourOf(row.sampler), opacity: 0.45 });
  if (row.value !== null) add("rect", { x: at(row.value) - 1.5, width: 3, y: 3, height: 12, rx: 1, fill: colourOf(row.sampler) });
  return drawn;
}

function spanOf(rows) {
  const m = metric();
  const values = rows.flatMap((row) => (row.value === null ? [] : [row.value])).concat(m ? [m.floor[0]] : []);
  const log = m && m.better === "lower" && values.every((value) => value > 0);
  const f = log ? (value) => Math.log(Math.max(value, Math.min(...values) / 2)) : (value) => value;
  const low = f(Math.min(...values)), high = f(Math.max(...values));
  return (value) => (high > low ? 0.03 + (0.94 * (f(value) - low)) / (high - low) : 0.5);
}

function drawTable(rows) {
  const m = metric(), head = byId("cells").tHead.rows[0];
  head.replaceChildren(...COLUMNS.map(([key, label, kind]) => {
    const text = key === "value" ? `${m ? m.name : "value"} [95 %]` : label;
    const direction = state.sort === key ? (state.descending ? "descending" : "ascending") : null;
    return make("th", { scope: "col", class: kind, "aria-sort": direction }, key === "spark" ? make("span", { class: "small muted" }, "┆ floor") :
      make("button", { type: "button", "data-sort": key, onclick: () => {
        state.descending = state.sort === key && !state.descending;
        state.sort = key;
        draw(true);
      } }, text));
  }));
  const ordered = sorted(rows), shown = state.all ? ordered : ordered.slice(0, FIRST_ROWS), span = spanOf(rows);
  byId("count").textContent = `${rows.length} of ${board().cells.length} cells`;
  const body = byId("cells").tBodies[0];
  body.replaceChildren(...shown.flatMap((row) => {
    const open = state.open.has(row.cell);
    const line = tableRow(row, span, open);
    return open ? [line, detailRow(row)] : [line];
  }));
  if (!rows.length) body.append(make("tr", {}, make("td", { colspan: COLUMNS.length, class: "empty" }, "No cell fits these choices.")));
  byId("more").hidden = shown.length === ordered.length;
  byId("more").textContent = `Show all ${ordered.length} rows`;
}

function tableRow(row, span, open) {
  const { cell } = row;
  const tags = [];
  if (row.standing !== "measured") tags.push(make("span", { class: `tag ${row.standing}` }, row.standing));
  if (row.status !== "ok") tags.push(make("span", { class: "tag bad" }, row.status));
  if (row.floorMark) tags.push(floorTag(row.floorMark));
  const value = row.value === null ? make("span", { class: "muted" }, row.status === "ok" ? "not measured" : "–") :
    withEnds(row.value, row.low, row.high);
  const toggle = () => {
    if (!state.open.delete(cell)) state.open.add(cell);
    draw(true);
  };
  const common = board().dtype === row.made.dtype ? "" : ` · ${row.made.dtype}`;
  const contents = {
    sampler: [make("button", { type: "button", "aria-expanded": String(open) }, dot(row.sampler), row.sampler),
      make("small", {}, `${row.family}${cell.tr ? " · trained" : ""}${common} `, ...tags)],
    grid: row.grid, steps: row.steps, NFE: row.NFE === null ? "–" : row.NFE, value: [value], spark: [spark(row, span)],
    seconds: row.seconds === null ? "–" : numbers.duration(row.seconds), date: cell.d.slice(0, 10),
  };
  return make("tr", { class: "row", "data-key": cell.k, onclick: toggle }, ...COLUMNS.map(([key, , kind]) =>
    make("td", { class: kind }, ...[].concat(contents[key]))));
}

const floorWords = (mark) => ({ "=": "at the floor", "!": "below the floor" })[mark] || "";
const floorTag = (mark) => make("span", { class: `tag ${mark === "=" ? "floor" : "bad"}`,
  title: mark === "=" ? "equivalent to exact draws of the truth at this number of samples" : "better than exact draws are: look for copies" }, floorWords(mark));

function withEnds(value, low, high) {
  const [text, ends] = numbers.interval(value, low, high);
  return make("span", {}, text, make("span", { class: "ends" }, ends));
}

function facts(pairs) {
  return make("dl", {}, ...pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) =>
    [make("dt", {}, name), make("dd", {}, value)]));
}

function detailRow(row) {
  const { cell, made } = row, b = board();
  const command = `${cell.q[0]} ${data.settings[cell.q[1]]}`;
  const copy = make("button", { type: "button", class: "plain", onclick: async (event) => {
    try { await navigator.clipboard.writeText(command); event.target.textContent = "Copied"; } catch { getSelection().selectAllChildren(event.target.parentNode.querySelector("pre")); }
  } }, "Copy");
  const lines = b.metrics.filter((m) => Object.hasOwn(cell.m, m.name)).map((m) => {
    const [value, low, high, floorMark, index] = cell.m[m.name], floor = data.floors[index];
    return make("tr", {}, make("td", {}, m.name), make("td", { class: "num" }, withEnds(value, low, high)),
      make("td", { class: "num" }, withEnds(...floor)), make("td", {}, floorWords(floorMark)));
  });
  const panel = make("div", { class: "facts" },
    make("div", { class: "wide" }, make("h3", {}, "The command that measures this cell again"), make("pre", {}, command), copy),
    cell.er ? make("div", { class: "wide" }, make("h3", {}, row.status), make("p", {}, cell.er)) : null,
    cell.no ? make("div", { class: "wide" }, make("h3", {}, "Note"), make("p", {}, cell.no)) : null,
    cell.re ? make("div", { class: "wide" }, make("h3", {}, row.standing), make("p", {}, cell.re)) : null,
    lines.length ? make("div", {}, make("h3", {}, "All metrics"), make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, "metric"),
      make("th", { class: "num" }, "value [95 %]"), make("th", { class: "num" }, "floor [95 %]"), make("th", {}, ""))), make("tbody", {}, ...lines))) : null,
    make("div", {}, make("h3", {}, "The cell"), facts([
      ["steps", row.steps], ["NFE", row.NFE], ["grid", row.grid], ["samples × repeats", `${b.samples} × ${cell.r}`], ["seed", b.seed],
      ["time a sample", cell.t ? numbers.duration(cell.t[0]) + (cell.t[1] === null ? "" : ` (${numbers.duration(cell.t[1])} – ${numbers.duration(cell.t[2])})`) : "–"],
      ["efficiency", cell.e === null ? null : numbers.digits(cell.e)], ["peak memory", cell.mb === null ? null : `${numbers.digits(cell.mb)} MB`],
      ["training", cell.ts === null ? null : numbers.duration(cell.ts)], ["measured", cell.d], ["key", cell.k]])),
    make("div", {}, make("h3", {}, "Versions, machine and hashes"), facts([["machine", made.machine], ["dtype", made.dtype], ["platform", made.platform],
      ["python", made.python], ["sigbench", made.sigbench], ["commit", made.git], ["packages", made.packages],
      ...made.artifacts.map(([name, hash]) => [name, hash])])));
  return make("tr", { class: "detail" }, make("td", { colspan: COLUMNS.length }, panel));
}

function drawReach(rows) {
  const m = metric();
  if (!m) return;
  const alive = rows.filter((row) => row.value !== null && row.NFE !== null);
  const slowest = alive.reduce((best, row) => (!best || row.NFE > best.NFE ? row : best), null);
  const presets = m.better === "higher" ? [["99 % of the floor", m.floor[0] * 0.99], ["90 %", m.floor[0] * 0.9]] :
    [["2 × floor", Math.abs(m.floor[0]) * 2], ["5 × floor", Math.abs(m.floor[0]) * 5], ["20 × floor", Math.abs(m.floor[0]) * 20]];
  if (slowest) presets.push([`as ${slowest.sampler}, ${slowest.steps} steps`, Math.abs(slowest.value)]);
  byId("presets").replaceChildren(...presets.map(([label, q]) =>
    make("button", { type: "button", onclick: () => { state.q = Number(q.toPrecision(3)); draw(true); } }, label)));
  if (state.q === null) state.q = Number((presets.length > 1 ? presets[1][1] : 0).toPrecision(3));
  byId("reach-name").textContent = m.better === "zero" ? `|${m.name}|` : m.name;
  if (document.activeElement !== byId("reach")) byId("reach").value = state.q;
  const q = state.q, ends = m.floor[1] === null ? [m.floor[0], m.floor[0]] : measures.turned(m.floor[1], m.floor[2], m.better);
  const within = m.better === "higher" ? -q <= ends[1] : q <= ends[1];
  byId("reach-note").hidden = !within;
  byId("reach-note").textContent = "This value lies within the floor: at this number of samples even the truth cannot be seen to reach it.";
  const curves = new Map();
  for (const row of alive) curves.set(row.entry, [...(curves.get(row.entry) || []), row]);
  const results = [...curves.values()].map((points) => ({ row: points[0], ...measures.reach(points, q, m.better),
    grids: [...new Set(points.map((point) => point.grid))].join(", ") }));
  const worth = (result) => result.at.nfe + (result.at.bound === ">" ? 1e9 : 0);
  results.sort((a, b) => worth(a) - worth(b));
  const call = (end) => (end === null ? "?" : (end.bound === "=" ? "" : end.bound === ">" ? "> " : "≤ ") + numbers.digits(end.nfe));
  byId("reached").tBodies[0].replaceChildren(...results.map((result) => make("tr", { class: result.at.bound === ">" ? "muted" : "" },
    make("td", {}, dot(result.row.sampler), " ", result.row.sampler), make("td", { class: "optional" }, result.grids), make("td", { class: "num" }, call(result.at)),
    make("td", { class: "num" }, `[${call(result.from)}, ${call(result.to)}]`))));
}
