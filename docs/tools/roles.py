"""An extension of griffe: roles of Sphinx in docstrings become code."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":\w+:`~(?:[\w.]*\.)?(\w+)`|:\w+:`([^`~]+)`")


class Roles(griffe.Extension):
    """An extension that rewrites the roles of every docstring."""

    def on_instance(self, *, obj: Any, **others: Any) -> None:
        """Replace the roles of one docstring."""
        del others
        if not obj.is_alias and obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(lambda found: f"`{found[1] or found[2]}`", obj.docstring.value)
