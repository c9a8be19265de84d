"""Provenance: with what, and on what, a record was made."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

import sigbench

PACKAGES = ("torch", "numpy", "scipy", "pot", "torchsde", "torch-fidelity", "rich", "typer", "safetensors", "pysiglib")


def package_versions(also: Iterable[str] = ()) -> dict[str, str | None]:
    """Returns the version of each package that results may depend on, None where it is not installed.

    `also` are packages that only some results depend on.
    """
    versions: dict[str, str | None] = {}
    for name in (*PACKAGES, *also):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


@lru_cache
def git_commit() -> str | None:
    """Returns the commit of the checkout that this package is imported from, "+dirty" where it has changes.

    None where the package does not lie in a checkout of its own project (a wheel, say).
    """
    root = Path(sigbench.__file__).resolve().parent.parent
    if not (root / ".git").exists() or not (root / "pyproject.toml").is_file():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return f"{commit}+dirty" if _git(root, "status", "--porcelain", "-uno") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def device_name(device: torch.device) -> str:
    """Returns the device's name in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return _processor() or platform.machine()


@lru_cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def provenance(
    device: torch.device, dtype: torch.dtype, artifacts: dict[str, str], packages: Iterable[str] = ()
) -> dict[str, Any]:
    """Returns everything about code and machine that a reader of a number may ask for.

    `packages` are those that it depends on beside PACKAGES.
    """
    return {
        "sigbench": sigbench.__version__,
        "git": git_commit(),
        "torch": str(torch.__version__),  # a plain string, which every encoder knows
        "packages": package_versions(packages),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "device": device.type,
        "device_name": device_name(device),
        "dtype": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "artifacts": artifacts,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
