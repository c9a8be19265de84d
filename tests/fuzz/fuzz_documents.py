"""Mutated files: bytes that are flipped, cut and repeated, and documents of which a part is something else."""

import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from fuzz_cases import Case

from sigbench.records.checks import digest_of
from sigbench.records.key import determinants_of, key_of
from sigbench.sde.grids.computed import ComputedGrid, hash_of

SMALL = ("--samples", "60", "--repeats", "2", "--device", "cpu")
ODD: list[Any] = [None, True, False, 0, -1, 1, 2**63, -(2**70), 10**400, 0.0, -0.5, 1e308, 1e-320, "", "x", "\ud800"]
ODD += ["[/y][bold]", "<script>alert(1)</script>", "../../pwn", "./evil.py:Evil", "a\nb", "\x1b[2J", "n" * 5000, [], {}]
ODD += [
    30_000,
    10**9,
    "/dev/zero",
    "pipe.json",
    [1],
    ["a"],
    {"a": 1},
    [[[[]]]],
    [10**400],
    "nan",
    float("nan"),
    float("inf"),
    [0] * 3000,
    {"\ud800": 1},
]
TEXTS = [
    "10" * 200,
    "1e400",
    "nan",
    "inf",
    "[]",
    "{}",
    '""',
    "[[vary]]",
    '"\\ud800"',
    "true",
    "=",
    '"x"',
    "-1",
    "\t",
    "\x00",
    "30000",
    "1000000000",
    '"/"',
    '"a\\u0000b"',
    '"net.py:Nothing"',
    '"/dev/zero"',
    *(f'"{name}.{ending}"' for name in ("pipe", "zero") for ending in ("npy", "zip", "png", "py:build")),
]


