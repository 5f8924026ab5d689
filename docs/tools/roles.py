"""An extension of griffe: roles of Sphinx in docstrings become code, and sessions of Python become blocks of it."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":\w+:`~(?:[\w.]*\.)?(\w+)`|:\w+:`([^`~]+)`")

#: A session of Python that stands by itself: from its first prompt to an empty line.
_SESSION = re.compile(r"(?:(?<=\n\n)|\A)>>> .*?(?=\n\n|\Z)", re.DOTALL)


class Roles(griffe.Extension):
    """An extension that rewrites the roles and sessions of every docstring."""

    def on_instance(self, *, obj: Any, **others: Any) -> None:
        """Replace the roles and fence the sessions of one docstring."""
        del others
        if not obj.is_alias and obj.docstring is not None:
            text = _ROLE.sub(lambda found: f"`{found[1] or found[2]}`", obj.docstring.value)
            obj.docstring.value = _SESSION.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
