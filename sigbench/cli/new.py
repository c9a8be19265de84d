"""`sigbench new task FILE.toml`: the file that makes a task of a network and of data, asked for or from options."""

import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from sigbench.cli.help import Command, Group
from sigbench.cli.printing import say
from sigbench.errors import BadInput
from sigbench.files import exists
from sigbench.guard import one_line
from sigbench.leaderboard.command import shell_line

app = typer.Typer(
    cls=Group, help="Begin something of your own: a task of your network and your data.", no_args_is_help=True
)

Kind = Literal["diffusers", "edm", "python"]

_PYTHON = """predicts = "eps"               # what the network predicts: eps, x0, v, score or flow
schedule = { kind = "vp-linear" }  # vp-cosine, discrete, ve, edm or flow, with their constants"""
_DIFFUSERS = """# predicts and schedule are those of its scheduler_config.json; say them here where there is none:
# predicts = "eps"             # eps, x0, v, score or flow
# schedule = { kind = "discrete", betas = "linear", beta_start = 0.0001, beta_end = 0.02, steps = 1000 }
# null_label = 10              # of a UNet of classes: the label that means none, for guidance
# guidance = 1.5               # (1 + w)·N(label) − w·N(none)
# vae = "vae"                  # of a latent model: its autoencoder's folder; a pipeline's own is found"""
_EDM = '# schedule = { kind = "edm", sigma_min = 0.002, sigma_max = 80.0 }'
_SAMPLES = "samples = 2_000                # of a repeat; half of the data are compared with, and bound them"
_FEATURES = """# In the features of a network; images of up to 1,024 numbers may be judged as they are.
# features = "inception:weights=weights-inception-2015-12-05-6726825d.pth"
# features = "dinov2:weights=FILE"  # or torchvision:resnet50:weights=FILE, timm:NAME:weights=FILE
# features = "features.py:of"  # a function: images (n, c, H, W) uint8 to features (n, f)"""
_REST = """
# [teacher]                    # the slow sampler, and what students learn from
# scheme = "ddpm"
# steps = 300
"""


@app.command(cls=Command)
def task(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, NAME.toml.")],
    kind: Annotated[
        Kind | None, typer.Option(metavar="KIND", help="What the network is: diffusers, edm or python.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="PATH", help="Its folder, or FILE.py:FUNCTION.")] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="A folder, .zip or .npz of images or of statistics, or an .npy of vectors."),
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="SPEC", help="What images are compared in (see the file's comments).")
    ] = None,
) -> None:
    """Write the file that makes a task of your network and your data, with comments; what is left out is asked for.

    \b
    sigbench new task cifar.toml
    sigbench new task cifar.toml --kind diffusers --model ddpm-cifar10-32 --data cifar10-train.zip
    """
    if file.suffix != ".toml":
        raise BadInput(f"a task of a file is written as .toml, not as {file.name!r}.")
    if exists(file):
        raise BadInput(f"{file} is there already: choose another name, or remove it.")
    chosen = kind or _ask("What is the network? (diffusers, edm, python)", "--kind", "diffusers")
    if chosen not in ("diffusers", "edm", "python"):
        raise BadInput(f"a network is of kind diffusers, edm or python, not {chosen!r}.")
    where = model or _ask("Where is it? (FILE.py:FUNCTION for python, else a folder)", "--model", "")
    what = data or _ask("Where are the data? (images: a folder, .zip or .npz; vectors: an .npy)", "--data", "")
    text = _text(file.stem, chosen, where, what, features)
    from sigbench.records.store import replacing

    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
    say(f"{file} is written. Try it: {_try(file)}")


def _ask(question: str, option: str, usual: str) -> str:
    if not sys.stdin.isatty():
        raise BadInput(f"nobody is there to be asked: say {option}.")
    answer: str = typer.prompt(question, default=usual or None, err=True)
    return answer


def _text(name: str, kind: str, model: str, data: str, features: str | None) -> str:
    of_vectors = data.endswith(".npy")
    model_lines = {"python": _PYTHON, "diffusers": _DIFFUSERS, "edm": _EDM}[kind]
    judged_in = "" if of_vectors else f"features = {_quoted(features)}\n" if features else f"{_FEATURES}\n"
    return (
        f"# Compare samplers on it: {_try(f'{name}.toml')}\n"
        "# Paths are seen from this file's folder.\n"
        f"name = {_quoted(_plain(name))}\n\n[model]\nkind = {_quoted(kind)}\npath = {_quoted(model)}\n{model_lines}\n\n"
        f"[data]\n{'array' if of_vectors else 'images'} = {_quoted(data)}\n\n[judge]\n{judged_in}{_SAMPLES}\n{_REST}"
    )


def _plain(name: str) -> str:
    """A file's name as that of a task: letters, digits, dots, dashes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:64] or "mine"


def _try(file: object) -> str:
    return shell_line(["sigbench", "run", "--task", file, "--sampler", "dpmpp-2m,unipc,ddim", "--steps", "5,10,20"])


def _quoted(text: str) -> str:
    """A text as TOML writes it, with escapes for what its strings may not hold; raises BadInput for what is no text."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadInput(f"{one_line(text)!r} is no text, and cannot be written into a file of text.")
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character >= " " and character != "\x7f" else f"\\u{ord(character):04x}"
