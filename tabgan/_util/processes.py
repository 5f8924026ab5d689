"""Helpers for processes that work for this one: none of them runs the caller's script, or outlives the caller."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds between two looks at the process that started this one.
_LOOK = 1.0

#: Environment variables from which libraries take their number of threads when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def without_main() -> Iterator[None]:
    """Hide the caller's script from processes that start.

    They would run it again, and a script that works without asking for ``__name__`` would start processes of its own.
    """
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    try:
        main.__spec__ = None
        vars(main).pop("__file__", None)
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


@contextmanager
def threads_each(n_threads: int) -> Iterator[None]:
    """Give processes that start later this many threads, unless the environment says otherwise."""
    given = {name: os.environ.get(name) for name in _THREADS}
    try:
        for name, value in given.items():
            os.environ[name] = value or str(n_threads)
        yield
    finally:
        for name, value in given.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def end_with(parent: int) -> None:
    """End this process soon after another one has ended, however that happened.

    Args:
        parent: The process that started this one.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
