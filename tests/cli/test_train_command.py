"""`sigbench train`: an artifact that can be used, kept from harm, and gone on with after Ctrl-C."""

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from commandline import SMALL, Command, Outcome, interrupt_when

from sigbench.registry import student_names

TRAIN = ("train", "--task", "gmm", "--steps", "2-3", "--order", "3", "--width", "16", "--depth", "1")


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


@pytest.fixture
def trained(sigbench: Command) -> Outcome:
    return sigbench(*TRAIN, "--iterations", "30", "--out", "out")


def test_train_leaves_an_artifact_with_its_history(trained: Outcome, tmp_path: Path) -> None:
    assert trained.code == 0
    assert trained.err == ""
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["manifest.json", "weights.safetensors"]
    manifest = manifest_of(tmp_path / "out")
    assert manifest["sha256"][:16] in trained.out
    assert (manifest["kind"], manifest["task"], manifest["task_version"]) == ("sigdeg-student", "gmm", 2)
    assert manifest["command"].startswith("sigbench train --task gmm --steps 2-3 --order 3")
    assert manifest["config"]["order"] == 3
    assert manifest["data"]["steps"] == [2, 3]
    assert manifest["data"]["teacher"] == "euler-maruyama"
    assert manifest["cost"]["iterations"] == 30
    assert manifest["cost"]["training_s"] > 0


def test_the_artifact_is_a_sampler(trained: Outcome, sigbench: Command, tmp_path: Path) -> None:
    done = sigbench("run", "--task", "gmm", "--sampler", "sigdeg:artifact=out", "--steps", "2,3", *SMALL, "--json")
    assert done.code == 0, done.err
    for record, steps in zip(done.records(), (2, 3), strict=True):
        assert (record["family"], record["nfe"]) == ("student", steps)
        assert record["provenance"]["artifacts"] == {"sigdeg": manifest_of(tmp_path / "out")["sha256"]}
        assert record["timing"]["training_s"] > 0
    assert (
        "was trained for 2 to 3 steps"
        in sigbench("run", "--task", "gmm", "--sampler", "sigdeg:artifact=out", "--steps", "4").sentence()
    )


def test_an_artifact_is_not_overwritten_unasked(trained: Outcome, sigbench: Command, tmp_path: Path) -> None:
    before = manifest_of(tmp_path / "out")
    refused = sigbench(*TRAIN, "--iterations", "1", "--out", "out")
    assert refused.code == 2
    assert "there is an artifact in out already" in refused.sentence()
    assert manifest_of(tmp_path / "out") == before
    assert sigbench(*TRAIN, "--iterations", "1", "--out", "out", "--overwrite").code == 0
    assert manifest_of(tmp_path / "out")["sha256"] != before["sha256"]


@pytest.mark.slow
def test_ctrl_c_and_the_same_command_again(
    spawn: Callable[..., subprocess.Popen[str]], sigbench: Command, tmp_path: Path
) -> None:
    """Exit 3 and a checkpoint, which belongs to this command alone; the artifact comes with the second try."""
    command = (*TRAIN, "--iterations", "150")
    master, slave = pty.openpty()
    process = spawn(*command, "--out", "halves", stderr=slave)
    os.close(slave)
    os.set_blocking(master, False)
    seen = bytearray()

    def bar_moves() -> bool:
        with suppress(BlockingIOError):
            seen.extend(os.read(master, 65536))
        return re.search(rb"[1-9]\d*/150", seen) is not None

    done = interrupt_when(process, bar_moves)
    os.set_blocking(master, True)
    with suppress(OSError):  # raised at the end, which is closed
        while chunk := os.read(master, 65536):
            seen.extend(chunk)
    os.close(master)
    assert done.code == 3
    assert b"interrupted: the checkpoint is in halves" in seen
    assert b"Traceback" not in seen
    assert [file.name for file in (tmp_path / "halves").iterdir()] == ["checkpoint.pt"]

    other = sigbench(*TRAIN, "--iterations", "151", "--out", "halves")
    assert other.code == 2
    assert "belongs to another training (iterations differ)" in other.sentence()

    assert sigbench(*command, "--out", "halves").code == 0
    assert sorted(file.name for file in (tmp_path / "halves").iterdir()) == ["manifest.json", "weights.safetensors"]


