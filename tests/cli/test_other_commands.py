"""`list`, `doctor`, every `--help`, and what starting up may load."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from commandline import Command
from rich.cells import cell_len

import sigbench as package
from sigbench.registry import sampler_names, task_names

# Everything heavy that help and a bare import must not load.
HEAVY = {"torch", "numpy", "scipy", "altair", "torchsde", "ot", "safetensors", "sigbench_tasks", "sigbench_baselines"}


def test_list_shows_everything(sigbench: Command) -> None:
    done = sigbench("list")
    assert done.code == 0
    assert done.err == ""
    names = (*task_names(), *sampler_names(), "w1", "sliced-w2", "karras", "diffusers:…")
    assert set(names) <= set(done.out.replace(",", " ").split())
    assert max(map(cell_len, done.out.splitlines())) <= 80
    for kind, listed in (("tasks", task_names()), ("samplers", sampler_names())):
        rows = [line.split("│")[0].strip() for line in sigbench("list", kind).out.splitlines()]
        assert set(listed) <= set(rows)


def test_list_samplers_json(sigbench: Command) -> None:
    done = sigbench("list", "samplers", "--json")
    assert done.code == 0
    assert [entry["name"] for entry in done.records()] == sampler_names()
    assert {entry["kind"] for entry in done.records()} == {"sampler"}
    heun = next(entry for entry in done.records() if entry["name"] == "heun")
    assert (heun["family"], heun["order"], heun["NFE/step"]) == ("ode", 2.0, 2)


def test_list_long_says_when_to_pick_a_sampler(sigbench: Command) -> None:
    """A paragraph a sampler: other names, when, source, order, calls, options."""
    done = sigbench("list", "samplers", "--long")
    assert done.code == 0
    paragraphs = {text.split()[0]: text for text in done.out.split("\n\n") if text.strip()}
    *names, last = paragraphs
    assert names == sampler_names()
    assert paragraphs[last].strip() == "`sigbench list adapters` lists what is taken of diffusers and k-diffusion."
    plms = paragraphs["plms"]
    for words in ("Stable Diffusion", "source: Liu et al. 2022", "order: 2", "calls: the steps and one"):
        assert words in plms
    assert "(also dpmpp_2m)" in paragraphs["dpmpp-2m"]
    assert "calls: 1 a step" in paragraphs["dpmpp-2m"]
    assert "options: lower_order_final, solver_type" in paragraphs["dpmpp-2m"]


def test_list_json_holds_all_kinds(sigbench: Command) -> None:
    records = sigbench("list", "--json").records()
    assert list(dict.fromkeys(r["kind"] for r in records)) == ["task", "sampler", "adapter", "metric", "grid"]
    assert [r["name"] for r in records if r["kind"] == "task"] == task_names()
    assert all({"better", "method", "tasks"} <= r.keys() for r in records if r["kind"] == "metric")
    assert [r["name"] for r in sigbench("list", "tasks", "--json").records()] == task_names()
    assert {r["kind"] for r in sigbench("list", "metrics", "--json").records()} == {"metric"}


def test_list_adapters_says_what_is_taken_and_why_the_rest_is_not(sigbench: Command) -> None:
    plain, long = sigbench("list", "adapters").out, sigbench("list", "adapters", "--long").out
    (row,) = [line for line in plain.splitlines() if line.startswith("diffusers:HeunDiscreteScheduler")]
    assert [cell.strip() for cell in row.split("│")[:2]] == ["diffusers:HeunDiscreteScheduler", "heun"]
    assert "KDPM2" not in plain
    assert "diffusers:KDPM2DiscreteScheduler is refused: it keeps levels between the steps" in long
    records = sigbench("list", "adapters", "--json").records()
    told = {record["name"]: record for record in records}
    assert told["kdiffusion:sample_heun"]["options"] == ["s_churn", "s_tmin", "s_tmax", "s_noise"]
    assert told["kdiffusion:sample_heun"]["refused"] is None
    assert told["diffusers:LCMScheduler"]["refused"].endswith("it adds no noise in its last step")


def test_doctor_finds_a_healthy_installation(sigbench: Command) -> None:
    done = sigbench("doctor", "--json")
    (report,) = done.records()
    assert report["healthy"], [p for p in (*report["plugins"], *report["artifacts"]) if p["problem"]]
    assert done.code == 0
    assert report["sigbench"] == package.__version__
    assert all(report["packages"].values())
    assert [p["name"] for p in report["plugins"] if p["kind"] == "adapter"] == ["diffusers", "kdiffusion"]
    assert report["devices"][0]["device"] == "cpu"
    assert {(a["task"], a["sampler"]) for a in report["artifacts"]} >= {
        ("gmm", "gmm"),
        ("gmm2d", "gmm2d"),
        ("mnist", "teacher"),
        ("mnist", "student-guidance-2"),
    }
    assert all(len(artifact["sha256"]) == 64 for artifact in report["artifacts"])


def test_doctor_for_people(sigbench: Command) -> None:
    done = sigbench("doctor")
    assert done.code == 0
    assert "healthy" in done.out
    assert "SHA-256" in done.out
    assert max(map(cell_len, done.out.splitlines())) <= 80


def test_doctor_sees_what_is_wrong(sigbench: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An artifact that is gone and a package that is missing: exit code 1, and both are named."""
    from sigbench.records import provenance
    from sigbench_tasks.mixture import task

    monkeypatch.setattr(task, "ARTIFACTS", tmp_path)
    monkeypatch.setattr(provenance, "PACKAGES", ("torch", "no-such-package-here"))
    done = sigbench("doctor", "--json")
    assert done.code == 1
    (report,) = done.records()
    assert not report["healthy"]
    assert report["packages"]["no-such-package-here"] is None
    ours = [artifact for artifact in report["artifacts"] if artifact["task"] in ("gmm", "gmm2d")]
    assert ours
    assert all("manifest.json is missing" in artifact["problem"] for artifact in ours)
    assert sigbench("doctor").code == 1


