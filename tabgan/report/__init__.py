"""The report: plain data first, then a page, its twins for print and programs, and a data card.

There are two editions. INTERNAL: its figures were computed on real rows outside the privacy guarantee. SHAREABLE:
all that it holds follows from DP releases and the synthetic table.

The package itself can be called: ``tabgan.report(real, holdout, synthetic)`` is :func:`tabgan.report.anytable.report`,
the report on a table of any generator.
"""

from __future__ import annotations

import sys
from inspect import signature
from types import ModuleType
from typing import TYPE_CHECKING

from tabgan.report.anytable import report as _report
from tabgan.report.collect import NOT_STATED, ReportData, Stated, collect, collect_shareable, today
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
    """The package as a function."""

    __call__ = staticmethod(_report)


if TYPE_CHECKING:
    report = _report
else:
    report = sys.modules[__name__]
    report.__class__ = CallableModule
    report.__signature__ = signature(_report)
