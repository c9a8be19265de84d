"""`sigbench ablate`: workers, tables, JSON, chart, and going on where it was stopped."""

from pathlib import Path

import pytest
from commandline import Command

FILE = """
task = "gmm"
iterations = 20
width = 8
samples = 500
repeats = 2
[student]
steps = 2
[[vary]]
order = [1, 2]
[[vary]]
base = ["identity"]
"""
ONE = ("--workers", "1", "--threads", "1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(FILE)
    return tmp_path / "mine.toml"


def test_dry_run(sigbench: Command, file: Path, tmp_path: Path) -> None:
    done = sigbench("ablate", file, "--dry-run")
    assert done.code == 0
    assert done.out.splitlines()[0] == "order 1, 2 steps, quadratic"
    assert "3 students of gmm, 20 iterations each, measured in 3 cells" in done.err
    assert not (tmp_path / "mine").exists()


@pytest.mark.slow
def test_train_measure_and_do_nothing_twice(sigbench: Command, file: Path, tmp_path: Path) -> None:
    done = sigbench("ablate", file, *ONE, "--plot", "chart.svg")
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines())) <= 80
    for words in ("gmm · w1 · 500 samples × 2 repeats", "order 2, 2 steps, quadratic, base", "identity", "base step"):
        assert words in done.out
    assert "left out" in done.out
    assert "3 of 3 cells are measured, 3 now" in done.err
    assert "what the signature is worth" in (tmp_path / "chart.svg").read_text()
    again = sigbench("ablate", file, *ONE, "--json")
    assert [(r["kind"], r["variant"]["order"]) for r in again.records()] == [("ablation", o) for o in (1, 2, 2)]
    assert "3 of 3 cells are measured, 0 now" in again.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FILE + "colour = ['red']", "unknown axis 'colour'"),
        (FILE.replace("gmm", "ou"), "has no teacher"),
        ("", "has 3 mistakes"),
    ],
)
def test_bad_files(sigbench: Command, file: Path, text: str, words: str) -> None:
    file.write_text(text)
    done = sigbench("ablate", file)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err


def test_bad_options(sigbench: Command, file: Path) -> None:
    assert "--workers must be at least 1" in sigbench("ablate", file, "--workers", "0").sentence()
    assert "cannot be read" in sigbench("ablate", "nowhere.toml").sentence()
    assert "saved as .png or .svg" in sigbench("ablate", file, "--plot", "x.gif").sentence()
