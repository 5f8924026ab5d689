"""The command that completes rows around given cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tabgan import io
from tabgan.cli import options
from tabgan.cli.parts import (
    AsJson,
    Debug,
    DecimalMark,
    Encoding,
    Force,
    NaValue,
    Quiet,
    RandomState,
    Separator,
    check_output,
    exits,
    say,
)
from tabgan.errors import DataError


def complete(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    rows: Annotated[
        Path, typer.Argument(help="CSV or Parquet file of rows with some of the model's columns, or all.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV or Parquet file to write.")],
    impute: Annotated[bool, typer.Option("--impute", help="Draw no missing cells.")] = False,
    unknown: Annotated[
        str,
        typer.Option(
            help="A given cell that the model has no place for, or that breaks a rule: 'error' refuses it, 'ignore' "
            "keeps it."
        ),
    ] = "error",
    na_value: NaValue = None,
    separator: Separator = None,
    decimal: DecimalMark = None,
    encoding: Encoding = None,
    random_state: RandomState = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Complete rows: draw the columns that are left out, and the missing cells, given the cells that are there.

    The result holds the given cells, and is no less confidential than they are. Nothing is charged.
    """
    with exits(debug):
        io.format_of(output, "--output")
        check_output(output, force)
        form = options.form_of(separator, decimal, encoding, na_value, rows, output)
        io.check_readable(model, "model")
        io.check_readable(rows, "rows")

        from tabgan.columns.kind import read_text
        from tabgan.columns.values import says_missing
        from tabgan.synthesizer import TabGAN

        fitted = TabGAN.load(model)
        read: Any = options.with_form_of(fitted, form)
        schema = fitted.schema_
        df = io.read_table(rows, as_text=True, schema=schema, **read)
        given = read_text(df, [schema[name] for name in df.columns if name in schema])
        for name in given.columns:
            unread = int((given[name].isna() & ~df[name].map(says_missing) & df[name].notna()).sum())
            if unread:
                raise DataError(
                    f"{rows}: column {name!r}: {unread:,} given cells cannot be read as {schema[name].kind}. Correct "
                    "them or make them missing."
                )
        fill = fitted.impute if impute else fitted.complete
        whole = fill(given, unknown=unknown, random_state=random_state)
        written: Any = options.with_form_of(fitted, form, "separator", "decimal", "encoding")
        written = options.with_tabs(written, separator, output)
        io.write_table(whole, output, **written)
        told = {"output": output, "rows": len(whole)}
        say(f"{output}: {len(whole):,} rows, with the cells given in {rows}", told)
