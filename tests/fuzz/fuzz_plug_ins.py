"""Plug-ins that do what none should: any method may raise anything, return anything, or leave the program."""

from pathlib import Path
from random import Random

from fuzz_cases import Case
from good_plug_in import SOURCE

HEAD = f"""{SOURCE}

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


"""
RAISES = """ValueError('x') | ValueError('bad \\ud800') | ValueError('x\\n' * 9000) | SystemExit(0) | SystemExit('x')
Loud() | Mute() | GeneratorExit() | StopIteration(3) | MemoryError() | RecursionError() | OSError(28, 'x')
AssertionError() | KeyError('[/y]') | UnicodeDecodeError('utf-8', b'x', 0, 1, 'y') | BrokenPipeError() | Warning()"""
VALUES = """None | 5 | -1 | 'x' | b'x' | math.nan | math.inf | [] | {} | {'a': b'x'} | {'\\ud800': 'x'} | object()
'\\ud800' | 'a\\nb' | '[/y]' | '../../pwn/x' | 'n' * 5000 | '' | 10**400 | True | torch.tensor(3.0) | np.float64(2)
np.array([1, 2]) | iter([]) | (1, 2) | lambda *a: 1 | type | '<script>' | torch.full((60, 1), math.nan) | 1e308
{1: 2} | [None] | ('w1',)"""
SAMPLER_METHODS = "__init__ walk prepare check calls artifact_hashes training_seconds resume"
SAMPLER_FACTS = (
    "name citation family needs calculus when additive_only strong_order signature_order nfe_per_step final_step "
    "own_grid packages written_in refused_options __module__ __qualname__"
)
TASK_METHODS = (
    "__init__ problem truth metrics picture strip observe observe_truth to_data networks students floors recipes "
    "conditioned conditions spectrum training_data"
)
TASK_FACTS = (
    "name version title shape default_samples default_steps default_grid batch_size path_order artifacts_since teacher"
)
METRIC_METHODS = "__init__ __call__ exact_floor for_truth check sample_size"
METRIC_FACTS = "name title method better bounds counted margin reads needs max_samples"
KINDS = {
    "sampler": ("Good", SAMPLER_METHODS, SAMPLER_FACTS),
    "task": ("GMM", TASK_METHODS, TASK_FACTS),
    "metric": ("MeanError", METRIC_METHODS, METRIC_FACTS),
}


def listed(text: str) -> list[str]:
    """The members of one of the lists above."""
    return text.replace("\n", " | ").split(" | ")


def make_plug_in(chance: Random, pantry: Path) -> Case:
    """Returns a run of a sampler, a task or a metric in a file, which breaks its contract at one or two places."""
    kind = chance.choice(["sampler", "sampler", "task", "metric"])
    base, methods, facts = KINDS[kind]
    body, told = "", []
    for _ in range(chance.choice([1, 1, 2])):
        if chance.random() < 0.6:
            name = chance.choice(methods.split())
            does, words = _does(chance)
            body += f"    def {name}(self, *a, **k):\n{does}\n"
        else:
            name, words = chance.choice(facts.split()), chance.choice(listed(VALUES))
            if chance.random() < 0.3:
                words = f"property(lambda self: {words})"
            body += f"    {name} = {words}\n"
        told.append(f"{name}: {words}")
    source = f"{HEAD}class Bad({base}):\n{body or '    pass'}\n"
    if chance.random() < 0.08:
        at = chance.choice(listed(RAISES))
        source += f"\nraise {at}\n"
        told.append(f"import: {at}")
    task = "bad.py:Bad" if kind == "task" else "gmm"
    sampler = "bad.py:Bad,ddim" if kind == "sampler" else "ddim,heun"
    arguments = ["run", "--task", task, "--sampler", sampler, "--steps", "2", "--samples", "60", "--repeats", "2"]
    arguments += ["--floor-draws", "2", "--device", "cpu"]
    arguments += ["--add-metric", "bad.py:Bad"] if kind == "metric" else []
    arguments += ["--json"] if chance.random() < 0.6 else []
    arguments += ["--save-samples", "samples"] if chance.random() < 0.3 else []
    arguments += ["--plot", "chart.png"] if chance.random() < 0.1 else []
    text = source.encode("utf-8", "backslashreplace")
    return Case(
        tuple(arguments),
        lambda folder: (folder / "bad.py").write_bytes(text),
        finish=True,
        told=f"{kind}: {'; '.join(told)}",
    )


def _does(chance: Random) -> tuple[str, str]:
    """The body of a method, and what it does in words."""
    way = chance.random()
    if way < 0.5:
        what = chance.choice(listed(RAISES))
        yields = "\n        yield" if chance.random() < 0.3 else ""
        return f"        raise {what}{yields}", f"raises {what}"
    if way < 0.9:
        what = chance.choice(listed(VALUES))
        return f"        return {what}", f"returns {what}"
    what = chance.choice(["sys.setrecursionlimit(60)", "os.chdir('/')", "sys.stdout.close()", "sys.path.clear()"])
    return f"        {what}\n        return None", what
