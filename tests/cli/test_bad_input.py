"""Every bad input: one sentence on stderr, nothing on stdout, exit code 2, no traceback, no record."""

import json
import shutil
from pathlib import Path

import pytest
from commandline import SMALL, Command

PLUGINS = Path(__file__).parent / "user_plugins.py"
SCORE = ("run", "--task", "gmm")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--task", "gmn", "--sampler", "ddim"), "unknown task 'gmn': did you mean 'gmm'"),
        ((*SCORE, "--sampler", "eular-maruyama"), "unknown sampler 'eular-maruyama': did you mean 'euler-maruyama'"),
        ((*SCORE, "--sampler", "ddim,shrak"), "unknown sampler 'shrak': did you mean 'shark'"),
        ((*SCORE, "--sampler", "zzzzzzz"), "unknown sampler 'zzzzzzz': valid are consistency, ddim, ddpm, "),
        ((*SCORE, "--sampler", ""), "--sampler needs a value, and got ''"),
        ((*SCORE, "--sampler", "ddim", "--steps", ""), "--steps needs a value, and got ''"),
        ((*SCORE, "--sampler", "ddim", "--metrics="), "--metrics needs a value, and got ''"),
        (("leaderboard", "build", "--out", ""), "--out needs a value, and got ''"),
        (("check", "--task", ""), "--task needs a value, and got ''"),
        (("sweep", "mine.toml", "--store="), "--store needs a value, and got ''"),
        ((*SCORE, "--sampler", "ddim:etta=1"), "unknown option of ddim 'etta': did you mean 'eta'"),
        ((*SCORE, "--sampler", "ddim:eta=much"), "ddim:eta takes float, got 'much'"),
        ((*SCORE, "--sampler", "ddim:eta=2"), "eta lies between 0 and 1, got 2"),
        ((*SCORE, "--sampler", "ddim:eta=nan"), "eta lies between 0 and 1, got nan"),
        ((*SCORE, "--sampler", "ddim:eta"), "'eta' in 'ddim:eta' is not option=value"),
        ((*SCORE, "--sampler", "heun:eta=1"), "unknown option of heun 'eta'"),
        ((*SCORE, "--sampler", "ddim@x"), "'x' in 'ddim@x' is not a number of steps"),
        ((*SCORE, "--sampler", "ddim", "--steps", "0"), "steps must lie between 1 and 100000, got 0"),
        ((*SCORE, "--sampler", "ddim", "--steps", "-1"), "steps must lie between 1 and 100000, got -1"),
        ((*SCORE, "--sampler", "ddim", "--steps", "10000000"), "steps must lie between 1 and 100000, got 10000000"),
        ((*SCORE, "--sampler", "ddim@0"), "steps must lie between 1 and 100000, got 0"),
        ((*SCORE, "--sampler", "ddim", "--steps", "5,ten"), "--steps takes whole numbers, such as 5,10,20; 'ten'"),
        ((*SCORE, "--sampler", "ddim", "--steps", "5.5"), "'5.5' is none"),
        ((*SCORE, "--sampler", "ddim", "--grid", "quadratik"), "unknown grid 'quadratik': did you mean 'quadratic'"),
        ((*SCORE, "--sampler", "ddim", "--grid", "1,0.2,0.5,0.001"), "is not strictly decreasing"),
        ((*SCORE, "--sampler", "ddim", "--grid", "1,0.5,0.5,0.001"), "is not strictly decreasing"),
        ((*SCORE, "--sampler", "ddim", "--grid", "0.9,0.5,0.001"), "must run from t=1 to t=0.001"),
        ((*SCORE, "--sampler", "ddim", "--grid", "1,nan,0.001"), "times must be finite"),
        ((*SCORE, "--sampler", "ddim", "--grid", "1,0.5,0.001", "--steps", "5"), "make 2 steps, not 5"),
        ((*SCORE, "--sampler", "ddim", "--grid", "0.1,0.5,1"), "runs the wrong way: diffusion times decrease"),
        ((*SCORE, "--sampler", "ddim", "--grid", "karas:rho=5"), "unknown grid 'karas': did you mean 'karras'"),
        ((*SCORE, "--sampler", "ddim", "--grid", "karras:rho=0"), "karras:rho is a finite number above 0, got 0"),
        ((*SCORE, "--sampler", "ddim", "--grid", "karras:rho=-1"), "a finite number above 0, got -1"),
        ((*SCORE, "--sampler", "ddim", "--grid", "karras:rho=nan"), "a finite number above 0, got nan"),
        ((*SCORE, "--sampler", "ddim", "--grid", "karras:rho"), "'rho' in the grid 'karras:rho' is not option=value"),
        ((*SCORE, "--sampler", "ddim", "--grid", "nowhere.json"), "the grid nowhere.json cannot be read"),
        ((*SCORE, "--sampler", "ddim", "--grid", "nowhere.py:mine"), "there is no file 'nowhere.py'"),
        ((*SCORE, "--sampler", "ddim:grid=karas"), "unknown grid 'karas': did you mean 'karras'"),
        ((*SCORE, "--sampler", "ddim:grid="), "unknown grid ''"),
        ((*SCORE, "--sampler", "ddim:grid='karras:rho=5"), "the quote ' in"),
        ((*SCORE, "--sampler", "ddim:grid=karras:rho=5"), "rho=5 is an option of the grid karras, and not of"),
        ((*SCORE, "--sampler", "ddim:grid=karras:t_end=0.1"), "t_end=0.1 is an option of the grid karras, and not of"),
        ((*SCORE, "--sampler", "ddim:grid='1,0.5,0.001':grid=karras"), "gives grid twice"),
        ((*SCORE, "--sampler", "ddim@7:grid='1,0.5,0.001'"), "make 2 steps, not 7"),
        ((*SCORE, "--sampler", "ddim:eta=0:eta=1"), "gives eta twice"),
        ((*SCORE, "--sampler", "ddim@٣"), "'٣' in 'ddim@٣' is not a number of steps, in the digits 0 to 9"),
        ((*SCORE, "--sampler", "ddim", "--steps", "٣"), "--steps takes whole numbers, such as 5,10,20; '٣' is none"),
        ((*SCORE, "--sampler", "ddim", "--steps", ","), "--steps ',' is a list without members"),
        ((*SCORE, "--sampler", ","), "--sampler ',' is a list without members"),
        ((*SCORE, "--sampler", "ddim", "--final", "denoised"), "unknown final step 'denoised': did you mean 'denoise'"),
        ((*SCORE, "--sampler", "ddim:final=x"), "unknown final step 'x': valid are denoise, none"),
        (
            (*SCORE, "--sampler", "ddim@5:final=denoise", "--nfe", "5"),
            "ddim:final=denoise makes 6 calls in 5 steps, the last of them for the denoised sample, and the budget is",
        ),
        (
            ("run", "--task", "gbm", "--sampler", "milstein", "--final", "denoise"),
            "has no denoiser, and so no denoised",
        ),
        ((*SCORE, "--sampler", "sigdeg:grid=uniform"), "was trained on the grid 'quadratic', not on 'uniform'"),
        ((*SCORE, "--sampler-file", "nowhere.txt"), "the list of samplers nowhere.txt cannot be read"),
        (("grid", "--task", "gmm", "--sampler", "ddim", "--steps", "3", "--out", "x.txt"), "saved as .json, not as"),
        (("grid", "--task", "gmm", "--sampler", "ddim", "--steps", "3", "--out", "no/x.json"), "there is no folder no"),
        (("grid", "--task", "gmm", "--sampler", "ddim", "--steps", "3,4", "--out", "x.json"), "--steps names 2"),
        ((*SCORE, "--sampler", "ddim", "--samples", "1"), "--samples must be between 2 and 10000000, got 1"),
        ((*SCORE, "--sampler", "ddim", "--samples", "-5"), "--samples must be between 2 and 10000000, got -5"),
        ((*SCORE, "--sampler", "ddim", "--samples", "100000000"), "got 100000000"),
        ((*SCORE, "--sampler", "ddim", "--samples", "many"), "--samples takes a whole number, got 'many'"),
        ((*SCORE, "--sampler", "ddim", "--repeats", "0"), "--repeats must be between 1 and 1000, got 0"),
        ((*SCORE, "--sampler", "ddim", "--seed", str(2**63)), "--seed must be between -9223372036854775807 and 9"),
        ((*SCORE, "--sampler", "ddim", "--nfe", "0"), "--nfe must be at least 1, got 0"),
        ((*SCORE, "--sampler", "ddim", "--batch", "0"), "--batch must be between 1 and 10000000, got 0"),
        ((*SCORE, "--sampler", "ddim", "--device", "gpu"), "unknown device 'gpu'"),
        ((*SCORE, "--sampler", "ddim", "--device", "cpux"), "unknown device 'cpux': did you mean 'cpu'"),
        ((*SCORE, "--sampler", "ddim", "--dtype", "float46"), "unknown dtype 'float46': did you mean 'float64'"),
        ((*SCORE, "--sampler", "sigdeg", "--steps", "40"), "was trained for 2 to 20 steps, not for 40"),
        ((*SCORE, "--sampler", "sigdeg", "--grid", "uniform"), "was trained on the grid"),
        ((*SCORE, "--sampler", "sigdeg:artifact=nowhere"), "there is no artifact in nowhere"),
        ((*SCORE, "--sampler", "ddim", "--plot", "chart.jpg"), "saved as .png or .svg, not as 'chart.jpg'"),
        ((*SCORE, "--sampler", "ddim", "--plot", "nowhere/chart.png"), "there is no folder nowhere"),
        ((*SCORE, "--samplr", "ddim"), "No such option: --samplr"),
        (SCORE, "Missing option '--sampler'"),
        (("run", "--sampler", "ddim"), "Missing option '--task'"),
        (("runn",), "No such command 'runn'. Did you mean 'run'"),
        (("list", "sampler"), "'samplers'"),
        (("train", "--task", "gmn"), "unknown task 'gmn': did you mean 'gmm'"),
        (("train", "--task", "gmm", "--what", "studnet"), "did you mean 'student'"),
        (("train", "--task", "gmm", "--order", "0"), "signature order must lie between 1 and 8, got 0"),
        (("train", "--task", "gmm", "--order", "9"), "signature order must lie between 1 and 8, got 9"),
        (("train", "--task", "gmm", "--steps", "0-3"), "step"),
        (("train", "--task", "gmm", "--steps", "5-3"), "step"),
        (("train", "--task", "gmm", "--steps", "a-b"), "--steps takes whole numbers"),
        (("train", "--task", "gmm", "--grid", "karas"), "unknown grid 'karas': did you mean 'karras'"),
        (("train", "--task", "gmm", "--loss", "globall"), "unknown loss 'globall': did you mean 'global'"),
        (("train", "--task", "gmm", "--iterations", "0"), "--iterations must be at least 1, got 0"),
        (("train", "--task", "gmm", "--width", "0"), "width lies between 1 and 16,384, got 0"),
        (("train", "--task", "gmm", "--depth", "-1"), "depth lies between 0 and 512, got -1"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "",
)
def test_one_sentence_and_exit_code_2(
    sigbench: Command, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = sigbench(*arguments)
    assert words in done.sentence()
    assert done.code == 2
    assert not list(tmp_path.rglob("*.json"))


def test_no_command_shows_the_help(sigbench: Command) -> None:
    done = sigbench()
    assert done.code == 2
    assert "Usage: sigbench" in done.out
    assert "Traceback" not in done.err


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="there is a CUDA device here")
def test_cuda_where_there_is_none(sigbench: Command) -> None:
    done = sigbench(*SCORE, "--sampler", "ddim", "--device", "cuda")
    assert "there is no CUDA device here" in done.sentence()
    assert done.code == 2


