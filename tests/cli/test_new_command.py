"""`sigbench new task`: a file that is read as it is written, and refusals."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from commandline import Command

from sigbench.models.file import read_model_file


@pytest.mark.parametrize(
    ("kind", "model", "data"),
    [
        ("python", "net.py:build", "x.npy"),
        ("diffusers", "folder", "images.zip"),
        ("edm", 'a "quoted" folder', "images"),
    ],
)
def test_what_is_written_is_read(sigbench: Command, tmp_path: Path, kind: str, model: str, data: str) -> None:
    file = tmp_path / "mine.toml"
    done = sigbench("new", "task", file, "--kind", kind, "--model", model, "--data", data)
    assert done.code == 0, done.err
    assert f"sigbench run --task {file}" in done.err.replace("\n", " ")
    found = read_model_file(file)
    assert (found.name, found.model.kind, found.model.path) == ("mine", kind, model)
    assert (found.data.array or found.data.images) == data
    assert all(len(line) <= 120 for line in file.read_text().splitlines())


def test_it_runs(sigbench: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((100, 2)))
    (tmp_path / "net.py").write_text("def build():\n    return lambda t, x: x\n")
    file = tmp_path / "mine.toml"
    made = sigbench("new", "task", file, "--kind", "python", "--model", "net.py:build", "--data", "x.npy")
    assert made.code == 0, made.err
    done = sigbench("run", "--task", file, "--sampler", "ddim", "--steps", "2", "--samples", "20", "--repeats", "2")
    assert done.code == 0, done.err
    assert "mine" in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mine.json",), "is written as .toml"),
        (("mine.toml",), "nobody is there to be asked: say --kind"),
        (("mine.toml", "--kind", "python"), "nobody is there to be asked: say --model"),
        (("mine.toml", "--kind", "pickle"), "pickle"),
        (("none/mine.toml", "--kind", "edm", "--model", "m", "--data", "d"), "cannot be written"),
    ],
)
def test_what_cannot_be_written(sigbench: Command, arguments: tuple[str, ...], words: str) -> None:
    done = sigbench("new", "task", *arguments)
    assert done.code == 2
    assert words in done.err.replace("\n", " ")


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        'a"b',
        "a\\b",
        "\x1b[2J",
        "\x7f",
        "\t",
        "é",
        "\U0001f600",
        "'''",
        "#",
        "${x}",
        "\r\n",
        "\u202e",
        "]\n[data]",
    ],
)
@pytest.mark.parametrize("where", ["--model", "--data", "--features"])
def test_any_text_is_read_as_it_was_given(sigbench: Command, tmp_path: Path, where: str, text: str) -> None:
    asked = {"--model": "m.py:f", "--data": "d", "--features": "f.py:f", where: text}
    done = sigbench("new", "task", "mine.toml", "--kind", "python", *(word for each in asked.items() for word in each))
    assert done.code == 0, done.err
    found = read_model_file(tmp_path / "mine.toml")
    named = {"--model": found.model.path, "--data": found.data.images, "--features": found.judge.features}
    assert named == asked


@pytest.mark.parametrize("where", ["--model", "--data", "--features"])
def test_bytes_that_are_no_text_are_refused(sigbench: Command, tmp_path: Path, where: str) -> None:
    asked = {"--model": "m.py:f", "--data": "d", where: "a\udcffb"}
    done = sigbench("new", "task", "mine.toml", "--kind", "python", *(word for each in asked.items() for word in each))
    assert done.code == 2
    assert "is no text" in done.err
    assert not list(tmp_path.glob("*.toml"))


@pytest.mark.parametrize("name", ["my task", "a\nb", "$(id)", "'", "-x", "é", "a\udcffb", "[model]", "\x1b[2J"])
def test_the_file_may_have_any_name(sigbench: Command, tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.toml"
    done = sigbench("new", "task", file, "--kind", "python", "--model", "m.py:f", "--data", "d")
    assert done.code == 0, done.err
    assert read_model_file(file).model.path == "m.py:f"
    (offered,) = [line for line in file.read_text().splitlines() if line.startswith("# Compare")]
    words = shlex.split(offered.partition(": ")[2])
    assert words[:3] == ["sigbench", "run", "--task"]
    assert words[4:] == ["--sampler", "dpmpp-2m,unipc,ddim", "--steps", "5,10,20"]


def test_a_name_is_made_plain(sigbench: Command, tmp_path: Path) -> None:
    file = tmp_path / "my näme.toml"
    assert sigbench("new", "task", file, "--kind", "edm", "--model", "m", "--data", "d").code == 0
    assert read_model_file(file).name == "my-n-me"


def test_nothing_is_written_over(sigbench: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("precious")
    done = sigbench("new", "task", tmp_path / "mine.toml", "--kind", "edm", "--model", "m", "--data", "d")
    assert done.code == 2
    assert (tmp_path / "mine.toml").read_text() == "precious"
