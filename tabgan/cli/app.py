"""The command line: parse, call, exit code.

Exit codes: 0 success, 1 something failed, 2 an argument or a file is wrong and nothing was spent, 3 a gate refused
a release.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

import tabgan
from tabgan import io
from tabgan._util.logs import log_to_stderr
from tabgan._util.processes import end_quickly, take_interrupts
from tabgan._util.renamed import OldNameWarning
from tabgan._util.validate import real_in
from tabgan.cli import options
from tabgan.cli.audits import audit
from tabgan.cli.batch import jobs_app, run
from tabgan.cli.completions import complete
from tabgan.cli.doctor import doctor
from tabgan.cli.ledgers import ledger_app
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
    RandomState,
    Separator,
    Sheet,
    SourceArgument,
    SourceFormat,
    TableName,
    WrittenDecimal,
    WrittenEncoding,
    WrittenSeparator,
    check_output,
    exits,
    is_printed,
    say,
    told_of,
    watcher_on_stderr,
)
from tabgan.cli.plans import plan
from tabgan.cli.releases import release_app, verify
from tabgan.cli.reports import compare, evaluate, report
from tabgan.cli.schemas import schema_app
from tabgan.errors import ConfigError

# Imports that need torch or pandas are inside the commands, so that --version and --help are quick.

app = typer.Typer(
    help="Create differentially private synthetic tables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(schema_app, name="schema")
app.add_typer(ledger_app, name="ledger")
app.add_typer(release_app, name="release")
app.add_typer(jobs_app, name="jobs")


def main() -> None:
    """Run the command line. A SIGTERM ends it as Ctrl-C does: everything that was charged is recorded."""
    take_interrupts()
    end_quickly()
    _log_to_stderr()
    app()


def _log_to_stderr() -> None:
    """Show this package's log on stderr, with warnings of old names among it."""
    log_to_stderr()
    show_others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
        """Log old names in a line; the place in our code, which Python shows, helps nobody."""
        if issubclass(category, OldNameWarning):
            logging.getLogger(__name__).warning("%s", message)
        else:
            show_others(message, category, *place)

    warnings.showwarning = show  # type: ignore[assignment]  # of any further arguments


def _version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"tabgan {tabgan.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Create differentially private synthetic tables."""


app.command()(run)


