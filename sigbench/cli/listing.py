"""`sigbench list`: what is installed."""

import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from sigbench.cli.printing import TableConsole, say
from sigbench.errors import BadInput

_ONLY_JSON = ("needs", "options", "aliases", "calls", "when", "refused")  # for which a table is too narrow
_ADAPTERS_TOO = "`sigbench list adapters` lists what is taken of diffusers and k-diffusion."
_REFUSED = "All else is refused; `sigbench list adapters --long` says why."


class What(StrEnum):
    """The kinds of things that can be listed."""

    tasks = "tasks"
    samplers = "samplers"
    adapters = "adapters"
    metrics = "metrics"
    grids = "grids"


def list_(
    what: Annotated[
        What | None, typer.Argument(help="tasks, samplers, adapters, metrics or grids; all where left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
    long: Annotated[bool, typer.Option("--long", help="Say of each sampler when to pick it, and more.")] = False,
) -> None:
    """List tasks, samplers, adapters, metrics and grids with their declared facts.

    With --long a paragraph a sampler: when to pick it, its source, order, calls, options and other names; and what of
    other libraries adapters refuse, with the reasons. With --json all that, and what samplers need of a task
    ("denoiser", or "drift" alone).
    """
    rows = {kind: _ROWS[kind]() for kind in ([what] if what is not None else list(What))}
    if as_json:
        for kind, entries in rows.items():
            for entry in entries:
                print(json.dumps({"kind": kind.value.removesuffix("s"), **entry}))
        return

    console = TableConsole()
    for kind, entries in rows.items():
        if long and kind is What.samplers:
            for entry in entries:
                _print_paragraph(console, entry)
            console.print(_ADAPTERS_TOO, highlight=False, soft_wrap=True)
            console.print()
            continue
        if kind is What.adapters:
            console.print(_table(kind.value, [entry for entry in entries if entry["refused"] is None]))
            console.print()
            for entry in entries if long else []:
                if entry["refused"] is not None:
                    console.print(f"{entry['name']} is refused: {entry['refused']}.", highlight=False, soft_wrap=True)
            console.print(_REFUSED, highlight=False, soft_wrap=True)
        else:
            console.print(_table(kind.value, entries))
        console.print()


def _print_paragraph(console: TableConsole, entry: dict[str, Any]) -> None:
    """Prints what a sampler declares, a fact a line."""
    also = f"  (also {', '.join(entry['aliases'])})" if entry["aliases"] else ""
    order = "none declared" if entry["order"] is None else f"{entry['order']:g}"
    console.print_head(entry["name"], also)
    lines = [entry["when"], f"source: {entry['source']}", f"family: {entry['family']}, order: {order}"]
    lines += [f"calls: {entry['calls']}"]
    lines += [f"options: {', '.join(entry['options'])}"] if entry["options"] else []
    for line in lines:
        if line:
            console.print(f"  {line}", highlight=False, soft_wrap=True)
    console.print()


def _table(title: str, entries: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, show_edge=False)
    columns = [column for column in (entries[0] if entries else ()) if column not in _ONLY_JSON]
    for column in columns:
        numeric = all(isinstance(e[column], int | float | None) for e in entries)
        table.add_column(column.replace("_", " "), justify="right" if numeric else "left", no_wrap=column == "name")
    for entry in entries:
        table.add_row(*("–" if entry[column] is None else str(entry[column]) for column in columns))
    return table


def _sound(names: list[str], load: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
    """Yields the plug-ins that can be loaded, and says which cannot: `sigbench doctor` reports these."""
    for name in names:
        try:
            yield name, load(name)
        except BadInput as error:
            say(f"left out: {error}")


def _tasks() -> list[dict[str, Any]]:
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


def _samplers() -> list[dict[str, Any]]:
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


def _adapters() -> list[dict[str, Any]]:
    from sigbench.registry import adapter, adapter_names

    rows: list[dict[str, Any]] = []
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


def _metrics() -> list[dict[str, Any]]:
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


def _grids() -> list[dict[str, Any]]:
    from sigbench.sde.grids.find import family_named, family_options, grid_aliases, grid_names

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


_ROWS = {
    What.tasks: _tasks,
    What.samplers: _samplers,
    What.adapters: _adapters,
    What.metrics: _metrics,
    What.grids: _grids,
}
