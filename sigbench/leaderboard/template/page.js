// The page: the controls, the tabs, and what a choice draws again.
"use strict";

function drawControls() {
  const b = board(), grids = [...new Set(b.cells.map((cell) => cell.g))].sort();
  if (!b.metrics.some((m) => m.name === state.metric)) state.metric = b.metrics.length ? b.metrics[0].name : "";
  if (state.grid !== "best" && state.grid !== "" && !grids.includes(state.grid)) state.grid = b.mainGrid;
  fill(byId("metric"), b.metrics.map((m) => [m.name, m.name]), state.metric);
  fill(byId("board"), task().boards.map((each, i) => [i, each.title]), state.board);
  byId("board-label").hidden = task().boards.length < 2;
  fill(byId("grid"), [...grids.map((g) => [g, g]), ["best", "each at its best"], ["", "all"]], state.grid);
  const calls = [...new Set(b.cells.map((cell) => cell.c).filter((c) => c !== null))].sort((x, y) => x - y);
  if (!calls.includes(Number(state.budget))) state.budget = "";
  fill(byId("budget"), [["", "any"], ...calls.map((c) => [c, c])], state.budget);
  const families = [...new Set(b.cells.map((cell) => cell.f))].sort();
  byId("families").replaceChildren(make("legend", {}, "Family"), ...families.map((family) =>
    make("button", { type: "button", class: "chip", "aria-pressed": String(!state.families.size || state.families.has(family)),
      onclick: () => {
        if (!state.families.size) families.forEach((each) => state.families.add(each));
        if (!state.families.delete(family)) state.families.add(family);
        if (!state.families.size || state.families.size === families.length) state.families.clear();
        draw();
      } }, family)));
  const m = metric();
  byId("summary").textContent = b.description + (m ? ` ${m.name}: ${m.method}; n = ${m.n}; ${
    { lower: "lower is better", higher: "higher is better", zero: "0 is best" }[m.better]}.` : "");
}

function draw(onlyTables = false) {
  drawControls();
  const rows = chosenRows();
  drawTable(rows);
  drawReach(rows);
  if (!onlyTables) drawCharts(rows);
}

// Charts take their colours from the page's, and are drawn again where these change.
function drawAgain() {
  if (board()) drawCharts(chosenRows());
  drawSections();
}

function chooseBoard(index) {
  state.board = index;
  Object.assign(state, { metric: "", grid: board().mainGrid, budget: "", q: null, all: false, machine: "" });
  state.families.clear();
  state.open.clear();
}

function chooseTask(index) {
  state.task = index;
  state.hidden.clear();
  if (task().boards.length) chooseBoard(0); else state.board = 0;
  document.querySelectorAll("[role=tab]").forEach((tab) => {
    const chosen = Number(tab.dataset.task) === index;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  });
  document.querySelectorAll("[data-of]").forEach((part) => { part.hidden = part.dataset.of !== task().name; });
  document.querySelectorAll("[data-board]").forEach((part) => { part.hidden = !board(); });
  byId("title").textContent = task().title;
  byId("summary").textContent = "";
  if (board()) draw();
  drawSections();
}

function applyTheme(theme) {
  state.theme = theme;
  if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
  byId("theme").textContent = { "": "◐", light: "☀", dark: "☾" }[theme];
  try { localStorage.setItem("sigbench-theme", theme); } catch { /* a page from disk may have no storage */ }
}

function listen() {
  const on = (id, event, act) => byId(id).addEventListener(event, act);
  on("metric", "change", (event) => { state.metric = event.target.value; state.q = null; draw(); });
  on("board", "change", (event) => { chooseBoard(Number(event.target.value)); draw(); });
  on("grid", "change", (event) => { state.grid = event.target.value; draw(); });
  on("budget", "change", (event) => { state.budget = event.target.value; draw(); });
  on("trained", "change", (event) => { state.trained = event.target.value; draw(); });
  on("find", "input", (event) => { state.find = event.target.value; draw(); });
  on("machine", "change", (event) => { state.machine = event.target.value; draw(); });
  on("reach", "input", (event) => { const q = Number(event.target.value); if (event.target.value && Number.isFinite(q)) { state.q = q; drawReach(chosenRows()); } });
  on("more", "click", () => { state.all = true; draw(true); });
  on("theme", "click", () => { applyTheme({ "": "light", light: "dark", dark: "" }[state.theme]); drawAgain(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAgain);
  document.querySelectorAll("[role=tab]").forEach((tab) => {
    const index = Number(tab.dataset.task);
    tab.addEventListener("click", () => { history.replaceState(null, "", `#${encodeURIComponent(data.tasks[index].name)}`); chooseTask(index); });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) document.querySelectorAll("[role=tab]")[(index + step + data.tasks.length) % data.tasks.length].click();
      if (step) document.querySelector("[aria-selected=true]").focus();
    });
  });
}

let theme = "";
try { theme = localStorage.getItem("sigbench-theme") || ""; } catch { /* as above */ }
applyTheme(["light", "dark"].includes(theme) ? theme : "");
if (data.tasks.length) {
  listen();
  const linked = data.tasks.findIndex((each) => `#${encodeURIComponent(each.name)}` === location.hash);
  chooseTask(Math.max(0, linked));
} else {
  document.querySelectorAll("main > section, main > .controls").forEach((part) => { part.hidden = true; });
}
