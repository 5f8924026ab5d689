"""Old names of arguments and methods, which still work for one version with a warning."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class OldNameWarning(FutureWarning):
    """A name that the next version no longer takes."""


def renamed_arguments(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that also accepts arguments by their old names, with a ``FutureWarning``.

    Args:
        names: New name of each old one.

    Raises:
        TypeError: a call gives an argument under both names.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(*args, **_with_new_names(function.__name__, kwargs, names))

        return wrapped

    return decorate


def _with_new_names(function: str, given: Any, names: dict[str, str]) -> Any:
    """Return arguments under their new names."""
    renamed = dict(given)
    for old in names.keys() & renamed.keys():
        new = names[old]
        if new in renamed:
            raise TypeError(f"{function}: got both {new!r} and its old name {old!r}.")
        warn_of_old_name(old, new, level=4)
        renamed[new] = renamed.pop(old)
    return renamed


def warn_of_old_name(old: str, new: str, level: int = 3) -> None:
    """Warn that a name has changed and will not work in the next version."""
    warnings.warn(
        f"{old!r} is now called {new!r}; the next version drops the old name.",
        OldNameWarning,
        stacklevel=level,
    )


def warn_of_unused(name: str, level: int = 4) -> None:
    """Warn that an argument has no effect any more and will not work in the next version."""
    warnings.warn(
        f"{name!r} has no effect any more; the next version drops it.", OldNameWarning, stacklevel=level
    )
