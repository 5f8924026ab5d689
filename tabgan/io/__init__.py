"""Sources and sinks of tables.

A new format to read is a :class:`~tabgan.io.data_source.DataSource`, registered in :mod:`tabgan.io.file_source`; one to
write is a :class:`~tabgan.io.part_files.PartSink`, registered in :mod:`tabgan.io.part_files`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabgan._util.lazy import lazy_names

if TYPE_CHECKING:
    from tabgan.io.answers import AnswerForm, answer_as, check_answer
    from tabgan.io.data_source import DataSource, in_one_frame
    from tabgan.io.databases import check_database
    from tabgan.io.dialect import (
        CsvForm,
        Dialect,
        check_decimal,
        check_encoding,
        check_separator,
        form_in_full,
    )
    from tabgan.io.file_source import FileFormat, files_at, format_at
    from tabgan.io.opening import as_frame, called, for_fit, is_database, open_table
    from tabgan.io.remote import is_url
    from tabgan.io.sinks import check_inner, check_writable, staged_folder, write_table, write_text
    from tabgan.io.sources import (
        TableFormat,
        check_dtype,
        check_readable,
        column_names,
        format_of,
        is_csv,
        package_table,
        read_table,
    )

__all__ = [
    "AnswerForm",
    "CsvForm",
    "DataSource",
    "Dialect",
    "FileFormat",
    "TableFormat",
    "answer_as",
    "as_frame",
    "called",
    "check_answer",
    "check_database",
    "check_decimal",
    "check_dtype",
    "check_encoding",
    "check_inner",
    "check_readable",
    "check_separator",
    "check_writable",
    "column_names",
    "files_at",
    "for_fit",
    "form_in_full",
    "format_at",
    "format_of",
    "in_one_frame",
    "is_csv",
    "is_database",
    "is_url",
    "open_table",
    "package_table",
    "read_table",
    "staged_folder",
    "write_table",
    "write_text",
]

# The command line asks for one of these at a time, and --help for none: pandas and pyarrow can wait.
__getattr__, __dir__ = lazy_names(
    __name__,
    dict.fromkeys(__all__, "tabgan.io.sources")
    | dict.fromkeys(
        ["CsvForm", "Dialect", "check_decimal", "check_encoding", "check_separator", "form_in_full"],
        "tabgan.io.dialect",
    )
    | dict.fromkeys(["AnswerForm", "answer_as", "check_answer"], "tabgan.io.answers")
    | dict.fromkeys(["DataSource", "in_one_frame"], "tabgan.io.data_source")
    | {"check_database": "tabgan.io.databases"}
    | {
        "FileFormat": "tabgan.io.file_source",
        "format_at": "tabgan.io.file_source",
        "files_at": "tabgan.io.file_source",
        "is_url": "tabgan.io.remote",
    }
    | dict.fromkeys(["as_frame", "called", "for_fit", "is_database", "open_table"], "tabgan.io.opening")
    | dict.fromkeys(
        ["check_inner", "check_writable", "staged_folder", "write_table", "write_text"], "tabgan.io.sinks"
    ),
)
