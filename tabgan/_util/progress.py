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
    from rich.progress import Task, TaskID
    from rich.text import Text

#: Called with the stage, the number of its steps done, and their total: 0 while nobody knows it.
Progress = Callable[[str, int, int], None]

#: Stages of which only a table so large that it is copied to the disk has any: no line of a log names them, since one
#: row may make the table so large.
COPY_STAGES = frozenset({"check", "bound", "count", "code"})

#: Stages whose steps are rows.
ROW_STAGES = COPY_STAGES | {"read", "sample"}

#: Rows below which none are told, and the digits that are.
_FEW_ROWS, _DIGITS = 1_000, 2


class Listener:
    """A wrapper of the caller's callback that remembers an error raised by it, which is the caller's own."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.raised: BaseException | None = None

    @classmethod
    def of(cls, progress: Progress) -> Listener:
        """Return a wrapper of a callback, or the callback if it is one already."""
        return progress if isinstance(progress, cls) else cls(progress)

    def __call__(self, stage: str, done: int, total: int) -> None:
        try:
            self._progress(stage, done, total)
        except BaseException as error:
            self.raised = error
            raise


def silent(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


class PassOverRows:
    """A pass over private rows, of which rounded numbers are told.

    The number of rows is private. Whoever looks on has the table, and sees two digits of it, and fewer of a small one,
    until the pass ends; then its only step is done. Lines of a log and of events name the stages that every table has,
    and no numbers.

    Args:
        progress: Called with the stage, the rows done and all rows; 0 for all if nobody knows them.
        stage: One of ``ROW_STAGES``.
        n_rows: All rows, as far as they are known.
    """

    def __init__(self, progress: Progress, stage: str, n_rows: int | None = None) -> None:
        self._progress, self._stage, self._done = progress, stage, 0
        self._total = -rounded_rows(-(n_rows or 0))
        progress(stage, 0, 1)

    def add(self, n_rows: int) -> None:
        """Count rows more as done, and tell it."""
        self._done += n_rows
        done = rounded_rows(self._done)
        if done:
            self._progress(self._stage, done, self._total if done <= self._total else 0)

    def end(self) -> None:
        """End the pass, and tell it."""
        self._progress(self._stage, 1, 1)


def rounded_rows(n_rows: int) -> int:
    """Return a private number of rows, rounded down to two digits, and to thousands at least.

    >>> rounded_rows(32_561), rounded_rows(5_123_456), rounded_rows(999), rounded_rows(-5_123_456)
    (32000, 5100000, 0, -5200000)
    """
    unit = max(int(10 ** (len(str(abs(n_rows))) - _DIGITS)), _FEW_ROWS)
    return n_rows // unit * unit


def brief(number: float) -> str:
    """Return a number of rows in few characters.

    >>> brief(950), brief(32_561), brief(1_310_720), brief(120_000_000)
    ('950', '33k', '1.3M', '120M')
    """
    for unit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.{1 if number < 10 * unit else 0}f}{sign}"
    return f"{number:.0f}"


#: Seconds before bars appear that nobody asked for.
PATIENCE = 2.0

#: Seconds between two words of a line in a notebook.
_PAUSE = 0.2


class ProgressBars:
    """Progress bars, one per stage, with the time left.

    Args:
        console: The console to show them on.
        patience: Seconds before they appear.
        is_transient: Flag: leave nothing behind when the work is done.
    """

    def __init__(self, console: Console, *, patience: float = 0.0, is_transient: bool = False) -> None:
        from rich.progress import (
            BarColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        class Done(ProgressColumn):
            """A column that says what is done."""

            def render(self, task: Task) -> Text:
                """Return the part that is done; of rows also their number and rate."""
                return _done_of(task)

        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            Done(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=is_transient,
        )
        self._tasks: dict[str, TaskID] = {}
        self._done: dict[str, int] = {}
        self._due = time.monotonic() + patience
        self._is_shown = False

    def __call__(self, stage: str, done: int, total: int, job: str = "") -> None:
        """Move a stage's bar, of a job where there are several; one that goes back begins anew."""
        if stage not in self._tasks:
            told = f"{job}: {stage}" if job else stage
            self._tasks[stage] = self._bars.add_task(told, total=total or None, has_rows=stage in ROW_STAGES)
            self._done[stage] = 0
        if done < self._done[stage] and done != total:
            self._bars.reset(self._tasks[stage], total=total or None)
        self._done[stage] = done
        self._bars.update(self._tasks[stage], completed=done, total=total or None)
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


def _done_of(task: Task) -> Text:
    """Return what is done of a stage: its part and, while rows are read, their number and rate."""
    from rich.text import Text

    parts = [] if task.total is None else [f"{task.percentage:3.0f}%"]
    if task.fields["has_rows"] and not task.finished and task.completed >= _FEW_ROWS:
        whole = "" if task.total is None else f" of {brief(task.total)}"
        parts.append(f"{brief(task.completed)}{whole} rows")
        parts += [f"{brief(task.speed)}/s"] if task.speed else []
    return Text(" ".join(parts))


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
            rows: Any = {"unit": " rows", "unit_scale": True} if stage in ROW_STAGES else {}
            self._bars[stage] = tqdm(
                desc=stage, total=total or None, leave=False, delay=self._patience, **rows
            )
        bar = self._bars[stage]
        if done < bar.n:
            bar.reset(total or None)
        bar.total = total or None
        bar.update(done - bar.n)

    def close(self) -> None:
        """Remove the bars."""
        for bar in self._bars.values():
            bar.close()


class NotebookLine:
    """A line of text for a notebook without tqdm or ipywidgets, which goes when the work is done.

    Args:
        patience: Seconds before it appears.
    """

    def __init__(self, patience: float) -> None:
        self._due = time.monotonic() + patience
        self._line: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show the part of a stage that is done, a few times a second."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _PAUSE
        told = f"{done / total:.0%}" if total else f"{brief(done)} rows" if stage in ROW_STAGES else ""
        self._say(f"{stage} {told}".rstrip())

    def _say(self, text: str) -> None:
        from IPython.display import display

        shown: Any = display
        if self._line is None:
            self._line = shown({"text/plain": text}, raw=True, display_id=True)
        else:
            self._line.update({"text/plain": text}, raw=True)

    def close(self) -> None:
        """Remove the line."""
        if self._line is not None:
            self._say("")


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
    bars: ProgressBars | NotebookBars | NotebookLine
    if console.is_jupyter:
        has_bars = find_spec("tqdm") is not None and find_spec("ipywidgets") is not None
        bars = (NotebookBars if has_bars else NotebookLine)(PATIENCE)
    else:
        bars = ProgressBars(console, patience=PATIENCE, is_transient=True)
    try:
        yield bars
    finally:
        bars.close()
