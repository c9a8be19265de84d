"""A file that makes a task of a trained network and of data, as people write it:

    name = "cifar10"                     # what tables and records call it; `version` counts its changes, 1 left out
    steps = [5, 10, 20]                  # and grid, batch: defaults of its runs

    [model]
    kind = "diffusers"                   # "diffusers", "edm", "python"
    path = "ddpm-cifar10-32"             # a folder; of "python" FILE.py:FUNCTION, which returns the network
    predicts = "eps"                     # eps, x0, v, score or flow; of "diffusers" its scheduler's
    schedule = { kind = "vp-linear" }    # of "diffusers" its scheduler's, of "edm" its noise levels
    classes = 10                         # of "python" and "edm": the labels 0 to 9 of network(t, x, labels)
    null_label = 10                      # the label that means none, which guidance needs
    guidance = 1.5                       # (1 + w)·N(label) − w·N(none); --guidance goes before it
    channels_last = true                 # how weights and states lie in memory
    compile = true                       # by torch.compile
    vae = "vae"                          # the autoencoder of a latent model; of a pipeline its own
    prompts = "prompts.txt"              # of a pipeline that reads text: a prompt a line, which are its classes

    [data]
    images = "train"                     # a folder, a .zip, an .npy or an .npz of images, or an .npz of statistics
    labels = "labels.npy"                # their classes, in the order of their names
    shape = [3, 32, 32]                  # of one image, where there are only statistics
    array = "x.npy"                      # or vectors and series: (n, d) or (n, T, c)

    [judge]
    features = "inception:weights=FILE"  # of images: see extractors.py; vectors need none
    samples = 10_000

    [teacher]                            # the slow sampler, and what students learn from; these are the defaults
    scheme = "ddpm"                      # whose steps are exact where the network's prediction is constant
    steps = 300
    grid = "log-snr"

Paths are seen from the file's folder.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from sigbench.errors import BadInput
from sigbench.files import read_text
from sigbench.guard import one_line
from sigbench.sde.denoiser import Prediction

ENDING = ".toml"
MOST_STEPS = 100_000
_MOST_BYTES = 1 << 20
_Kind = TypeVar("_Kind")

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Steps = Annotated[int, msgspec.Meta(ge=1, le=MOST_STEPS)]
Length = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Count = Annotated[int, msgspec.Meta(ge=2, le=10_000_000)]


class ScheduleTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A noise schedule by its kind, with the constants that this kind has."""

    kind: Literal["vp-linear", "vp-cosine", "ve", "edm", "flow", "discrete"]
    beta_start: float | None = None
    beta_end: float | None = None
    offset: float | None = None
    sigma_min: float | None = None
    sigma_max: float | None = None
    shift: float | None = None
    t_start: float | None = None
    t_end: float | None = None
    betas: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] | None = None
    steps: Annotated[int, msgspec.Meta(ge=2, le=MOST_STEPS)] | None = None
    zero_terminal_snr: bool | None = None


class ModelTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Where the network is, and how it is asked."""

    kind: Literal["diffusers", "edm", "python"]
    path: str
    predicts: Prediction | None = None
    schedule: ScheduleTable | None = None
    classes: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    null_label: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    guidance: Annotated[float, msgspec.Meta(ge=0.0, le=1e6)] = 0.0
    channels_last: bool = False
    compile: bool = False
    vae: str | None = None
    prompts: str | None = None


class DataTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Where the data are: images or an array."""

    images: str | None = None
    labels: str | None = None
    shape: tuple[Length, Length, Length] | None = None
    array: str | None = None


class JudgeTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What judges: the network whose features images are compared in, and of how many samples."""

    features: str | None = None
    samples: Count | None = None


class TeacherTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The slow sampler that samples are compared with and students learn from."""

    scheme: str = "ddpm"
    steps: Steps = 300
    grid: str = "log-snr"


class ModelFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The whole file, every value of its kind."""

    name: Name
    model: ModelTable
    data: DataTable
    judge: JudgeTable = JudgeTable()
    teacher: TeacherTable = TeacherTable()
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    title: str = ""
    steps: Annotated[tuple[Steps, ...], msgspec.Meta(min_length=1)] = (5, 10, 20)
    grid: str = "log-snr"
    batch: Count = 256


def read_model_file(path: Path) -> ModelFile:
    """Returns what a file says; raises BadInput, naming the key, for what is not as it should be."""
    found = read_as(path, ModelFile)
    if (found.data.images is None) == (found.data.array is None):
        raise BadInput(f"{path}: data: name either images or an array, so that there is a law to compare with.")
    if found.data.array is not None and (found.data.labels is not None or found.data.shape is not None):
        raise BadInput(f"{path}: data: labels and shape are of images, and an array has neither.")
    if found.data.array is not None and found.judge.features is not None:
        raise BadInput(f"{path}: judge.features: vectors are judged as they are, without features.")
    return found


def read_as(path: Path, kind: type[_Kind]) -> _Kind:
    """Returns a TOML file as the structure that its kind of task has; raises BadInput, naming the key."""
    text = read_text(path, "the task", _MOST_BYTES)
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"{path}: {in_words(one_line(str(error)))}.") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the task {path} is not TOML: {error}.") from None


def in_words(text: str) -> str:
    """Returns msgspec's "Expected `int`, got `str` - at `$.model.kind`" as "model.kind: expected int, got str"."""
    message, _, place = text.partition(" - at `$")
    message = message.replace("`", "")
    where = place.strip("`.").replace("[...]", "")
    return f"{where}: {message[:1].lower()}{message[1:]}" if where else f"{message[:1].lower()}{message[1:]}"
