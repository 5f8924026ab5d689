"""Approximate time and memory of a fit, by constants measured on two shared cores of a server, without a GPU."""

from __future__ import annotations

#: Seconds of every fit, of each pair of codes, and of each cell of the table (``benchmarks/results/plan.json``).
BASE_SECONDS, SECONDS_PER_PAIR, SECONDS_PER_CELL = 3.0, 6e-5, 5e-7

#: Megabytes of every fit, libraries included, and bytes of each cell of a table (``benchmarks/results/large.json``).
BASE_MEGABYTES, BYTES_PER_CELL = 900.0, 1.6


def seconds_of(width: int, n_columns: int, n_rows: int) -> float:
    """Return the approximate seconds of a fit, given the codes of all its columns together."""
    return BASE_SECONDS + SECONDS_PER_PAIR * width**2 + SECONDS_PER_CELL * n_columns * n_rows


def megabytes_of(n_columns: int, n_rows: int) -> float:
    """Return the approximate megabytes of memory that a fit needs."""
    return BASE_MEGABYTES + BYTES_PER_CELL * n_columns * n_rows / 1e6
