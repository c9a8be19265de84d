"""Payoffs on paths of (log S, log V): what they pay, what the simulator says of them, and metrics of both."""
