"""The log of a process that the command line started."""

from __future__ import annotations

import logging

#: Form of the dates of all lines.
DATES = "%Y-%m-%d %H:%M:%S"


def log_to_stderr(prefix: str = "") -> None:
    """Show this package's log on stderr, with ISO 8601 dates.

    Call it before opacus is imported, which sets up its own style. Logs of other libraries may quote rows.

    Args:
        prefix: Begins each message; in the style of ``logging``, such as ``"%(processName)s: "``.
    """
    handler = logging.StreamHandler()
    handler.addFilter(logging.Filter("tabgan"))
    form = f"%(asctime)s %(levelname)s: {prefix}%(message)s"
    handler.setFormatter(logging.Formatter(form, DATES))
    logging.basicConfig(handlers=[handler])
