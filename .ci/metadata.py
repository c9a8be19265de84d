"""Checks what a wheel and an sdist say of themselves, and writes the notes of their release: DIR [TAG]."""

import email
import re
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

ROOT = Path(__file__).parents[1]


def metadata(file: Path) -> Message:
    """Returns the metadata of a wheel or an sdist."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            return email.message_from_bytes(archive.read(name))
    with tarfile.open(file) as archive:
        name = f"{file.name.removesuffix('.tar.gz')}/PKG-INFO"
        found = archive.extractfile(name)
        assert found is not None
        return email.message_from_bytes(found.read())


def description(own: Message) -> str:
    """Returns the text under the metadata's fields."""
    text = own.get_payload(decode=True)
    assert isinstance(text, bytes)
    return text.decode()


def entry(version: str) -> tuple[str, str]:
    """Returns what follows a version in its heading of CHANGELOG.md, and the text under it."""
    changes = (ROOT / "CHANGELOG.md").read_text()
    found = re.search(rf"^## {re.escape(version)}, ([^\n]*)\n(.*?)(?=^## |\Z)", changes, flags=re.M | re.S)
    if found is None:
        sys.exit(f"CHANGELOG.md has no entry of {version}.")
    return found[1], found[2].strip()


def main(folder: Path, tag: str = "") -> None:
    """Raises SystemExit, with what is wrong, where something is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    said = [metadata(file) for file in (wheel, sdist)]
    for file, own in zip((wheel, sdist), said, strict=True):
        facts = {
            "Name": project["name"],
            "Summary": project["description"],
            "Requires-Python": project["requires-python"],
            "License-Expression": project["license"],
            "Description-Content-Type": "text/markdown",
        }
        for name, value in facts.items():
            if own[name] != value:
                sys.exit(f"the {name} of {file.name} is {own[name]!r}, and {value!r} was to be.")
        if set(own.get_all("Provides-Extra", ())) != set(project["optional-dependencies"]):
            sys.exit(f"the extras of {file.name} are not those of pyproject.toml.")
        if (ROOT / "README.md").read_text().strip() != description(own).strip():
            sys.exit(f"the description of {file.name} is not the README.")
    version = said[0]["Version"]
    if (
        said[1]["Version"] != version
        or f'__version__ = "{version}"' not in (ROOT / "sigbench" / "__init__.py").read_text()
    ):
        sys.exit(f"the versions differ: {version} of the wheel, {said[1]['Version']} of the sdist.")
    day, notes = entry(version)
    if tag and tag != f"v{version}":
        sys.exit(f"the tag is {tag}, and the version {version}.")
    if tag and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
        sys.exit(f"the entry of {version} in CHANGELOG.md has no date: {day!r}.")
    (folder / "notes.md").write_text(f"{notes}\n")
    print(f"sigbench {version}: {wheel.name}, {sdist.name}; the metadata is as it was to be.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
