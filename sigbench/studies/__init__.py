"""Questions beyond a single number, a folder each: its plan, the study itself, its verdict and its chart.

A new study has a Struct tagged by its kind (result.py), which `reading` names; a command in `sigbench.cli`; and its
section of the page in `sigbench.leaderboard.sections`, which reads leaderboard/studies/KIND/*.jsonl.
A chart's panel is one view, without facets and without `config`: the page gives it its width, its ground, dark or
light, and a legend of its own, so it draws with `legends=False` too. Colours, shapes and axes are those of
`sigbench.report.palette` and `sigbench.report.curves`; a log axis shows no 0, so lower ends go through `log_low`.
"""
