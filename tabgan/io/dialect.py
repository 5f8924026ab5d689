"""The form of a CSV: separator, decimal mark, encoding and texts for missing values, all of them public.

Nothing here looks at a row: the separator is found in the header line, or the file is refused.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal, TextIO, TypedDict, cast

from tabgan._util.validate import nearest, one_of
from tabgan.errors import ConfigError, DataError
from tabgan.io.remote import AnyPath, RemotePath

#: Separators that are looked for in the header.
SEPARATORS = (",", ";", "\t", "|")

#: Value of a separator that is to be found in the header.
AUTO = "auto"

#: Words for separators, in messages and as values of an option.
_WORDS = {"\t": "tab", " ": "space"}

#: Marks at the beginning of a file that name its encoding, longest first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

#: First line of some spreadsheets' CSV, which names the separator.
_SEP_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)

#: Text in quotes, at whatever place.
_QUOTED = re.compile(r'"(?:[^"]|"")*"')

#: Most lines of a header whose names hold line breaks.
_MAX_HEADER_LINES = 1_000

Decimal = Literal[".", ","]


class CsvForm(TypedDict, total=False):
    """The form of a CSV, as arguments of the functions that read and write tables."""

    separator: str
    decimal: str | None
    encoding: str | None
    na_values: Sequence[str] | None


@dataclass(frozen=True)
class Dialect:
    """The form of a CSV, as far as it is declared.

    Attributes:
        separator: One character; ``"auto"`` for the one that the header line shows; ``None`` for a comma, and a refusal
            if the header line shows another.
        decimal: The decimal mark of numbers, ``"."`` or ``","``; with a comma, points are separators of thousands.
        encoding: Name of the encoding; ``None`` is UTF-8, or what a mark at the beginning of the file says.
        na_values: Texts that stand for a missing value, besides the empty cell. ``None`` takes
            :data:`~tabgan.columns.values.MISSING_WORDS` where a column cannot hold them as values.
    """

    separator: str | None = None
    decimal: Decimal = "."
    encoding: str | None = None
    na_values: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        separator: str | None = None,
        decimal: str | None = None,
        encoding: str | None = None,
        na_values: Sequence[str] | None = None,
        prefix: str = "",
    ) -> Dialect:
        """Return the form that some arguments declare.

        Args:
            separator: As the attribute, or ``"tab"`` or ``"space"``.
            decimal: As the attribute.
            encoding: As the attribute.
            na_values: As the attribute.
            prefix: Text before the name of an argument in a message, such as ``--``.

        Raises:
            ConfigError: an argument cannot be used.
        """
        return cls(
            None if separator is None else check_separator(separator, f"{prefix}separator"),
            "." if decimal is None else check_decimal(decimal, f"{prefix}decimal"),
            None if encoding is None else check_encoding(encoding, f"{prefix}encoding"),
            None if na_values is None else _check_texts(na_values, f"{prefix}na_values"),
        )


def _check_texts(values: Sequence[str], where: str) -> tuple[str, ...]:
    if isinstance(values, str) or not all(isinstance(text, str) for text in values):
        raise ConfigError(f"{where}: expected a list of texts, got {values!r}.")
    return tuple(values)


def check_separator(value: object, where: str) -> str:
    """Return a separator.

    Raises:
        ConfigError: the argument is not a separator.
    """
    if value == AUTO:
        return AUTO
    words = {word: mark for mark, word in _WORDS.items()} | {r"\t": "\t"}
    mark = words.get(value, value) if isinstance(value, str) else value
    if not isinstance(mark, str) or len(mark) != 1 or mark in '"\r\n\0' or mark.isalnum():
        raise ConfigError(
            f"{where}: expected one character, such as ';', or tab, space or auto, got {value!r}. Letters, digits and "
            "quotes separate nothing."
        )
    return mark


def check_decimal(value: object, where: str) -> Decimal:
    """Return a decimal mark.

    Raises:
        ConfigError: it is neither a point nor a comma.
    """
    return cast(Decimal, one_of(where, cast(str, value), (".", ",")))


def check_encoding(value: object, where: str) -> str:
    """Return the name of an encoding of text.

    Raises:
        ConfigError: Python knows none of that name.
    """
    known = ["utf-8", "utf-16", "cp1252", "latin-1", "iso-8859-15", "cp1250", "mac-roman", "ascii"]
    try:
        is_text = isinstance(value, str) and codecs.lookup(value)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        near = nearest(str(value), known) or f" Known are {', '.join(known)} and others."
        raise ConfigError(f"{where}: expected the name of an encoding of text, got {value!r}.{near}")
    return str(value)


def shown(separator: str) -> str:
    """Return a separator in words."""
    return _WORDS.get(separator, repr(separator))


@dataclass(frozen=True)
class Header:
    """The first line of a CSV.

    Attributes:
        names: Names of the columns; one without a name is ``Unnamed: 0``, counted from 0 as pandas does.
        unnamed: Places of the columns without a name.
        separator: The separator.
        has_spaces: True if blanks after the separator belong to it.
        n_lines: Lines of the file up to the end of the header.
    """

    names: tuple[str, ...]
    unnamed: tuple[int, ...]
    separator: str
    has_spaces: bool
    n_lines: int


def open_text(path: AnyPath, encoding: str | None) -> TextIO:
    """Return a text file, opened and, by its suffix, decompressed; a mark at its beginning names its encoding.

    Raises:
        DataError: mark and declared encoding differ.
    """
    with _opened(path) as file:
        start = file.read(4)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    declared = None if encoding is None else codecs.lookup(encoding).name
    if marked and declared and not declared.startswith(marked.removesuffix("-sig")):
        raise DataError(
            f"source: {str(path)!r} begins with the mark of {marked.removesuffix('-sig')}, and encoding says "
            f"{encoding}. Leave encoding out."
        )
    return io.TextIOWrapper(_opened(path), encoding=marked or encoding or "utf-8", newline="")


def _opened(path: AnyPath) -> IO[bytes]:
    """Return a file, opened and, by its suffix, decompressed."""
    if isinstance(path, RemotePath):
        return path.open()
    return cast(IO[bytes], _OPENERS.get(path.suffix.lower(), open)(path, "rb"))


def read_header(file: TextIO, path: AnyPath, separator: str | None) -> Header:
    """Return the header of a CSV, from a file that is at its beginning; it is then at its first row.

    Raises:
        DataError: there is none, or its separator cannot be told.
    """
    raw, n_lines = "", 0
    for line in file:
        n_lines += 1
        declares = _SEP_LINE.fullmatch(line)
        if declares and not raw:
            separator = declares[1] if separator in (None, AUTO) else separator
        elif raw or line.strip():
            raw += line
            if raw.count('"') % 2 == 0 or n_lines > _MAX_HEADER_LINES:
                break
    raw = raw.rstrip("\r\n")
    if not raw:
        raise DataError(f"source: {str(path)!r} is not a readable csv file: it is empty.")
    if "\0" in raw:
        raise DataError(
            f"source: {str(path)!r} is not a readable csv file: its header holds null characters. If it is UTF-16, "
            "say so: encoding: utf-16-le (--encoding utf-16-le)."
        )
    if raw.startswith(("# ", "#!", "##", "#\t")) or raw.strip() == "#":
        raise DataError(
            f"source: {str(path)!r} begins with a comment, where the names of columns are expected. Remove lines "
            "that begin with '#', or that sign if the line holds the names."
        )
    found = (
        _separator_of(raw, path, separator == AUTO or ".tsv" in path.suffixes)
        if separator in (None, AUTO)
        else str(separator)
    )
    fields = _split(raw, found)
    others = fields[1:]
    has_spaces = found == " " or (
        bool(others) and all(text.startswith(" ") and text.strip() and not quoted for text, quoted in others)
    )
    if has_spaces:
        fields = _split(raw, found, skips=True)
    unnamed = tuple(i for i, (text, quoted) in enumerate(fields) if not text and not quoted)
    names = tuple(f"Unnamed: {i}" if i in unnamed else text for i, (text, _) in enumerate(fields))
    return Header(names, unnamed, found, has_spaces, n_lines)


def form_in_full(path: AnyPath, form: CsvForm) -> CsvForm:
    """Return the arguments that describe the form of a CSV, with the separator of its header."""
    with open_text(path, form["encoding"]) as file:
        return {**form, "separator": read_header(file, path, form["separator"]).separator}


def _separator_of(header: str, path: AnyPath, finds: bool) -> str:
    """Return the only separator that splits a header line.

    Args:
        header: The line.
        path: The file.
        finds: False to refuse any but a comma.

    Raises:
        DataError: several do; or none does, and blanks might.
    """
    bare = _QUOTED.sub("", header)
    found = [each for each in SEPARATORS if each in bare]
    ask = "Name it: separator (--separator)"
    if len(found) == 1 and found != [","] and not finds:
        raise DataError(
            f"source: {str(path)!r}: the header has no comma, and can be split at {shown(found[0])}. Give "
            f"separator={found[0]!r}, or separator='auto' to have it found in the header."
        )
    if len(found) > 1:
        raise DataError(
            f"source: {str(path)!r}: the header can be split at {' and at '.join(map(shown, found))}. {ask}, or put "
            "names with such a character in quotes."
        )
    if not found and " " in bare.strip():
        raise DataError(
            f"source: {str(path)!r}: the header is one name with blanks in it. {ask}: space if blanks separate the "
            "columns, and ',' if it is a single column."
        )
    return found[0] if found else ","


def _split(header: str, separator: str, skips: bool = False) -> list[tuple[str, bool]]:
    """Return the fields of a line, and true for those in quotes.

    >>> _split('a,"b,c",', ",")
    [('a', False), ('b,c', True), ('', False)]
    """
    fields: list[tuple[str, bool]] = []
    text, is_quoted, is_inside, place = "", False, False, 0
    while place < len(header):
        mark = header[place]
        if is_inside and header[place : place + 2] == '""':
            text, place = text + '"', place + 1
        elif mark == '"' and (is_inside or not (text or is_quoted)):
            is_inside, is_quoted = not is_inside, True
        elif mark == separator and not is_inside and not (skips and separator == " " and not text):
            fields.append((text, is_quoted))
            text, is_quoted = "", False
        elif not (skips and mark == " " and not is_inside and not text):
            text += mark
        place += 1
    return [*fields, (text, is_quoted)]
