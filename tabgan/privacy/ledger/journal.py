"""What a fit has released so far, on the disk, so that it need not be released again after an interruption.

It holds answers that have left through door 1, noise and all: post-processing may read them as often as it likes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tabgan._util.files import append_line, drop_torn_line, read_lines, sealed, unsealed
from tabgan.errors import CheckpointError


class Journal:
    """An append-only file of answers by call. A line that was cut off by a crash was never kept.

    Args:
        path: Of the file; made by the first answer.
        fit: Whose answers they are: another fit's are refused.

    Raises:
        CheckpointError: a line was changed, or is none of this fit's.
    """

    def __init__(self, path: Path, fit: str) -> None:
        self._path = path
        self._fit = fit
        self._answers: dict[str, Any] = {}
        if not path.exists():
            return
        try:
            for line in read_lines(path):
                whose, call, answer = unsealed(line)
                if whose != fit:
                    raise ValueError
                self._answers[call] = answer
        except (OSError, ValueError, TypeError, RecursionError):
            raise CheckpointError(
                f"checkpoint: {str(path)!r} is damaged. What was charged stays spent; start a new fit with a new "
                "checkpoint, or restore this one from a copy."
            ) from None

    def answer(self, call: str) -> Any:
        """Return what a call released, ``None`` if that was never kept."""
        return self._answers.get(call)

    def keep(self, call: str, answer: Any) -> None:
        """Put an answer down, in plain data; it is on the disk when this returns."""
        if self._path.exists():
            drop_torn_line(self._path)
        append_line(self._path, sealed([self._fit, call, answer]), mode=0o600)
        self._answers[call] = answer