@pytest.mark.slow
def test_ctrl_c_cuts_no_update_in_half(sigbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pressed between two optimizers of one update: the weights in the end are those of an uninterrupted training."""
    command = (*TRAIN, "--iterations", "20")
    untouched, steps = torch.optim.Adam.step, 0

    def step(self: torch.optim.Adam, *arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        done = untouched(self, *arguments)
        if steps == 7:
            signal.raise_signal(signal.SIGINT)
        return done

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(torch.optim.Adam, "step", step)
            assert sigbench(*command, "--out", "halves").code == 3
    finally:
        signal.signal(signal.SIGINT, before)
    assert steps == 7
    assert sigbench(*command, "--out", "halves").code == 0
    assert sigbench(*command, "--out", "whole").code == 0
    assert manifest_of(tmp_path / "halves")["sha256"] == manifest_of(tmp_path / "whole")["sha256"]


def test_the_help_names_every_student(sigbench: Command) -> None:
    told = " ".join(sigbench("train", "--help").out.split())
    assert all(name in told for name in student_names())


def test_a_rival_is_trained_by_its_name(sigbench: Command, tmp_path: Path) -> None:
    done = sigbench(*TRAIN[:3], "--student", "consistency", "--steps", "1-2", "--width", "8", "--iterations", "3")
    assert done.code == 0, done.err
    assert manifest_of(tmp_path / "gmm-consistency")["kind"] == "consistency-student"
    spec = "consistency:artifact=gmm-consistency"
    ran = sigbench("run", "--task", "gmm", "--sampler", spec, "--steps", "1,2", *SMALL, "--json")
    assert ran.code == 0, ran.err
    assert [record["nfe"] for record in ran.records()] == [1, 2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--student", "consistensy"), "unknown student 'consistensy': did you mean 'consistency'"),
        (("--student", ""), "--student needs a value, and got ''"),
        (("--student", "sfd", "--order", "2"), "the student sfd has no choice of --order"),
        (("--student", "progressive", "--memory", "1"), "the student progressive has no choice of --memory"),
        (("--student", "sfd", "--keep-paths", "paths"), "the student sfd keeps no paths of its teacher"),
        (("--student", "learned-solver", "--width", "9"), "the student learned-solver has no choice of --width"),
        (("--student", "sfd", "--guidance", "1"), "the student sfd has no choice of --guidance"),
        (("--student", "sfd", "--what", "teacher"), "--student sfd is for --what student, not for --what teacher"),
        (("--student", "consistency", "--iterations", "0"), "--iterations must be at least 1"),
        (("--student", "sfd", "--width", "30000"), "a student's width lies between"),
        (("--student", "progressive", "--steps", "0-3"), "steps must lie between"),
    ],
)
def test_what_a_rival_has_not_is_refused(sigbench: Command, options: tuple[str, ...], words: str) -> None:
    refused = sigbench(*TRAIN[:3], *options)
    assert refused.code == 2
    assert words in refused.sentence()


def test_a_task_without_data_or_teacher_has_no_rival(sigbench: Command) -> None:
    refused = sigbench("train", "--task", "ou", "--student", "progressive")
    assert refused.code == 2
    assert "ou" in refused.sentence()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--order", "3"), "no --order"),
        (("--steps", "1-3"), "no --steps"),
        (("--device", "cuda"), "no --device"),
        (("--seed", "5"), "no --seed"),
        (("--loss", "law"), "no --loss"),
        (("--keep-paths", "paths"), "no --keep-paths"),
    ],
)
def test_a_task_s_own_network_has_no_student_s_choices(sigbench: Command, options: tuple[str, ...], words: str) -> None:
    refused = sigbench("train", "--task", "mnist", "--what", "classifier", *options)
    assert refused.code == 2
    assert "the classifier is trained by the task's own recipe: " + words in refused.sentence()
