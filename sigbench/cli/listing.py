"""`sigbench list`: what is installed, on one screen; of a kind, and with --long, more."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sigbench.cli.options import json_lines
from sigbench.cli.printing import TableConsole, print_json, say
from sigbench.errors import BadInput, unknown_name

if TYPE_CHECKING:
    from sigbench.report.fitting import FittingTable

Rows = list[dict[str, Any]]
_ONLY_JSON = ("needs", "options", "aliases", "calls", "when", "refused")  # for which a table is too narrow
_ONLY_LONG = ("source", "method")
_ADAPTERS_TOO = "`sigbench list adapters` lists what is taken of diffusers and k-diffusion."
_REFUSED = "All else is refused; `sigbench list adapters --long` says why."
_MORE = "`sigbench list KIND` says more, `sigbench list --long` all there is to say."


def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            autocompletion=lambda incomplete: [kind for kind in _ROWS if kind.startswith(incomplete)],
            help="tasks, samplers, adapters, metrics or grids; the names of all where left out.",
        ),
    ] = "",
    long: Annotated[bool, typer.Option("--long", help="Say of each sampler when to pick it, and more.")] = False,
    as_json: Annotated[bool, json_lines("a name, with all that is declared")] = False,
) -> None:
    """List tasks, samplers, adapters, metrics and grids: their names on one screen, of one kind what they declare.

    With --long how each metric is measured; a paragraph a sampler: when to pick it, its source, order, calls, options
    and other names; and what of other libraries adapters refuse, with the reasons. With --json all that, and what
    samplers need of a task ("denoiser", or "drift" alone).
    """
    if what and what not in _ROWS:
        raise unknown_name("kind of names", what, _ROWS)
    rows = {kind: make() for kind, make in _ROWS.items() if what in ("", kind)}
    if as_json:
        for kind, entries in rows.items():
            for entry in entries:
                print_json(json.dumps({"kind": kind.removesuffix("s"), **entry}))
        return
    console = TableConsole(highlight=False)
    if not what and not long:
        console.print(_overview(rows))
        console.print()
        console.print(_MORE)
        return
    for kind, entries in rows.items():
        if long and kind == "samplers":
            for entry in entries:
                _print_paragraph(console, entry)
            console.print(_ADAPTERS_TOO)
        elif kind == "adapters":
            console.print(_table(kind, [entry for entry in entries if entry["refused"] is None], long=long))
            console.print()
            for entry in entries if long else []:
                if entry["refused"] is not None:
                    console.print(f"{entry['name']} is refused: {entry['refused']}.")
            console.print(_REFUSED)
        else:
            console.print(_table(kind, entries, long=long))
        console.print()


def _overview(rows: dict[str, Rows]) -> "FittingTable":
    """The names of everything, a line or some for each kind, samplers by their family."""
    from sigbench.report.fitting import FittingTable

    table = FittingTable(ruled=False)
    table.show_header = False
    table.column("kind")
    table.column("names", fold=True)
    first = ", ".join(f"{row['name']} ({row['title'].partition(',')[0]})" for row in rows["tasks"])
    table.row(("tasks", "bold"), first)
    for family in dict.fromkeys(row["family"] for row in rows["samplers"]):
        names = ", ".join(row["name"] for row in rows["samplers"] if row["family"] == family)
        table.row(("samplers", "bold"), f"{family}: {names}")
    for kind in ("adapters", "metrics", "grids"):
        names = ", ".join(dict.fromkeys(row["name"] for row in rows[kind]))
        table.row((kind, "bold"), _counted(rows[kind]) if kind == "adapters" else names)
    return table


def _counted(adapted: Rows) -> str:
    taken = [row["name"].partition(":")[0] for row in adapted if row["refused"] is None]
    return ", ".join(f"{name}:… ({taken.count(name)} of its samplers)" for name in dict.fromkeys(taken))


def _print_paragraph(console: TableConsole, entry: dict[str, Any]) -> None:
    """Prints what a sampler declares, a fact a line."""
    from rich.padding import Padding

    also = f"  (also {', '.join(entry['aliases'])})" if entry["aliases"] else ""
    order = "none declared" if entry["order"] is None else f"{entry['order']:g}"
    console.print_head(entry["name"], also)
    lines = [entry["when"], f"source: {entry['source']}", f"family: {entry['family']}, order: {order}"]
    lines += [f"calls: {entry['calls']}"]
    lines += [f"options: {', '.join(entry['options'])}"] if entry["options"] else []
    for line in lines:
        if line:
            console.print(Padding(line, (0, 0, 0, 2)), highlight=False)
    console.print()


def _table(title: str, entries: Rows, *, long: bool) -> "FittingTable":
    from sigbench.report.fitting import FittingTable

    table = FittingTable(title=title)
    hidden = _ONLY_JSON if long else (*_ONLY_JSON, *_ONLY_LONG)
    columns = [column for column in (entries[0] if entries else ()) if column not in hidden]
    for column in columns:
        numeric = all(isinstance(entry[column], int | float | None) for entry in entries)
        header = "calls a step" if column == "NFE/step" else column.replace("_", " ")
        table.column(header, right=numeric, fold=not numeric and column != "name")
    for entry in entries:
        table.row(*("–" if entry[column] is None else str(entry[column]) for column in columns))
    return table


def _sound(names: list[str], load: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
    """Yields the plug-ins that can be loaded, and says which cannot: `sigbench doctor` reports these."""
    for name in names:
        try:
            yield name, load(name)
        except BadInput as error:
            say(f"left out: {error}")


def _tasks() -> Rows:
    from sigbench.registry import task_class, task_names

    found = _sound(task_names(), task_class)
    return [
        {
            "name": name,
            "version": task.version,
            "title": task.title,
            "samples": task.default_samples,
            "steps": ",".join(map(str, task.default_steps)),
            "grid": task.default_grid,
        }
        for name, task in found
    ]


def _samplers() -> Rows:
    from sigbench.plug_ins import options_of
    from sigbench.registry import sampler_aliases, sampler_class, sampler_names

    aliases = sampler_aliases()
    found = _sound(sampler_names(), sampler_class)
    return [
        {
            "name": name,
            "family": sampler.family,
            "order": sampler.strong_order,
            "NFE/step": sampler.nfe_per_step,
            "needs": sampler.needs,
            "options": list(options_of(sampler)),
            "aliases": [alias for alias, own in aliases.items() if own == name],
            "calls": _calls(sampler),
            "when": sampler.when,
            "source": sampler.citation,
        }
        for name, sampler in found
    ]


def _adapters() -> Rows:
    from sigbench.registry import adapter, adapter_names

    rows: Rows = []
    for name, made in _sound(adapter_names(), adapter):
        for target, taken in made.allowed().items():
            row = {"name": f"{name}:{target}", "held_to": taken.held_to, "takes": ", ".join(taken.options) or None}
            rows.append({**row, "options": list(taken.options), "refused": None})
        for target, reason in made.refused().items():
            row = {"name": f"{name}:{target}", "held_to": None, "takes": None}
            rows.append({**row, "options": [], "refused": reason})
    return rows


def _calls(sampler: type[Any]) -> str:
    """The calls of a walk in words: of a sampler with its own count what that says of itself."""
    from sigbench.sampler import Sampler

    said = (sampler.calls.__doc__ or "").partition("\n")[0]
    if sampler.calls is Sampler.calls or not said.startswith("Returns "):
        return f"{sampler.nfe_per_step} a step"
    return said.removeprefix("Returns ").rstrip(".")


def _metrics() -> Rows:
    from sigbench.abilities import metrics_of
    from sigbench.registry import make_task, metric_class, metric_names, task_names

    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for task, metrics in _sound(task_names(), lambda name: metrics_of(make_task(name))):
        for metric in metrics:
            row = rows.setdefault(
                (metric.name, metric.method),
                {"name": metric.name, "better": metric.better, "tasks": task, "method": metric.method},
            )
            if task not in row["tasks"].split(", "):
                row["tasks"] += f", {task}"
    added = [
        {"name": name, "better": metric.better, "tasks": "by --add-metric", "method": _method(metric)}
        for name, metric in _sound(metric_names(), metric_class)
    ]
    return [*rows.values(), *added]


def _method(metric: Any) -> str:
    """How a metric that is not made yet measures; of some, a part is known only once they are made."""
    return str(getattr(metric, "method", "") or metric.how)


def _grids() -> Rows:
    from sigbench.sde.grids.find import family_named, family_options
    from sigbench.sde.grids.names import grid_aliases, grid_names

    aliases = grid_aliases()
    found = _sound(grid_names(), family_named)
    return [
        {
            "name": name,
            "takes": ", ".join(family_options(family)) or None,
            "aliases": [alias for alias, own in aliases.items() if own == name],
            "spacing": (family.__doc__ or "").strip().partition("\n")[0],
        }
        for name, family in found
    ]


_ROWS: dict[str, Callable[[], Rows]] = {
    "tasks": _tasks,
    "samplers": _samplers,
    "adapters": _adapters,
    "metrics": _metrics,
    "grids": _grids,
}
