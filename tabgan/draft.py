"""The old place of :mod:`tabgan.table.draft`, which the next version drops."""

from __future__ import annotations

from tabgan._util.renamed import warn_of_old_name
from tabgan.table.draft import draft_schema, draft_yaml

__all__ = ["draft_schema", "draft_yaml"]

warn_of_old_name("tabgan.draft", "tabgan.table.draft")
