"""The report: plain data first, then a page."""
