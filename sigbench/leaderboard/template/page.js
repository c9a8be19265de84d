// The page: the controls, the tabs, and what a choice draws again.
"use strict";

function drawControls() {
  const b = board(), grids = [...new Set(b.cells.map((cell) => cell.g))].sort();
  if (!b.metrics.some((m) => m.name === state.metric)) state.metric = b.metrics.length ? b.metrics[0].name : "";
  if (state.grid !== "best" && state.grid !== "" && !grids.includes(state.grid)) state.grid = "best";
  fill(byId("metric"), b.metrics.map((m) => [m.name, m.name]), state.metric);
  fill(byId("board"), task().boards.map((each, i) => [i, each.title]), state.board);
  byId("board-label").hidden = task().boards.length < 2;
  fill(byId("grid"), [["best", "each at its best"], ...grids.map((g) => [g, g]), ["", "all"]], state.grid);
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

// Draws what the view that is open shows.
function draw(onlyTables = false) {
  if (!board()) return;
  drawControls();
  if (state.view === "calls") drawFirst();
  if (state.view === "cells") drawTable(chosenRows());
  if (state.view !== "curves") return;
  drawReach(chosenRows());
  if (!onlyTables) drawCharts(chosenRows());
}

function chooseBoard(index) {
  state.board = index;
  Object.assign(state, { metric: "", calls: null, grid: "best", budget: "", q: null, all: false, machine: "" });
  state.families.clear();
  state.open.clear();
  foldAtFirst();
}

// Which tab of a list is chosen: -1 is the overview.
function choose(list, isChosen) {
  document.querySelectorAll(`${list} [role=tab]`).forEach((tab) => {
    tab.setAttribute("aria-selected", String(isChosen(tab)));
    tab.tabIndex = isChosen(tab) ? 0 : -1;
  });
}

function chooseTask(index) {
  state.task = index;
  choose("#tabs", (tab) => Number(tab.dataset.task) === index);
  byId("overview").hidden = index >= 0;
  byId("panel").hidden = index < 0;
  if (index < 0) return;
  byId("panel").setAttribute("aria-labelledby", `tab-${index}`);
  if (task().boards.length) chooseBoard(0); else state.board = 0;
  byId("title").textContent = task().title;
  byId("summary").textContent = "";
  const studied = document.querySelector(`[data-of="${CSS.escape(task().name)}"]`) !== null;
  document.querySelector("[data-view=studies]").hidden = !studied;
  document.querySelectorAll("#views [role=tab]").forEach((tab) => { if (tab.dataset.view !== "studies") tab.hidden = !board(); });
  const possible = board() ? studied || state.view !== "studies" : state.view === "studies";
  chooseView(possible ? state.view : board() ? "calls" : "studies");
}

function chooseView(view) {
  state.view = view;
  choose("#views", (tab) => tab.dataset.view === view);
  document.querySelectorAll("[data-in]").forEach((part) => {
    part.hidden = !part.dataset.in.split(" ").includes(view) || (part.dataset.board !== undefined && !board());
  });
  document.querySelectorAll("[data-of]").forEach((part) => { part.hidden = part.dataset.of !== task().name; });
  draw();
  if (view === "studies") drawSections();
}

// Where a reader is, in the page's address: #TASK or #TASK/VIEW.
function remember() {
  const name = state.task < 0 ? "" : encodeURIComponent(task().name);
  history.replaceState(null, "", `#${name}${state.task >= 0 && state.view !== "calls" ? `/${state.view}` : ""}`);
}

function go(index, view) {
  if (view) state.view = view;
  chooseTask(index);
  remember();
  scrollTo(0, 0);
}

function goToAddress() {
  const [name, view] = location.hash.slice(1).split("/");
  const index = data.tasks.findIndex((each) => encodeURIComponent(each.name) === name);
  state.view = ["curves", "studies", "cells"].includes(view) ? view : "calls";
  chooseTask(index);
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
  on("theme", "click", () => applyTheme({ "": "light", light: "dark", dark: "" }[state.theme]));
  on("calls", "change", (event) => chooseCalls(Number(event.target.value)));
  listenTabs("#tabs", (tab) => go(Number(tab.dataset.task)));
  listenTabs("#views", (tab) => { chooseView(tab.dataset.view); remember(); });
  document.querySelector(".brand").addEventListener("click", (event) => { event.preventDefault(); go(-1); });
  document.querySelectorAll("[data-open]").forEach((link) =>
    link.addEventListener("click", (event) => { event.preventDefault(); go(Number(link.dataset.open), "calls"); }));
  addEventListener("hashchange", goToAddress);
}

function listenTabs(list, open) {
  document.querySelectorAll(`${list} [role=tab]`).forEach((tab) => {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const tabs = [...document.querySelectorAll(`${list} [role=tab]:not([hidden])`)];
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      open(next);
      next.focus();
    });
  });
}

let theme = "";
try { theme = localStorage.getItem("sigbench-theme") || ""; } catch { /* as above */ }
applyTheme(["light", "dark"].includes(theme) ? theme : "");
async function begin() {
  data = JSON.parse(await unpacked("data"));
  for (const each of data.tasks) samplersOf.set(each, new Map(each.samplers.map((sampler, i) => [sampler[0], [...sampler, i]])));
  listen();
  goToAddress();
  document.documentElement.dataset.ready = "";
}
if ("DecompressionStream" in window) begin(); else byId("old").hidden = false;
