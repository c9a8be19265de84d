"""What people bring is data, whatever it holds: no endless reading, no memory for what there is not, one sentence."""

import io
import json
import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.models.data import images as data_module
from sigbench.models.data.arrays import read_array
from sigbench.models.data.images import read_images
from sigbench.models.networks.model import stamp_of
from sigbench.records import machine


@pytest.fixture(autouse=True)
def never_endless() -> Iterator[None]:
    """What would read for ever fails after half a minute."""

    def end(number: int, frame: object) -> None:
        raise TimeoutError("it reads for ever")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def says(folder: Path) -> str:
    with pytest.raises(BadInput) as error:
        plan_cells(Settings(str(folder / "task.toml"), samples=10, repeats=2, device="cpu"), ["ddim"], [2])
    message = str(error.value)
    assert "\n" not in message
    return message


def written(folder: Path, old: str, new: str) -> Path:
    text = (folder / "task.toml").read_text()
    assert old in text
    (folder / "task.toml").write_text(text.replace(old, new, 1))
    return folder


@pytest.mark.parametrize("ending", ["zip", "npz", "png"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_regular_file(images: Path, ending: str, kind: str) -> None:
    place = images / f"odd.{ending}"
    {"pipe": os.mkfifo, "device": lambda each: each.symlink_to("/dev/zero"), "folder": Path.mkdir}[kind](place)
    assert "odd" in says(written(images, 'images = "digits"', f'images = "odd.{ending}"'))


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_arrays_models_and_features_that_are_no_regular_files(folder: Path, kind: str) -> None:
    make = {"pipe": os.mkfifo, "device": lambda each: each.symlink_to("/dev/zero"), "folder": Path.mkdir}[kind]
    for name in ("odd.npy", "odd.py", "task2.toml"):
        make(folder / name)
    with pytest.raises(BadInput):
        read_array(folder / "odd.npy")
    text = (folder / "task.toml").read_text()
    assert "odd.py" in says(written(folder, "net.py:build", "odd.py:build"))
    (folder / "task.toml").write_text(text)
    (folder / "task2.toml").rename(folder / "task.toml") if kind != "folder" else None
    if kind != "folder":
        assert "no regular file" in says(folder)


def test_a_pipe_or_a_device_among_the_images_is_none_of_them(images: Path) -> None:
    usual = read_images(images / "digits").sha256
    os.mkfifo(images / "digits" / "pipe.png")
    (images / "digits" / "zero.png").symlink_to("/dev/zero")
    (images / "digits" / "loop").symlink_to(images / "digits")
    assert read_images(images / "digits").sha256 == usual


@pytest.mark.parametrize("name", [b"\xff.png", "é.png".encode(), b"a\nb.png", b"\x1b[2J.png", b"n" * 200 + b".png"])
def test_names_of_images_may_be_any_bytes(images: Path, name: bytes) -> None:
    (images / "digits" / "000.png").rename(images / "digits" / os.fsdecode(name))
    assert len(read_images(images / "digits")) == 40
    (images / "digits" / os.fsdecode(name)).write_bytes(b"broken")
    says(images)


@pytest.mark.parametrize("path", [r"a\u0000b", "n" * 300, "/", "..", "", "/proc", "/proc/self/mem", "~"])
@pytest.mark.parametrize("of", ["path", "images", "array"])
def test_paths_of_any_kind(images: Path, path: str, of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "_MOST_FILES", 20_000)
    if of == "path":
        written(images, "net.py:build", path)
    else:
        written(images, 'images = "digits"', f'{of} = "{path}"')
    if (of, path) != ("images", "..") and (of, path) != ("images", ""):  # the folder of the file itself: its images
        assert says(images)


def test_a_stamp_is_taken_of_whatever_there_is(tmp_path: Path) -> None:
    for odd in ("a\0b", "n" * 300, "none", "/proc/self/mem"):
        assert isinstance(stamp_of(tmp_path / odd), tuple)
    before = stamp_of(tmp_path)
    (tmp_path / "x").write_text("1")
    assert stamp_of(tmp_path) != before


def test_a_folder_of_far_too_many_files_is_told(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "_MOST_FILES", 39)
    assert "holds more than 39 files" in says(images)


def test_an_archive_is_opened_once(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table of contents is not read for each of its members."""
    with zipfile.ZipFile(images / "digits.zip", "w") as archive:
        for file in sorted((images / "digits").iterdir()):
            archive.write(file, file.name)
    opened = []
    usual = zipfile.ZipFile
    monkeypatch.setattr(zipfile, "ZipFile", lambda *a, **k: opened.append(a) or usual(*a, **k))
    assert len(read_images(images / "digits.zip")) == 40
    assert len(opened) <= 2  # for its table, and for what is in it


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_cannot_be_unpacked(images: Path, method: int) -> None:
    with zipfile.ZipFile(images / "digits.zip", "w", method) as archive:
        for file in sorted((images / "digits").iterdir()):
            archive.write(file, file.name)
    data = bytearray((images / "digits.zip").read_bytes())
    for place in (40, 60, 75, 90):
        spoiled = data.copy()
        spoiled[place] ^= 0xFF
        (images / "digits.zip").write_bytes(spoiled)
        with pytest.raises(BadInput, match=r"digits\.zip|\.png"):
            read_images(images / "digits.zip")


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY", b"PK\x03\x04"])
@pytest.mark.parametrize("member", ["arr_0.npy", "arr_0", "a.txt", "a\nb.npy", "../x.npy"])
@pytest.mark.parametrize("of", ["images", "array"])
def test_archives_of_what_is_no_array(images: Path, of: str, member: str, content: bytes) -> None:
    with zipfile.ZipFile(images / "i.npz", "w") as archive:
        archive.writestr(member, content)
    assert "i.npz" in says(written(images, 'images = "digits"', f'{of} = "i.npz"'))


@pytest.mark.parametrize("spoiled", ["mu", "sigma"])
@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_statistics_that_are_no_arrays(images: Path, spoiled: str, content: bytes | None) -> None:
    with zipfile.ZipFile(images / "s.npz", "w") as archive:
        for name, values in (("mu", np.zeros(5)), ("sigma", np.eye(5))):
            buffer = io.BytesIO()
            np.save(buffer, values.astype(bool) if content is None else values)
            archive.writestr(f"{name}.npy", content if content is not None and name == spoiled else buffer.getvalue())
    message = 'images = "s.npz"\nshape = [1, 4, 4]'
    assert "s.npz" in says(written(images, 'images = "digits"', message))


@pytest.mark.parametrize("shape", [(20, 0), (20, 3, 0), (20, 0, 2)])
def test_arrays_of_nothing(folder: Path, shape: tuple[int, ...]) -> None:
    np.save(folder / "x.npy", np.zeros(shape))
    assert f"of shape {shape}" in says(folder)


@pytest.mark.parametrize("shape", [(20, 0, 4), (20, 0, 0, 3), (20, 4, 0, 1)])
def test_images_of_nothing(images: Path, shape: tuple[int, ...]) -> None:
    np.savez(images / "i.npz", np.zeros(shape, dtype=np.uint8))
    assert "no pixels" in says(written(images, 'images = "digits"', 'images = "i.npz"'))


@pytest.mark.parametrize("claimed", ["(1000000000, 3)", "(400, 30000000)", "(999999999999999999, 3)", "(400, -3)"])
def test_arrays_that_claim_more_than_follows(folder: Path, claimed: str) -> None:
    data = (folder / "x.npy").read_bytes()
    head = data[10:].partition(b"\n")[0]
    other = head.replace(b"(400, 3)", claimed.encode()).rstrip().ljust(len(head))[: len(head) + 40]
    (folder / "x.npy").write_bytes(data[:8] + (len(other) + 1).to_bytes(2, "little") + other + data[10 + len(head) :])
    assert "cannot be read as an array" in says(folder)


def test_a_covariance_that_no_machine_holds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(folder / "x.npy", np.zeros((20, 2_000)))
    monkeypatch.setattr(machine, "free_memory", lambda: 60_000_000)
    assert "the covariance of 2,000 numbers take" in says(folder)


@pytest.mark.parametrize(
    "schedule",
    [
        *(
            f"kind = 've', sigma_min = {low}, sigma_max = {high}"
            for low in ("0.0", "-1.0", "nan")
            for high in ("1.0", "inf")
        ),
        *(f"kind = 've', sigma_min = 1.0, sigma_max = {high}" for high in ("1.0", "0.5", "-inf", "1e-320", "nan")),
        *(f"kind = 'vp-linear', beta_start = {b}, beta_end = 20.0" for b in ("nan", "inf", "-30.0", "-1e308")),
        *(f"kind = 'vp-linear', beta_end = {b}" for b in ("nan", "inf", "-1.0", "-1e308")),
        *(f"kind = 'vp-cosine', offset = {offset}" for offset in ("-1.0", "-0.5", "nan", "inf", "-3.0", "1e308")),
        *(f"kind = 'edm', sigma_max = {high}" for high in ("nan", "inf", "0.001", "-1.0")),
        *(f"kind = 'flow', {name} = nan" for name in ("shift", "t_start", "t_end")),
        "kind = 'flow', shift = 1e308",
        "kind = 'flow', t_end = 1e-320",
        "kind = 'discrete', beta_start = nan",
        "kind = 'discrete', beta_start = 1e-320",
        "kind = 'discrete', beta_end = 0.9999999, steps = 100000",
        "kind = 'discrete', steps = 1000000000",
    ],
)
def test_constants_of_a_schedule_may_be_any_numbers(folder: Path, schedule: str) -> None:
    assert says(written(folder, 'kind = "flow"', schedule))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_train_timesteps": 10**9}, "has 1,000,000,000 steps, and a discrete schedule at most 100,000"),
        ({"num_train_timesteps": 10**400}, "steps"),
        ({"num_train_timesteps": -5}, ""),
        ({"num_train_timesteps": 1}, "at least 2 steps"),
        ({"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 10**10}, "at most 100,000"),
        ({"trained_betas": [1e-6] * 100_001}, "has 100,001 steps"),
        ({"trained_betas": [2.0, 3.0]}, "decrease"),
        ({"trained_betas": "0.1"}, ""),
        ({"beta_end": 10**400}, ""),
        ({"beta_start": "nan"}, "between 0 and 1"),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 1e308}, "does not grow"),
    ],
)
def test_schedulers_of_any_constants(unet: Callable[..., Path], change: dict[str, object], words: str) -> None:
    assert words in says(unet(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"block_out_channels": [30_000, 30_000]},
        {"block_out_channels": [16, 16]},
        {"block_out_channels": []},
        {"block_out_channels": "many"},
        {"layers_per_block": 10**9},
        {"layers_per_block": 3},
        {"layers_per_block": "3"},
        {"down_block_types": ["DownBlock2D"] * 100_000},
        {"num_class_embeds": 10**10},
        {"norm_num_groups": 0},
        {"in_channels": 10**7},
        {"time_embedding_dim": 10**6},
        {"attention_head_dim": 0},
        {"add_attention": "x"},
        {"act_fn": None},
    ],
)
def test_a_configuration_that_asks_for_another_network(unet: Callable[..., Path], change: dict[str, object]) -> None:
    folder = unet()
    file = folder / "model" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    if change not in ({"attention_head_dim": 0}, {"add_attention": "x"}):  # which this network has no use for
        assert "model" in says(folder)


def test_weights_that_are_not_there_are_no_random_numbers(unet: Callable[..., Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = unet()
    file = folder / "model" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    for name in (next(iter(weights)), list(weights)[-1]):
        rest = {each: tensor for each, tensor in weights.items() if each != name}
        save_file({**rest, "more": torch.zeros(100_000)}, file)
        assert name in says(folder)
    save_file({**weights, "more": torch.zeros(3)}, file)
    plan_cells(Settings(str(folder / "task.toml"), samples=18, device="cpu"), ["ddim"], [2])


@pytest.mark.parametrize(
    "value", [r'"a\nb\nc\nd\ne\nf\ng"', r'"\u001b[2J"', f'"{"x" * 100_000}"', "2020-01-01", "[[[]]]"]
)
@pytest.mark.parametrize("key", ["kind", "path", "predicts"])
def test_values_of_a_task_s_file_are_told_on_one_line(folder: Path, key: str, value: str) -> None:
    old = {"kind": '"python"', "path": '"net.py:build"', "predicts": '"flow"'}[key]
    assert says(written(folder, f"{key} = {old}", f"{key} = {value}"))


def test_images_of_too_many_pixels(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "_MOST_PIXELS", 15)
    assert "has more than 15 pixels" in says(images)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3)
    assert "png" in says(images)