@app.command()
def fit(
    source: SourceArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.")],
    epsilon: Annotated[
        str, typer.Option(help="Privacy budget of the fit; 'none' switches privacy off.")
    ] = "1.0",
    delta: Annotated[
        float, typer.Option(help="Delta of the guarantee; keep it below one over the number of rows.")
    ] = 1e-6,
    schema: Annotated[
        Path | None, typer.Option(help="YAML schema: public knowledge of the table, which costs nothing.")
    ] = None,
    ledger: LedgerOption = None,
    epsilon_cap: Annotated[
        float | None, typer.Option(help="The most epsilon that all fits together may cost.")
    ] = None,
    delta_cap: Annotated[float | None, typer.Option(help="Delta of that total.")] = None,
    table_may_change: Annotated[
        bool,
        typer.Option(
            "--table-may-change", help="Accept a table with other rows as a newer state of the dataset."
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder from which the same command resumes after an interruption.")
    ] = None,
    query: Query = None,
    table: TableName = None,
    sheet: Sheet = None,
    format: SourceFormat = None,
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
    """Fit a model to a table, with differential privacy unless --epsilon is none.

    A password in an address stays in the shell's history: use the driver's own file or variables, such as PGPASSWORD.
    """
    with exits(debug):
        budget = options.epsilon_of(epsilon)
        real_in("--delta", delta, 0.0, 1.0, fix="Use less than 1 / n_rows.")
        check_output(output, force)
        declared = None if schema is None else tabgan.Schema.from_yaml(io.check_readable(schema, "--schema"))
        form = options.given_form(separator, decimal, encoding, na_value)

        from tabgan.fitting.checkpoint import discard, has_begun
        from tabgan.jobs.run import says_what_is_spent
        from tabgan.synthesizer import TabGAN

        model = TabGAN(epsilon=budget, delta=delta, schema=declared, random_state=random_state)
        model.check_params()
        kept = options.ledger_of(ledger, epsilon_cap, delta_cap, table_may_change)
        if kept is not None and not has_begun(checkpoint):
            model.check_cap(kept)
        opened = options.open_source(source, declared, form, query, table, sheet, format)
        with watcher_on_stderr() as watcher:
            model.fit(opened, progress=watcher.progress, ledger=kept, checkpoint=checkpoint)
        with says_what_is_spent(model, checkpoint):
            model.save(output)
        if checkpoint is not None:
            discard(checkpoint)
        say(f"{output}: {model.privacy_}", {"output": output, **told_of(model.privacy_)})


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="CSV or Parquet file to write; or a folder, for rows in several files; - prints CSV, for a pipe.",
        ),
    ],
    n: Annotated[int | None, typer.Option("-n", help="Number of rows.")] = None,
    frac: Annotated[
        float | None,
        typer.Option(help="In place of -n: 1 for as many rows as the table has, 0.1 for a tenth."),
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            help="Condition that every row meets; may be repeated. plan=pro is one value of a column, plan=basic|pro "
            "one of several, age=18..65 a range, age=18.. one with an open end, plan= missing, plan=.. not missing. A "
            'value with such signs goes in double quotes: plan="a|b"|c.'
        ),
    ] = None,
    proportion: Annotated[
        list[str] | None,
        typer.Option(
            help="Share of the rows that has a value of a column, such as sex=female:0.5; may be repeated for the same "
            "column. The rest, up to 1, goes to its other values."
        ),
    ] = None,
    impute: Annotated[bool, typer.Option("--impute", help="Sample rows without missing values.")] = False,
    escape_formulas: Annotated[
        bool,
        typer.Option(
            "--escape-formulas",
            help="Put an apostrophe before CSV text that a spreadsheet would run as a formula.",
        ),
    ] = False,
    label_column: Annotated[
        str | None,
        typer.Option(help="Name of an added column, true in every row, that marks the row as synthetic."),
    ] = None,
    separator: WrittenSeparator = None,
    decimal: WrittenDecimal = None,
    encoding: WrittenEncoding = None,
    format: Annotated[
        str | None, typer.Option(help="Format of a folder's files: parquet (by default), csv or arrow.")
    ] = None,
    rows_per_file: Annotated[int, typer.Option(help="Rows of each file of a folder.")] = 1_048_576,
    workers: Annotated[
        int | None, typer.Option(help="Processes that write a folder's files; by default one for each core.")
    ] = None,
    executor: Annotated[
        str,
        typer.Option(help="local, or ray: tasks on a cluster of Ray draw a folder's files; see docs/ray.md."),
    ] = "local",
    random_state: RandomState = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Sample rows from a model. This costs no privacy, however often you do it.

    A folder is written in bounded memory; the same command resumes it if it was stopped.
    """
    with exits(debug):
        options.check_number(n, frac)
        is_folder = options.is_folder(output)
        if is_folder and label_column is not None:
            raise ConfigError(
                "--label-column: expected a file, got a folder, whose manifest says it. Leave it out."
            )
        if not is_folder:
            _check_file(output, force, executor)
        first = output / f"part.{format or 'parquet'}" if is_folder else options.named(output)
        form = options.form_of(separator, decimal, encoding, None, first)
        io.check_readable(model, "model")

        from tabgan.synthesizer import TabGAN

        fitted = TabGAN.load(model)
        n = options.number_of(n, frac, fitted.n_rows_)
        written: Any = options.with_form_of(fitted, form, "separator", "decimal", "encoding")
        conditions = options.conditions_of(condition or [], fitted.schema_, written["decimal"] or ".")
        if is_folder:
            if proportion:
                raise ConfigError("--proportion: expected a file as --output, got a folder. Name a file.")
            given: Any = options.given_form(separator, decimal, encoding, None)
            with watcher_on_stderr() as watcher:
                manifest = fitted.sample_to(
                    output,
                    n,
                    format=format,
                    rows_per_file=rows_per_file,
                    escape_formulas=escape_formulas,
                    conditions=conditions or None,
                    impute=impute,
                    random_state=random_state,
                    workers=workers,
                    executor=executor,
                    progress=watcher.progress,
                    **(written if format == "csv" else given),
                )
            seeded = _seeded(random_state, fitted.random_state)
            told = {"output": output, "rows": n, "files": len(manifest.files)}
            say(f"{output}: {n:,} rows in {len(manifest.files):,} files{seeded}", told)
            return
        label: Any = {} if label_column is None else {"label_column": label_column}
        df = fitted.sample(
            n,
            conditions=conditions or None,
            proportions=options.proportions_of(proportion or [], fitted.schema_, written["decimal"] or ".")
            or None,
            impute=impute,
            random_state=random_state,
            as_="pandas",
            **label,
        )
        written = options.with_tabs(written, separator, output)
        if is_printed(output):
            options.print_table(df, escape_formulas=escape_formulas, **written)
            return
        io.write_table(df, output, escape_formulas=escape_formulas, **written)
        seeded = _seeded(random_state, fitted.random_state)
        say(f"{output}: {len(df):,} rows{seeded}", {"output": output, "rows": len(df)})


def _check_file(path: Path, force: bool, executor: str) -> None:
    """Raise unless a sample can be written to a file, on this machine."""
    if executor != "local":
        raise ConfigError("--executor: expected a folder as --output, got a file. Name a folder.")
    io.format_of(options.named(path), "--output")
    check_output(path, force, may_print=True)


app.command()(complete)
app.command()(evaluate)
app.command()(plan)
app.command()(report)
app.command()(compare)
app.command()(verify)
app.command()(doctor)
app.command()(audit)


def _seeded(random_state: int | None, of_model: int | None) -> str:
    """Return a remark on the seed of a sample, if it had one."""
    if random_state is None and of_model is None:
        return ""
    seed = f"the model's {of_model}" if random_state is None else str(random_state)
    return f", seeded with {seed}: the same command gives the same rows, another --random-state gives others"
