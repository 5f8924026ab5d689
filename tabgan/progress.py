"""How work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

#: Called with the stage, what is done of it, and what there is.
Progress = Callable[[str, int, int], None]


class Listener:
    """Passes progress on to whoever asked for it, and remembers what that raised: it is the caller's own error."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.raised: BaseException | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        try:
            self._progress(stage, done, total)
        except BaseException as error:
            self.raised = error
            raise


def silent(stage: str, done: int, total: int) -> None:
    """Take no notice."""