def kinds() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Returns for each kind of file where a good one lies in the pantry, and the command that reads it."""
    run = ("run", "--task", "gmm", *SMALL)
    show = ("leaderboard", "show", "--task", "gmm")
    few = ("--samples", "18", "--repeats", "2", "--device", "cpu", "--sampler", "ddim", "--steps", "2")
    names = ("task", "images", "npz", "unet", "codes", "moments")
    of_file, of_images, of_npz, of_unet, of_codes, of_moments = (("run", "--task", f"{n}.toml", *few) for n in names)
    build = ("leaderboard", "build", "--folder", "board", "--records", "records.jsonl", "--out", "page/index.html")
    studies = {
        f"study of {name}": (f"board/studies/{name}/gmm.jsonl", build)
        for name in ("orders", "gap", "spectrum", "ablation")
    }
    return {
        "records": ("records.jsonl", (*show, "--records", "records.jsonl", "--folder", "board")),
        "page": ("records.jsonl", build),
        "submission": ("records.jsonl", ("leaderboard", "add", "records.jsonl", "--folder", "board")),
        "store": ("store/*.json", (*run, "--sampler", "ddim", "--steps", "2,3", "--store", "store", "--resume")),
        "baseline": ("baseline.json", ("check", "--baseline", "baseline.json")),
        "sweep": ("sweep.toml", ("sweep", "sweep.toml", "--dry-run")),
        "ablation": ("ablation.toml", ("ablate", "ablation.toml", "--dry-run")),
        "claims": ("board/claims.toml", build),
        "manifest": ("student/manifest.json", (*run, "--sampler", "sigdeg:artifact=student", "--steps", "2")),
        "weights": ("student/weights.safetensors", (*run, "--sampler", "sigdeg:artifact=student", "--steps", "2")),
        "checkpoint": (
            "half/checkpoint.pt",
            ("train", "--task", "gmm", "--order", "2", "--steps", "2-3", "--iterations", "2", "--out", "half"),
        ),
        "grid": ("grid.json", (*run, "--sampler", "ddim", "--grid", "grid.json")),
        "floors": (
            "floors.json",
            ("floors", "--task", "gmm", "--samples", "60", "--draws", "2", "--out", "floors.json"),
        ),
        "list": ("list.txt", (*run, "--sampler-file", "list.txt", "--steps", "2")),
        "task": ("task.toml", of_file),
        "task's teacher": ("task.toml", (*of_file, "--sampler", "teacher")),
        "task of images": ("images.toml", of_images),
        "task of a model": ("unet.toml", of_unet),
        "array": ("x.npy", of_file),
        "network": ("net.py", of_images),
        "image": ("digits/*.png", of_images),
        "images of a zip": ("digits.zip", of_unet),
        "images of an array": ("digits.npz", of_npz),
        "model's configuration": ("unet/config.json", of_unet),
        "model's scheduler": ("unet/scheduler_config.json", of_unet),
        "task of codes": ("codes.toml", of_codes),
        "transformer": ("transformer/config.json", of_codes),
        "autoencoder": ("vae/config.json", of_codes),
        "autoencoder's weights": ("vae/*.safetensors", of_codes),
        "labels": ("labels.npy", of_codes),
        "statistics": ("statistics.npz", of_moments),
        "model's weights": ("unet/*.safetensors", of_unet),
        "plug-in": ("mine.py", (*run, "--sampler", "mine.py:Mine", "--steps", "2")),
        **studies,
    }


def make_document(chance: Random, pantry: Path) -> Case:
    """Returns a command that reads a file of which a part was changed."""
    every = kinds()
    kind = chance.choice(sorted(every))
    where, arguments = every[kind]
    file = chance.choice(sorted(pantry.glob(where)))
    data = file.read_bytes()
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        data = mutated(chance, data, file.suffix)
    if kind in ("store", "records", "page", "submission", "baseline", "grid") and chance.random() < 0.5:
        data = sealed_again(data)
    if kind == "weights" and chance.random() < 0.8:  # with the right hash: the manifest says what came out
        return Case(arguments, lambda folder: _swap(folder, data), told=f"{kind}, {len(data)} bytes")
    name = file.relative_to(pantry)
    return Case(arguments, lambda folder: (folder / name).write_bytes(data), told=f"{kind}, {len(data)} bytes")


def mutated(chance: Random, data: bytes, suffix: str) -> bytes:
    """Returns data with one change, most often to the document that it is."""
    changes: list[Callable[[Random, bytes], bytes]] = [_flipped, _cut, _without, _twice, _inserted]
    if suffix in (".json", ".jsonl") and chance.random() < 0.75:
        changes = [_other_value, _other_value, _other_value, _less, _deep]
    if suffix in (".toml", ".txt", ".py") and chance.random() < 0.6:
        changes = [_other_word]
    if suffix == ".safetensors" and chance.random() < 0.7:
        changes = [_other_header]
    if suffix == ".npy" and chance.random() < 0.7:
        changes = [_other_array]
    if suffix in (".zip", ".npz") and chance.random() < 0.7:
        changes = [_other_member]
    return chance.choice(changes)(chance, data)


def _flipped(chance: Random, data: bytes) -> bytes:
    if not data:
        return b"\x00"
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _cut(chance: Random, data: bytes) -> bytes:
    return data[: chance.randint(0, len(data))]


def _without(chance: Random, data: bytes) -> bytes:
    first, last = sorted(chance.randint(0, len(data)) for _ in range(2))
    return data[:first] + data[last:]


def _twice(chance: Random, data: bytes) -> bytes:
    first, last = sorted(chance.randint(0, len(data)) for _ in range(2))
    return data[:last] + data[first:last] * chance.choice([1, 3, 40]) + data[last:]


def _inserted(chance: Random, data: bytes) -> bytes:
    place, odd = (
        chance.randint(0, len(data)),
        chance.choice([b"\x00", b"\xff\xfe", b"[" * 100_000, b"\n" * 400_000, b'"']),
    )
    return data[:place] + odd + data[place:]


def _other_value(chance: Random, data: bytes) -> bytes:
    return _edited(chance, data, lambda parent, key: parent.__setitem__(key, chance.choice(ODD)))


def _less(chance: Random, data: bytes) -> bytes:
    return _edited(chance, data, lambda parent, key: parent.pop(key))


def _deep(chance: Random, data: bytes) -> bytes:
    def nest(parent: Any, key: Any) -> None:
        for _ in range(chance.choice([2, 300])):
            parent[key] = [parent[key]]

    return _edited(chance, data, nest)


def _edited(chance: Random, data: bytes, edit: Callable[[Any, Any], object]) -> bytes:
    """The document, or one of its lines, with a place in it edited; bytes that are no document are flipped."""
    lines = data.split(b"\n")
    whole = len(lines) < 2 or not data.startswith(b'{"')
    index = chance.randrange(len(lines))
    try:
        document = json.loads(data if whole else lines[index])
        parent, key = chance.choice(list(_places(document)))
    except (ValueError, IndexError, RecursionError):
        return _flipped(chance, data)
    edit(parent, key)
    text = json.dumps(document).encode()
    return text if whole else b"\n".join([*lines[:index], text, *lines[index + 1 :]])


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    for key in (
        list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    ):
        yield document, key
        yield from _places(document[key])


def _other_word(chance: Random, data: bytes) -> bytes:
    words = data.decode("utf-8", "surrogateescape").split(" ")
    words[chance.randrange(len(words))] = chance.choice(TEXTS)
    return " ".join(words).encode("utf-8", "surrogateescape")


def _other_header(chance: Random, data: bytes) -> bytes:
    size = int.from_bytes(data[:8], "little")
    if chance.random() < 0.2 or size > len(data):
        return chance.choice([0, 1, 2**32, 2**63, 2**64 - 1]).to_bytes(8, "little") + data[8:]
    header = _edited(chance, data[8 : 8 + size], lambda parent, key: parent.__setitem__(key, chance.choice(ODD)))
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def _other_array(chance: Random, data: bytes) -> bytes:
    """An array whose head says another shape or kind of numbers than follow."""
    head, line, rest = data.partition(b"\n")
    places = list(re.finditer(rb"[0-9]+(?=[,)])|<f8|False", head))
    if not places:
        return _flipped(chance, data)
    place = chance.choice(places)
    other = chance.choice([b"0", b"1", b"1000000000", b"9" * 18, b"-1", b"|O", b"<U5", b"<f2", b"<c16", b"True", b"("])
    body = (head[10 : place.start()] + other + head[place.end() :]).rstrip()
    return head[:8] + (len(body) + 1 & 0xFFFF).to_bytes(2, "little") + body + line + rest


def _other_member(chance: Random, data: bytes) -> bytes:
    """An archive in which one member has another name, other bytes, a size that it has not, or is there twice."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
        place = chance.randrange(len(members))
    except Exception:  # an earlier change has spoiled it
        return _flipped(chance, data)
    name, content = members[place]
    names = [
        "../../pwn.png",
        "/etc/x.png",
        "a\nb.png",
        "é.png",
        "n" * 300 + ".png",
        "x.txt",
        "arr_1.npy",
        "\x1b[2J.png",
    ]
    members[place] = chance.choice(
        [
            (chance.choice(names), content),
            (name, mutated(chance, content, Path(name).suffix)),
            (name, bytes(20_000_000)),
        ]
    )
    members += chance.choice([[], [members[0]]])
    found = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for each in members:
            archive.writestr(*each)
    written = found.getvalue()
    return _flipped(chance, written) if chance.random() < 0.3 else written


def sealed_again(data: bytes) -> bytes:
    """Documents whose digests and hashes fit what they hold now: what was changed is seen by nothing but its kind."""
    found = []
    for line in [data] if not data.startswith(b'{"') else data.split(b"\n"):
        try:
            document = json.loads(line)
            for each in [document, *document.get("records", [])]:
                _seal(each)
            found.append(json.dumps(document).encode())
        except Exception:  # what is no document, or of another form, stays as it is
            found.append(line)
    return b"\n".join(found)


def _seal(document: dict[str, Any]) -> None:
    if "digest" in document:
        with suppress(Exception):
            document["key"] = key_of(determinants_of(document))  # type: ignore[arg-type]
        document["digest"] = digest_of(document)
    if "hash" in document:
        document["hash"] = hash_of(msgspec.convert(document, ComputedGrid))


def _swap(folder: Path, data: bytes) -> None:
    import hashlib

    (folder / "student" / "weights.safetensors").write_bytes(data)
    file = folder / "student" / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "sha256": hashlib.sha256(data).hexdigest()}))
