"""Spectra of samplers: the truth is at its floor, a sampler that blurs is found out, the sentence follows."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import vl_convert

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.metrics.estimate import Interval
from sigbench.registry import make_task
from sigbench.studies.spectrum.chart import spectrum_panels
from sigbench.studies.spectrum.result import BANDS, Band, SpectrumGap
from sigbench.studies.spectrum.study import exact_draw, measure_spectra
from sigbench.studies.spectrum.verdict import sentence_of

BLURRING = """
from sigbench.sampler import Sampler

class Smooth(Sampler):
    name, citation, family = "smooth", "this file", "sde"
    signature_order = 0

    def walk(self, problem, x, grid, brownian):
        import torch
        from sigbench.registry import make_task
        truth = torch.from_numpy(make_task("mnist").truth().sample(len(x), 5)).view_as(x).to(x.dtype)
        kernel = torch.ones(1, 1, 3, 3, dtype=x.dtype) / 9
        for step in grid:
            problem.drift(step.start, x)
            yield torch.nn.functional.conv2d(truth, kernel, padding=1)

class Broken(Smooth):
    def walk(self, problem, x, grid, brownian):
        raise RuntimeError("no")
"""


def spectra(task: str, samplers: Sequence[str], samples: int = 64, repeats: int = 3) -> Iterator[SpectrumGap]:
    settings = Settings(task, samples=samples, repeats=repeats, device="cpu", dtype="float32")
    yield from measure_spectra(plan_cells(settings, samplers, [2]))


def test_exact_draws_are_in_data_units() -> None:
    digits, paths = (exact_draw(make_task(name), 3, 0) for name in ("mnist", "rbergomi"))
    assert digits.shape == (3, 28, 28)
    assert (digits.min(), digits.max()) == (0, 255)
    assert paths.shape == (3, 64, 2)
    assert np.exp(paths[:, :, 0]).mean() == pytest.approx(1, abs=0.5)


@pytest.mark.slow
def test_a_sampler_that_blurs_is_found_out(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(BLURRING)
    smooth, broken = spectra("mnist", [f"{file}:Smooth", f"{file}:Broken"], samples=256)
    assert smooth.status == "ok", smooth.error
    low, _, high = smooth.bands
    assert high.ratio.value < 0.2 < 0.5 < low.ratio.value
    assert smooth.tilts["low"].high is not None and smooth.tilts["low"].high < 1
    assert smooth.sentence is not None and smooth.sentence.startswith(
        "High frequencies are missing, more than at low ones: "
    )
    assert "11 to 14 cycles an image" in smooth.sentence
    assert [band.floor.value for band in smooth.bands] == pytest.approx([1, 1, 1], abs=0.25)
    assert broken.status == "failed"
    assert broken.sentence is None
    assert broken.error is not None and broken.error.startswith("RuntimeError: no")


def test_paths_have_a_spectrum_too() -> None:
    few, more = spectra("rbergomi", ["ddim", "sigdeg@10"], samples=500)
    assert len(few.frequencies) == len(few.ratio) == 31
    assert few.frequencies[-1] == pytest.approx(31.49, abs=0.01)
    assert few.bands[2].ratio.value < 0.6 < 0.8 < more.bands[2].ratio.value
    assert few.of == "increments of log V"


def test_tasks_without_a_spectrum_are_refused_before_any_work() -> None:
    with pytest.raises(BadInput, match="samples of the task 'gmm' have no spectrum"):
        next(spectra("gmm", ["ddim"]))


@pytest.mark.parametrize(
    ("low", "high", "tilts", "words"),
    [
        (0.5, 0.5, (1.0, 1.0), "High frequencies are missing, and at low ones too (50.0 % [49.0, 51.0]): 50.0 % "),
        (1.0, 0.5, (0.5, 0.5), "High frequencies are missing, more than at low ones: "),
        (0.7, 0.5, (1.0, 0.5), "High frequencies are missing, more than at middle ones: "),
        (1.0, 0.9, (1.0, 1.0), "High frequencies are missing; whether at low ones too is not resolved (100.0 % "),
        (2.0, 2.0, (1.0, 1.0), "There is too much at high frequencies, and at low ones too (200.0 %"),
        (0.9, 2.0, (2.0, 2.0), "There is too much at high frequencies, more than at low ones: "),
        (0.5, 1.0, (2.0, 2.0), "High frequencies cannot be told from the truth's at this n: "),
    ],
)
def test_the_sentence(low: float, high: float, tilts: tuple[float, float], words: str) -> None:
    def about(value: float) -> Interval:
        return Interval(value, value - 0.01, value + 0.01)

    bands = tuple(
        Band(name, 1.0, 14.0, about(value), about(1.0)) for name, value in zip(BANDS, (low, 1.0, high), strict=True)
    )
    found = dict(zip(("low", "middle"), map(about, tilts), strict=True))
    assert sentence_of(bands, found, "cycles an image").startswith(words)


def test_intervals_that_reach_zero_leave_the_axis_its_labels() -> None:
    """A log axis cannot show 0: one such end, of the floor too, would take every tick away."""
    (found,) = spectra("rbergomi", ["ddim"], samples=16, repeats=2)
    at_zero = msgspec.structs.replace(found, floor=tuple(Interval(1.0, -0.5, 2.5) for _ in found.floor))
    for panel in spectrum_panels([at_zero], legends=False).values():
        shown = labels_of_axes(json.loads(json.dumps(vl_convert.vegalite_to_scenegraph(panel.to_dict()))))
        assert len(shown) == 2
        assert min(map(len, shown)) >= 2, shown


def labels_of_axes(node: Any) -> list[list[str]]:
    """The labels of each axis in a picture as Vega draws it."""
    if isinstance(node, list):
        return [axis for child in node for axis in labels_of_axes(child)]
    if not isinstance(node, dict):
        return []
    if node.get("role") == "axis-label":
        return [[item["text"] for item in node.get("items", []) if item.get("text") and item.get("opacity", 1) != 0]]
    return labels_of_axes(list(node.values()))
