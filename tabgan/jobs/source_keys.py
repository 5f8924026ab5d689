"""The keys of a job's source: files, folders and addresses, a table of a package, or a database."""

from __future__ import annotations

import re
import reprlib
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import AfterValidator, ConfigDict, PlainValidator, model_validator
from pydantic.dataclasses import dataclass

from tabgan.errors import ConfigError
from tabgan.io import CsvForm, DataSource, FileFormat, files_at, format_at, open_table, package_table
from tabgan.jobs.fields import (
    to_database,
    to_decimal,
    to_dtypes,
    to_encoding,
    to_holdout,
    to_place,
    to_separator,
)
from tabgan.schema import Schema

#: Keys of a source that describe the form of a CSV.
CSV_KEYS = ("separator", "decimal", "encoding", "na_values")

#: User and password in an address, and what may hold another password behind it.
_SECRET = re.compile(r"(?<=://)[^\s]*@|\?[^\s]*")


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Source:
    """The source of the rows: ``path``; ``package`` and ``table``; or ``sql`` and one of ``query`` and ``table``.

    Attributes:
        path: A CSV, Parquet, Arrow or Excel file, a folder of them, a pattern such as ``data/*.csv``, or an address
            such as ``s3://bucket/folder``.
        package: An installed package that includes tables.
        sql: A database: an address such as ``postgresql://host/db``, or a file of SQLite or DuckDB.
        table: The name of a table of the package, or of the database.
        query: One ``SELECT``, of the database.
        sheet: Name of an Excel sheet, or its place from 0; the first one by default.
        format: The format of ``path``, if its suffix does not imply it.
        na_values: Texts that stand for a missing value in a CSV, besides the empty cell; by default ``NA``, ``null``,
            ``None`` and the like, but in columns of text, where they are values.
        separator: Character between a CSV's fields, or ``tab``, or ``space``; by default found in the header line.
        decimal: Decimal mark of a CSV's numbers, a point or a comma.
        encoding: Encoding of a CSV, such as ``cp1252``; by default UTF-8, or what its mark says.
        dtypes: pandas dtypes by column, which override those of the schema.
        holdout: Share of the rows, or a file, that the model never sees and the report compares with.
    """

    path: Annotated[Path | str | None, PlainValidator(to_place)] = None
    package: str | None = None
    sql: Annotated[str | None, PlainValidator(to_database)] = field(default=None, repr=False)
    table: str | None = None
    query: str | None = None
    sheet: str | int | None = None
    format: FileFormat | None = None
    na_values: tuple[str, ...] | None = None
    separator: Annotated[str, PlainValidator(to_separator)] = "auto"
    decimal: Annotated[str, PlainValidator(to_decimal)] = "."
    encoding: Annotated[str | None, PlainValidator(to_encoding)] = None
    dtypes: Annotated[dict[str, str], AfterValidator(to_dtypes)] = field(default_factory=dict)
    holdout: Annotated[float | Path | str | None, PlainValidator(to_holdout)] = None

    @model_validator(mode="after")
    def _check(self) -> Source:
        if sum(each is not None for each in (self.path, self.package, self.sql)) != 1:
            raise ConfigError(
                "source: expected either path, or package and table, or sql and query or table."
            )
        if self.package is None and self.sql is None and self.table is not None:
            raise ConfigError("source: expected package and table together.")
        if self.package is not None and self.table is None:
            raise ConfigError("source: expected package and table together.")
        if self.sql is not None and (self.query is None) == (self.table is None):
            raise ConfigError("source: expected sql with either query or table.")
        if self.sql is None and self.query is not None:
            raise ConfigError("source.query: expected sql with it, the address of a database.")
        formats = {self._format_of(each, key) for key, each in self._places().items()} - {None}
        if self.sheet is not None and "excel" not in formats:
            raise ConfigError("source.sheet: expected an Excel file with it. Leave it out.")
        if "csv" not in formats and not any(isinstance(each, str) for each in self._places().values()):
            given = [
                key for key in CSV_KEYS if getattr(self, key) != type(self).__dataclass_fields__[key].default
            ]
            if given:
                found = (
                    "a database"
                    if self.sql is not None
                    else " and ".join(sorted(map(str, formats))).capitalize()
                )
                raise ConfigError(f"source.{given[0]}: expected a CSV with it, got {found}. Leave it out.")
        return self

    def _places(self) -> dict[str, Path | str]:
        """Return the files, folders and addresses of files by their keys."""
        first = (
            package_table(str(self.package), str(self.table), "source")
            if self.package is not None
            else self.path
        )
        places = {"source.path": first, "source.holdout": self.holdout}
        return {key: each for key, each in places.items() if isinstance(each, Path | str)}

    def _format_of(self, place: Path | str, where: str) -> str | None:
        """Return the format of files on this machine; of others it is found when they are opened."""
        if self.format is not None or isinstance(place, str):
            return self.format
        return format_at(place, where)

    @property
    def form(self) -> CsvForm:
        """The form of its CSV, as arguments of the functions that read and write tables."""
        return cast(CsvForm, {key: getattr(self, key) for key in CSV_KEYS})

    def states(self) -> list[str] | None:
        """Return size and time of change of the files; ``None`` for a source that cannot tell if its rows changed."""
        places = list(self._places().values())
        if self.sql is not None or any(isinstance(place, str) for place in places):
            return None
        files = []
        with suppress(ConfigError):  # a missing file is reported when it is read
            for place in places:
                files += files_at(Path(place))
        found = [(file, file.stat()) for file in files if file.exists()]
        return [f"{file} {state.st_size} {state.st_mtime_ns}" for file, state in found]

    def n_bytes(self) -> int:
        """Return the size of the files of the rows; 0 where it is not known."""
        place = None if self.sql is not None else self._places()["source.path"]
        with suppress(ConfigError, OSError):  # a missing file is reported when it is read
            return sum(file.stat().st_size for file in files_at(place)) if isinstance(place, Path) else 0
        return 0

    def open(self, schema: Schema | None = None) -> DataSource:
        """Open the source, and return its columns and dtypes; reads no row.

        Args:
            schema: Kinds of the columns, as far as they are declared.

        Raises:
            ConfigError, DataError, SourceError: see :func:`tabgan.open_table`.
        """
        common: dict[str, Any] = {"schema": schema, "dtypes": self.dtypes}
        if self.sql is not None:
            return open_table(self.sql, query=self.query, table=self.table, **common)
        return self._open_files(self._places()["source.path"], common)

    def open_holdout(self, schema: Schema | None = None) -> DataSource:
        """Open the table of the holdout, and return its columns and dtypes; reads no row."""
        return self._open_files(self._places()["source.holdout"], {"schema": schema, "dtypes": self.dtypes})

    def _open_files(self, place: Path | str, common: dict[str, Any]) -> DataSource:
        found = open_table(place, format=self.format, sheet=self.sheet, **common, **self.form)
        if isinstance(place, str) and not found.form:
            given = [
                key for key in CSV_KEYS if getattr(self, key) != type(self).__dataclass_fields__[key].default
            ]
            if given:
                raise ConfigError(f"source.{given[0]}: expected a CSV with it. Leave it out.")
        return found


def shown_without_password(value: object) -> str:
    """Return what a file of jobs holds, as a message may show it: shortened, and addresses without passwords.

    >>> shown_without_password({"sql": "postgresql://me:secret@host/db"})
    "{'sql': 'postgresql://host/db'}"
    """

    def told(part: object) -> object:
        if isinstance(part, str) and "://" in part:
            return _SECRET.sub("", part)
        if isinstance(part, dict):
            return {key: told(inner) for key, inner in part.items()}
        return [told(inner) for inner in part] if isinstance(part, list | tuple) else part

    return reprlib.repr(told(value))
