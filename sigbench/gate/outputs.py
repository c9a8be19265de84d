"""What the gate found, for machines that read reports: Markdown, JUnit's XML, and annotations of GitHub's workflows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from sigbench.gate.judge import Judgement
from sigbench.gate.table import LEGEND, SENTENCES, largest_change, moved_metrics, own_points, reasons, values_text
from sigbench.gate.verdict import CurveVerdict, PointVerdict, RunVerdict
from sigbench.report.numbers import percent

_COMMANDS = {"regressed": "error", "inconclusive": "warning"}


def summary(points: Sequence[PointVerdict], curves: Sequence[CurveVerdict], run: RunVerdict) -> str:
    """Returns the check as Markdown: the verdict, the curves, what moved, and what it was measured on."""
    lines = [f"## sigbench check: {run['verdict']}", "", SENTENCES[run["verdict"]], ""]
    lines += ["| task | sampler | points | change / margin | time | verdict |", "|---|---|---:|---|---|---|"]
    for curve in curves:
        word = curve["verdict"] if curve["verdict"] == "equivalent" else f"**{curve['verdict']}**"
        cells = (curve["task"], curve["sampler"], str(curve["points"]), largest_change(own_points(curve, points)))
        lines.append(_row((*cells, curve["time"], word)))
    moved = list(moved_metrics(points))
    if moved:
        lines += ["", "### What moved", ""]
        lines += ["| task | sampler | steps | metric | before | now | change | margin | verdict |"]
        lines += ["|---|---|---:|---|---:|---:|---:|---:|---|"]
        for point, name, metric in moved:
            where = (point["task"], point["sampler"], str(point["steps"]), name)
            lines.append(_row((*where, *values_text(metric), metric["verdict"])))
    if remarks := [*reasons(points), *run["loosened"], *run["notes"]]:
        lines += ["", *(f"- {_plain(line)}" for line in remarks)]
    facts = run["provenance"]
    device, threads = _plain(str(facts["device_name"])), f"{facts['threads']} thread{'s' * (facts['threads'] != 1)}"
    lines += [
        "",
        f"{LEGEND[0].upper()}{LEGEND[1:]}. {run['comparisons']} comparisons, Holm-corrected: where nothing changed, "
        f"the chance of any alarm is at most {percent(run['alpha'])}. Measured on {device}, "
        f"{threads}, torch {facts['torch']}, sigbench {facts['git'] or facts['sigbench']}.",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(cell, bold=True) for cell in cells) + " |"


def _plain(text: str, *, bold: bool = False) -> str:
    """Text as Markdown shows it: what samplers and errors say is text, never markup."""
    text = " ".join(text.split())
    for mark, shown in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "\\`"), ("[", "\\[")):
        text = text.replace(mark, shown)
    return text if bold else text.replace("*", "\\*")


def junit(found: Judgement) -> bytes:
    """Returns the check as JUnit's XML: a suite a curve, a case a point; whatever does not pass is a failure."""
    root = ElementTree.Element("testsuites", name="sigbench check")
    for curve in found.curves:
        points = own_points(curve, found.points)
        name = f"{curve['task']} · {curve['sampler']}"
        suite = _suite(root, name, len(points), sum(point["verdict"] in _COMMANDS for point in points))
        for point in points:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"{curve['task']}.{curve['sampler']}", name=f"{point['steps']} steps"
            )
            if point["verdict"] in _COMMANDS:
                _fail(case, point["verdict"], message_of(point))
    if found.run["loosened"]:
        suite = _suite(root, "baseline", 1, 1)
        case = ElementTree.SubElement(suite, "testcase", classname="baseline", name="asks no less than before")
        _fail(case, "inconclusive", " ".join(found.run["loosened"]))
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _suite(root: ElementTree.Element, name: str, tests: int, failures: int) -> ElementTree.Element:
    return ElementTree.SubElement(root, "testsuite", name=name, tests=str(tests), failures=str(failures))


def _fail(case: ElementTree.Element, kind: str, message: str) -> None:
    # Control characters, which an error's text may hold, are none that XML can write.
    plain = "".join(letter if letter.isprintable() else " " for letter in message)
    ElementTree.SubElement(case, "failure", type=kind, message=plain)


def annotations(found: Judgement, baseline: Path) -> Iterator[str]:
    """Yields a line of GitHub's workflow commands for every point that does not pass, and one for the run."""
    for point in found.points:
        if point["verdict"] in _COMMANDS:
            title = f"{point['task']}, {point['sampler']} at {point['steps']} steps: {point['verdict']}"
            yield _annotation(_COMMANDS[point["verdict"]], baseline, title, message_of(point))
    for sentence in found.run["loosened"]:
        yield _annotation("warning", baseline, "the baseline asks less than before", sentence)
    word = found.run["verdict"]
    yield _annotation(_COMMANDS.get(word, "notice"), baseline, f"sigbench check: {word}", SENTENCES[word])


def _annotation(command: str, file: Path, title: str, message: str) -> str:
    return f"::{command} file={_property(str(file))},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def message_of(point: PointVerdict) -> str:
    """Returns what is wrong with a point in a line: what moved, and its reason."""
    moved = []
    for _, name, metric in moved_metrics([point]):
        before, now, change, margin = values_text(metric)
        moved.append(f"{name} {before} → {now}, {change} (margin {margin}): {metric['verdict']}")
    return "; ".join([*moved, *([point["reason"]] if point["reason"] else [])])
