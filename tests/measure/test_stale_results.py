"""No old number for new code, by mutation: each file that numbers depend on is changed in turn, and the key with it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.measure.source.plug_ins import _ROOT, PARTS, package_code

# How cells are asked for, kept, compared and shown; or named with the files of the plug-ins that use it.
ELSEWHERE = {
    *("__init__.py", "adapter.py", "errors.py", "files.py", "guard.py", "progress.py", "sampler.py", "task.py"),
    *(
        "user_code.py",
        "api",
        "cli",
        "gate",
        "leaderboard",
        "models",
        "records",
        "report",
        "rivals",
        "sigdeg",
        "studies",
        "sweep",
    ),
}
MODULES = sorted(
    str(file.relative_to(_ROOT))
    for part in PARTS
    for file in ([_ROOT / part] if part.endswith(".py") else (_ROOT / part).rglob("*.py"))
)


def test_every_part_of_the_package_is_in_the_key_or_known_not_to_be() -> None:
    found = {place.name for place in _ROOT.iterdir() if place.suffix == ".py" or (place / "__init__.py").exists()}
    assert found - set(PARTS) == ELSEWHERE
    assert len(MODULES) > 60


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, to be changed."""
    ignored = shutil.ignore_patterns("__pycache__", "template", "*.png")
    return Path(shutil.copytree(_ROOT, tmp_path_factory.mktemp("copy") / "sigbench", ignore=ignored))


def code_at(root: Path) -> dict[str, str]:
    package_code.cache_clear()
    return package_code(root)


def test_every_module_of_these_parts_changes_the_key(copy: Path) -> None:
    usual = code_at(copy)
    assert usual == code_at(_ROOT)
    for module in MODULES:
        text = (copy / module).read_text()
        (copy / module).write_text(f"{text}\nADDED = 1\n")
        assert code_at(copy) != usual, module
        (copy / module).write_text(f"{text}\n# a remark\n")
        assert code_at(copy) == usual, module
        (copy / module).write_text(text)
    (copy / "sde" / "added.py").write_text("ADDED = 1\n")
    assert code_at(copy) != usual


PLUG_IN = {
    "mine.py": "from base import Base\nimport tools\n\nclass Mine(Base, tools.Mixin):\n    name = 'mine'\n",
    "base.py": "from sigbench_baselines.ddim import DDIM\nfrom parts.first import X\n\nclass Base(DDIM):\n    pass\n",
    "tools.py": "def late():\n    import lazy\n\nclass Mixin:\n    pass\n",
    "lazy.py": "Y = 1\n",
    "parts/__init__.py": "",
    "parts/first.py": "from . import second\nfrom .third import Z\nX = 1\n",
    "parts/second.py": "X = 1\n",
    "parts/third.py": "from parts.fourth import *\nZ = 1\n",
    "parts/fourth.py": "W = 1\n",
}


@pytest.mark.parametrize("changed", sorted(PLUG_IN))
def test_every_file_of_a_plug_ins_folder_changes_the_key(tmp_path: Path, changed: str) -> None:
    (tmp_path / "parts").mkdir()
    for name, text in PLUG_IN.items():
        (tmp_path / name).write_text(text)

    def key() -> str:
        (cell,) = plan_cells(Settings("gmm", samples=60, device="cpu"), [f"{tmp_path}/mine.py:Mine"], [2])
        return cell.key

    before = key()
    assert key() == before
    (tmp_path / changed).write_text(PLUG_IN[changed] + "ADDED = 1\n")
    assert key() != before
    (tmp_path / changed).write_text(PLUG_IN[changed])
    assert key() == before


OF_A_TASK = {
    "task.toml": 'name = "mine"\n[model]\nkind = "python"\npath = "net.py:build"\npredicts = "flow"\n'
    'schedule = { kind = "flow" }\n[data]\nimages = "i.npz"\n[judge]\nfeatures = "features.py:of"\n',
    "net.py": "import helper\nfrom deep import first\n\ndef build():\n    def network(t, x):\n        import late\n"
    "        return x * helper.K\n\n    return network\n",
    "features.py": "import widths\n\ndef of(images):\n    return images.double().flatten(1)[:, : widths.N]\n",
    "widths.py": "N = 5\n",
    "helper.py": "K = 1.0\n",
    "late.py": "L = 1\n",
    "deep/__init__.py": "",
    "deep/first.py": "from . import second\n",
    "deep/second.py": "X = 1\n",
}


@pytest.mark.parametrize("changed", [*sorted(OF_A_TASK), "i.npz"])
def test_every_file_of_a_models_folder_changes_the_key(tmp_path: Path, changed: str) -> None:
    (tmp_path / "deep").mkdir()
    for name, text in OF_A_TASK.items():
        (tmp_path / name).write_text(text)
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "i.npz", images)

    def key() -> str:
        (cell,) = plan_cells(Settings(f"{tmp_path}/task.toml", samples=18, device="cpu"), ["ddim"], [2])
        return cell.key

    before = key()
    assert key() == before
    if changed == "i.npz":
        np.savez(tmp_path / "i.npz", 255 - images)
    else:
        added = "[teacher]\nsteps = 7\n" if changed == "task.toml" else "ADDED = 1\n"
        (tmp_path / changed).write_text(OF_A_TASK[changed] + added)
    assert key() != before
