"""As many steps as a budget of network calls allows: how samplers of one, two and three calls a step are compared."""

from sigbench.errors import BadInput
from sigbench.measure.settings import Settings
from sigbench.spec import parse_spec
from sigbench.sweep.elsewhere import plan_for


class TooFewCalls(BadInput):
    """A budget does not allow one step of a sampler."""


def steps_within(settings: Settings, sampler: str, calls: int) -> int:
    """Returns the most steps that a sampler's spec walks with at most `calls` calls, as far as it declares them.

    Raises TooFewCalls where one step takes more, and BadInput for whatever `plan_for` refuses.
    """

    def declared(steps: int) -> int:
        (cell,) = plan_for(settings, [sampler], [steps])
        return cell.calls

    steps, taken = calls, declared(calls)
    while taken > calls:
        if steps == 1:
            raise TooFewCalls(
                f"{parse_spec(sampler).name} makes {taken} calls in one step, more than the {calls} that are allowed."
            )
        steps = max(1, min(steps - 1, steps * calls // taken))
        taken = declared(steps)
    while steps < calls and declared(steps + 1) <= calls:
        steps += 1
    return steps
