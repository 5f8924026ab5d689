"""Commands on a model's released numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tabgan import io
from tabgan.cli.parts import Debug, Force, check_output, exits

release_app = typer.Typer(
    help="Take released numbers out of a model. This costs no privacy.", no_args_is_help=True
)


@release_app.callback()
def _root() -> None:
    """Take released numbers out of a model. This costs no privacy."""


@release_app.command()
def marginals(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV or Parquet file to write.")],
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Write the noisy counts that the fit released, of columns and of pairs, with their noise."""
    with exits(debug):
        io.format_of(output, "--output")
        check_output(output, force)
        io.check_readable(model, "model")

        from tabgan.synthesizer import TabGAN

        table = TabGAN.load(model).marginals()
        io.write_table(table, output)
        n_tables = len(table[["column_1", "column_2"]].drop_duplicates())
        typer.echo(f"{output}: {len(table):,} noisy counts in {n_tables:,} tables")
