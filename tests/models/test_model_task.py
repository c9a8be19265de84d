"""Tasks of a file: a network and data become a task that samplers are compared on, or one sentence says why not."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sigbench.abilities import network_hashes, observe, observe_truth, to_data
from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.models.data import images as images_module
from sigbench.models.data.arrays import read_array
from sigbench.models.data.images import read_images
from sigbench.models.features import Extractor
from sigbench.models.truth import FeatureTruth, in_pixels, in_state_units
from sigbench.records import machine
from sigbench.registry import make_sampler, make_task, task_class
from sigbench.sde.discrete import VPDiscrete, linear_betas
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.schedule import Flow

CPU = torch.device("cpu")


def test_a_file_is_a_task_with_its_facts(folder: Path) -> None:
    task = make_task(str(folder / "task.toml"))
    assert (task.name, task.version, task.shape, task.default_steps) == ("mine", 1, (3,), (5, 10, 20))
    problem = task.problem(CPU, torch.float64)
    assert isinstance(problem, ReverseDiffusion)
    assert problem.schedule == Flow()
    assert [metric.name for metric in task.metrics()][:2] == ["sliced-w2", "mmd2"]
    assert task_class(str(folder / "task.toml")) is type(task)


def test_the_exact_network_ends_at_the_data_s_law(folder: Path) -> None:
    """200 steps of its flow, 150 samples × 4: mean and spread of the data within 5 standard errors."""
    settings = Settings(str(folder / "task.toml"), samples=150, repeats=4, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, ["dpmpp-2m"], [40]))
    assert record["status"] == "ok"
    metrics = record["metrics"]
    assert metrics["sliced-w2"]["value"] < 2 * metrics["sliced-w2"]["floor"]
    assert metrics["mean-error"]["value"] < 5 * 0.5 * (3 / 150) ** 0.5
    assert record["provenance"]["artifacts"].keys() >= {"file", "data"}


def test_metrics_compare_with_one_part_and_floors_are_of_the_other(folder: Path) -> None:
    task = make_task(str(folder / "task.toml"))
    reference, apart = task.truth().sample(200, 1), observe_truth(task, 200, 1)
    assert not {tuple(row) for row in reference} & {tuple(row) for row in apart}
    assert {tuple(row) for row in reference} == {tuple(row) for row in task.truth().sample(200, 2)}
    with pytest.raises(BadInput, match="there are 400 data, 200 of them to compare with, and 201 were asked for"):
        task.truth().sample(201, 1)


def test_series_are_compared_row_by_row(folder: Path) -> None:
    np.save(folder / "x.npy", np.random.default_rng(0).standard_normal((50, 4, 2)))
    task = make_task(str(folder / "task.toml"))
    assert task.shape == (4, 2)
    assert observe(task, torch.zeros(5, 4, 2), None).shape == (5, 8)
    assert task.truth().sample(25, 0).shape == (25, 8)


@pytest.mark.parametrize("change", ["x.npy", "task.toml", "net.py"])
def test_what_numbers_depend_on_is_in_the_key(folder: Path, change: str) -> None:
    def key() -> str:
        settings = Settings(str(folder / "task.toml"), samples=20, repeats=2, device="cpu")
        (cell,) = plan_cells(settings, ["ddim"], [2])
        return cell.key

    before = key()
    assert key() == before
    if change == "x.npy":
        np.save(folder / "x.npy", np.ones((400, 3)) * np.arange(400)[:, None])
    else:
        text = (folder / change).read_text()
        (folder / change).write_text(text.replace("0.25", "0.26") if change == "net.py" else f"{text}\n[judge]\n")
    assert key() != before


def test_images_of_a_folder_a_zip_and_an_array_are_the_same(images: Path) -> None:
    found = read_images(images / "digits")
    pixels = found.take(np.arange(40))
    assert pixels.shape == (40, 1, 4, 4)
    with zipfile.ZipFile(images / "digits.zip", "w") as archive:
        for file in sorted((images / "digits").iterdir()):
            archive.write(file, file.name)
    np.savez(images / "digits.npz", pixels.transpose(0, 2, 3, 1))
    np.save(images / "digits.npy", pixels[:, 0])
    some = np.array([7, 0, 39])
    for name in ("digits.zip", "digits.npz", "digits.npy"):
        assert (read_images(images / name).take(np.arange(40)) == pixels).all()
        assert (read_images(images / name).take(some) == pixels[some]).all()
    assert read_images(images / "digits.zip").sha256 == found.sha256


def test_colours_and_transparency_keep_their_channels(tmp_path: Path) -> None:
    for mode, channels in (("RGB", 3), ("RGBA", 4), ("L", 1)):
        folder = tmp_path / mode
        folder.mkdir()
        for number in range(10):
            Image.new(mode, (3, 2)).save(folder / f"{number}.png")
        assert read_images(folder).shape == (channels, 2, 3)


def test_pixels_and_states_are_the_same_numbers() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    assert (in_pixels(in_state_units(pixels)) == pixels).all()
    assert in_pixels(np.array([-7.0, 7.0])).tolist() == [0, 255]


def test_images_are_judged_by_their_pixels_or_by_a_file_s_features(images: Path) -> None:
    task = make_task(str(images / "task.toml"))
    names = [metric.name for metric in task.metrics()]
    assert names[:2] == ["fd", "fd-inf"]
    assert "pixels/255, no resizing" in task.metrics()[0].method
    seen = observe(task, torch.zeros(6, 1, 4, 4), None)
    assert seen.features.shape == (6, 16)
    assert to_data(task, torch.zeros(6, 1, 4, 4)).dtype == torch.uint8
    with (images / "task.toml").open("a") as file:
        file.write('[judge]\nfeatures = "net.py:features"\n')
    task = make_task(str(images / "task.toml"))
    assert observe(task, torch.zeros(6, 1, 4, 4), None).features.shape == (6, 5)
    methods = {metric.name: metric.method for metric in task.metrics() if metric.name != "duplicates"}
    (named,) = {re.search(r"; (features features of net\.py [0-9a-f]{12})$", text)[1] for text in methods.values()}  # type: ignore[index]
    assert methods["kid"].endswith(named)


def test_a_run_on_images(images: Path) -> None:
    settings = Settings(str(images / "task.toml"), samples=18, repeats=2, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, ["ddim"], [3]))
    assert record["status"] == "ok", record
    assert {"fd", "kid", "precision", "duplicates"} <= record["metrics"].keys()


@pytest.mark.parametrize("steps", [4, 10])
def test_ddim_is_diffusers_own_loop_on_the_same_noise(unet: Callable[..., Path], steps: int) -> None:
    """Its timesteps, spaced to the end, with clip_sample=False; its last step to ᾱ = 1 is ours with final=denoise."""
    diffusers = pytest.importorskip("diffusers")
    folder = unet()
    task = make_task(str(folder / "task.toml"))
    problem = task.problem(CPU, torch.float64)
    assert isinstance(problem, ReverseDiffusion)
    assert problem.schedule == VPDiscrete(linear_betas(0.0001, 0.02, 1000))
    scheduler = diffusers.DDIMScheduler.from_pretrained(
        folder / "model", clip_sample=False, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(steps)
    model = diffusers.UNet2DModel.from_pretrained(folder / "model").double()
    x = start = torch.randn(3, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for index in scheduler.timesteps:
            x = scheduler.step(model(x, index).sample, index, x).prev_sample
    indices = ",".join(str(int(index)) for index in scheduler.timesteps)
    grid = problem.grid(f"indices:values='{indices}':t_end={(int(scheduler.timesteps[-1]) + 1) / 1000}", steps - 1)
    with torch.no_grad():
        *_, end = make_sampler("ddim").walk(problem, start, grid, None)  # type: ignore[arg-type]
        ours = problem.denoiser.x0(problem.time(grid.times[-1]), end)
    torch.testing.assert_close(ours, x, rtol=0, atol=1e-4)


def test_a_scheduler_s_prediction_schedule_and_flow(unet: Callable[..., Path]) -> None:
    def made(**config: object) -> tuple[str, object]:
        problem = make_task(str(unet(**config) / "task.toml")).problem(CPU, torch.float32)
        assert isinstance(problem, ReverseDiffusion)
        return problem.denoiser.prediction, problem.schedule

    prediction, schedule = made(prediction_type="v_prediction", rescale_betas_zero_snr=True)
    assert prediction == "v"
    assert isinstance(schedule, VPDiscrete)
    assert schedule.alphas_cumprod[-1] == 0.0
    assert made(_class_name="FlowMatchEulerDiscreteScheduler", shift=3.0) == ("flow", Flow(shift=3.0))
    trained = [0.01, 0.02, 0.03]
    _, schedule = made(trained_betas=trained)
    assert isinstance(schedule, VPDiscrete)
    assert schedule.alphas_cumprod == pytest.approx(np.cumprod(1 - np.array(trained)))


def test_a_model_of_classes_is_asked_for_all_of_them(unet: Callable[..., Path]) -> None:
    diffusers = pytest.importorskip("diffusers")
    folder = unet(classes=3)
    problem = make_task(str(folder / "task.toml")).problem(CPU, torch.float32)
    assert isinstance(problem, ReverseDiffusion)
    labels = problem.labels_from(torch.randn(3000, generator=torch.Generator().manual_seed(0)))
    assert labels is not None
    assert (torch.bincount(labels) > 900).all()
    x, of = torch.zeros(2, 1, 4, 4), torch.tensor([0, 2])
    model = diffusers.UNet2DModel.from_pretrained(folder / "model")
    with torch.no_grad():
        theirs = model(x, 499, class_labels=of).sample
        ours = problem.labelled(of).denoiser.eps(0.5, x)
    torch.testing.assert_close(ours, theirs)
    settings = Settings(str(folder / "task.toml"), samples=18, repeats=2, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, ["ddim"], [3]))
    assert record["status"] == "ok", record


def says(folder: Path) -> str:
    with pytest.raises(BadInput) as error:
        settings = Settings(str(folder / "task.toml"), samples=10, repeats=2, device="cpu")
        plan_cells(settings, ["ddim"], [2])
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "python"', 'kind = "pickle"', "model.kind: invalid enum value 'pickle'"),
        ('path = "net.py:build"', 'path = "net.py:bild"', "there is no function 'bild' in"),
        ('path = "net.py:build"', 'path = "none.py:build"', "there is no file"),
        ('path = "net.py:build"', 'path = "net.py"', "is no FILE.py:FUNCTION"),
        ('path = "net.py:build"', 'path = "net.pt"', "is a pickle, which may run any code"),
        ('path = "net.py:build"', 'path = "net.py:broken"', "values that are not finite"),
        ('path = "net.py:build"', 'path = "net.py:narrow"', r"gives \(1,\) for data of shape \(3,\)"),
        ('path = "net.py:build"', 'path = "net.py:nothing"', "returns int, and not a network"),
        ('predicts = "flow"', "", "says what the network predicts and its schedule"),
        ('predicts = "flow"', 'predicts = "noise"', "model.predicts: invalid enum value 'noise'"),
        ('kind = "flow"', 'kind = "flow", beta_end = 3.0', "model.schedule.beta_end: the schedule 'flow' has shift"),
        ('kind = "flow"', 'kind = "flow", shift = -1.0', "a number above 0"),
        ('kind = "flow"', 'kind = "discrete", beta_start = 2.0', "between 0 and 1, not from 2 to 0.02"),
        ('array = "x.npy"', 'array = "y.npy"', "data: there is no .*y.npy"),
        ('array = "x.npy"', 'array = "net.py"', "neither .npy nor .npz"),
        ('array = "x.npy"', "", "name either images or an array"),
        ('array = "x.npy"', 'array = "x.npy"\nimages = "y"', "name either images or an array"),
        ('array = "x.npy"', 'array = "x.npy"\n[judge]\nfeatures = "pixels"', "vectors are judged as they are"),
        ('name = "mine"', 'name = "../x"', "name: "),
        ('name = "mine"', 'name = "mine"\nsteps = []', "steps: "),
        ('name = "mine"', 'name = "mine"\nstep = [3]', "object contains unknown field step"),
        ('name = "mine"', 'name = "mine', "is not TOML"),
    ],
)
def test_mistakes_in_the_file(folder: Path, old: str, new: str, words: str) -> None:
    text = (folder / "task.toml").read_text()
    assert old in text
    (folder / "task.toml").write_text(text.replace(old, new, 1))
    (folder / "net.pt").write_bytes(b"")
    assert re.search(words, says(folder))


def spoil(folder: Path, what: str) -> None:
    digits = folder / "digits"
    if what == "size":
        Image.new("L", (5, 4)).save(digits / "005.png")
    elif what == "channels":
        Image.new("RGB", (4, 4)).save(digits / "005.png")
    elif what == "corrupt":
        (digits / "005.png").write_bytes((digits / "005.png").read_bytes()[:40])
    elif what == "few":
        for file in sorted(digits.iterdir())[3:]:
            file.unlink()
    elif what == "empty":
        for file in digits.iterdir():
            file.unlink()
    else:
        (folder / "digits").rename(folder / "numbers")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("size", "005.png is of 5 × 4 pixels with 1 channel, and the first one of 4 × 4"),
        ("channels", "005.png is of 4 × 4 pixels with 3 channels"),
        ("corrupt", "005.png cannot be read as an image"),
        ("few", "holds 3, and a law is judged by 10 or more"),
        ("empty", "holds 0"),
        ("gone", "data: there is no .*digits"),
    ],
)
def test_images_that_are_none(images: Path, what: str, words: str) -> None:
    spoil(images, what)
    assert re.search(words, says(images))


def test_large_images_want_features(images: Path) -> None:
    (images / "large").mkdir()
    for number in range(10):
        Image.new("RGB", (40, 40)).save(images / "large" / f"{number}.png")
    text = (images / "task.toml").read_text().replace("digits", "large")
    (images / "task.toml").write_text(text)
    assert "images of 4,800 numbers are judged in the features of a network" in says(images)
    (images / "task.toml").write_text(f'{text}[judge]\nfeatures = "vgg"\n')
    assert "unknown kind of features 'vgg': valid are FILE.py:FUNCTION, classifier, dinov2" in says(images)
    (images / "task.toml").write_text(f'{text}[judge]\nfeatures = "inception:weights=none.pth"\n')
    assert "the Inception weights" in says(images)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channels": 3}, "the model takes 3 channels, and the images have 1"),
        ({"beta_schedule": None}, "holds no betas"),
        ({"beta_schedule": "sigmoid"}, "the betas 'sigmoid' are none of linear"),
        ({"prediction_type": "nothing"}, "is of the prediction 'nothing'"),
        ({"num_train_timesteps": "many"}, "is corrupt"),
    ],
)
def test_models_of_diffusers_that_do_not_fit(unet: Callable[..., Path], change: dict[str, object], words: str) -> None:
    folder = unet(**change)  # type: ignore[arg-type]
    assert re.search(words, says(folder))


def test_a_model_that_is_not_there_or_broken(unet: Callable[..., Path]) -> None:
    folder = unet()
    text = (folder / "task.toml").read_text()
    (folder / "task.toml").write_text(text.replace('path = "model"', 'path = "google/ddpm-cifar10-32"'))
    assert "a hub name is downloaded before" in says(folder)
    (folder / "task.toml").write_text(text)
    config = (folder / "model" / "config.json").read_text()
    (folder / "model" / "config.json").write_text(config.replace("UNet2DModel", "UNet3DConditionModel"))
    assert "is a UNet3DConditionModel, and of diffusers' models UNet2DModel, UNet2DC" in says(folder)
    (folder / "model" / "config.json").write_text(config.replace("UNet2DModel", "DiTTransformer2DModel"))
    assert "are not of one network" in says(folder)
    (folder / "model" / "config.json").write_text(config)
    (folder / "model" / "scheduler_config.json").unlink()
    assert "say model.predicts and model.schedule in the file" in says(folder)
    unet()
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model" / "diffusion_pytorch_model.safetensors")
    first = next(iter(weights))
    broken: dict[str, Tensor] = {**weights, first: weights[first] * float("nan")}
    save_file(broken, folder / "model" / "diffusion_pytorch_model.safetensors")
    assert "has weights that are not finite" in says(folder)
    (folder / "model" / "diffusion_pytorch_model.safetensors").unlink()
    assert "holds no diffusion_pytorch_model.safetensors" in says(folder)


def test_arrays_that_are_none(tmp_path: Path) -> None:
    for values, words in (
        (np.array(["a", "b"]), "not numbers"),
        (np.zeros(20), "of shape \\(20,\\)"),
        (np.full((20, 2), np.nan), "row 0 of .* is not finite"),
        (np.zeros((3, 2)), "holds 3"),
    ):
        np.save(tmp_path / "x.npy", values)
        with pytest.raises(BadInput, match=words):
            read_array(tmp_path / "x.npy")
        (tmp_path / "x.npy").unlink()
    np.savez(tmp_path / "x.npz", mu=np.zeros(3), sigma=np.eye(3))
    with pytest.raises(BadInput, match="holds 2 arrays"):
        read_array(tmp_path / "x.npz")
    (tmp_path / "y.npy").write_bytes(b"\x93NUMPY nonsense")
    with pytest.raises(BadInput, match="cannot be read as an array"):
        read_array(tmp_path / "y.npy")


def test_an_artifact_of_noise_levels(folder: Path) -> None:
    """A network of EDM's kind that this suite trained runs on noise levels, whatever it was trained under."""
    from sigbench.networks.artifacts import read_manifest

    digits = Path(__file__).parents[2] / "tasks" / "mnist" / "artifacts" / "teacher"
    np.savez(folder / "i.npz", np.zeros((12, 28, 28), dtype=np.uint8))
    (folder / "task.toml").write_text(
        f'name = "mine"\n[model]\nkind = "edm"\npath = "{digits}"\n'
        "schedule = { kind = 'edm', sigma_min = 0.01, sigma_max = 20.0 }\n[data]\nimages = 'i.npz'\n"
    )
    task = make_task(str(folder / "task.toml"))
    problem = task.problem(CPU, torch.float32)
    assert isinstance(problem, ReverseDiffusion)
    assert (problem.schedule.t_end, problem.schedule.t_start) == (0.01, 20.0)
    assert problem.denoiser.x0(5.0, torch.zeros(2, 1, 28, 28)).shape == (2, 1, 28, 28)
    assert network_hashes(task)["model"] == read_manifest(digits).sha256
    assert json.dumps(network_hashes(task))


