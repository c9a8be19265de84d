"""The pictures of a board's folder, as the page holds them: no wider than it shows, and with no more colours."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
_WIDEST, _COLOURS = 1_600, 64
_KNOWN = (
    ("mnist", "mnist-strip", "The same noise under several samplers"),
    ("rbergomi", "rbergomi-smile", "The smile of implied volatilities"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that belongs to a task's tab."""

    task: str
    title: str
    file: Path


def find_pictures(folder: Path) -> list[Picture]:
    """Returns the pictures of a board's folder that the page knows."""
    candidates = [
        Picture(task, title, folder / f"{stem}{suffix}") for task, stem, title in _KNOWN for suffix in (".svg", ".png")
    ]
    found: dict[str, Picture] = {}
    for picture in candidates:
        if picture.file.is_file():
            found.setdefault(picture.task, picture)
    return list(found.values())


def data_uri(file: Path) -> str:
    """Returns a picture as an address that holds it; a PNG that is larger than the page needs is made smaller."""
    content = file.read_bytes()
    if file.suffix == ".png":
        content = min(content, _smaller(content), key=len)
    return f"data:{_TYPES[file.suffix]};base64,{base64.b64encode(content).decode()}"


def _smaller(content: bytes) -> bytes:
    """The picture on white, at most as wide as the page shows it, in a few colours; as it is where it is no picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as opened:
            picture = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError):
        return content
    drawn = Image.new("RGBA", picture.size, "white")
    drawn.alpha_composite(picture)
    if drawn.width > _WIDEST:
        drawn = drawn.resize((_WIDEST, round(drawn.height * _WIDEST / drawn.width)), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    drawn.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
