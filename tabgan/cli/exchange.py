"""The commands that write files for other programs: SDV's metadata, and the JSON Schema of a file of jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import tabgan
from tabgan import io
from tabgan.cli.parts import Debug, Force, check_output, exits

jobs_app = typer.Typer(help="Work on files of jobs, which `tabgan run` runs.", no_args_is_help=True)

Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; printed by default.")]


def import_metadata(
    metadata: Annotated[Path, typer.Argument(help="JSON file of SDV's metadata.")],
    output: Output = None,
    table: Annotated[
        str | None, typer.Option(help="Name of the table, where the metadata has several.")
    ] = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Draft a schema from SDV's metadata, for you to check and edit. Names on stderr what it cannot take over."""
    with exits(debug):
        if output is not None:
            check_output(output, force)
        text = tabgan.Schema.from_sdv(io.check_readable(metadata, "METADATA"), table=table).to_yaml()
        _write(
            text, output, "a draft. Check it, then remove the key drafted: a fit takes all in it as public."
        )


def export_metadata(
    schema: Annotated[Path, typer.Argument(help="YAML schema.")],
    output: Output = None,
    version: Annotated[
        str, typer.Option(help="Version of the metadata: V2 of SDV 2, or V1 of SDV 1.")
    ] = "V2",
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Write a schema as SDV's metadata of one table. Names on stderr what it has no place for."""
    with exits(debug):
        if output is not None:
            check_output(output, force)
        declared = tabgan.Schema.from_yaml(io.check_readable(schema, "SCHEMA"))
        given: Any = version
        metadata = declared.to_sdv(version=given)
        _write(json.dumps(metadata, indent=1) + "\n", output, "metadata of one table for SDV.")


@jobs_app.command("json-schema")
def jobs_json_schema(output: Output = None, force: Force = False, debug: Debug = False) -> None:
    """Write the JSON Schema of a file of jobs, by which editors complete and check it."""
    with exits(debug):
        if output is not None:
            check_output(output, force)

        from tabgan.jobs.file_schema import file_schema

        name = "jobs.schema.json" if output is None else output.name
        text = json.dumps(file_schema(), indent=1) + "\n"
        _write(text, output, f"begin a file of jobs with the line # yaml-language-server: $schema={name}")


def _write(text: str, output: Path | None, said: str) -> None:
    """Write a text to a file and say so, or print it."""
    if output is None:
        typer.echo(text, nl=False)
    else:
        io.write_text(text, output)
        typer.echo(f"{output}: {said}")
