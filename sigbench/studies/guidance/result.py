"""What a study of guidance is made of: records of one task that differ in sampler and weight of guidance."""

import msgspec

from sigbench.records.names import display_name
from sigbench.records.record import MetricRecord, Record

METRICS = {"accuracy": "label-accuracy", "intra": "fcd-intra", "recall": "recall"}


class Guided(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="guidance"):
    """A record as `sigbench sweep --json` prints it, taken as a point of the study."""

    record: Record

    @property
    def task(self) -> str:
        """The record's task."""
        return self.record["task"]

    @property
    def weight(self) -> float:
        """The weight of guidance that the samples were drawn at."""
        return float(self.record["conditions"].get("guidance", 0.0))

    @property
    def display_name(self) -> str:
        """How charts and sentences call the sampler."""
        return display_name(self.record)

    @property
    def curve(self) -> str:
        """What charts call the sampler at its number of steps."""
        return f"{self.display_name}, {self.record['steps']} steps"

    @property
    def side(self) -> str:
        """Whether it is a student, the teacher, or another."""
        if self.record["role"] == "teacher":
            return "teacher"
        return "student" if self.record["family"] == "student" else "other"

    def metric(self, short: str) -> MetricRecord:
        """Returns a metric by its short name: accuracy, intra or recall."""
        return self.record["metrics"][METRICS[short]]
