"""A person's text in a Markdown document that people read and complete."""

from __future__ import annotations

import re

from tabgan.report.datacard import escaped

#: Signs that mean nothing to Markdown within a line, but for its first character.
_HARMLESS = re.compile(r"(?!^)\\([.\-'!,()+=^\"#$@:])(?!//)")


def worded(text: object, limit: int = 600) -> str:
    r"""Return text in one line that stays text in Markdown, and in HTML made of it, with the fewest escapes.

    >>> print(worded("Dr. Who's <b>50%</b> (about) *half*"))
    Dr. Who's \<b\>50%\</b\> (about) \*half\*
    """
    return _HARMLESS.sub(r"\1", escaped(text, limit))
