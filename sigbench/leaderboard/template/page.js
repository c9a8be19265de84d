// The page: reads the data in the document, and draws what the controls ask for. Everything that came from a record
// enters the document as text (textContent or an attribute), never as markup.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const FIRST_ROWS = 150;
  const COLOURS = ["#d1495b", "#3d7ebf", "#e08e2b", "#3f9b6b", "#8e6bbf", "#2a9d9d", "#b0762f", "#c65d9e", "#7a8b2c",
    "#6f7bd9", "#a0522d", "#4fa3d1", "#c9a227", "#5f8f8b", "#d9776b", "#84a03c", "#9a7fa8", "#4d8c57", "#b58b6e", "#76869a"];
  const SHAPES = Object.assign(Object.create(null), { student: "diamond", sde: "circle", ode: "square" });
  const byId = (id) => document.getElementById(id);
  const state = { task: 0, board: 0, metric: "", grid: "", budget: "", trained: "", find: "", families: new Set(),
    hidden: new Set(), sort: "rank", descending: false, all: false, open: new Set(), machine: "", q: null, theme: "" };

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

  const number = (value) => {
    if (value === null || value === undefined) return "?";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e5)) return value.toExponential(1);
    return size < 1 ? value.toFixed(4) : size < 100 ? value.toFixed(3) : value.toFixed(1);
  };
  const interval = (low, high) => (low === null || high === null ? "[?]" : `[${number(low)}, ${number(high)}]`);
  const seconds = (value) => {
    const [scale, unit] = value < 1e-6 ? [1e9, "ns"] : value < 1e-3 ? [1e6, "µs"] : value < 1 ? [1e3, "ms"] : [1, "s"];
    return `${(value * scale).toPrecision(3)} ${unit}`;
  };

  const task = () => data.tasks[state.task];
  const board = () => task().boards[state.board];
  const metric = () => board().metrics.find((m) => m.name === state.metric) || board().metrics[0];

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

  const colourOf = (sampler) => sampler.startsWith("teacher") ? "#77828f" : COLOURS[task().samplers.indexOf(sampler) % COLOURS.length];
  const dot = (row) => {
    const mark = make("span", { class: `dot ${SHAPES[row.family] || "circle"}`, "aria-hidden": "true" });
    mark.style.background = colourOf(row.sampler);
    return mark;
  };

  // ---- controls ------------------------------------------------------------------------------------------------

  function fill(select, options, value) {
    select.replaceChildren(...options.map(([key, text]) => make("option", { value: key }, text)));
    select.value = value;
  }

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
    byId("title").textContent = task().title;
    const m = metric();
    byId("summary").textContent = b.description + (m ? ` ${m.name}: ${m.method}; n = ${m.n}; ${
      { lower: "lower is better", higher: "higher is better", zero: "0 is best" }[m.better]}.` : "");
  }

  // ---- charts --------------------------------------------------------------------------------------------------

  function tips(row) {
    const { cell, made } = row;
    return {
      value_text: `${number(row.value)} ${interval(row.low, row.high)}`, rank: row.rankText,
      floor_text: row.floor ? `${number(row.floor[0])} ${interval(row.floor[1], row.floor[2])}` : "–",
      time_text: row.seconds === null ? "–" : seconds(row.seconds),
      efficiency: cell.e === null ? "–" : cell.e.toFixed(2), memory: cell.mb === null ? "–" : `${cell.mb} MB`,
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
      shape: SHAPES[row.family] || "circle", ...tips(row) };
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

  async function embed(id, spec, datasets, title) {
    const copy = JSON.parse(JSON.stringify(spec).replaceAll('"METRIC"', () => JSON.stringify(title))
      .replaceAll('"values":[-1]', `"values":${JSON.stringify([...new Set(datasets.rows.map((row) => row.NFE))].sort((a, b) => a - b))}`));
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

  function drawStudies() {
    data.studies.forEach((study, number) => {
      if (study.task === task().name) study.charts.forEach((spec, index) => show(`study-${number}-${index}`, JSON.parse(JSON.stringify(spec))));
    });
  }

  function drawCharts(rows) {
    const m = metric(), entries = new Map();
    for (const row of rows) if (row.value !== null && !entries.has(row.sampler)) entries.set(row.sampler, row);
    byId("legend").replaceChildren(...[...entries.values()].sort((a, b) => task().samplers.indexOf(a.sampler) - task().samplers.indexOf(b.sampler)).map((row) =>
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

  // ---- the table -----------------------------------------------------------------------------------------------

  const COLUMNS = [
    ["rank", "Rank", "rank", (row) => (row.rank === null ? Infinity : row.rank)],
    ["sampler", "Sampler", "name", (row) => row.sampler],
    ["grid", "Grid", "optional", (row) => row.grid],
    ["steps", "Steps", "num optional", (row) => row.steps],
    ["NFE", "NFE", "num", (row) => (row.NFE === null ? Infinity : row.NFE)],
    ["value", "VALUE", "num", (row) => (row.value === null ? Infinity : measures.turned(row.value, row.value, metric().better)[0])],
    ["spark", "", "spark spark-cell", null],
    ["seconds", "Time a sample", "num optional", (row) => (row.seconds === null ? Infinity : row.seconds)],
    ["date", "Measured", "num optional", (row) => row.cell.d],
  ];

  function sorted(rows) {
    const column = COLUMNS.find((each) => each[0] === state.sort) || COLUMNS[0];
    const value = COLUMNS.find((each) => each[0] === "value")[3];
    const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const sign = state.descending ? -1 : 1;
    // Ties by rank stand in the order of network calls: the cheapest first.
    const then = column[0] === "rank" ? (a, b) => order(a.NFE === null ? Infinity : a.NFE, b.NFE === null ? Infinity : b.NFE) : () => 0;
    return [...rows].sort((a, b) => sign * order(column[3](a), column[3](b)) || then(a, b) || order(value(a), value(b)));
  }

  function spark(row, span) {
    const name = "http://www.w3.org/2000/svg", svg = document.createElementNS(name, "svg");
    svg.setAttribute("viewBox", "0 0 150 18");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const add = (tag, attributes) => {
      const node = document.createElementNS(name, tag);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      svg.append(node);
    };
    const at = (value) => 4 + 142 * Math.min(1, Math.max(0, span(value)));
    if (row.floor) add("line", { x1: at(row.floor[0]), x2: at(row.floor[0]), y1: 0, y2: 18, stroke: "#888", "stroke-dasharray": "3 2" });
    if (row.low !== null && row.high !== null)
      add("rect", { x: at(row.low), width: Math.max(1, at(row.high) - at(row.low)), y: 7, height: 4, fill: colourOf(row.sampler), opacity: 0.45 });
    if (row.value !== null) add("rect", { x: at(row.value) - 1.5, width: 3, y: 3, height: 12, rx: 1, fill: colourOf(row.sampler) });
    return svg;
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
    if (!rows.length) body.append(make("tr", {}, make("td", { colspan: COLUMNS.length, class: "empty" }, "No cell fits what was asked for.")));
    byId("more").hidden = shown.length === ordered.length;
    byId("more").textContent = `Show all ${ordered.length} rows`;
  }

  function tableRow(row, span, open) {
    const { cell } = row;
    const tags = [];
    if (row.standing !== "measured") tags.push(make("span", { class: `tag ${row.standing}` }, row.standing));
    if (row.status !== "ok") tags.push(make("span", { class: "tag bad" }, row.status));
    if (row.atFloor) tags.push(make("span", { class: "tag floor", title: "cannot be told from the truth at this number of samples" }, "at the floor"));
    const value = row.value === null ? make("span", { class: "muted" }, row.status === "ok" ? "not measured" : "–") :
      make("span", {}, number(row.value), make("span", { class: "ends" }, interval(row.low, row.high)));
    const toggle = () => {
      if (!state.open.delete(cell)) state.open.add(cell);
      draw(true);
    };
    const common = board().dtype === row.made.dtype ? "" : ` · ${row.made.dtype}`;
    const contents = {
      rank: row.rankText,
      sampler: [make("button", { type: "button", "aria-expanded": String(open) }, dot(row), row.sampler),
        make("small", {}, `${row.family}${cell.tr ? " · trained" : ""}${common} `, ...tags)],
      grid: row.grid, steps: row.steps, NFE: row.NFE === null ? "–" : row.NFE, value: [value], spark: [spark(row, span)],
      seconds: row.seconds === null ? "–" : seconds(row.seconds), date: cell.d.slice(0, 10),
    };
    return make("tr", { class: "row", "data-key": cell.k, onclick: toggle }, ...COLUMNS.map(([key, , kind]) =>
      make("td", { class: kind + (key === "rank" && row.rank === 1 ? " first" : "") }, ...[].concat(contents[key]))));
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
      const [value, low, high, atFloor, index] = cell.m[m.name], floor = data.floors[index];
      return make("tr", {}, make("td", {}, m.name), make("td", { class: "num" }, number(value), make("span", { class: "ends" }, interval(low, high))),
        make("td", { class: "num" }, number(floor[0]), make("span", { class: "ends" }, interval(floor[1], floor[2]))), make("td", {}, atFloor ? "at the floor" : ""));
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
        ["time a sample", cell.t ? `${seconds(cell.t[0])} (${cell.t[1] === null ? "?" : seconds(cell.t[1])} – ${cell.t[2] === null ? "?" : seconds(cell.t[2])})` : "–"],
        ["efficiency", cell.e === null ? null : cell.e.toFixed(3)], ["peak memory", cell.mb === null ? null : `${cell.mb} MB`],
        ["training", cell.ts === null ? null : `${Math.round(cell.ts)} s`], ["measured", cell.d], ["key", cell.k]])),
      make("div", {}, make("h3", {}, "Versions, machine and hashes"), facts([["machine", made.machine], ["dtype", made.dtype], ["platform", made.platform],
        ["python", made.python], ["sigbench", made.sigbench], ["commit", made.git], ["packages", made.packages],
        ...made.artifacts.map(([name, hash]) => [name, hash])])));
    return make("tr", { class: "detail" }, make("td", { colspan: COLUMNS.length }, panel));
  }

  // ---- the quality that is to be reached -------------------------------------------------------------------------

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
    if (state.q === null) state.q = Number((presets.length > 1 ? presets[m.better === "higher" ? 1 : 1][1] : 0).toPrecision(3));
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
    const call = (end) => (end === null ? "?" : (end.bound === "=" ? "" : end.bound === ">" ? "> " : "≤ ") + Number(end.nfe.toPrecision(3)));
    byId("reached").tBodies[0].replaceChildren(...results.map((result) => make("tr", { class: result.at.bound === ">" ? "muted" : "" },
      make("td", {}, dot(result.row), " ", result.row.sampler), make("td", { class: "optional" }, result.grids), make("td", { class: "num" }, call(result.at)),
      make("td", { class: "num" }, `[${call(result.from)}, ${call(result.to)}]`))));
  }

  // ---- all together ----------------------------------------------------------------------------------------------

  function draw(onlyTables = false) {
    drawControls();
    const rows = chosenRows();
    drawTable(rows);
    drawReach(rows);
    if (!onlyTables) drawCharts(rows);
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
    chooseBoard(0);
    document.querySelectorAll("[role=tab]").forEach((tab) => {
      const chosen = Number(tab.dataset.task) === index;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    });
    document.querySelectorAll("[data-of]").forEach((part) => { part.hidden = part.dataset.of !== task().name; });
    draw();
    drawStudies();
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
    on("theme", "click", () => { applyTheme({ "": "light", light: "dark", dark: "" }[state.theme]); drawCharts(chosenRows()); drawStudies(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawCharts(chosenRows()); drawStudies(); });
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
  if (!data.tasks.length) {
    document.querySelectorAll("main > section, main > .controls").forEach((part) => { part.hidden = true; });
    return;
  }
  listen();
  const asked = data.tasks.findIndex((each) => `#${encodeURIComponent(each.name)}` === location.hash);
  chooseTask(Math.max(0, asked));
})();
