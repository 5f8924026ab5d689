"""The log of a process that the command line started."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Form of the dates of all lines.
DATES = "%Y-%m-%d %H:%M:%S"


def log_to_stderr(prefix: str = "") -> None:
    """Show this package's log on stderr, with ISO 8601 dates.

    It takes the place of any other style: opacus sets up its own when it is imported, which a process that runs a job
    may have done before. Logs of other libraries may quote rows, and are not shown.

    Args:
        prefix: Begins each message; in the style of ``logging``, such as ``"%(processName)s: "``.
    """
    handler = _ToStderr()
    handler.addFilter(logging.Filter("tabgan"))
    form = f"%(asctime)s %(levelname)s: {prefix}%(message)s"
    handler.setFormatter(logging.Formatter(form, DATES))
    logging.basicConfig(handlers=[handler], force=True)


class _ToStderr(logging.Handler):
    """A handler that writes to the stderr of the moment, which bars replace meanwhile: its lines stand above them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # as other handlers do: the log stops nothing
            self.handleError(record)


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep this package's warnings out of the log meanwhile, such as those about rows that are made up."""
    log = logging.getLogger("tabgan")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
