"""Progress callbacks, and progress bars for terminals and notebooks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tabgan._util.validate import shown
from tabgan.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

#: Called with the stage, the number of its steps done, and their total.
Progress = Callable[[str, int, int], None]


class Listener:
    """A wrapper of the caller's callback that remembers an error raised by it, which is the caller's own."""

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
    """Ignore progress."""


#: Seconds before bars appear that nobody asked for.
PATIENCE = 2.0


class ProgressBars:
    """Progress bars, one per stage, with the time left.

    Args:
        console: The console to show them on.
        patience: Seconds before they appear.
        is_transient: Flag: leave nothing behind when the work is done.
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
        """Show the bars."""
        self._is_shown = True
        self._bars.start()

    def end(self) -> None:
        """Stop all clocks, and start afresh."""
        for task in self._tasks.values():
            self._bars.stop_task(task)
        self._tasks = {}

    def close(self) -> None:
        """Remove the bars from the screen, or leave them as they are."""
        if self._is_shown:
            self._bars.stop()


class NotebookBars:
    """Bars of tqdm for a notebook, one per stage, which go when the work is done.

    Args:
        patience: Seconds before they appear.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._bars: dict[str, Any] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Move a stage's bar."""
        from tqdm.auto import tqdm

        if stage not in self._bars:
            self._bars[stage] = tqdm(desc=stage, total=total, leave=False, delay=self._patience)
        bar = self._bars[stage]
        bar.total = total
        bar.update(done - bar.n)

    def close(self) -> None:
        """Remove the bars."""
        for bar in self._bars.values():
            bar.close()


def check_progress(progress: object) -> None:
    """Raise unless an argument is a callback, true, false or ``None``.

    Raises:
        ConfigError: the argument is something else.
    """
    if not isinstance(progress, bool | None) and not callable(progress):
        raise ConfigError(
            f"progress: expected a function of stage, done and total, or True or False, got {shown(progress)}."
        )


@contextmanager
def told(progress: Progress | bool | None) -> Iterator[Progress]:
    """Yield the callback to report progress to: the caller's, that of bars, or a silent one.

    Args:
        progress: The caller's callback. ``None`` and ``True`` show bars on a terminal and in a notebook once work takes
            longer than ``PATIENCE``, and nothing elsewhere or in a test; ``False`` shows nothing.

    Raises:
        ConfigError: ``progress`` is something else.
    """
    check_progress(progress)
    if not isinstance(progress, bool | None):
        yield progress
        return
    if progress is False:
        yield silent
        return
    from rich.console import Console

    console = Console(stderr=True)
    if "PYTEST_VERSION" in os.environ or not (console.is_terminal or console.is_jupyter):
        yield silent
        return
    bars: ProgressBars | NotebookBars
    if console.is_jupyter and find_spec("tqdm") is not None:
        bars = NotebookBars(PATIENCE)
    else:
        bars = ProgressBars(console, patience=PATIENCE, is_transient=True)
    try:
        yield bars
    finally:
        bars.close()
