// What the page shows: its data, what the controls choose of it, and the rows that tables and charts share.
// Everything that came from a record enters the document as text (textContent or an attribute), never as markup.
"use strict";

let data = null;
const state = { task: -1, board: 0, view: "calls", metric: "", calls: null, grid: "best", budget: "", trained: "", find: "",
  families: new Set(), hidden: new Set(), sort: "NFE", descending: false, all: false, open: new Set(), machine: "", q: null, theme: "" };
const byId = (id) => document.getElementById(id);

// What lies in the page deflated and in base64, as text.
async function unpacked(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}

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
const blocks = () => (metric() && Object.hasOwn(board().blocks, metric().name) ? board().blocks[metric().name] : []);

// How a sampler is drawn, [name, colour, shape], and its place among the samplers of the task.
const samplersOf = new Map();
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

const dot = (sampler) => {
  const [, colour, shape] = styleOf(sampler);
  return svg("svg", { class: "dot", viewBox: "-7 -7 14 14", "aria-hidden": "true" }, svg("path", { d: data.shapes[shape], fill: colour }));
};

// A record of the page as the flat row that tables and charts need, under the metric that is chosen.
function rowOf(cell, m) {
  const made = data.makes[cell.p], values = m && Object.hasOwn(cell.m, m.name) ? cell.m[m.name] : null;
  return {
    cell, made, sampler: cell.s, family: cell.f, grid: cell.g, steps: cell.n, NFE: cell.c, standing: cell.b,
    value: values ? values[0] : null, low: values ? values[1] : null, high: values ? values[2] : null,
    floorMark: values ? values[3] : "", floor: values ? data.floors[values[4]] : null, status: cell.x,
    seconds: cell.t ? cell.t[0] : null, machine: made.machine,
    entry: [cell.s, state.grid === "best" ? "" : cell.g, state.grid === "best" ? "" : made.dtype, cell.b].join(" · "),
  };
}

// The rows of the blocks of a metric: cells with what Python found of them. {row, mark, ranks, p, reason}
function placed(block) {
  return block[1].map(([place, ...found]) => {
    const row = rowOf(board().cells[place], metric());
    if (found.length === 1) return { row, mark: "", ranks: "–", p: null, reason: data.reasons[found[0]] };
    const [mark, first, last, p] = found;
    return { row, mark: data.marks[mark][0], sign: data.marks[mark][1], ranks: first === last ? `${first}` : `${first}–${last}`, p, reason: "" };
  });
}

function chosenRows() {
  const m = metric(), find = state.find.trim().toLowerCase();
  let cells = board().cells;
  if (state.grid === "best") {
    const best = new Set(blocks().flatMap((block) => block[1].map((row) => row[0])));
    cells = cells.filter((_, place) => best.has(place));
  } else if (state.grid) cells = cells.filter((cell) => cell.g === state.grid);
  return cells.map((cell) => rowOf(cell, m)).filter((row) =>
    (!state.families.size || state.families.has(row.family)) &&
    (!state.budget || (row.NFE !== null && row.NFE <= Number(state.budget))) &&
    (!state.trained || (state.trained === "yes") === row.cell.tr) &&
    (!find || [row.sampler, row.grid, row.family, row.status, row.standing, row.cell.k].some((text) => text.toLowerCase().includes(find))));
}
