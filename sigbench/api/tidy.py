"""Tables for programs: rows of plain values, and as frames of pandas and polars, which are imported only here."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from sigbench.errors import check_package

if TYPE_CHECKING:
    import pandas
    import polars

Row = dict[str, Any]


class Tidy(ABC):
    """What has rows, each a dictionary with the same keys in the same order."""

    @abstractmethod
    def rows(self) -> list[Row]:
        """Returns the rows; what is missing is None."""

    def to_pandas(self) -> "pandas.DataFrame":
        """Returns the rows as a frame of pandas; raises BadInput where pandas is not installed."""
        check_package("pandas", "to_pandas")
        import pandas

        return pandas.DataFrame(self.rows())

    def to_polars(self) -> "polars.DataFrame":
        """Returns the rows as a frame of polars; raises BadInput where polars is not installed."""
        check_package("polars", "to_polars")
        import polars

        return polars.DataFrame(self.rows(), infer_schema_length=None)
