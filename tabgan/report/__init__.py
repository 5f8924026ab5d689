"""The report: plain data first, then a page, its twins for print and programs, and a data card.

There are two editions. INTERNAL: its figures were computed on real rows outside the privacy guarantee. SHAREABLE:
all that it holds follows from DP releases and the synthetic table.
"""

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
    "to_html",
    "to_json",
    "to_markdown",
    "today",
    "write",
]
