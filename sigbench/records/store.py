"""The store: a folder with one JSON file a record, each written atomically."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from sigbench.errors import BadInput
from sigbench.records.record import SCHEMA, Record


def make_folder(folder: Path, what: str) -> Path:
    """Returns `folder`, made where there was none; raises BadInput, naming `what`, where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(f"{what} {folder} cannot be written: {error.strerror or error}.") from error
    return folder


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
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".writing-", suffix=".json")
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path_of(record["key"]))
        except BaseException as error:
            Path(temporary).unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise BadInput(f"the store {self.folder} cannot be written: {error.strerror}.") from error
            raise
        return self.path_of(record["key"])

    def read(self, key: str) -> Record | None:
        """Returns the record of `key`, None where there is none that can be read under this schema."""
        try:
            record = json.loads(self.path_of(key).read_text())
        except (OSError, ValueError):
            return None
        if not isinstance(record, dict) or record.get("schema") != SCHEMA or record.get("key") != key:
            return None
        return cast(Record, record)

    def __iter__(self) -> Iterator[Record]:
        for file in sorted(self.folder.glob("[!.]*.json")):
            record = self.read(file.stem)
            if record is not None:
                yield record
