"""The store: a folder with one JSON file a record, each written atomically."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sigbench.errors import BadInput, check_extra
from sigbench.files import Missing, is_folder, read_file
from sigbench.records.checks import parse_sound
from sigbench.records.record import Record

WRITING = ".writing-"  # how the names of files that are being written begin
_LEFT_BEHIND_S = 600.0


def make_folder(folder: Path, what: str) -> Path:
    """Returns `folder`, made where there was none; raises BadInput, naming `what`, where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise BadInput(f"{what} {folder} cannot be written: {getattr(error, 'strerror', None) or error}.") from error
    tidy(folder)
    return folder


def tidy(folder: Path) -> int:
    """Removes temporary files that killed writers left in a folder, ten minutes later; returns how many.

    A file is written within moments; the rest of the time is for slow disks and clocks that disagree.
    """
    removed = 0
    for file in folder.glob(f"{WRITING}*"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > _LEFT_BEHIND_S:
                file.unlink()
                removed += 1
    return removed


def check_writable(file: Path, what: str) -> None:
    """Raises BadInput where a file cannot be written, by `replacing`, before there is anything to write."""
    if not is_folder(file.parent):
        raise BadInput(f"there is no folder {file.parent} for the {what}.")
    try:
        if file.exists() and not file.is_file():
            why = "Is a directory" if file.is_dir() else "it is no regular file"
            raise BadInput(f"the {what} {file} cannot be written: {why}.")
        if not os.access(file if file.exists() else file.parent, os.W_OK):
            raise BadInput(f"the {what} {file} cannot be written: there is no permission.")
        with tempfile.TemporaryFile(dir=file.parent):
            pass
        file.exists()  # a name that is too long
    except (OSError, ValueError) as error:
        raise BadInput(f"the {what} {file} cannot be written: {getattr(error, 'strerror', None) or error}.") from error


def check_picture(file: Path) -> None:
    """Raises BadInput where a picture cannot be drawn or written to `file`, before there is anything to draw.

    What draws may not be installed; the ending may be another, the folder missing, or there is no permission.
    """
    if file.suffix not in (".png", ".svg"):
        raise BadInput(f"a picture is saved as .png or .svg, not as {file.name!r}.")
    check_extra("plots", "a picture")
    check_writable(file, "picture")


def keep_in_cache(place: Path, content: bytes) -> None:
    """Writes a file of the cache; one that cannot be written is none, and nothing is lost but time."""
    with suppress(OSError, BadInput):
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as temporary:
            temporary.write_bytes(content)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Yields a temporary file beside `file` that takes its place when all went well, and is gone otherwise.

    A link stays one, to the new file. Raises BadInput where it cannot be written, and for what is no regular file: a
    device would be replaced, too.
    """
    temporary: Path | None = None
    try:
        file = Path(os.path.realpath(file))
        if file.exists() and not file.is_file():
            raise BadInput(f"{file} cannot be written: it is no regular file.")
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=WRITING, suffix=file.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())  # its name must not be on the disk before what is in it
        os.replace(temporary, file)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


class Store:
    """Records in a folder, named by their keys; writing is atomic, so a reader never sees half a record.

    Raises BadInput where the folder cannot be made or written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = make_folder(folder, "the store")

    def path_of(self, key: str) -> Path:
        """Returns the file of a record."""
        return self.folder / f"{key}.json"

    def write(self, record: Record) -> Path:
        """Writes a record, replacing one of the same key; returns its file."""
        text = json.dumps(record, allow_nan=False, indent=1) + "\n"
        if not self.folder.is_dir():  # it was there: somebody took it away meanwhile
            make_folder(self.folder, "the store")
        try:
            with replacing(self.path_of(record["key"])) as temporary, temporary.open("w") as file:
                file.write(text)
        except BadInput as error:
            raise BadInput(f"the store {self.folder} cannot be written: {error}") from error
        return self.path_of(record["key"])

    def read(self, key: str) -> Record | None:
        """Returns the record of `key`, None where there is none that is sound under this schema."""
        return self.look(key)[0]

    def look(self, key: str) -> tuple[Record | None, str | None]:
        """Returns the record of `key`, and where its file holds none that can be taken, why not."""
        try:
            record = parse_sound(read_file(self.path_of(key), "the record"))
        except Missing:
            return None, None
        except BadInput as error:
            return None, str(error).rstrip(".")
        return (record, None) if record["key"] == key else (None, f"it holds the record {record['key'][:40]!r}")

    def __iter__(self) -> Iterator[Record]:
        for file in sorted(self.folder.glob("[!.]*.json")):
            record = self.read(file.stem)
            if record is not None:
                yield record
