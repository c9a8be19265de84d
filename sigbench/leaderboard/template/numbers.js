// How numbers are written on the page: the same rules as sigbench.report.numbers, and a test holds both together.
"use strict";

const numbers = {
  // Fixed decimals, four below a size of 1 and three above; beyond 1e-3 and 1e5 an exponent. Never a minus zero.
  placed(value, size) {
    if ((size > 0 && size < 1e-3) || size >= 1e5) return numbers.exponent(value);
    const text = value.toFixed(size >= 1 ? 3 : 4);
    return Number(text) ? text : text.replace("-", "");
  },

  exponent(value) {
    return value === 0 ? "0" : value.toExponential(1).replace("e+", "e");
  },

  number(value) {
    return value === null || value === undefined ? "?" : numbers.placed(value, Math.abs(value));
  },

  // A value with its interval in two parts, all rounded alike: the text of an interval never excludes its estimate.
  interval(value, low, high) {
    if (low === null || high === null) return [numbers.number(value), "[?]"];
    const size = Math.max(Math.abs(value), Math.abs(low), Math.abs(high));
    return [numbers.placed(value, size), `[${numbers.placed(low, size)}, ${numbers.placed(high, size)}]`];
  },

  // Three significant digits without the zeros behind them, thousands apart.
  digits(value) {
    const rounded = Number(value.toPrecision(3));
    if (rounded === 0) return "0";
    if (Math.abs(rounded) < 1e-4 || Math.abs(rounded) >= 1e6) return value.toExponential(2).replace("e+", "e").replace(/\.?0+e/, "e");
    return Math.abs(rounded) < 1000 ? String(rounded) : rounded.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
  },

  // A time in the largest unit in which it is at least 1.
  duration(seconds) {
    const units = [[1 / 3600, "h"], [1 / 60, "min"], [1, "s"], [1e3, "ms"], [1e6, "µs"], [1e9, "ns"]];
    const [scale, unit] = units.find(([scale]) => Number((seconds * scale).toPrecision(3)) >= 1) || units[5];
    return `${numbers.digits(seconds * scale)} ${unit}`;
  },
};