@pytest.mark.parametrize("option", ["--store", "--save-samples"])
def test_a_folder_that_cannot_be_made(sigbench: Command, tmp_path: Path, option: str) -> None:
    (tmp_path / "file").write_text("in the way")
    done = sigbench(*SCORE, "--sampler", "ddim", option, "file/folder")
    assert "file/folder cannot be written" in done.sentence()
    assert done.code == 2


def test_a_store_that_is_a_file(sigbench: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = sigbench(*SCORE, "--sampler", "ddim", "--store", "file")
    assert "the store file cannot be written" in done.sentence()
    assert done.code == 2
    assert (tmp_path / "file").read_text() == "in the way"


def test_train_refuses_a_folder_that_cannot_be_made_before_it_trains(sigbench: Command, tmp_path: Path) -> None:
    """Ten million iterations: the refusal must come first."""
    (tmp_path / "file").write_text("in the way")
    done = sigbench("train", "--task", "gmm", "--out", "file/folder", "--iterations", "10000000")
    assert "file/folder cannot be written" in done.sentence()
    assert done.code == 2


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("missing.py:Good", "there is no file 'missing.py'"),
        ("plugins.py", "names a file but no class"),
        ("plugins.py:Goood", "did you mean 'Good'"),
        ("plugins.py:Abstract", "does not define walk"),
        ("plugins.py:Growth", "unknown sampler class in plugins.py 'Growth'"),
        ("plugins.py:Factless", "does not declare"),
        ("plugins.py:Demanding", "strength"),
        ("plugins.py:Fragile", "no luck today"),
        ("syntax.py:Good", "syntax.py cannot be imported: SyntaxError"),
        ("raises.py:Good", "raises.py cannot be imported: ZeroDivisionError"),
        ("leaves.py:Good", "leaves.py cannot be imported: SystemExit"),
    ],
)
def test_a_sampler_file_that_cannot_be_used(sigbench: Command, tmp_path: Path, spec: str, words: str) -> None:
    shutil.copy(PLUGINS, tmp_path / "plugins.py")
    (tmp_path / "syntax.py").write_text("class Good(:\n")
    (tmp_path / "raises.py").write_text("1 / 0\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(0)\n")
    done = sigbench(*SCORE, "--sampler", spec, *SMALL)
    assert words in done.sentence()
    assert done.code == 2


