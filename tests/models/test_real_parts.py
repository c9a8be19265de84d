"""Real parts together: a flow that was trained, digits as vectors, at sizes that people have."""

from pathlib import Path

import numpy as np
import pytest

from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings

pytestmark = pytest.mark.slow

FLOW = """
import math
import pathlib

import torch

HERE = pathlib.Path(__file__).parent
DATA = torch.from_numpy(__import__("numpy").load(HERE / "x.npy")).float()


class Velocity(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layers = [torch.nn.Linear(8, 64), torch.nn.SiLU(), torch.nn.Linear(64, 64), torch.nn.SiLU()]
        self.net = torch.nn.Sequential(*layers, torch.nn.Linear(64, 1))

    def forward(self, t, x):
        at = torch.as_tensor(t, dtype=x.dtype).expand(len(x), 1) if not torch.is_tensor(t) else t[:, None]
        clock = [f(k * math.pi * at) for k in (1, 2, 4) for f in (torch.sin, torch.cos)]
        return self.net(torch.cat([x, at, *clock], dim=1))


def untrained():
    torch.manual_seed(0)
    return Velocity()


def trained():
    model = untrained()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(1500):
        x0 = DATA[torch.randint(len(DATA), (512,))]
        noise, t = torch.randn_like(x0), torch.rand(512)
        x = (1 - t[:, None]) * x0 + t[:, None] * noise
        loss = (model(t, x) - (noise - x0)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
"""


def test_a_flow_that_was_trained_on_the_mixture(tmp_path: Path) -> None:
    """The velocity that a perceptron learned in seconds leaves less than half of the distance that there was."""
    from sigbench_tasks.mixture.task import GMM

    np.save(tmp_path / "x.npy", GMM().truth().sample(20_000, 5))
    (tmp_path / "flow.py").write_text(FLOW)
    scores = {}
    for which in ("untrained", "trained"):
        file = tmp_path / f"{which}.toml"
        file.write_text(
            f'name = "{which}"\n[model]\nkind = "python"\npath = "flow.py:{which}"\npredicts = "flow"\n'
            'schedule = { kind = "flow" }\n[data]\narray = "x.npy"\n'
        )
        settings = Settings(str(file), samples=5_000, repeats=2, device="cpu", grid="uniform", time_calls=False)
        (record,) = measure(plan_cells(settings, ["flow-heun"], [20]))
        assert record["status"] == "ok", record
        scores[which] = record["metrics"]["w1"]["value"]
    assert scores["trained"] < 0.5 * scores["untrained"]


GAUSSIAN = '''
import pathlib

import numpy as np
import torch

X = np.load(pathlib.Path(__file__).parent / "x.npy")
MEAN, VARIANCE = (torch.from_numpy(part).float() for part in (X.mean(0), X.var(0)))


def build():
    """The denoiser that is right for a Gaussian of the data's moments, whose components are uncorrelated."""

    def network(x, sigma, labels):
        share = VARIANCE / (VARIANCE + sigma[:, None] ** 2)
        return MEAN + share * (x - MEAN)

    return network
'''


def test_twenty_thousand_digits_on_fifty_principal_components(tmp_path: Path) -> None:
    """As vectors, without an extractor: a Gaussian's moments are right, and its law is not."""
    from sigbench_tasks.mnist import idx

    digits = idx.images("train")[:20_000].reshape(20_000, -1).astype(np.float64) / 255.0
    centred = digits - digits.mean(0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    np.save(tmp_path / "x.npy", centred @ directions[:, -50:])
    (tmp_path / "net.py").write_text(GAUSSIAN)
    (tmp_path / "pca.toml").write_text(
        'name = "pca"\n[model]\nkind = "edm"\npath = "net.py:build"\n'
        "schedule = { kind = 'edm', sigma_min = 0.01, sigma_max = 30.0 }\n[data]\narray = 'x.npy'\n"
    )
    settings = Settings(str(tmp_path / "pca.toml"), samples=5_000, repeats=2, device="cpu", time_calls=False)
    (record,) = measure(plan_cells(settings, ["dpmpp-2m"], [20]))
    assert record["status"] == "ok", record
    metrics = record["metrics"]
    assert metrics["mean-error"]["value"] < 2 * metrics["mean-error"]["floor"]
    assert metrics["sliced-w2"]["value"] > 1.5 * metrics["sliced-w2"]["floor"]
    assert metrics["energy"]["value"] > 4 * abs(metrics["energy"]["floor"])
