"""The command that predicts the results of a fit before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import tabgan
from tabgan import io
from tabgan._util.validate import integer_at_least, positive, real_in
from tabgan.cli import options
from tabgan.cli.parts import (
    AsJson,
    Debug,
    DecimalMark,
    Encoding,
    Force,
    NaValue,
    Query,
    Quiet,
    Separator,
    Sheet,
    SourceFormat,
    TableName,
    check_output,
    exits,
    say,
)
from tabgan.errors import ConfigError


def plan(
    source: Annotated[
        str,
        typer.Argument(
            help="YAML schema; or a source as for fit: only names and types of its columns are read."
        ),
    ],
    rows: Annotated[
        int | None,
        typer.Option(
            help="Approximate number of rows of the table: a public number, never counted. "
            "By default n_rows of the schema."
        ),
    ] = None,
    epsilon: Annotated[float, typer.Option(help="Privacy budget of the planned fit.")] = 1.0,
    delta: Annotated[float, typer.Option(help="Its delta.")] = 1e-6,
    schema: Annotated[Path | None, typer.Option(help="YAML schema of the source.")] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Column to be predicted; may be repeated, the most important first."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", "--output", "-o", help="HTML page to write, with a picture of the error over epsilon."
        ),
    ] = None,
    query: Query = None,
    table: TableName = None,
    sheet: Sheet = None,
    format: SourceFormat = None,
    na_value: NaValue = None,
    separator: Separator = None,
    decimal: DecimalMark = None,
    encoding: Encoding = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Print the expectation of a fit: noise, lost categories, errors, time. Reads no row, and costs nothing.

    A fit that would be useless is refused with exit code 2, and the message says what would help.
    """
    with exits(debug):
        positive("--epsilon", epsilon)
        real_in("--delta", delta, 0.0, 1.0, fix="Use less than 1 / n_rows.")
        if html is not None:
            check_output(html, force)
        is_schema = Path(source).suffix.lower() in (".yaml", ".yml")
        if is_schema and schema is not None:
            raise ConfigError("--schema: expected a source of rows with it, got a schema. Drop one.")
        path = Path(source) if is_schema else schema
        declared = None if path is None else tabgan.Schema.from_yaml(io.check_readable(path, "schema"))
        if target:
            declared = (declared or tabgan.Schema()).with_targets(target)
        if rows is not None:
            integer_at_least("--rows", rows, 1)
        elif declared is None or declared.n_rows is None:
            raise ConfigError(
                "--rows: expected a number of rows, which is never counted here. Give the nominal one, or declare "
                "n_rows in the schema."
            )

        from tabgan.cli import terminal
        from tabgan.synthesizer import TabGAN

        opened: object = None
        if not is_schema:
            form = options.given_form(separator, decimal, encoding, na_value)
            opened = options.open_source(source, declared, form, query, table, sheet, format)
        found = TabGAN(epsilon=epsilon, delta=delta, schema=declared).plan(opened, rows)
        if html is not None:
            found.to_html(html)
        say(found=found.to_dict(), show=lambda: terminal.show_plan(Console(), found))
        if html is not None:
            say(f"{html}: the plan as a page")