@pytest.mark.parametrize("command", [(), ("run",), ("train",), ("list",), ("doctor",)], ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_every_command(sigbench: Command, command: tuple[str, ...], flag: str) -> None:
    done = sigbench(*command, flag)
    assert done.code == 0
    assert done.err == ""
    assert f"Usage: sigbench {' '.join(command)}".strip() in done.out
    assert max(map(cell_len, done.out.splitlines())) <= 80
    assert "Traceback" not in done.out


def test_help_names_the_commands_of_the_design(sigbench: Command) -> None:
    text = sigbench("--help").out
    assert all(f" {name} " in text for name in ("run", "train", "list", "doctor"))
    text = " ".join(sigbench("run", "--help").out.split())
    for option in (
        "--task",
        "--sampler",
        "--steps",
        "--samples",
        "--repeats",
        "--seed",
        "--nfe",
        "--grid",
        "--device",
        "--dtype",
        "--store",
        "--save-samples",
        "--json",
    ):
        assert option in text


def test_version(sigbench: Command) -> None:
    done = sigbench("--version")
    assert (done.code, done.out) == (0, f"sigbench {package.__version__}\n")


@pytest.mark.parametrize("broken", ["ZeroDivisionError('inside')", "SystemExit(0)", "BaseException('inside')"])
def test_an_internal_error_is_no_verdict(broken: str, tmp_path: Path) -> None:
    """Whatever breaks inside of sigbench: a sentence, a file with the traceback, and an exit code of its own."""
    program = f"""
import sys
sys.argv = ["sigbench", "list"]
import sigbench.cli.listing as listing
import sigbench.registry
def broken():
    raise {broken}
sigbench.registry.task_names = broken
from sigbench.cli.app import main
main()
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 70
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("sigbench: an error of sigbench itself")
    (file,) = tmp_path.glob("sigbench-error-*.txt")
    assert str(file) in line
    assert "in broken" in file.read_text()


def loaded_after(program: str) -> set[str]:
    """Returns the top-level modules that a fresh interpreter has loaded after `program`."""
    ending = "\nimport json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program + ending], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["train", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = f"import sys; sys.argv = ['sigbench', *{arguments!r}]\nfrom sigbench.cli.app import main\n"
    program += "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
    loaded = loaded_after(program)
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_import_loads_nothing_heavy() -> None:
    loaded = loaded_after("import sigbench, sigbench.sampler, sigbench.task, sigbench.registry, sigbench.errors")
    assert "sigbench" in loaded
    assert not loaded & HEAVY


def test_measuring_loads_what_it_uses() -> None:
    """Charts, POT and what they bring wait until a cell uses them: half of what a small run would take."""
    loaded = loaded_after("import sigbench.measure.run, sigbench_tasks.mixture.task, sigbench_baselines.euler")
    assert "torch" in loaded
    assert not loaded & {"altair", "vl_convert", "ot", "networkx", "torchsde", "torch_fidelity", "matplotlib"}


def test_the_console_script() -> None:
    script = Path(sysconfig.get_path("scripts")) / "sigbench"
    if not script.exists():
        pytest.skip("sigbench is not installed with its script here")
    done = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"sigbench {package.__version__}\n")
    assert subprocess.run([script, "list", "nothing"], capture_output=True).returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("list", "samplers"), ("list", "samplers", "--json")], ids=" ".join)
def test_a_closed_pipe_leaves_no_traceback(
    spawn: Callable[..., subprocess.Popen[str]], arguments: tuple[str, ...]
) -> None:
    process = spawn(*arguments)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.wait(timeout=60)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
