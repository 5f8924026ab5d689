"""Commands on schemas: drafts, checks, SDV's metadata, and a JSON Schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import tabgan
from tabgan import io
from tabgan.cli import options
from tabgan.cli.parts import (
    AsJson,
    Debug,
    DecimalMark,
    Encoding,
    Force,
    LedgerOption,
    NaValue,
    Query,
    Quiet,
    Separator,
    Sheet,
    SourceArgument,
    SourceFormat,
    TableName,
    TextOutput,
    check_output,
    exits,
    is_printed,
    say,
    watcher_on_stderr,
    write_editor_schema,
    write_or_print,
)

schema_app = typer.Typer(help="Draft a schema, the public description of a table.", no_args_is_help=True)


@schema_app.command()
def infer(
    source: SourceArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="YAML file to write; printed by default, and for -."),
    ] = None,
    with_domain: Annotated[
        bool, typer.Option("--with-domain", help="Copy categories and bounds from the rows. Not private.")
    ] = False,
    private: Annotated[
        bool,
        typer.Option(
            "--private",
            help="Find everything under differential privacy, as an entry of --ledger: "
            "a fit may take the draft as it is.",
        ),
    ] = False,
    epsilon: Annotated[
        float | None, typer.Option(help="With --private: the most that the draft may cost.")
    ] = None,
    delta: Annotated[float | None, typer.Option(help="With --private: its delta, by default 1e-6.")] = None,
    ledger: LedgerOption = None,
    epsilon_cap: Annotated[
        float | None, typer.Option(help="The most epsilon that all entries together may cost.")
    ] = None,
    delta_cap: Annotated[float | None, typer.Option(help="Delta of that total.")] = None,
    table_may_change: Annotated[
        bool,
        typer.Option(
            "--table-may-change", help="Accept a table with other rows as a newer state of the dataset."
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="With --private: folder from which the same command resumes.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(help="With --private: column that names the person of each row.")
    ] = None,
    max_rows: Annotated[
        int | None, typer.Option(help="With --private: the most rows of a person that are used.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="Column to be predicted; may be repeated, the most important first."),
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
    debug: Debug = False,
) -> None:
    """Draft a schema from a table, for you to edit. A fit takes everything in a schema as public.

    With --private, what it takes from the rows is released, and charged to the dataset's ledger before a row is read.
    """
    with exits(debug):
        budget = options.draft_budget(
            private=private,
            with_domain=with_domain,
            epsilon=epsilon,
            delta=delta,
            ledger=options.ledger_of(ledger, epsilon_cap, delta_cap, table_may_change),
            checkpoint=checkpoint,
            entity=entity,
            max_rows=max_rows,
        )
        output = None if output is not None and is_printed(output) else output
        check_output(output, force)
        form = options.given_form(separator, decimal, encoding, na_value)
        opened = options.open_source(source, None, form, query, table, sheet, format)
        given: Any = {"targets": target or (), "untyped_text": opened.untyped_text}

        from tabgan.table.proposals import propose

        if budget is None:
            with watcher_on_stderr() as watcher:
                df = io.in_one_frame(opened, watcher.progress)
            draft = propose(df, with_domain=with_domain, **given)
            said = "a draft. Edit it before use: a fit takes everything in it as public."
        else:
            draft, said = _private_draft(opened, budget, given)
        write_or_print(draft.to_yaml(), output, said)
        if checkpoint is not None:
            from tabgan.fitting.checkpoint import discard

            discard(checkpoint)


def _private_draft(source: io.DataSource, budget: dict[str, Any], given: Any) -> tuple[Any, str]:
    """Return a private draft of a source, and its promise in words."""
    from tabgan.fitting.checkpoint import has_begun
    from tabgan.fitting.private_draft import check_cap, infer_privately

    if not has_begun(budget["checkpoint"]):
        check_cap(
            **{key: value for key, value in budget.items() if key != "checkpoint"},
            untyped_text=given["untyped_text"],
        )
    with watcher_on_stderr() as watcher:
        df = io.in_one_frame(source, watcher.progress)
        draft = infer_privately(df, **budget, **given, progress=watcher.progress)
    return draft, f"a draft: {draft.privacy.promise if draft.privacy else 'without a promise'}"


@schema_app.command()
def check(
    source: SourceArgument,
    schema: Annotated[Path, typer.Argument(help="YAML schema.")],
    epsilon: Annotated[str, typer.Option(help="Privacy budget of the planned fit.")] = "1.0",
    delta: Annotated[float, typer.Option(help="Its delta.")] = 1e-6,
    query: Query = None,
    table: TableName = None,
    sheet: Sheet = None,
    format: SourceFormat = None,
    na_value: NaValue = None,
    separator: Separator = None,
    decimal: DecimalMark = None,
    encoding: Encoding = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Check a schema against a table before a fit, and list values that a fit would likely lose. Not private."""
    with exits(debug):
        declared = tabgan.Schema.from_yaml(io.check_readable(schema, "SCHEMA"))
        form = options.given_form(separator, decimal, encoding, na_value)

        from tabgan.synthesizer import TabGAN
        from tabgan.table.checks import check_table
        from tabgan.table.proposals import losses_in

        model = TabGAN(epsilon=options.epsilon_of(epsilon), delta=delta, schema=declared)
        model.check_params()
        opened = options.open_source(source, declared, form, query, table, sheet, format)
        with watcher_on_stderr() as watcher:
            df = io.in_one_frame(opened, watcher.progress)
        check_table(df, declared, untyped_text=opened.untyped_text)
        losses = list(losses_in(df, declared, untyped_text=opened.untyped_text))
        say("\n".join(losses))
        model.check_schema(df.columns)
        above = " Lines above tell of rows: keep them to yourself." if losses else ""
        told = {"schema": schema, "fits": True, "losses_read_off_rows": losses}
        say(f"{schema}: fits the table. Nothing was spent.{above}", told)


@schema_app.command("import")
def import_metadata(
    metadata: Annotated[Path, typer.Argument(help="JSON file of SDV's metadata.")],
    output: TextOutput = None,
    table: Annotated[
        str | None, typer.Option(help="Name of the table, where the metadata has several.")
    ] = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Draft a schema from SDV's metadata, for you to check and edit. Lists on stderr what is lost."""
    with exits(debug):
        check_output(output, force)
        text = tabgan.Schema.from_sdv(io.check_readable(metadata, "METADATA"), table=table).to_yaml()
        write_or_print(
            text, output, "a draft. Check it, then remove the key drafted: a fit takes all in it as public."
        )


@schema_app.command("export")
def export_metadata(
    schema: Annotated[Path, typer.Argument(help="YAML schema.")],
    output: TextOutput = None,
    version: Annotated[
        str, typer.Option(help="Version of the metadata: V2 of SDV 2, or V1 of SDV 1.")
    ] = "V2",
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Write a schema as SDV's metadata of one table. Lists on stderr what is lost."""
    with exits(debug):
        check_output(output, force)
        declared = tabgan.Schema.from_yaml(io.check_readable(schema, "SCHEMA"))
        given: Any = version
        metadata = declared.to_sdv(version=given)
        write_or_print(json.dumps(metadata, indent=1) + "\n", output, "metadata of one table for SDV.")


@schema_app.command("json-schema")
def schema_json_schema(output: TextOutput = None, force: Force = False, debug: Debug = False) -> None:
    """Write the JSON Schema of a schema's YAML file, by which editors complete and check it."""
    with exits(debug):
        check_output(output, force)

        from tabgan.table.editor import editor_schema

        write_editor_schema(editor_schema(), output, "schema.json", "a schema")