def test_features_of_all_data_are_taken_once(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept under the hashes of the data and of what makes them; damaged ones are taken again."""
    monkeypatch.setenv("SIGBENCH_CACHE", str(images / "cache"))
    data, calls = read_images(images / "digits"), []

    def extract(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        calls.append(len(pixels))
        return pixels.reshape(len(pixels), -1)[:, :3].astype(np.float64)

    one, other = Extractor("one", extract, costly=True), Extractor("other", extract, costly=True)

    def features(extractor: Extractor) -> NDArray[np.float64]:
        truth = FeatureTruth(data, extractor)
        truth.prepare()
        return truth.features.rows(np.arange(40))

    first = features(one)
    asked = sum(calls)
    assert asked == 41  # one to see how many features there are
    assert (features(one) == first).all()
    assert features(other).shape == (40, 3)
    assert sum(calls) - asked <= asked + 1
    for file in (images / "cache" / "features").iterdir():
        file.write_bytes(b"broken")
    calls.clear()
    assert (features(one) == first).all()
    assert sum(calls) == 41


def test_the_code_of_a_file_s_task_is_in_its_records(folder: Path) -> None:
    """The suite's own rooms that make it, and the user's file."""
    settings = Settings(str(folder / "task.toml"), samples=20, repeats=2, device="cpu")
    (cell,) = plan_cells(settings, ["ddim"], [2])
    (code,) = [each for each in cell.known()["code"]["plug_ins"] if each["plug_in"] == "task"]
    assert {f"sigbench/models/{name}.py" for name in ("task", "networks/own", "truth", "data/arrays")} <= code[
        "files"
    ].keys()
    assert "net.py" in code["files"]


@pytest.mark.parametrize("name", ["scheduler_config.json", "config.json"])
def test_a_model_s_configurations_are_in_the_key(unet: Callable[..., Path], name: str) -> None:
    """Another schedule, or a network that reads its weights otherwise, is another measurement."""
    folder = unet()

    def key() -> str:
        settings = Settings(str(folder / "task.toml"), samples=18, repeats=2, device="cpu")
        (cell,) = plan_cells(settings, ["ddim"], [2])
        return cell.key

    before = key()
    assert key() == before
    text = (folder / "model" / name).read_text()
    changed = text.replace("0.02", "0.03").replace('"flip_sin_to_cos": true', '"flip_sin_to_cos": false')
    assert changed != text
    (folder / "model" / name).write_text(changed)
    assert key() != before


def test_archives_are_bounded_before_they_are_unpacked(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(images / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(10):
            archive.writestr(f"{number}.png", b"0" * 2_000_000)
    monkeypatch.setattr(images_module, "_MOST_BYTES", 1_000_000)
    with pytest.raises(BadInput, match=r"0\.png of .*bomb\.zip holds more than 1,000,000 bytes"):
        read_images(images / "bomb.zip")
    np.savez_compressed(images / "bomb.npz", np.zeros((1000, 1000)))
    monkeypatch.setattr(machine, "free_memory", lambda: 1_000_000)
    with pytest.raises(BadInput, match=r"the data .*bomb\.npz"):
        read_array(images / "bomb.npz")


def test_sixteen_bits_are_not_cut_to_eight(images: Path) -> None:
    for file in (images / "digits").iterdir():
        Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(file)
    assert "000.png is an image of mode I;16, and not of 8 bits a channel" in says(images)


def test_a_damaged_archive_is_named(images: Path) -> None:
    (images / "digits.zip").write_bytes(b"PK no archive")
    with pytest.raises(BadInput, match=r"digits\.zip cannot be read"):
        read_images(images / "digits.zip")
