"""The log on stderr, on a terminal that shows bars, too."""

import io
import logging

import pytest
from rich.console import Console

from tabgan._util.logs import log_to_stderr
from tabgan._util.progress import ProgressBars


@pytest.fixture
def root():
    """Return the root of all logs, which is as before after the test."""
    log = logging.getLogger()
    before = list(log.handlers)
    yield log
    log.handlers[:] = before


def test_a_line_has_its_date_and_stands_above_the_bars(root):
    """It was written into the line of a bar, all of which then stood there twice."""
    screen = io.StringIO()
    bars = ProgressBars(Console(file=screen, force_terminal=True, color_system=None, width=80))
    log_to_stderr()
    bars.show()
    bars("fit", 1, 4)
    logging.getLogger("tabgan.fitting").warning("Mind [this].")
    logging.getLogger("other").warning("a row")
    bars("fit", 4, 4)
    bars.close()
    (line,) = [line for line in screen.getvalue().splitlines() if "Mind" in line]
    assert line.endswith(" WARNING: Mind [this].")
    assert "━" not in line
    assert "a row" not in screen.getvalue()
