"""Why a record does not answer for a cell: what its key hashes and is another here, in words."""

from collections.abc import Iterable, Mapping
from typing import Any

from sigbench.records.key import Determinants, determinants_of, key_of
from sigbench.records.record import Record

# What may change under a cell that is asked for in the same words; the rest makes it another cell.
_UNASKED = frozenset({"sigbench", "task_version", "artifacts", "code", "final_step", "noise"})


def changes(before: Determinants, now: Determinants) -> list[str]:
    """Returns what differs, a phrase each: "helper.py of mine.py:Mine changed"."""
    found = [f"{name} differs" for name in now if name not in _UNASKED and now[name] != before.get(name)]
    for name, words in (("sigbench", "sigbench was"), ("task_version", "the version of the task was")):
        if before[name] != now[name]:
            found.append(f"{words} {before[name]}")
    found += [f"the {name.replace('_', ' ')} changed" for name in ("final_step", "noise") if before[name] != now[name]]
    found += [f"the artifact {how}" for how in _moved(before["artifacts"] or {}, now["artifacts"] or {})]
    found += [f"the code of {how}" for how in _moved(before["code"]["package"], now["code"]["package"])]
    return [*found, *_plug_ins(before, now)]


def _plug_ins(before: Determinants, now: Determinants) -> list[str]:
    told, found = {code["plug_in"]: code for code in before["code"]["plug_ins"]}, []
    for code in now["code"]["plug_ins"]:
        own, other = code["plug_in"], told.get(code["plug_in"])
        whose = {"task": f"the task {now['task']}", "sampler": now["sampler"]}.get(own, f"the metric {own}")
        if other is None:
            found.append(f"{whose} is new")
            continue
        if other["name"] != code["name"]:
            found.append(f"the class of {whose} was {other['name']}")
        found += [f"{how[0]} of {whose} {how[1]}" for how in _parts(other["files"], code["files"])]
        found += [
            f"the package {how} for {whose}" for how in _moved(other.get("packages", {}), code.get("packages", {}))
        ]
    return found


def _parts(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str]]:
    names = sorted({*before, *now})
    how = {name: "is new" if name not in before else "is gone" if name not in now else "changed" for name in names}
    return [(name, how[name]) for name in names if before.get(name) != now.get(name)]


def _moved(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [" ".join(how) for how in _parts(before, now)]


class Earlier:
    """Records by what they were asked for, to say what has changed since."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._found: dict[str, list[Determinants]] = {}
        for record in records:
            told = determinants_of(record)
            self._found.setdefault(_request(told), []).append(told)

    def why(self, wanted: Determinants) -> list[str]:
        """Returns what has changed since a cell was measured that was asked for in the same words.

        Of several the one that differs least; nothing where there is none.
        """
        return min((changes(told, wanted) for told in self._found.get(_request(wanted), ())), key=len, default=[])


def same_cell(one: Determinants, other: Determinants) -> bool:
    """Returns whether two cells are one question, whatever device answers it, and whatever metrics judge."""
    return same_request(*({**each, "device": None, "asked": _of_anywhere(each["asked"])} for each in (one, other)))


def _of_anywhere(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if name not in ("metrics", "tf32")}


def same_request(one: Determinants, other: Determinants) -> bool:
    """Returns whether two cells were asked for in the same words, whatever code and artifacts answered."""
    return _request(one) == _request(other)


def _request(determinants: Determinants) -> str:
    asked = {name: value for name, value in determinants.items() if name not in _UNASKED}
    return key_of({**asked, "paths": determinants["noise"]["paths"]})
