"""Notebooks of the documents: run by IPython's shell, kept with what they show, and turned into pages.

    python docs/notebooks.py docs/guide/tutorial.ipynb                            runs it and keeps its outputs
    python docs/notebooks.py FILE --budget "samples, repeats = 200, 3" --out OUT   smaller, into another file

A cell with the tag `budget` is replaced by what `--budget` says. No kernel is started: the shell is this process.
"""

import argparse
import html
import json
import re
from pathlib import Path
from typing import Any

_KEPT = ("text/plain", "text/html", "image/svg+xml")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def run(notebook: dict[str, Any], budget: str | None = None) -> dict[str, Any]:
    """Returns a notebook with the outputs of its cells; raises RuntimeError where one of them fails."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    shell.display_formatter.active_types = list(_KEPT)
    values: list[Any] = []
    shell.display_trap.hook = values.append  # what a cell ends with, in the place of printing it
    done = json.loads(json.dumps(notebook))
    for place, cell in enumerate(done["cells"], 1):
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        if budget is not None and "budget" in cell["metadata"].get("tags", ()):
            source = budget
        values.clear()
        with capture_output() as captured:
            result = shell.run_cell(source, store_history=True)
        if not result.success:
            raise RuntimeError(f"cell {place} fails: {result.error_before_exec or result.error_in_exec!r}")
        cell["execution_count"] = result.execution_count
        shown = [output.data for output in captured.outputs]
        shown += [shell.display_formatter.format(value)[0] for value in values if value is not None]
        cell["outputs"] = [*_streams(captured), *map(_kept, shown)]
    return done


def page(notebook: dict[str, Any], name: str) -> tuple[str, dict[str, str]]:
    """Returns a notebook as Markdown, and its pictures by the names of their files, which begin with `name`."""
    parts: list[str] = []
    pictures: dict[str, str] = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"]).strip()
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/svg+xml" in data:
                file = f"{name}-{len(pictures) + 1}.svg"
                pictures[file] = "".join(data["image/svg+xml"])
                parts.append(f"![what the cell draws]({file})")
                continue
            shown = "".join(data.get("text/html", ()))
            if shown and not shown.startswith("<pre>"):
                parts.append(f"<div>{' '.join(shown.split())}</div>")
                continue
            text = html.unescape(shown.removeprefix("<pre>").removesuffix("</pre>"))
            text = text or "".join(output.get("text", ())) or "".join(data.get("text/plain", ()))
            parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n", pictures


def _streams(captured: Any) -> list[dict[str, Any]]:
    texts = (("stdout", captured.stdout), ("stderr", captured.stderr))
    return [{"output_type": "stream", "name": name, "text": _lines(text)} for name, text in texts if text]


def _kept(data: dict[str, str]) -> dict[str, Any]:
    kept = {kind: _lines(text) for kind, text in data.items() if kind in _KEPT}
    return {"output_type": "display_data", "data": kept, "metadata": {}}


def _lines(text: str) -> list[str]:
    return _COLOUR.sub("", text).splitlines(keepends=True)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--budget")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    done = run(json.loads(asked.file.read_text()), asked.budget)
    (asked.out or asked.file).write_text(json.dumps(done, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    _main()
