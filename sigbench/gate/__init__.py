"""The gate: step-vs-quality curves held to a baseline, from its plan to its verdicts, tables and charts."""
