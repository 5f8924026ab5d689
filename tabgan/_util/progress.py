"""Progress of long work: callbacks, and bars for whoever sits before a terminal or a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

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


#: Seconds that work takes before bars appear without being asked for.
PATIENCE = 2.0


class Bars:
    """A bar with the time left for every stage.

    Args:
        console: Where they are shown.
        patience: Seconds before they appear.
        is_transient: Leave nothing behind when the work is done.
    """

    def __init__(self, console: Console, *, patience: float = 0.0, is_transient: bool = False) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=is_transient,
        )
        self._tasks: dict[str, TaskID] = {}
        self._due = time.monotonic() + patience
        self._is_shown = False

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Move a stage's bar."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)
        if not self._is_shown and time.monotonic() >= self._due:
            self.show()

    def show(self) -> None:
        """Let them appear."""
        self._is_shown = True
        self._bars.start()

    def end(self) -> None:
        """Stop all clocks, and begin anew."""
        for task in self._tasks.values():
            self._bars.stop_task(task)
        self._tasks = {}

    def close(self) -> None:
        """Take them off the screen, or leave them as they are."""
        if self._is_shown:
            self._bars.stop()


@contextmanager
def told(progress: Progress | None) -> Iterator[Progress]:
    """Yield what progress is told to: a caller's callback, or bars where somebody looks on, or nothing.

    Args:
        progress: The callback; ``None`` shows bars on a terminal and in a notebook once work takes longer than
            ``PATIENCE``, and nothing elsewhere.
    """
    if progress is not None:
        yield progress
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield silent
        return
    bars = Bars(console, patience=PATIENCE, is_transient=True)
    try:
        yield bars
    finally:
        bars.close()