def test_a_sampler_that_needs_a_denoiser_where_there_is_none(sigbench: Command, tmp_path: Path) -> None:
    shutil.copy(PLUGINS, tmp_path / "plugins.py")
    for sampler in ("ddim", "heun", "sigdeg"):
        done = sigbench("run", "--task", "plugins.py:Growth", "--sampler", f"euler-maruyama,{sampler}")
        assert done.sentence() == f"{sampler} needs a denoiser, and the task 'growth' has none."
        assert done.code == 2


def test_a_task_without_students_and_named_grids(sigbench: Command, tmp_path: Path) -> None:
    shutil.copy(PLUGINS, tmp_path / "plugins.py")
    growth = ("--task", "plugins.py:Growth")
    untrained = sigbench("run", "--task", "plugins.py:Untrained", "--sampler", "sigdeg")
    assert "comes with no Sig-DEG student" in untrained.sentence()
    assert "has no teacher" in sigbench("run", *growth, "--sampler", "teacher").sentence()
    assert "has no teacher" in sigbench("train", *growth).sentence()
    assert "only named grid" in sigbench("run", *growth, "--sampler", "milstein", "--grid", "karras").sentence()
    assert "unknown task class" in sigbench("run", "--task", "plugins.py:Grwth", "--sampler", "milstein").sentence()


