"""What the results of all studies have in common: a line of JSON with its kind, task and sampler."""

import msgspec

from sigbench.records.names import Role, name_of


class SamplerResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What a study found of one sampler; `spec` is how it was asked for, and `role` whether as the task's teacher."""

    task: str
    sampler: str
    spec: str
    role: Role

    @property
    def display_name(self) -> str:
        """How tables, charts and sentences call the sampler."""
        return name_of(self.sampler, self.spec, self.role)

    @property
    def spec_again(self) -> str:
        """The spec that asks for the sampler again."""
        return "teacher" if self.role == "teacher" else self.spec


def to_line(result: msgspec.Struct) -> str:
    """Returns a result as one line of strict JSON: numbers that are not finite are null."""
    return msgspec.json.encode(result).decode()
