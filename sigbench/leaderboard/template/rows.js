// What the page shows: its data, what the controls choose of it, and the rows that tables and charts share.
// Everything that came from a record enters the document as text (textContent or an attribute), never as markup.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const state = { task: 0, board: 0, metric: "", grid: "", budget: "", trained: "", find: "", families: new Set(),
  hidden: new Set(), sort: "rank", descending: false, all: false, open: new Set(), machine: "", q: null, theme: "" };
const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

const task = () => data.tasks[state.task];
const board = () => task().boards[state.board];
const metric = () => board().metrics.find((m) => m.name === state.metric) || board().metrics[0];

// How a sampler is drawn, [name, colour, shape], and its place among the samplers of the task.
const samplersOf = new Map(data.tasks.map((each) => [each, new Map(each.samplers.map((sampler, i) => [sampler[0], [...sampler, i]]))]));
const styleOf = (sampler) => samplersOf.get(task()).get(sampler);
const colourOf = (sampler) => styleOf(sampler)[1];

function fill(select, options, value) {
  select.replaceChildren(...options.map(([key, text]) => make("option", { value: key }, text)));
  select.value = value;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const dot = (row) => {
  const [, colour, shape] = styleOf(row.sampler);
  return svg("svg", { class: "dot", viewBox: "-7 -7 14 14", "aria-hidden": "true" }, svg("path", { d: data.shapes[shape], fill: colour }));
};

// A record of the page as the flat row that tables and charts need, under the metric that is chosen.
function rowOf(cell, m) {
  const made = data.makes[cell.p], values = Object.hasOwn(cell.m, m.name) ? cell.m[m.name] : null;
  const floor = values ? data.floors[values[4]] : null;
  return {
    cell, made, sampler: cell.s, family: cell.f, grid: cell.g, steps: cell.n, NFE: cell.c, standing: cell.b,
    ranked: cell.b === "measured" || cell.b === "reproduced",
    value: values ? values[0] : null, low: values ? values[1] : null, high: values ? values[2] : null,
    atFloor: values ? values[3] : false, floor, status: cell.x, seconds: cell.t ? cell.t[0] : null,
    machine: made.machine, entry: [cell.s, state.grid === "best" ? "" : cell.g, made.dtype, cell.b].join(" · "),
  };
}

function chosenRows() {
  const m = metric(), find = state.find.trim().toLowerCase();
  let rows = board().cells.map((cell) => rowOf(cell, m));
  if (state.grid === "best") {
    const best = new Map();
    for (const row of rows) {
      const worth = row.value === null ? Infinity : measures.turned(row.value, row.value, m.better)[0];
      const at = [row.sampler, row.steps, row.made.dtype, row.standing].join(" · ");
      if (!best.has(at) || worth < best.get(at)[0]) best.set(at, [worth, row]);
    }
    rows = [...best.values()].map((pair) => pair[1]);
  } else if (state.grid) rows = rows.filter((row) => row.grid === state.grid);
  rows = rows.filter((row) =>
    (!state.families.size || state.families.has(row.family)) &&
    (!state.budget || (row.NFE !== null && row.NFE <= Number(state.budget))) &&
    (!state.trained || (state.trained === "yes") === row.cell.tr) &&
    (!find || [row.sampler, row.grid, row.family, row.status, row.standing, row.cell.k].some((text) => text.toLowerCase().includes(find))));
  measures.ranks(rows, m.better).forEach((rank, i) => { rows[i].rank = rank; });
  const shared = new Map();
  for (const row of rows) shared.set(row.rank, (shared.get(row.rank) || 0) + 1);
  for (const row of rows) row.rankText = row.rank === null ? "–" : (shared.get(row.rank) > 1 ? "=" : "") + row.rank;
  return rows;
}
