"""An extension of griffe: roles of Sphinx in docstrings become code, and sessions of Python become blocks of it.

Old names that still work with a warning are left out, and arguments that no longer do anything.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":\w+:`~(?:[\w.]*\.)?(\w+)`|:\w+:`([^`~]+)`")

#: A session of Python that stands by itself: from its first prompt to an empty line.
_SESSION = re.compile(r"(?:(?<=\n\n)|\A)>>> .*?(?=\n\n|\Z)", re.DOTALL)

#: An argument in a class's docstring that no longer does anything, and the docstring of a method's old name.
_UNUSED = re.compile(r"^ *(\w+): No longer used.*\n?", re.MULTILINE)
_OLD_NAME = re.compile(r"the new name of this method\.\Z")


class Roles(griffe.Extension):
    """An extension that rewrites the roles and sessions of every docstring, and leaves out what is old."""

    def on_class_members(self, *, cls: Any, **others: Any) -> None:
        """Remove the old names among a class's methods, and its arguments that no longer do anything."""
        del others
        for name, member in list(cls.members.items()):
            if not member.is_alias and member.docstring and _OLD_NAME.search(member.docstring.value):
                cls.del_member(name)
        unused = _UNUSED.findall(cls.docstring.value) if cls.docstring is not None else []
        for name in unused:
            del cls.members["__init__"].parameters[name]
        if unused:
            cls.docstring.value = _UNUSED.sub("", cls.docstring.value)

    def on_instance(self, *, obj: Any, **others: Any) -> None:
        """Replace the roles and fence the sessions of one docstring."""
        del others
        if not obj.is_alias and obj.docstring is not None:
            text = _ROLE.sub(lambda found: f"`{found[1] or found[2]}`", obj.docstring.value)
            obj.docstring.value = _SESSION.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
