"""What makes a record sound: its schema, numbers that agree with each other, its digest and its key."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from sigbench.errors import BadInput, Outdated
from sigbench.guard import told
from sigbench.records.consistency import inconsistency
from sigbench.records.key import determinants_of, key_of
from sigbench.records.record import SCHEMA, Record

_DECODER = msgspec.json.Decoder(Record)
_ENCODER = msgspec.msgpack.Encoder()  # binary: numbers cost no formatting
_SEALED = (
    "schema",
    "key",
    "task",
    "task_version",
    "conditions",
    "sampler",
    "family",
    "spec",
    "role",
    "steps",
    "nfe",
    "samples",
    "repeats",
    "seed",
    "noise",
    "grid",
    "times",
    "final_step",
    "status",
    "error",
    "metrics",
    "asked",
    "code",
)

Kind = Literal["damaged", "foreign", "outdated", "duplicate"]


class Unfit(Exception):
    """Why a document is not taken."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class OtherDocument(Exception):
    """The document is sound JSON, but of something else than a record."""


def parse_sound(text: bytes | str) -> Record:
    """Returns the record in a JSON document, sound in itself; raises BadInput, saying what is wrong with it.

    Of an older schema it is Outdated.
    """
    try:
        return parsed(text if isinstance(text, bytes) else text.encode())
    except OtherDocument:
        raise BadInput("not a record: the field `schema` is missing.") from None
    except Unfit as problem:
        raise (Outdated if problem.kind == "outdated" else BadInput)(f"{problem}.") from None


def parse_record(text: bytes | str) -> Record:
    """Returns the record in a JSON document after every check, its key too; raises BadInput as `parse_sound`."""
    record = parse_sound(text)
    if key_of(determinants_of(record)) != record["key"]:
        raise BadInput("the key is not the hash of what the record says was asked for.")
    return record


def digest_of(record: Mapping[str, Any]) -> str:
    """Returns a hash of everything in a record but its times: the timing, the date and the note.

    Equal cells have equal digests, whenever they ran; a number changed by hand no longer fits its digest.
    """
    # By way of JSON, so that the numbers have the types with which they will be read.
    return _digest(msgspec.json.decode(json.dumps(record)))


def parsed(data: bytes) -> Record:
    """Returns the record in a document; raises Unfit or OtherDocument where it holds none that is sound in itself."""
    try:
        record = _DECODER.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _why_not(data, error) from None
    if record["schema"] != SCHEMA:
        raise _other_schema(record["schema"])
    try:
        reason = inconsistency(record)
        if reason is None and not _intact(record, data):
            reason = "changed since it was written: it does not fit its digest"
    except (ArithmeticError, ValueError, TypeError, LookupError, RecursionError, msgspec.MsgspecError) as error:
        reason = f"its values cannot be those of a record: {told(error)}"
    if reason is not None:
        raise Unfit("damaged", reason)
    return record


def _why_not(data: bytes, error: Exception) -> Exception:
    """The exception for a document that is no record of this schema."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        return Unfit("damaged", f"not JSON: {str(problem)[:200] or type(problem).__name__}")
    if not isinstance(document, dict):
        return Unfit("foreign", "not a record: JSON, but no object")
    if "schema" not in document:
        return Unfit("damaged", "the field `schema` is missing") if "key" in document else OtherDocument()
    if "key" not in document and "status" not in document:
        return OtherDocument()  # other files have schemas too
    if document["schema"] != SCHEMA or isinstance(document["schema"], bool):
        return _other_schema(document["schema"])
    return Unfit("damaged", f"not as the schema says: {str(error)[:200]}")


def _other_schema(schema: object) -> Unfit:
    if isinstance(schema, int) and not isinstance(schema, bool) and 0 < schema < SCHEMA:
        return Unfit("outdated", f"schema {schema}, where this version reads {SCHEMA}: measure its cell again")
    return Unfit("foreign", f"schema {repr(schema)[:40]}, where this version reads {SCHEMA}")


def _intact(record: Record, data: bytes) -> bool:
    # Decoded by type, a whole number in the place of a float has become one; only then the text is read again.
    return _digest(record) == record["digest"] or _digest(msgspec.json.decode(data)) == record["digest"]


def _digest(document: Mapping[str, Any]) -> str:
    sealed = list(map(document.get, _SEALED))
    made = dict(document["provenance"])
    made.pop("date", None)
    sealed += made.items()
    return hashlib.blake2b(_ENCODER.encode(sealed), digest_size=10).hexdigest()
