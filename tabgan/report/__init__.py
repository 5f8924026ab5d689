"""The report: plain data first, then a page and its JSON twin.

There is one edition, INTERNAL: its figures were computed on real rows outside the privacy guarantee.
"""

from tabgan.report.collect import ReportData, collect, collect_shareable
from tabgan.report.render import to_html, to_json, write
from tabgan.report.report import Report

__all__ = ["Report", "ReportData", "collect", "collect_shareable", "to_html", "to_json", "write"]
