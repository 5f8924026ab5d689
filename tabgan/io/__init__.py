"""Sources and sinks of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabgan._util.lazy import lazy_names

if TYPE_CHECKING:
    from tabgan.io.dialect import (
        CsvForm,
        Dialect,
        check_decimal,
        check_encoding,
        check_separator,
        form_in_full,
    )
    from tabgan.io.sinks import check_inner, check_writable, staged_folder, write_table, write_text
    from tabgan.io.sources import (
        Format,
        check_dtype,
        check_readable,
        column_names,
        format_of,
        is_csv,
        package_table,
        read_table,
    )

__all__ = [
    "CsvForm",
    "Dialect",
    "Format",
    "check_decimal",
    "check_dtype",
    "check_encoding",
    "check_inner",
    "check_readable",
    "check_separator",
    "check_writable",
    "column_names",
    "form_in_full",
    "format_of",
    "is_csv",
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
    | dict.fromkeys(
        ["check_inner", "check_writable", "staged_folder", "write_table", "write_text"], "tabgan.io.sinks"
    ),
)
