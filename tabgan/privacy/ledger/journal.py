"""A fit's released answers on the disk, which a resumed fit reads instead of releasing them again.

The answers left through door 1 with their noise: post-processing may read them any number of times.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tabgan._util.files import append_line, drop_torn_line, read_lines, sealed, unsealed
from tabgan.errors import CheckpointError


class Journal:
    """An append-only file of answers by call. A line that a crash cut off does not count as kept.

    Args:
        path: Path of the file, which the first answer creates.
        fit: Name of the fit; another fit's answers are refused.

    Raises:
        CheckpointError: a line was changed, or belongs to another fit.
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
                f"checkpoint: {str(path)!r} is damaged. Its charges stay spent; start a new fit with a new "
                "checkpoint, or restore this one from a copy."
            ) from None

    def answer(self, call: str) -> dict[str, object] | None:
        """Return a call's answer; ``None`` if none was kept."""
        return self._answers.get(call)

    def keep(self, call: str, answer: object) -> None:
        """Record an answer, as plain data; it is on the disk when this returns."""
        if self._path.exists():
            drop_torn_line(self._path)
        append_line(self._path, sealed([self._fit, call, answer]), mode=0o600)
        self._answers[call] = answer
