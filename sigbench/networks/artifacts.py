"""Artifacts: trained weights on disk (safetensors) with a manifest that says what they are.

An artifact is a folder with `weights.safetensors` and `manifest.json`. The manifest holds the weights'
SHA-256, so that truncated, altered or swapped weights are refused by name.
"""

import hashlib
import json
import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from sigbench.errors import BadInput
from sigbench.files import MOST_TEXT, Missing, document, read_file
from sigbench.guard import one_line, told

_MOST_WEIGHTS = 8 << 30
WEIGHTS, MANIFEST = "weights.safetensors", "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact is and how it came to be.

    `config` rebuilds the module; `data` says what it was trained on and how much of it, `cost` the seconds,
    network evaluations and hardware that it took.
    """

    kind: str
    task: str
    task_version: int
    sha256: str
    config: dict[str, Any]
    command: str
    commit: str | None
    created: str
    data: dict[str, Any] = field(default_factory=dict)
    cost: dict[str, Any] = field(default_factory=dict)
    packages: dict[str, Any] = field(default_factory=dict)


def save_artifact(folder: Path, weights: dict[str, Tensor], manifest: Manifest) -> Manifest:
    """Writes weights and manifest atomically, file by file; returns the manifest with the weights' hash.

    Raises BadInput where the folder cannot be written.
    """
    blob = save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    complete = Manifest(**{**asdict(manifest), "sha256": hashlib.sha256(blob).hexdigest()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (
            (WEIGHTS, blob),
            (MANIFEST, (json.dumps(asdict(complete), indent=2) + "\n").encode()),
        ):
            temporary = folder / f".{name}.writing"
            try:
                temporary.write_bytes(content)
                os.replace(temporary, folder / name)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"the artifact folder {folder} cannot be written: {error.strerror}.") from error
    return complete


def read_manifest(folder: Path) -> Manifest:
    """Returns the manifest of an artifact; raises BadInput where there is none or it cannot be read."""
    file = folder / MANIFEST
    try:
        text = read_file(file, "the manifest", MOST_TEXT)
    except Missing:
        raise BadInput(f"there is no artifact in {folder}: {MANIFEST} is missing.") from None
    with document(f"the manifest {file}"):
        fields = json.loads(text)
        if unknown := fields.keys() - Manifest.__annotations__.keys():
            raise ValueError(f"unknown fields {', '.join(sorted(unknown))}")
        return msgspec.convert(fields, Manifest)


def stamp_of(folder: Path) -> Hashable:
    """Returns what tells whether an artifact's files have changed, for those who keep what they loaded from them."""
    found = []
    for name in (WEIGHTS, MANIFEST):
        with suppress(OSError):
            status = (folder / name).stat()
            found.append((name, status.st_ino, status.st_size, status.st_mtime_ns))
    return (folder.resolve(), *found)


def load_artifact(folder: Path) -> tuple[dict[str, Tensor], Manifest]:
    """Returns the weights and the manifest of an artifact; raises BadInput where the hash does not hold."""
    manifest = read_manifest(folder)
    file = folder / WEIGHTS
    blob = read_file(file, "the weights", _MOST_WEIGHTS)
    found = hashlib.sha256(blob).hexdigest()
    if found != manifest.sha256:
        raise BadInput(
            f"the weights {file} are corrupt or were swapped: their SHA-256 is {found[:16]}…, "
            f"the manifest says {str(manifest.sha256)[:16]}…."
        )
    try:
        return load(blob), manifest
    except Exception as error:  # safetensors' own error, and whatever torch makes of shapes that it has not
        raise BadInput(f"the weights {file} cannot be read: {told(error)}.") from error


def check_fit(config: Mapping[str, Any], build: Callable[[], object], weights: Mapping[str, Tensor]) -> None:
    """Raises ValueError where a manifest's configuration makes no network of these weights, before there is one.

    The network is made without memory (on torch's device "meta"), and its shapes are held against the weights': their
    file bounds what a configuration may ask for. Counts of layers are held against the number of weights first, since
    every layer has some.
    """
    for name, count in _counts(config):
        if not isinstance(count, int) or not 0 <= count <= len(weights):
            raise ValueError(f"{name} is {one_line(repr(count))}, and there are {len(weights)} weights")
    with torch.device("meta"):
        skeleton = build()
    assert isinstance(skeleton, nn.Module)
    wanted = {name: tuple(tensor.shape) for name, tensor in skeleton.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if wrong := sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)):
        name = wrong[0]
        shapes = f"shape {wanted.get(name, 'none')} by the manifest, {found.get(name, 'none')} in the file"
        raise ValueError(f"{len(wrong)} weights are others, {one_line(name)} first: {shapes}")


def _counts(config: object) -> Iterator[tuple[str, Any]]:
    """The numbers of layers in a configuration, by their names."""
    for name, value in config.items() if isinstance(config, Mapping) else ():
        if isinstance(name, str) and name.endswith(("depth", "blocks")):
            yield from ((name, each) for each in (value if isinstance(value, list | tuple) else [value]))
        else:
            yield from _counts(value)
