"""What makes a record sound: its schema, numbers that agree with each other, its digest and its key."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from sigbench.errors import BadInput
from sigbench.records.comparison import reaches_floor
from sigbench.records.names import name_and_role
from sigbench.records.record import SCHEMA, MetricRecord, Record, key_of

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
    "steps",
    "nfe",
    "samples",
    "repeats",
    "seed",
    "grid",
    "times",
    "final_step",
    "status",
    "error",
    "metrics",
    "asked",
)
_SEALED_LATER = ("spec", "role")  # fields that records of older versions lack

Kind = Literal["damaged", "foreign", "duplicate"]


class Unfit(Exception):
    """Why a document is not taken."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class OtherDocument(Exception):
    """The document is sound JSON, but of something else than a record."""


def parse_sound(text: bytes | str) -> Record:
    """Returns the record in a JSON document, sound in itself; raises BadInput, saying what is wrong with it."""
    try:
        return parsed(text if isinstance(text, bytes) else text.encode())
    except OtherDocument:
        raise BadInput("not a record: the field `schema` is missing.") from None
    except Unfit as problem:
        raise BadInput(f"{problem}.") from None


def parse_record(text: bytes | str) -> Record:
    """Returns the record in a JSON document after every check, its key too; raises BadInput as `parse_sound`."""
    record = parse_sound(text)
    if (determinants := determinants_of(record)) is not None and key_of(determinants) != record["key"]:
        raise BadInput("the key is not the hash of what the record says was asked for.")
    return record


def digest_of(record: Mapping[str, Any]) -> str:
    """Returns a hash of everything in a record but its times: the timing, the date and the note.

    Equal cells have equal digests, whenever they ran; a number changed by hand no longer fits its digest.
    """
    # By way of JSON, so that the numbers have the types with which they will be read.
    return _digest(msgspec.json.decode(json.dumps(record)))


def determinants_of(record: Record) -> dict[str, Any] | None:
    """Returns what the record's key is the hash of, None for a record of an older version, which does not say."""
    asked = record.get("asked")
    if asked is None:
        return None
    conditions = {
        name: int(value) if name == "label" else value for name, value in record.get("conditions", {}).items()
    }
    provenance = record["provenance"]
    return {
        "sigbench": provenance.get("sigbench"),
        "task": record["task"],
        "task_version": record["task_version"],
        "times": record["times"],
        "samples": record["samples"],
        "repeats": record["repeats"],
        "seed": record["seed"],
        "device": provenance.get("device"),
        **conditions,
        "artifacts": provenance.get("artifacts"),
        **asked,
    }


def parsed(data: bytes) -> Record:
    """Returns the record in a document; raises Unfit or OtherDocument where it holds none that is sound in itself."""
    try:
        record = _DECODER.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _why_not(data, error) from None
    if record["schema"] != SCHEMA:
        raise Unfit("foreign", f"schema {record['schema']}, where this version reads {SCHEMA}")
    reason = _inconsistency(record)
    if reason is None and "digest" in record and not _intact(record, data):
        reason = "changed since it was written: it does not fit its digest"
    if reason is not None:
        raise Unfit("damaged", reason)
    return record if "role" in record else _with_role(record)


def _with_role(record: Record) -> Record:
    """A record of an older version, whose sampler was a label, with name, spec and role apart; sealed anew."""
    asked = record.get("asked")
    found = name_and_role(record["sampler"], None if asked is None else asked["sampler"])
    record["sampler"], record["spec"], record["role"] = found
    if "digest" in record:
        record["digest"] = _digest(record)
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
        return Unfit("foreign", f"schema {str(document['schema'])[:40]!r}, where this version reads {SCHEMA}")
    return Unfit("damaged", f"not as the schema says: {str(error)[:200]}")


def _inconsistency(record: Record) -> str | None:
    """Why the fields cannot all be true, None where they can; types were checked before."""
    times = record["times"]
    if record["steps"] < 1 or len(times) != record["steps"] + 1:
        return f"{record['steps']} steps cannot have {len(times)} times"
    if times != sorted(times):
        return "the times go back"
    if record["samples"] < 1 or record["repeats"] < 1:
        return f"{record['samples']} samples in {record['repeats']} repeats cannot be"
    metrics, timing = record["metrics"], record["timing"]
    if record["status"] == "ok":
        if not metrics or timing is None or record["nfe"] is None:
            return "the status is ok, but metrics, timing or NFE are missing"
    elif metrics:
        return f"the status is {record['status']}, but there are metrics"
    if not all(map(_in_order, metrics.values())):
        name = next(name for name, metric in metrics.items() if not _in_order(metric))
        return f"the numbers of {name} contradict each other"
    if timing is not None:
        seconds = timing["sample_s"]["value"]
        if not (seconds > 0 and abs(seconds * timing["samples_per_s"] - 1) < 1e-6):
            return "sample_s and samples_per_s contradict each other"
    return None


def _in_order(metric: MetricRecord) -> bool:
    low, high, value = metric["low"], metric["high"], metric["value"]
    if low is None or high is None:
        return low is high and metric["better"] in ("lower", "higher", "zero")
    floor_low, floor_high = metric["floor_low"], metric["floor_high"]
    if not low <= value <= high or metric["better"] not in ("lower", "higher", "zero"):
        return False
    if floor_low is not None and floor_high is not None and not floor_low <= metric["floor"] <= floor_high:
        return False
    return metric["at_floor"] == reaches_floor(metric)


def _intact(record: Record, data: bytes) -> bool:
    # Decoded by type, a whole number in the place of a float has become one; only then the text is read again.
    return _digest(record) == record["digest"] or _digest(msgspec.json.decode(data)) == record["digest"]


def _digest(document: Mapping[str, Any]) -> str:
    sealed = list(map(document.get, _SEALED))
    sealed += [document[name] for name in _SEALED_LATER if name in document]
    made = dict(document["provenance"])
    made.pop("date", None)
    sealed += made.items()
    return hashlib.blake2b(_ENCODER.encode(sealed), digest_size=10).hexdigest()
