"""`sigbench doctor`: whether this installation is fit to measure."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sigbench.cli.options import json_lines
from sigbench.cli.printing import TableConsole, print_json

if TYPE_CHECKING:
    from sigbench.task import Task


def doctor(as_json: Annotated[bool, json_lines("with all of it")] = False) -> None:
    """Show versions, device, plug-ins and artifacts, and check that the artifacts' hashes hold.

    Leaves with exit code 1 where a package is missing, a plug-in cannot be loaded or a hash does not hold.
    """
    report = _report()
    if as_json:
        print_json(json.dumps(report))
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
        "torchvision": _torchvision(),
    }


def _torchvision() -> str | None:
    """What keeps torchvision, and with it diffusers' models, from being imported elsewhere; None where nothing does."""
    from importlib.metadata import version

    from sigbench.metrics.fidelity import mend_torchvision

    if mend_torchvision():
        return None
    return (
        f"torchvision {version('torchvision')} is built for CUDA and torch {version('torch')} is not, so that `import "
        "torchvision` and `from diffusers import UNet2DModel` fail in your own programs: install both as "
        "builds of one kind. sigbench itself works."
    )


def _artifacts_of(task: "Task") -> dict[str, Path]:
    """The folders of all weights that come with a task, by the names of students and of its own networks."""
    from sigbench.abilities import HasStudents, networks_of

    students = task.students() if isinstance(task, HasStudents) else ()
    return {**{folder.name: folder for folder in students}, **networks_of(task)}


def _print(report: dict[str, Any]) -> None:
    from sigbench.report.fitting import FittingTable

    console = TableConsole(highlight=False)
    table = FittingTable(ruled=False)
    table.show_header = False
    table.column("what")
    table.column("found", fold=True)
    table.row("sigbench", report["sigbench"] + (f" at {report['git']}" if report["git"] else ""))
    table.row("python", f"{report['python']} on {report['platform']}, {report['threads']} threads")
    for device in report["devices"]:
        table.row("device", f"{device['device']}: {device['name']}")
    for name, version in report["packages"].items():
        table.row(name, version or ("not installed", "red"))
    for kind in ("task", "sampler", "adapter"):
        names = [p["name"] for p in report["plugins"] if p["kind"] == kind]
        table.row(f"{kind}s", ", ".join(names))
    for plugin in report["plugins"]:
        if plugin["problem"]:
            table.row("plug-in", (plugin["problem"], "red"))
    for entry in report["artifacts"]:
        what = f"{entry['sampler']} for {entry['task']}: "
        held = f"SHA-256 {entry['sha256'][:16]}… holds" if entry["sha256"] else entry["problem"]
        table.row("artifact", (what + held, "" if entry["sha256"] else "red"))
    if report["torchvision"]:
        table.row("note", (report["torchvision"], "yellow"))
    console.print(table)
    console.print("healthy" if report["healthy"] else "not healthy", style="green" if report["healthy"] else "red")
