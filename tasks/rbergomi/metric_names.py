"""The names of what `metrics` of the tasks returns, known before the tasks and torch are loaded."""

_NAMES = """
    w1 w1-log-s w1-log-s-worst w1-log-v w1-log-v-worst autocorrelation cross-correlation leverage sig-w1
    hurst smile no-implied-vol forward lost-variance duplicates
"""
METRICS: dict[str, tuple[str, ...]] = {"rbergomi": tuple(_NAMES.split())}
