"""The report: plain data first, then a page, its twins for print and programs, and a data card.

There are two editions. INTERNAL: its figures were computed on real rows outside the privacy guarantee. SHAREABLE:
all that it holds follows from DP releases and the synthetic table.

The package itself can be called: ``tabgan.report(real, holdout, synthetic)`` is :func:`tabgan.report.anytable.report`,
the report on a table of any generator.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import Signature, signature
from types import ModuleType
from typing import TYPE_CHECKING

from tabgan._util.lazy import lazy_names

if TYPE_CHECKING:
    from tabgan.report.anytable import report
    from tabgan.report.content import NOT_STATED, ReportData, Stated, collect, collect_shareable, today
    from tabgan.report.datacard import to_markdown
    from tabgan.report.document import Report
    from tabgan.report.render import to_html, write
    from tabgan.report.twin import to_json

__all__ = [
    "NOT_STATED",
    "Report",
    "ReportData",
    "Stated",
    "collect",
    "collect_shareable",
    "report",
    "to_html",
    "to_json",
    "to_markdown",
    "today",
    "write",
]


class CallableModule(ModuleType):
    """The package as a function, whose module is imported when it is called."""

    def __call__(self, *arguments: object, **named: object) -> Report:
        """Return :func:`tabgan.report.anytable.report` of these."""
        return _function()(*arguments, **named)

    @property
    def __signature__(self) -> Signature:
        return signature(_function())


def _function() -> Callable[..., Report]:
    from tabgan.report.anytable import report as of_tables

    return of_tables


# The check for a PDF, the pictures' scales: who asks for one of these waits for no page and no evaluation.
__getattr__, __dir__ = lazy_names(
    __name__,
    dict.fromkeys(
        ["NOT_STATED", "ReportData", "Stated", "collect", "collect_shareable", "today"],
        "tabgan.report.content",
    )
    | dict.fromkeys(["to_html", "write"], "tabgan.report.render")
    | {
        "Report": "tabgan.report.document",
        "to_json": "tabgan.report.twin",
        "to_markdown": "tabgan.report.datacard",
    },
)

if not TYPE_CHECKING:
    report = sys.modules[__name__]
    report.__class__ = CallableModule