class TestArtifacts:
    """Weights that are not what their manifest says are refused by their hash."""

    @pytest.fixture
    def copy(self, student: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(student, tmp_path / "copy"))

    def refused(self, sigbench: Command, steps: str = "2") -> str:
        done = sigbench(*SCORE, "--sampler", "sigdeg:artifact=copy", "--steps", steps, *SMALL)
        assert done.code == 2
        return done.sentence()

    def test_truncated_weights(self, sigbench: Command, copy: Path) -> None:
        weights = copy / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        declared = json.loads((copy / "manifest.json").read_text())["sha256"]
        sentence = self.refused(sigbench)
        assert "copy/weights.safetensors are corrupt or were swapped" in sentence
        assert declared[:16] in sentence

    def test_one_flipped_bit(self, sigbench: Command, copy: Path) -> None:
        blob = bytearray((copy / "weights.safetensors").read_bytes())
        blob[-1] ^= 1
        (copy / "weights.safetensors").write_bytes(blob)
        assert "their SHA-256 is" in self.refused(sigbench)

    def test_weights_gone(self, sigbench: Command, copy: Path) -> None:
        (copy / "weights.safetensors").unlink()
        assert "cannot be read: No such file" in self.refused(sigbench)

    def test_manifest_gone(self, sigbench: Command, copy: Path) -> None:
        (copy / "manifest.json").unlink()
        assert "manifest.json is missing" in self.refused(sigbench)

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"kind": "sigdeg-student"}', "\x00\xff"])
    def test_manifest_corrupt(self, sigbench: Command, copy: Path, text: str) -> None:
        (copy / "manifest.json").write_text(text)
        assert "copy/manifest.json is corrupt" in self.refused(sigbench)

    @pytest.mark.parametrize("field", ["data", "config", "cost"])
    def test_manifest_with_an_empty_part(self, sigbench: Command, copy: Path, field: str) -> None:
        manifest = json.loads((copy / "manifest.json").read_text())
        (copy / "manifest.json").write_text(json.dumps({**manifest, field: {}}))
        assert "copy" in self.refused(sigbench)

    def test_another_networks_weights(self, sigbench: Command, copy: Path) -> None:
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["config"]["width"] = 7
        (copy / "manifest.json").write_text(json.dumps(manifest))
        assert "does not fit its manifest" in self.refused(sigbench)

    def test_another_schedules_student(self, sigbench: Command, copy: Path) -> None:
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["config"]["schedule"] = "vp-cosine"
        (copy / "manifest.json").write_text(json.dumps(manifest))
        assert "under the schedule 'vp-cosine', and the task 'gmm' has 'vp-linear'" in self.refused(sigbench)

    def test_another_tasks_student(self, sigbench: Command, copy: Path) -> None:
        done = sigbench("run", "--task", "gmm2d", "--sampler", "sigdeg:artifact=copy", "--steps", "2")
        assert "is a sigdeg-student of gmm version 2, not a sigdeg-student of gmm2d" in done.sentence()

    def test_steps_that_it_was_not_trained_for(self, sigbench: Command, copy: Path) -> None:
        assert "was trained for 2 to 3 steps, not for 5" in self.refused(sigbench, "5")
