"""Who a worker is: on which node, with which code, versions and devices, and what it can see of the sweep's files."""

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sigbench
from sigbench.errors import BadInput

# What numbers depend on beside sigbench itself; local parts of versions, as in 2.13.0+cpu, may differ.
_PACKAGES = ("torch", "numpy", "scipy", "pot", "torchsde", "torch-fidelity", "pysiglib")


@dataclass(frozen=True, slots=True)
class Identity:
    """The code and the versions of a machine: hashes of the packages that bring plug-ins, and versions of others."""

    version: str
    code: Mapping[str, str]
    packages: Mapping[str, str]

    def mismatch(self, own: "Identity") -> str | None:
        """Returns how it differs from the sweep's own machine, in words that follow a name; None where it does not."""
        if self.version != own.version:
            return f"has sigbench {self.version}, and this machine has {own.version}: install the same on both"
        for name, code in own.code.items():
            if self.code.get(name) != code:
                return f"has other code of {name} than this machine: install the same on both"
        for name, version in own.packages.items():
            if self.packages.get(name) != version:
                return (
                    f"has {name} {self.packages.get(name, '(none)')}, and this machine has {version}: install the same "
                    "on both"
                )
        return None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked of a node before work begins: whether it sees these files as they are here, and may write there.

    Files are by their hashes; relative ones are seen from `folder`, the sweep's own.
    """

    folder: str
    files: Mapping[str, str]
    written: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node says of itself; `unseen` files are not there or are others, `unwritable` folders are not shared."""

    node: str
    identity: Identity
    devices: tuple[str, ...]
    unseen: tuple[str, ...]
    unwritable: tuple[str, ...]


@cache
def own_identity() -> Identity:
    """Returns who this process is."""
    tops = {point.module.partition(".")[0] for group in _groups() for point in group}
    versions = {name: _version(name) for name in _PACKAGES}
    return Identity(
        sigbench.__version__,
        {name: _code(name) for name in sorted(tops | {sigbench.__name__})},
        {name: version for name, version in versions.items() if version is not None},
    )


def answer(inquiry: Inquiry, node: str = "") -> Answer:
    """Returns what this machine says; `node` tells it from others of its name."""
    import torch

    cuda = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    folder = Path(inquiry.folder)
    return Answer(
        node_name(node),
        own_identity(),
        tuple(cuda),
        tuple(file for file, known in inquiry.files.items() if file_hash(folder / file) != known),
        tuple(written for written in inquiry.written if not _is_writable(Path(written))),
    )


def check_answers(answers: Iterable[Answer]) -> None:
    """Raises BadInput for the first node that cannot measure what this machine has planned."""
    own = own_identity()
    for told in answers:
        if (mismatch := told.identity.mismatch(own)) is not None:
            raise BadInput(f"the node {told.node} {mismatch}.")
        if told.unseen:
            raise BadInput(
                f"the node {told.node} does not see the plug-in file {told.unseen[0]} as it is here: run the sweep in "
                "a folder that all nodes share."
            )
        if told.unwritable:
            raise BadInput(
                f"the node {told.node} cannot write to the folder {told.unwritable[0]}, where students are trained: "
                "choose a --work that all nodes share."
            )


def device_for(asked: str, answers: Sequence[Answer]) -> str:
    """Returns the device that cells are planned for: "auto" is CUDA where a node has it. Raises BadInput for others."""
    if ":" in asked:
        raise BadInput(f"the device {asked!r} is one of this machine alone: say cuda, and each node takes its own.")
    have = any(told.devices for told in answers)
    if asked == "cuda" and not have:
        raise BadInput(f"none of the {len(answers)} nodes has a CUDA device: choose the device cpu.")
    return ("cuda" if have else "cpu") if asked == "auto" else asked


def node_name(suffix: str = "") -> str:
    """Returns the name of this machine, with what tells a worker's node from others of its name."""
    return f"{platform.node()}/{suffix}" if suffix else platform.node()


def file_hash(file: Path) -> str | None:
    """Returns the hash of a file's bytes, None where it cannot be read."""
    try:
        return hashlib.blake2b(file.read_bytes(), digest_size=10).hexdigest()
    except OSError:
        return None


def _groups() -> Iterable[Iterable[importlib.metadata.EntryPoint]]:
    found = importlib.metadata.entry_points()
    return [found.select(group=group) for group in found.groups if group.startswith("sigbench.")]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def _code(package: str) -> str:
    """The hash of a package's Python files, or of a module's; it is not imported."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or [spec.origin or ""]) if spec is not None else []
    found = hashlib.blake2b(digest_size=10)
    for place in map(Path, places):
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(f"{file.relative_to(place)} {file_hash(file)}\n".encode())
    return found.hexdigest()


def _is_writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return os.access(folder, os.W_OK)
    except OSError:
        return False
