"""`sigbench doctor`: whether this installation is fit to measure."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sigbench.cli.printing import TableConsole

if TYPE_CHECKING:
    from sigbench.task import Task


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show versions, device, plug-ins and artifacts, and check that the artifacts' hashes hold.

    Leaves with exit code 1 where a package is missing, a plug-in cannot be loaded or a hash does not hold.
    """
    report = _report()
    if as_json:
        print(json.dumps(report))
    else:
        _print(report)
    raise typer.Exit(0 if report["healthy"] else 1)


def _report() -> dict[str, Any]:
    import torch

    from sigbench.errors import SigbenchError
    from sigbench.guard import guarded
    from sigbench.networks.artifacts import load_artifact
    from sigbench.records.provenance import device_name, provenance
    from sigbench.registry import adapter, adapter_names, make_task, sampler_class, sampler_names, task_names

    devices = [torch.device("cpu")] + [torch.device("cuda", i) for i in range(torch.cuda.device_count())]
    facts = provenance(devices[0], torch.float32, {})
    packages = facts["packages"]
    plugins, artifacts = [], []
    kinds: dict[str, tuple[list[str], Callable[[str], object]]] = {
        "task": (task_names(), make_task),
        "sampler": (sampler_names(), sampler_class),
        "adapter": (adapter_names(), adapter),
    }
    for kind, (names, load) in kinds.items():
        for name in names:
            try:
                load(name)
                plugins.append({"kind": kind, "name": name, "problem": None})
            except SigbenchError as error:
                plugins.append({"kind": kind, "name": name, "problem": str(error)})
    broken = {p["name"] for p in plugins if p["kind"] == "task" and p["problem"]}
    for name in task_names():
        try:
            with guarded(f"the networks of the task {name!r} cannot be found"):
                found = {} if name in broken else _artifacts_of(make_task(name))
        except SigbenchError as error:
            plugins.append({"kind": "task", "name": name, "problem": str(error)})
            continue
        for sampler, folder in found.items():
            entry = {"task": name, "sampler": sampler, "sha256": None, "problem": None}
            try:
                entry["sha256"] = load_artifact(folder)[1].sha256
            except SigbenchError as error:
                entry["problem"] = str(error)
            artifacts.append(entry)
    problems = [p for p in (*plugins, *artifacts) if p["problem"]]
    return {
        "healthy": not problems and None not in packages.values(),
        "sigbench": facts["sigbench"],
        "git": facts["git"],
        "python": facts["python"],
        "platform": facts["platform"],
        "threads": facts["threads"],
        "devices": [{"device": str(d), "name": device_name(d)} for d in devices],
        "packages": packages,
        "plugins": plugins,
        "artifacts": artifacts,
    }


def _artifacts_of(task: "Task") -> dict[str, Path]:
    """The folders of all weights that come with a task, by the names of students and of its own networks."""
    from sigbench.abilities import HasStudents, networks_of

    students = task.students() if isinstance(task, HasStudents) else ()
    return {**{folder.name: folder for folder in students}, **networks_of(task)}


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = TableConsole(highlight=False)
    table = Table(show_header=False, pad_edge=False, show_edge=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("sigbench", report["sigbench"] + (f" at {report['git']}" if report["git"] else ""))
    table.add_row("python", f"{report['python']} on {report['platform']}, {report['threads']} threads")
    for device in report["devices"]:
        table.add_row("device", f"{device['device']}: {device['name']}")
    for name, version in report["packages"].items():
        table.add_row(name, version or Text("not installed", style="red"))
    for kind in ("task", "sampler", "adapter"):
        names = [p["name"] for p in report["plugins"] if p["kind"] == kind]
        table.add_row(f"{kind}s", ", ".join(names))
    for plugin in report["plugins"]:
        if plugin["problem"]:
            table.add_row("plug-in", Text(plugin["problem"], style="red"))
    for entry in report["artifacts"]:
        what = f"{entry['sampler']} for {entry['task']}: "
        held = (f"SHA-256 {entry['sha256'][:16]}… holds", "") if entry["sha256"] else (entry["problem"], "red")
        table.add_row("artifact", Text.assemble(what, held))
    console.print(table)
    console.print("healthy" if report["healthy"] else "not healthy", style="green" if report["healthy"] else "red")
