"""A chart in a notebook: a picture that needs no browser's script, and a file of it."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair


class Plot:
    """A chart. A notebook shows it as SVG, light or dark as its reader has it; `chart` is Altair's, to be changed."""

    def __init__(self, chart: "altair.TopLevelMixin") -> None:
        self.chart = chart

    def save(self, file: str | Path) -> Path:
        """Writes the chart as .png or .svg, whichever the file's ending says; raises BadInput where it cannot."""
        from sigbench.report.charts import save_chart

        save_chart(self.chart, Path(file))
        return Path(file)

    def _repr_svg_(self) -> str:
        from sigbench.report.charts import svg_of

        return svg_of(self.chart)

    def __repr__(self) -> str:
        return "<a chart: save(FILE) writes it, chart is Altair's>"
