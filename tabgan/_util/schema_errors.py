"""pydantic's findings in our wording: the place, the key, the rule, what was found, the fix."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tabgan._util.validate import nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


#: The column that an error is about, and the key.
_COLUMN = re.compile("Column '(.*?)': (?:([a-z_]+): )?")


def name_of(column: object) -> str:
    """Return the quoted name of a column, or of what was meant to be one."""
    name = column.get("name") if isinstance(column, Mapping) else getattr(column, "name", None)
    return "without a name" if name is None else repr(str(name))


def joined(lines: Iterable[str]) -> str:
    """Return lines as one text, each once."""
    return "\n".join(dict.fromkeys(lines))


def line_of(
    where: str, finding: ErrorDetails, skipped: int = 0, fields: Iterable[str] = (), kinds: Sequence[str] = ()
) -> str:
    """Return one finding as a line.

    Args:
        where: The place, before the key.
        finding: One of ``ValidationError.errors()``.
        skipped: Parts of the key's path to leave out.
        fields: Known keys; the nearest is suggested for an unknown one.
        kinds: Known kinds of columns.
    """
    keys = [str(key) for key in finding["loc"][skipped:]]
    message = _rule(finding)
    if finding["type"] == "extra_forbidden":
        others = sorted(set(fields) - {keys[-1]})
        is_known = keys[-1] in fields
        message = (
            "not a key of this kind of column." if is_known else f"unknown key.{nearest(keys[-1], others)}"
        )
    elif finding["type"].startswith("union_tag"):
        found = finding.get("ctx", {}).get("tag")
        keys = ["kind"]
        message = f"expected one of {', '.join(kinds)}, got {found!r}.{nearest(found, kinds)}"
    elif keys and keys[0] == "categories" and len(keys) == 3:
        keys, message = keys[:2], "expected text, a number, true or false. A missing value is not a category."
    return f"{where}: {'.'.join(keys) + ': ' if keys else ''}{message}"


@dataclass(frozen=True)
class SchemaLines:
    """Lines of a schema's file. All compare equal, since a schema's meaning does not depend on its lines.

    Attributes:
        by_path: The line of each key path, such as ``rules[0].low`` and ``columns.age.bounds``; empty
            without a file.
    """

    by_path: Mapping[str, int] = field(default_factory=dict, compare=False)

    def told(self, message: str) -> str:
        """Return a schema's errors, one a line, with the line of the file that each is about, where that is known."""
        return "\n".join(_with_line(text, self.by_path) for text in message.splitlines())


def _with_line(text: str, lines: Mapping[str, int]) -> str:
    place = text.removeprefix("schema: ")
    column = _COLUMN.match(place)
    path = f"columns.{column[1]}.{column[2]}" if column else place.partition(": ")[0]
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    known = path and path != "columns"
    return f"schema: line {lines[path]}: {place}" if known else text


def _rule(finding: ErrorDetails) -> str:
    """Return the rule of a finding and, of a value that pydantic refuses, what was found; a schema is public."""
    rule, found = finding["msg"].removeprefix("Value error, "), reprlib.repr(finding["input"])
    if finding["type"] in ("tuple_type", "list_type"):
        return f"expected a list such as [{found}], got {found}."
    if rule.startswith("Input"):
        return f"expected {rule.removeprefix('Input should be ')}, got {found}."
    return str(rule)
