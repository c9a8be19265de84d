"""Pictures lie in the page, no larger than it shows them."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from sigbench.leaderboard.page.pictures import data_uri, find_pictures

COMMITTED = Path(__file__).parents[2] / "leaderboard"


def test_the_known_pictures_of_a_folder_are_found(tmp_path: Path) -> None:
    (tmp_path / "mnist-strip.png").write_bytes(b"png")
    (tmp_path / "rbergomi-smile.svg").write_text("<svg/>")
    (tmp_path / "rbergomi-smile.png").write_bytes(b"png")
    assert [(picture.task, picture.file.name) for picture in find_pictures(tmp_path)] == [
        ("mnist", "mnist-strip.png"),
        ("rbergomi", "rbergomi-smile.svg"),
    ]


def test_a_large_picture_is_made_smaller_and_stays_what_it_shows(tmp_path: Path) -> None:
    """As charts are written: in all colours, and hardly compressed."""
    file = tmp_path / "rbergomi-smile.png"
    with Image.open(COMMITTED / file.name) as committed:
        committed.convert("RGBA").save(file, compress_level=1)
    uri = data_uri(file)
    assert uri.startswith("data:image/png;base64,")
    assert len(uri) < 99_000 < file.stat().st_size
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as small, Image.open(file) as large:
        assert small.width == 1_600
        shown = np.asarray(small.convert("RGB"), dtype=float)
        white = Image.new("RGBA", large.size, "white")
        white.alpha_composite(large.convert("RGBA"))
        expected = np.asarray(white.convert("RGB").resize(small.size, Image.Resampling.LANCZOS), dtype=float)
    assert np.abs(shown - expected).mean() < 2.0  # of 255


def test_what_is_small_or_no_picture_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    file.write_bytes(b"png")
    assert data_uri(file) == "data:image/png;base64,cG5n"
    svg = tmp_path / "x.svg"
    svg.write_text("<svg/>")
    assert data_uri(svg).startswith("data:image/svg+xml;base64,")
