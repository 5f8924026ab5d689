"""How work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

#: Called with the stage, what is done of it, and what there is.
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Take no notice."""
