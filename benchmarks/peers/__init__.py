"""Tickerflow beside its peers: the same series, the same held-out windows, one judge.

    python -m benchmarks.peers --series 8

Each contender runs alone, as a process in an environment of its own, and leaves its forecasts and an
account of time and memory in a folder. Only `exchange`, `windows` and `contender` are imported in the
peers' environments: they need numpy and nothing else.
"""
