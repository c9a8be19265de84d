"""Artifacts: trained weights on disk (safetensors) with a manifest that says what they are.

An artifact is a folder with `weights.safetensors` and `manifest.json`. The manifest holds the weights'
SHA-256, so that truncated, altered or swapped weights are refused by name.
"""

import hashlib
import json
import os
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from sigbench.errors import BadInput

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
        return Manifest(**json.loads(file.read_text()))
    except FileNotFoundError:
        raise BadInput(f"there is no artifact in {folder}: {MANIFEST} is missing.") from None
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"the manifest {file} is corrupt: {error}.") from error


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
    try:
        blob = file.read_bytes()
    except OSError as error:
        raise BadInput(f"the weights {file} cannot be read: {error.strerror}.") from error
    found = hashlib.sha256(blob).hexdigest()
    if found != manifest.sha256:
        raise BadInput(
            f"the weights {file} are corrupt or were swapped: their SHA-256 is {found[:16]}…, "
            f"the manifest says {str(manifest.sha256)[:16]}…."
        )
    try:
        return load(blob), manifest
    except SafetensorError as error:
        raise BadInput(f"the weights {file} cannot be read: {error}.") from error
