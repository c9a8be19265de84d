"""Whatever a plug-in does: a sentence before anything is measured, or a record of a failure that can be read back."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from good_plug_in import SOURCE

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.records.checks import parse_record
from sigbench.records.record import Record, to_json
from sigbench.records.store import Store

BAD = """

class Bad({base}):
    {body}
"""
RAISES = ["ValueError('\\ud800')", "SystemExit(0)", "Loud('x\\n' * 9000)", "GeneratorExit()", "RecursionError()"]


def planned(folder: Path, body: str, base: str = "Good") -> Iterator[Record]:
    (folder / "bad.py").write_text(SOURCE + BAD.format(base=base, body=body))
    spec = f"{folder}/bad.py:Bad"
    of = {"Good": {}, "GMM": {"task": spec}, "MeanError": {"metrics": (spec,)}}[base]
    settings = Settings(**{"task": "gmm", "samples": 40, "repeats": 2, "device": "cpu", "floor_draws": 2, **of})  # type: ignore[arg-type]
    return measure(plan_cells(settings, [spec if base == "Good" else "ddim", "heun"], [2]))


def refusal(folder: Path, body: str, base: str = "Good") -> str:
    """The sentence with which it is refused, before anything is measured."""
    with pytest.raises(BadInput) as refused:
        planned(folder, body, base)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert len(sentence) < 1_000
    sentence.encode()
    return sentence


@pytest.mark.parametrize("error", RAISES[:3])
@pytest.mark.parametrize("method", ["__init__", "prepare", "check", "artifact_hashes"])
def test_what_planning_asks_for(tmp_path: Path, method: str, error: str) -> None:
    assert error.partition("(")[0] in refusal(tmp_path, f"def {method}(self, *given): raise {error}")


@pytest.mark.parametrize("error", RAISES)
@pytest.mark.parametrize("method", ["walk", "training_seconds"])
def test_what_measuring_asks_for(tmp_path: Path, method: str, error: str) -> None:
    bad, good = planned(tmp_path, f"def {method}(self, *given): raise {error}")
    assert (bad["status"], good["status"]) == ("failed", "ok")
    assert bad["metrics"] == {}
    assert error.partition("(")[0] in bad["error"]
    assert parse_record(to_json(bad))["error"] == bad["error"]
    store = Store(tmp_path / "store")
    store.write(bad)
    assert store.look(bad["key"]) == (parse_record(to_json(bad)), None)


@pytest.mark.parametrize("method", ["prepare", "walk", "training_seconds"])
def test_another_working_folder_is_the_plug_ins_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Stores and samples are where the user said, seen from the user's folder."""
    monkeypatch.chdir(tmp_path)
    usual = {"prepare": "return None", "walk": "yield from super().walk(*given)", "training_seconds": "return 0.0"}
    body = f"def {method}(self, *given):\n        import os\n        os.chdir('/')\n        {usual[method]}"
    for record in planned(tmp_path, body):
        assert Path.cwd() == tmp_path
        Store(Path("store")).write(record)
    assert len(list((tmp_path / "store").iterdir())) == 2


@pytest.mark.parametrize("value", ["'long'", "b'x'", "math.nan", "-1", "True", "[]", "10**400", "math.inf"])
def test_a_cost_that_is_no_number_of_seconds(tmp_path: Path, value: str) -> None:
    bad, _ = planned(tmp_path, f"def training_seconds(self): return {value}")
    assert bad["status"] == "failed"
    assert "which are no seconds" in bad["error"]
    assert bad["timing"] is None
    parse_record(to_json(bad))


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("name", "b'x'"),
        ("name", "None"),
        ("name", "'a\\nb'"),
        ("name", "'\\ud800'"),
        ("name", "''"),
        ("name", "'n' * 200"),
        ("family", "b'x'"),
        ("family", "'<b>'"),
        ("family", "lambda: 1"),
        ("needs", "'nothing'"),
        ("signature_order", "'2'"),
        ("nfe_per_step", "math.nan"),
        ("final_step", "property(lambda self: '\\ud800')"),
        ("own_grid", "5"),
    ],
)
def test_facts_are_of_their_kind(tmp_path: Path, fact: str, value: str) -> None:
    assert f"the {fact} of" in refusal(tmp_path, f"{fact} = {value}").replace("the name of", f"the {fact} of")


@pytest.mark.parametrize("value", ["{'a': math.nan}", "{'a': b'x'}", "{5: 'x'}", "None", "['x']"])
def test_hashes_are_texts(tmp_path: Path, value: str) -> None:
    refusal(tmp_path, f"def artifact_hashes(self): return {value}")


@pytest.mark.parametrize("method", ["problem", "truth", "metrics", "__init__"])
@pytest.mark.parametrize("error", RAISES[:3])
def test_a_task_that_cannot_be_asked(tmp_path: Path, method: str, error: str) -> None:
    assert error.partition("(")[0] in refusal(tmp_path, f"def {method}(self, *given): raise {error}", "GMM")


@pytest.mark.parametrize(("fact", "value"), [("margin", "'x'"), ("better", "'best'"), ("method", "5"), ("bounds", "5")])
def test_facts_of_a_metric(tmp_path: Path, fact: str, value: str) -> None:
    assert fact in refusal(tmp_path, f"name = 'mine'; {fact} = {value}", "MeanError")


@pytest.mark.parametrize("value", ["math.nan", "math.inf", "'x'", "[1.0]", "None"])
def test_a_metric_that_is_no_number(tmp_path: Path, value: str) -> None:
    records = list(planned(tmp_path, f"name = 'mine'\n    def __call__(self, *given): return {value}", "MeanError"))
    assert all(record["status"] in ("failed", "diverged") for record in records)
    assert all(json.loads(to_json(record))["metrics"] == {} for record in records)
    assert all(math.isfinite(record["samples"]) and parse_record(to_json(record)) for record in records)
