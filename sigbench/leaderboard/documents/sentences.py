"""What pages say of records in sentences: values, ratios, comparisons, and who is best at each number of calls."""

import textwrap
from collections.abc import Iterable, Sequence

from sigbench.leaderboard.documents.tables import markdown_table
from sigbench.records.comparison import compare
from sigbench.records.family import budget_sentence
from sigbench.records.names import display_name, namer
from sigbench.records.record import MetricRecord, Record
from sigbench.report.marks import LEGEND
from sigbench.report.numbers import digits, interval, percent_interval, ratio
from sigbench.report.run_sentences import difference

WIDTH = 118


def paragraph(*sentences: str) -> str:
    """Returns sentences as a paragraph of Markdown, wrapped, between empty lines."""
    return f"\n{_wrapped(' '.join(sentence for sentence in sentences if sentence), '')}\n"


def bullets(*items: str) -> str:
    """Returns items of a list of Markdown, wrapped, between empty lines."""
    return "\n" + "\n".join(_wrapped(f"- {item}", "  ") for item in items if item) + "\n"


def block(*parts: str) -> str:
    """Returns parts of Markdown with empty lines between and around them; those of one line are wrapped, tables not."""
    return "\n" + "\n\n".join(part if "\n" in part else _wrapped(part, "") for part in parts if part) + "\n"


def legend() -> str:
    """Returns what the marks mean, as the command line prints it."""
    return "  \n".join(line.replace("   ", " · ") for line in LEGEND.splitlines())


def about(records: Iterable[Record]) -> str:
    """Returns what records have in common, in words: samples, repeats, grid, device, numbers of the networks."""
    some = list(records)
    grids = list(dict.fromkeys(record["grid"] for record in some))
    repeats = sorted({record["repeats"] for record in some})
    counts = sorted({record["samples"] for record in some})
    made = dict.fromkeys(f"{r['provenance']['device_name']}, {r['provenance']['dtype']}" for r in some)
    size = f"{' and '.join(f'{count:,}' for count in counts)} samples × {' and '.join(map(str, repeats))} repeats"
    where = f", grid `{grids[0]}`" if len(grids) == 1 else ""
    return f"{size}{where}, seed {some[0]['seed']}; {'; '.join(made)}."


def value(record: Record, name: str) -> str:
    """Returns a metric of a record with its interval."""
    metric = record["metrics"][name]
    return interval(metric["value"], metric["low"], metric["high"])


def floor(record: Record, name: str) -> str:
    """Returns the floor of a metric with its interval; a closed form has no width, and stands alone."""
    metric = record["metrics"][name]
    if metric["floor_low"] == metric["floor_high"]:
        return interval(metric["floor"], metric["floor"], metric["floor"]).partition(" ")[0]
    return interval(metric["floor"], metric["floor_low"], metric["floor_high"])


def share(record: Record, name: str) -> str:
    """Returns a metric that is a share, in percent, with its interval."""
    metric = record["metrics"][name]
    return percent_interval(metric["value"], metric["low"], metric["high"])


def times(one: Record, other: Record, name: str) -> str:
    """Returns how many times a metric of one record is that of another."""
    return ratio(one["metrics"][name]["value"] / other["metrics"][name]["value"])


def excess_times(one: Record, other: Record, name: str) -> str:
    """Returns how many times what lies above the floor in one record is that in another."""
    return ratio(_excess(one["metrics"][name]) / _excess(other["metrics"][name]))


def time_times(one: Record, other: Record) -> str:
    """Returns how many times as long one record's sampler took a sample as another's."""
    assert one["timing"] is not None and other["timing"] is not None
    return digits(one["timing"]["sample_s"]["value"] / other["timing"]["sample_s"]["value"], 2)


def beside(one: Record, other: Record, name: str) -> str:
    """Returns the paired difference of a metric in two records, and what it is, in a sentence."""
    who = f"`{name}` of {_at(one)} less that of {_at(other)}"
    return difference(who, one["metrics"][name], other["metrics"][name], shared=True)


def pairs_table(one: Record, other: Record, *names: str) -> str:
    """Returns a row a metric: the paired difference of one record's from another's, and what it is."""
    rows = []
    for name in names:
        found = compare(one["metrics"][name], other["metrics"][name], shared=True)
        sign = "" if found.difference < 0 else "+"
        rows.append([f"`{name}`", f"{sign}{interval(found.difference, found.low, found.high)}", found.outcome])
    return markdown_table([f"{display_name(one)} less {display_name(other)}", "difference", "it is"], rows)


def best(records: Iterable[Record], *names: str) -> list[str]:
    """Returns for each metric and number of calls who is best and who cannot be told from it."""
    some: Sequence[Record] = [record for record in records if record["nfe"]]
    budgets = sorted({record["nfe"] or 0 for record in some})
    groups = [[record for record in some if record["nfe"] == calls] for calls in budgets]
    return [budget_sentence(group, name, namer(some)) for name in names for group in groups if len(group) > 1]


def _at(record: Record) -> str:
    return f"{display_name(record)} at {record['nfe']} calls"


def _excess(metric: MetricRecord) -> float:
    return metric["value"] - metric["floor"]


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
