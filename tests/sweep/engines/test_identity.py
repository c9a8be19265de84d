"""Who may measure: nodes of the same code and versions, that see the files and have the device; others by name."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sweeping import cells_of

from sigbench import __version__
from sigbench.errors import BadInput
from sigbench.sweep.engines.identity import (
    Answer,
    Inquiry,
    answer,
    check_answers,
    device_for,
    file_hash,
    own_identity,
)
from sigbench.sweep.engines.remote import plug_in_files

OWN = own_identity()
GOOD = Answer("alpha", OWN, (), (), ())


def test_a_process_of_this_machine_is_who_this_one_is() -> None:
    code = "from sigbench.sweep.engines.identity import own_identity; print(own_identity())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(OWN)
    assert {"sigbench", "sigbench_baselines", "sigbench_tasks"} <= OWN.code.keys()
    assert "+" not in OWN.packages["torch"]
    check_answers([GOOD, GOOD])


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            replace(GOOD, identity=replace(OWN, version="0.0.9")),
            f"the node alpha has sigbench 0.0.9, and this machine has {__version__}: install the same on both.",
        ),
        (
            replace(GOOD, identity=replace(OWN, code={**OWN.code, "sigbench_tasks": "00"})),
            "the node alpha has other code of sigbench_tasks than this machine: install the same on both.",
        ),
        (
            replace(GOOD, identity=replace(OWN, packages={**OWN.packages, "torch": "2.9.0"})),
            f"the node alpha has torch 2.9.0, and this machine has {OWN.packages['torch']}: install the same on both.",
        ),
        (
            replace(GOOD, identity=replace(OWN, packages={})),
            f"the node alpha has torch (none), and this machine has {OWN.packages['torch']}: install the same on both.",
        ),
        (
            replace(GOOD, unseen=("mine.py",)),
            "the node alpha does not see the plug-in file mine.py as it is here: run the sweep in a folder that all "
            "nodes share.",
        ),
        (
            replace(GOOD, unwritable=("/work",)),
            "the node alpha cannot write to the folder /work, where students are trained: choose a --work that all "
            "nodes share.",
        ),
    ],
)
def test_what_a_node_lacks_is_said_by_its_name(told: Answer, sentence: str) -> None:
    with pytest.raises(BadInput) as error:
        check_answers([GOOD, told])
    assert str(error.value) == sentence


def test_auto_is_what_the_nodes_have() -> None:
    with_gpu = replace(GOOD, devices=("NVIDIA H100",))
    assert device_for("auto", [GOOD]) == "cpu"
    assert device_for("auto", [GOOD, with_gpu]) == "cuda"
    assert device_for("cpu", [with_gpu]) == "cpu"
    assert device_for("cuda", [GOOD, with_gpu]) == "cuda"
    with pytest.raises(BadInput, match="none of the 2 nodes has a CUDA device"):
        device_for("cuda", [GOOD, GOOD])
    with pytest.raises(BadInput, match="say cuda, and each node takes its own"):
        device_for("cuda:1", [with_gpu])


def test_a_node_says_what_it_sees(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("A = 1\n")
    known = {"mine.py": file_hash(tmp_path / "mine.py") or ""}
    told = answer(Inquiry(str(tmp_path), known, (str(tmp_path),)), "7")
    assert (told.unseen, told.unwritable) == ((), ())
    assert told.node.endswith("/7")
    (tmp_path / "mine.py").write_text("A = 2\n")
    told = answer(Inquiry(str(tmp_path), {**known, "gone.py": "00"}, (str(tmp_path / "nowhere"),)))
    assert told.unseen == ("mine.py", "gone.py")
    assert told.unwritable == (str(tmp_path / "nowhere"),)


def test_a_plug_ins_files_are_those_that_it_imports_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.py").write_text("FACTOR = 2\n")
    (tmp_path / "mine.py").write_text(
        "from beside import FACTOR\nfrom sigbench_baselines.ddim import DDIM\n\nclass Mine(DDIM):\n    name = 'mine'\n"
    )
    cells = cells_of(tmp_path, 'tasks = ["gmm"]\nsamplers = ["mine.py:Mine", "ddim"]\nsteps = [2]')
    assert plug_in_files(cells) == ["mine.py", "beside.py"]
