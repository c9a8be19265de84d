"""Command lines from typer's own tree: a new command or option is fuzzed by existing."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import typer
from fuzz_cases import Case

from sigbench.cli.app import app

NUMBERS = ["0", "-1", "1", "2", "3", "60", "2147483648", "1000000000000000000", "9" * 400, "1e3", "0.5", "nan", "-inf"]
ODD = ["", " ", ",", "x", "٣", "2_0", "--", "-", "[/y]", "[bold]", "\x1b[31m", "\ud800", "a\nb", "é" * 40, "n" * 300]
ODD += ["/", "..", "../../pwn/x", "a=b", "=", ":", "@", "ddim@", "'", "\u202e", "null", "True", "%s", "$(id)", "`id`"]
NAMES = ["gmm", "gmm2d", "ou", "gbm", "mnist", "ddim", "euler-maruyama", "sigdeg", "teacher", "heun@3", "ddim:eta=0.5"]
NAMES += [
    "ddim:eta=0:eta=1",
    "ddim:grid='karras:rho=5'",
    "mine.py:Mine",
    "mine.py:Nobody",
    "mine.py",
    "w1",
    "quadratic",
]
NAMES += [
    "sigdeg:artifact=student",
    "sigdeg:artifact=sub",
    "karras:rho=1e-300",
    "1,0.5,0.001",
    "0.1,0.5,1",
    "auto",
    "cpu",
]
NAMES += ["cuda", "cuda:x", "float32", "bfloat16", "best", "all", "student", "law", "both", "identity", "main", "HEAD"]
NAMES += [
    "gmm,gmm",
    "2,3",
    "2-3",
    "5%",
    "0%",
    "diffusers:DDIMScheduler",
    "kdiffusion:sample_euler",
    "diffusers:Nothing",
]
FILES = [
    "sweep.toml",
    "ablation.toml",
    "records.jsonl",
    "store",
    "baseline.json",
    "grid.json",
    "floors.json",
    "list.txt",
]
FILES += [
    "student",
    "half",
    "board",
    "mine.py",
    "empty",
    "bytes",
    "pipe.json",
    "sub",
    ".",
    "..",
    "/",
    "/dev/zero",
    "/dev/full",
]
FILES += ["task.toml", "images.toml", "npz.toml", "unet.toml", "unet", "digits", "digits.zip", "digits.npz", "x.npy"]
FILES += ["net.py:build", "net.py:nobody", "pipe.toml", "pipe.npy", "pipe.zip", "pipe.py:X", "zero.toml", "zero.zip"]
FILES += ["/dev/null", "nowhere", "nowhere/file.png", "new.png", "new.svg", "new.json", "new.html", "new", "n" * 300]
FILES += ["sub/new.png", f"{'n' * 300}.png", "/proc/self/mem", "/proc/1/environ", "a\nb.json", "\ud800.json", "-"]
# What keeps a line small where it is not what is fuzzed.
SMALL = {"--samples": "60", "--repeats": "2", "--iterations": "2", "--paths": "400", "--levels": "3", "--device": "cpu"}
SMALL |= {"--draws": "2", "--others": "2", "--floor-draws": "2", "--candidates": "2", "--points": "4", "--workers": "1"}
GOOD = {"--task": "gmm", "--sampler": "ddim", "--steps": "2,3", "--out": "new", "--baseline": "baseline.json"}
GOOD |= {"--records": "records.jsonl", "--folder": "board"}
GOOD |= {"--kind": "python", "--model": "net.py:build", "--data": "x.npy"}
GOOD_ARGUMENTS = {"sweep": "sweep.toml", "ablate": "ablation.toml", "leaderboard add": "records.jsonl"}
GOOD_ARGUMENTS["new task"] = "fresh.toml"


def commands() -> dict[str, Any]:
    """Returns the commands by what is written to call them."""

    def below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(path), command
        else:
            for name, each in inner.items():
                yield from below(each, (*path, name))

    return dict(below(typer.main.get_command(app), ()))


def make_command(chance: Random, pantry: Path) -> Case:
    """Returns a command line: options that make sense, of which some are spoiled."""
    every = commands()
    path = chance.choice(sorted(every))
    words: list[str] = []
    for parameter in every[path].params:
        name = next((name for name in reversed(parameter.opts) if name.startswith("--")), "")
        if not name:
            usual = GOOD_ARGUMENTS.get(path, "gmm")
            if chance.random() < 0.9:
                words.append(usual if chance.random() < 0.6 else value_of(chance))
        elif getattr(parameter, "is_flag", False):
            if name != "--help" and chance.random() < (0.5 if name == "--json" else 0.15):
                words.append(name)
        elif name in SMALL or name in GOOD or chance.random() < 0.2:
            usual = SMALL.get(name) or GOOD.get(name) or value_of(chance)
            if name == "--task" and chance.random() < 0.25:
                usual = f"{chance.choice(['task', 'images', 'npz', 'unet', 'codes', 'moments'])}.toml"
            if name == "--out":
                usual = {"train": "new", "grid": "new.json", "floors": "new.json"}.get(path, "new.html")
            spoiled = chance.random() < 0.08
            if parameter.required or spoiled or chance.random() < 0.8:
                words += [name, value_of(chance) if spoiled else usual]
    if chance.random() < 0.05 and words:
        words.pop(chance.randrange(len(words)))
    if chance.random() < 0.05:
        words.insert(chance.randint(0, len(words)), value_of(chance))
    arguments = (*path.split(), *(word.replace("\x00", "") for word in words))
    return Case(tuple(map(passable, arguments)), told=" ".join(map(ascii, arguments)))


def value_of(chance: Random) -> str:
    """A value of any kind: a number, a name, a file, or what is none of these; at times two of them joined."""
    one = chance.choice(chance.choice([NUMBERS, ODD, NAMES, FILES]))
    if chance.random() < 0.1:
        one = chance.choice(",:@=/").join([one, chance.choice(chance.choice([NUMBERS, ODD, NAMES, FILES]))])
    return one


def passable(word: str) -> str:
    """A word as a system hands it over: bytes that are no UTF-8 are lone surrogates there."""
    return word.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
