// The first view: samplers by numbers of calls, and the block of one number of calls. Marks and ranks were decided by
// sigbench.leaderboard.overview; here they are only shown.
"use strict";

const signsOf = (found) => (found.sign || "") + found.row.floorMark;
// Three digits with their zeros, so that the numbers of a column look alike.
const short = (value) => {
  const text = numbers.digits(value);
  return /[e,]/.test(text) || text === "0" ? text : value.toPrecision(3);
};
const callsText = (calls) => (calls === 1 ? "network call" : "network calls");

function drawFirst() {
  const b = board(), m = metric(), headline = b.metrics.length > 0 && m === b.metrics[0];
  const found = new Map(blocks().filter((block) => block[0]).map((block) => [block[0], placed(block)]));
  if (!found.has(state.calls)) state.calls = found.has(b.start) ? b.start : found.size ? Math.min(...found.keys()) : null;
  const standard = new Set(data.standard);
  const said = headline ? b.sentences.filter(([calls]) => standard.has(calls)).map(([, sentence]) => sentence) : [];
  byId("sentences").replaceChildren(...[...said, ...(headline ? [b.teacher, b.missing] : [])].filter((text) => text).map((text) => make("li", {}, text)));
  drawMatrix(found);
  const outside = blocks().filter((block) => !block[0]).flatMap(placed).map(({ row, reason }) => `${row.sampler} at ${row.steps} steps (${reason})`);
  byId("outside").textContent = outside.length ? `Not in these tables: ${outside.join("; ")}.` : "";
  fill(byId("calls"), [...found.keys()].map((calls) => [calls, calls]), state.calls);
  byId("calls-word").textContent = callsText(state.calls);
  const sentence = headline ? b.sentences.find(([calls]) => calls === state.calls) : null;
  byId("block-sentence").textContent = sentence ? sentence[1] : "";
  drawBlock(found);
}

function chooseCalls(calls) {
  state.calls = calls;
  drawFirst();
}

// One row a sampler: those measured at the chosen number of calls in the order of their block, then the others by the
// mean of their places elsewhere.
function ordered(found) {
  const places = new Map(), order = new Map((found.get(state.calls) || []).map((each, place) => [each.row.sampler, place]));
  for (const block of found.values()) block.forEach((each, place) => places.set(each.row.sampler, [...(places.get(each.row.sampler) || []), place]));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const worth = (name) => (order.has(name) ? order.get(name) : 1e6 + mean(places.get(name)));
  return [...places.keys()].sort((a, b) => worth(a) - worth(b));
}

function drawMatrix(found) {
  const calls = board().calls, at = new Map();
  for (const [n, block] of found) for (const each of block) if (!at.has(`${n} ${each.row.sampler}`)) at.set(`${n} ${each.row.sampler}`, each);
  byId("matrix").tHead.rows[0].replaceChildren(make("th", { scope: "col" }, "NFE"), ...calls.map((n) =>
    make("th", { scope: "col", class: n === state.calls ? "num chosen" : "num", "aria-sort": n === state.calls ? "ascending" : null },
      found.has(n) ? make("button", { type: "button", "data-calls": n, onclick: () => chooseCalls(n) }, n) : n)));
  byId("matrix").tBodies[0].replaceChildren(...ordered(found).map((name) => make("tr", {},
    make("th", { scope: "row", class: "name" }, dot(name), " ", name),
    ...calls.map((n) => matrixCell(at.get(`${n} ${name}`), n)))));
  const chosen = byId("matrix").querySelector("th.chosen"), room = byId("matrix").parentNode;
  if (chosen) room.scrollLeft = chosen.offsetLeft + chosen.offsetWidth > room.clientWidth ? chosen.offsetLeft - room.clientWidth / 2 : 0;
  if (!found.size) byId("matrix").tBodies[0].append(make("tr", {}, make("td", { class: "empty", colspan: calls.length + 1 }, "Nothing was measured with network calls.")));
}

function matrixCell(each, calls) {
  const chosen = calls === state.calls ? " chosen" : "";
  if (!each) return make("td", { class: `num${chosen}` });
  const { row } = each;
  const title = `${row.sampler}, ${calls} ${callsText(calls)}: ${row.value === null ? row.status : numbers.interval(row.value, row.low, row.high).join(" ")}; ` +
    (each.reason || `${each.mark}, ranks ${each.ranks}`) + `; grid ${row.grid}, ${row.steps} steps`;
  return make("td", { class: `num m-${each.mark ? each.mark.replace(" ", "-") : "none"}${chosen}`, title },
    make("span", {}, row.value === null ? "–" : short(row.value), make("i", {}, signsOf(each))), make("small", {}, each.reason ? row.standing === "measured" ? "–" : row.standing : each.ranks));
}

const BLOCK_COLUMNS = [["", "sign"], ["ranks", "num"], ["sampler", "name"], ["VALUE", "num"], ["grid", "optional"], ["steps", "num optional"],
  ["p", "num optional"], ["time a sample", "num optional"]];

function drawBlock(found) {
  const m = metric(), block = found.get(state.calls) || [];
  byId("block").tHead.rows[0].replaceChildren(...BLOCK_COLUMNS.map(([label, kind]) =>
    make("th", { scope: "col", class: kind }, label === "VALUE" ? `${m ? m.name : "value"} [95 %]` : label)));
  byId("block").tBodies[0].replaceChildren(...block.map((each) => {
    const { row } = each;
    const tag = row.standing === "measured" ? null : make("span", { class: `tag ${row.standing}` }, row.standing);
    return make("tr", { class: `m-${each.mark ? each.mark.replace(" ", "-") : "none"}`, "data-key": row.cell.k },
      make("td", { class: "sign", title: each.mark || each.reason }, signsOf(each)), make("td", { class: "num ranks" }, each.ranks),
      make("td", { class: "name" }, dot(row.sampler), " ", row.sampler, " ", tag, each.reason ? make("small", {}, each.reason) : null),
      make("td", { class: "num value" }, row.value === null ? "–" : withEnds(row.value, row.low, row.high)),
      make("td", { class: "optional" }, row.grid), make("td", { class: "num optional" }, row.steps),
      make("td", { class: "num optional" }, each.p === null ? "" : each.p < 1e-4 ? "< 0.0001" : numbers.digits(each.p)),
      make("td", { class: "num optional" }, row.seconds === null ? "–" : numbers.duration(row.seconds)));
  }));
}
