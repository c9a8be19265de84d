"""The names of what `metrics` of the tasks returns, known before the tasks and torch are loaded."""

_NAMES = """
    fcd fcd-inf is kid precision recall density coverage sliced-w2
    class-tv label-accuracy fcd-intra duplicates
"""
METRICS: dict[str, tuple[str, ...]] = {"mnist": tuple(_NAMES.split())}
