// What the page computes of the rows that it shows: ticks, the Pareto front, and the NFE at which a quality is reached.
"use strict";

const measures = {
  // A number that is smaller the better a value is; the same rule as `score` of sigbench.records.comparison.
  score(value, better) {
    return better === "higher" ? -value : better === "zero" ? Math.abs(value) : value;
  },

  // An interval turned so that smaller is better: the scores that lie between those of its ends.
  turned(low, high, better) {
    const ends = [measures.score(low, better), measures.score(high, better)].sort((a, b) => a - b);
    return [better === "zero" && low <= 0 && high >= 0 ? 0 : ends[0], ends[1]];
  },

  // Ticks for a log axis between two positive values, the same as `log_ticks` of sigbench.report.curves.
  logTicks(low, high) {
    const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    const leading = (digits) => {
      const found = [];
      for (let power = first; power <= last; power++) for (const digit of digits) found.push(Number(`${digit}e${power}`));
      return found.filter((tick) => low / 1.05 <= tick && tick <= high * 1.05);
    };
    let ticks = leading([1, 2, 5]);
    if (ticks.length > 9) ticks = leading([1]);
    if (ticks.length < 3 && !(high > low)) ticks = [low];
    else if (ticks.length < 3) {
      const power = Math.floor(Math.log10((high - low) / 5)), size = (high - low) / 5 / 10 ** power;
      const step = Number(`${size < 1.5 ? 1 : size < 3.5 ? 2 : size < 7.5 ? 5 : 10}e${power}`);
      ticks = [];
      for (let k = Math.ceil(low / step); k <= Math.floor(high / step); k++) ticks.push(Number((k * step).toPrecision(12)));
      ticks = ticks.filter((tick) => tick > 0);
    }
    return ticks.filter((_, i) => i % Math.ceil(ticks.length / 9) === 0);
  },

  // The points that no other point beats in both time and value, fastest first.
  front(points, better) {
    const worth = (point) => measures.score(point.value, better);
    const sorted = [...points].sort((a, b) => a.seconds - b.seconds || worth(a) - worth(b));
    let best = Infinity;
    return sorted.filter((point) => worth(point) < best && ((best = worth(point)), true));
  },

  // The NFE at which a curve first reaches q, read between measured points: {nfe, bound} with bound "=", "<=" (the
  // first point is good enough already) or ">" (no point is). Between points the curve is a line in log-log; what is
  // not above 0 lies infinitely far down a log axis, so that a curve that ends there falls right behind the point
  // before. Where q itself has no logarithm, values are read linearly. This is one rule for q and the metric, the same
  // for every curve: so a curve that is nowhere worse than another crosses nowhere later.
  crossing(calls, values, q, better) {
    const good = (value) => (better === "higher" ? value >= q : value <= q);
    if (good(values[0])) return { nfe: calls[0], bound: "<=" };
    const f = q > 0 ? (value) => Math.log(Math.max(value, 0)) : (value) => value;
    for (let i = 1; i < values.length; i++) {
      if (!good(values[i])) continue;
      const [from, to] = [f(values[i - 1]), f(values[i])];
      const share = from === -Infinity ? 1 : to === -Infinity ? 0 : (f(q) - from) / (to - from);
      return { nfe: Math.exp(Math.log(calls[i - 1]) + share * Math.log(calls[i] / calls[i - 1])), bound: "=" };
    }
    return { nfe: calls[calls.length - 1], bound: ">" };
  },

  // The NFE needed to reach q, and its interval: where the better and the worse ends of the cells' intervals cross.
  // The better ends are nowhere worse than the values, and these nowhere worse than the worse ends, at the points and,
  // read by one rule, between them; first crossings keep that order. So the interval contains the estimate.
  reach(points, q, better) {
    const sorted = [...points].sort((a, b) => a.NFE - b.NFE);
    const calls = sorted.map((point) => point.NFE);
    const at = (pick) => measures.crossing(calls, sorted.map(pick), q, better);
    const flat = (point) => (better === "zero" ? Math.abs(point.value) : point.value);
    if (sorted.some((point) => point.low === null || point.high === null)) return { at: at(flat), from: null, to: null };
    const ends = (point) => measures.turned(point.low, point.high, better);
    const sign = better === "higher" ? -1 : 1;
    return { at: at(flat), from: at((p) => sign * ends(p)[0]), to: at((p) => sign * ends(p)[1]) };
  },
};
