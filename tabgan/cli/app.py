"""The command line: parse, call, exit code.

Exit codes: 0 success, 1 something failed, 2 the arguments, a configuration file or a schema are wrong, 3 a gate refused
a release.
"""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import tabgan
from tabgan._util.printed import at_most
from tabgan._util.renamed import OldNameWarning
from tabgan._util.validate import integer_at_least, real_in
from tabgan.cli import options
from tabgan.errors import ConfigError, SchemaError
from tabgan.io import check_readable, check_writable, format_of, is_csv, read_table, write_table, write_text
from tabgan.schema import Schema

# Imports that need torch are inside the commands, so that --version and --help are quick.

app = typer.Typer(
    help="Create differentially private synthetic tables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
schema_app = typer.Typer(help="Draft a schema, the public description of a table.", no_args_is_help=True)
app.add_typer(schema_app, name="schema")
ledger_app = typer.Typer(
    help="Inspect or change a ledger, the record of all fits on a dataset.", no_args_is_help=True
)
app.add_typer(ledger_app, name="ledger")

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; it quotes no rows.")]
LedgerOption = Annotated[
    Path | None,
    typer.Option(help="Ledger file of the dataset. The first fit creates it; every fit adds to it."),
]
LedgerFileArgument = Annotated[Path, typer.Argument(help="Ledger file of a dataset.")]
RandomState = Annotated[int | None, typer.Option(help="Seed for everything but the privacy noise.")]
NaValue = Annotated[
    list[str] | None,
    typer.Option(
        help="Text for a missing value in a CSV, besides the empty cell; may be repeated. By default NA, null, None "
        "and the like, but not in columns of text, where they are values."
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        help="Character between a CSV's fields, or tab, or space. By default found in the header line; in a sample, "
        "that of the CSV of the fit."
    ),
]
DecimalMark = Annotated[
    str | None, typer.Option("--decimal", help="Decimal mark of a CSV's numbers: . (by default) or a comma.")
]
Encoding = Annotated[
    str | None,
    typer.Option(help="Encoding of a CSV, such as cp1252; by default UTF-8, or what its mark says."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]


def main() -> None:
    """Run the command line. A SIGTERM ends it as Ctrl-C does: everything that was charged is recorded."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _log_to_stderr()
    app()


def _log_to_stderr() -> None:
    """Show this package's log on stderr, with ISO 8601 dates.

    Call it before opacus is imported, which sets up its own style. Logs of other libraries may quote rows.
    """
    handler = logging.StreamHandler()
    handler.addFilter(logging.Filter("tabgan"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s: %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(handlers=[handler])
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


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="YAML file with one or more jobs.")],
    only: Annotated[str | None, typer.Option(help="Run only the job with this name.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to, instead of those in the file.")
    ] = None,
    na_value: NaValue = None,
    separator: Separator = None,
    decimal: DecimalMark = None,
    encoding: Encoding = None,
    debug: Debug = False,
) -> None:
    """Run the jobs of a YAML file: read, fit, sample, evaluate, report."""
    with _exits(debug):
        from tabgan.cli import terminal
        from tabgan.jobs.config import load_jobs
        from tabgan.jobs.executors import JobFailure, LocalExecutor, exit_code

        form = options.given_form(separator, decimal, encoding, na_value)
        jobs = load_jobs(file, only=only, output=output, form=form)
        with _watcher() as watcher:
            outcomes = LocalExecutor().run(jobs, watcher)
        for outcome in outcomes if debug else ():
            if isinstance(outcome, JobFailure):
                typer.echo(f"{outcome.name}:\n{outcome.trace}", err=True)
        terminal.show_outcomes(Console(), outcomes)
        raise typer.Exit(exit_code(outcomes))


@app.command()
def fit(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet file.")],
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
    na_value: NaValue = None,
    separator: Separator = None,
    decimal: DecimalMark = None,
    encoding: Encoding = None,
    random_state: RandomState = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Fit a model to a table, with differential privacy unless --epsilon is none."""
    with _exits(debug):
        budget = options.epsilon_of(epsilon)
        real_in("--delta", delta, 0.0, 1.0, fix="Use less than 1 / n_rows.")
        _check_output(output, force)
        declared = None if schema is None else Schema.from_yaml(check_readable(schema, "--schema"))
        form = options.form_of(separator, decimal, encoding, na_value, table)

        from tabgan.fitting.checkpoint import discard, has_begun
        from tabgan.fitting.modelfile import keep_form
        from tabgan.jobs.run import says_what_is_spent
        from tabgan.synthesizer import TabGAN

        model = TabGAN(epsilon=budget, delta=delta, schema=declared, random_state=random_state)
        model.check_params()
        kept = options.ledger_of(ledger, epsilon_cap, delta_cap, table_may_change)
        if kept is not None and not has_begun(checkpoint):
            model.check_cap(kept)
        df, kept_form = options.read_declared(table, declared, form), options.kept_form(table, form)
        with _watcher() as watcher:
            model.fit(
                df, progress=watcher.progress, untyped_text=is_csv(table), ledger=kept, checkpoint=checkpoint
            )
        keep_form(model, kept_form)
        with says_what_is_spent(model):
            model.save(output)
        if checkpoint is not None:
            discard(checkpoint)
        typer.echo(f"{output}: {model.privacy_}")


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    n: Annotated[int, typer.Option("-n", help="Number of rows.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV or Parquet file to write.")],
    condition: Annotated[
        list[str] | None, typer.Option(help="column=value that every row must have; may be repeated.")
    ] = None,
    escape_formulas: Annotated[
        bool,
        typer.Option(
            "--escape-formulas",
            help="Put an apostrophe before CSV text that a spreadsheet would run as a formula.",
        ),
    ] = False,
    separator: Separator = None,
    decimal: DecimalMark = None,
    encoding: Encoding = None,
    random_state: RandomState = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Sample rows from a model. This costs no privacy, however often you do it."""
    with _exits(debug):
        integer_at_least("-n", n, 1)
        format_of(output, "--output")
        form = options.form_of(separator, decimal, encoding, None, output)
        _check_output(output, force)
        check_readable(model, "model")

        from tabgan.synthesizer import TabGAN

        fitted = TabGAN.load(model)
        form = options.with_form_of(fitted, form, "separator", "decimal", "encoding")
        conditions = options.conditions_of(condition or [], fitted.schema_, form["decimal"] or ".")
        df = fitted.sample(n, conditions=conditions or None, random_state=random_state)
        if separator is None and output.suffix.lower() == ".tsv":
            form["separator"] = "tab"
        write_table(df, output, escape_formulas=escape_formulas, **form)
        typer.echo(f"{output}: {len(df):,} rows{_seeded(random_state, fitted.random_state)}")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Report to write: .html, .json, .pdf, or .md for the data card."),
    ],
    real: Annotated[Path | None, typer.Option(help="Training rows of the model.")] = None,
    holdout: Annotated[
        Path | None, typer.Option(help="Real rows of the same kind that the model has not seen.")
    ] = None,
    synthetic: Annotated[
        Path | None,
        typer.Option(
            help="Synthetic table to judge, an unedited sample of the model; sampled afresh by default."
        ),
    ] = None,
    shareable: Annotated[
        bool,
        typer.Option("--shareable", help="Write the edition that may be shared. It needs no real rows."),
    ] = False,
    private_metrics_epsilon: Annotated[
        float | None,
        typer.Option(help="Epsilon of private metrics: noisy figures on real rows, for that edition."),
    ] = None,
    private_metrics_delta: Annotated[
        float | None, typer.Option(help="Delta of private metrics: the delta of the fit, spent again.")
    ] = None,
    evaluation_epsilon: Annotated[float | None, typer.Option(hidden=True)] = None,
    evaluation_delta: Annotated[float | None, typer.Option(hidden=True)] = None,
    entity: Annotated[
        str | None, typer.Option(help="For private metrics: the entity column of the fit.")
    ] = None,
    max_rows: Annotated[int | None, typer.Option(help="For private metrics: max_rows of the fit.")] = None,
    ledger: LedgerOption = None,
    source_table: Annotated[
        Path | None,
        typer.Option(help="Full table that --real is a part of, if the ledger is for the full table."),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(help="YAML schema of the fit, with which the ledger's table was read, if it had one."),
    ] = None,
    gate: Annotated[
        str | None, typer.Option(help="YAML file of limits, or 'standard'. Exit code 3 if one is not met.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column to be predicted.")] = None,
    na_value: NaValue = None,
    separator: Separator = None,
    decimal: DecimalMark = None,
    encoding: Encoding = None,
    random_state: RandomState = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Compare synthetic rows with real ones and write a report.

    The report is INTERNAL, computed on real rows and not covered by epsilon, unless --shareable is given.
    """
    with _exits(debug):
        private_metrics_epsilon = _renamed("epsilon", evaluation_epsilon, private_metrics_epsilon)
        private_metrics_delta = _renamed("delta", evaluation_delta, private_metrics_delta)
        terms: Any = {"private_metrics_delta": private_metrics_delta, "entity": entity, "max_rows": max_rows}
        terms["ledger"] = ledger
        options.check_evaluate(
            output, real, holdout, shareable, private_metrics_epsilon, terms, gate, source_table
        )
        _check_output(output, force)
        tables = {
            "--real": real,
            "--holdout": holdout,
            "--synthetic": synthetic,
            "--source-table": source_table,
        }
        form = options.form_of(separator, decimal, encoding, na_value, *tables.values())
        declared = None if schema is None else Schema.from_yaml(check_readable(schema, "--schema"))
        for where, path in ({"model": model} | tables).items():
            if path is not None:
                check_readable(path, where)

        from tabgan.cli import terminal
        from tabgan.jobs.executors import GATE_REFUSES
        from tabgan.report import write
        from tabgan.synthesizer import TabGAN

        fitted = TabGAN.load(model)
        form |= options.with_form_of(fitted, form, "decimal", "encoding", "na_values")
        has_target = (target or fitted.schema_.target) is not None
        limits = None if gate is None else options.gate_of(gate, has_target=has_target)
        judged = {
            "synthetic": options.read_like(synthetic, fitted.schema_, form),
            "target": target,
            "title": model.stem,
        }
        judged["random_state"] = random_state or 0
        if real is None or holdout is None:
            report = fitted.shareable_report(**judged)
        else:
            with _watcher() as watcher:
                report = fitted.evaluate(
                    options.read_like(real, fitted.schema_, form),
                    options.read_like(holdout, fitted.schema_, form),
                    gate=limits,
                    private_metrics_epsilon=private_metrics_epsilon,
                    source_table=ledger and options.read_declared(source_table or real, declared, form),
                    progress=watcher.progress,
                    **terms,
                    **judged,
                )
        chosen = report.shareable if shareable else report
        is_refused = report.decision.outcome == "failed"
        if shareable and is_refused:
            typer.echo(f"{output}: not written, because the gate refuses the release.")
        else:
            write(chosen.data, output)
            figures = ", ".join(f"{label} {text}" for label, text in chosen.headline)
            typer.echo(f"{output}: {chosen.data.edition.upper()}. {figures}")
        terminal.show_decision(Console(), report.decision)
        raise typer.Exit(GATE_REFUSES if is_refused else 0)


def _renamed(what: str, by_old_name: float | None, value: float | None) -> float | None:
    """Return an option of private metrics; if given by its old name, say so on stderr."""
    old, new = f"--evaluation-{what}", f"--private-metrics-{what}"
    if by_old_name is None:
        return value
    if value is not None:
        raise ConfigError(f"{old}: it is the old name of {new}, which is given as well. Drop it.")
    typer.echo(f"{old} is now called {new}; the next version drops the old name.", err=True)
    return by_old_name


@schema_app.command()
def infer(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet file.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="YAML file to write; printed by default.")
    ] = None,
    with_domain: Annotated[
        bool, typer.Option("--with-domain", help="Copy categories and bounds from the rows. Not private.")
    ] = False,
    target: Annotated[str | None, typer.Option(help="Column to be predicted.")] = None,
    na_value: NaValue = None,
    separator: Separator = None,
    decimal: DecimalMark = None,
    encoding: Encoding = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Draft a schema from a table, for you to edit. A fit takes everything in a schema as public."""
    with _exits(debug):
        if output is not None:
            _check_output(output, force)
        form = options.form_of(separator, decimal, encoding, na_value, table)
        df = read_table(table, as_text=True, **form)

        from tabgan.table.draft import draft_schema, draft_yaml

        draft = draft_schema(df, with_domain=with_domain, target=target, untyped_text=is_csv(table))
        text = draft_yaml(draft, with_domain=with_domain)
        if output is None:
            typer.echo(text, nl=False)
            return
        write_text(text, output)
        typer.echo(f"{output}: a draft. Edit it before use: a fit takes everything in it as public.")


@app.command()
def audit(
    epsilon: Annotated[float, typer.Option(help="Claimed epsilon to test.")] = 1.0,
    delta: Annotated[float, typer.Option(help="Claimed delta to test.")] = 1e-6,
    adversary_share: Annotated[
        float | None, typer.Option(help="Discriminator's share of the budget; by default that of a fit.")
    ] = None,
    max_rows: Annotated[int, typer.Option(help="Rows per unit of privacy.")] = 1,
    canaries: Annotated[
        int, typer.Option(help="Number of canaries, made-up rows planted to be detected.")
    ] = 5_000,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file to write.")] = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Try to disprove this installation's privacy claims on a made-up table. This costs no budget.

    Exit code 1 means that a claim does not hold. Exit code 0 proves nothing.
    """
    with _exits(debug):
        if output is not None:
            _check_output(output, force)

        from tabgan.audit import audit as run_audit
        from tabgan.cli import terminal
        from tabgan.privacy.plan import ADVERSARY_SHARE

        with _watcher() as watcher:
            result = run_audit(
                epsilon,
                delta,
                adversary_share=ADVERSARY_SHARE if adversary_share is None else adversary_share,
                max_rows=max_rows,
                n_canaries=canaries,
                progress=watcher.progress,
            )
        if output is not None:
            write_text(result.to_json() + "\n", output)
        terminal.show_audit(Console(), result)
        result.raise_if_failed()


@ledger_app.command()
def show(
    file: LedgerFileArgument,
    delta: Annotated[
        float | None,
        typer.Option(help="Delta of the total; by default the cap's, or that of all fits together."),
    ] = None,
    without_guard: Annotated[
        bool,
        typer.Option("--without-guard", help="Check the hash chain alone, for a copy without its guard."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Check that a ledger is intact, and show what was spent and what remains."""
    with _exits(debug):
        if delta is not None:
            real_in("--delta", delta, 0.0, 1.0)

        from tabgan.cli import terminal
        from tabgan.privacy.ledger.file import LedgerFile
        from tabgan.privacy.ledger.summary import summarize

        ledger = LedgerFile(check_readable(file, "FILE"), has_guard=not without_guard)
        summary = summarize(ledger, delta)
        if as_json:
            typer.echo(summary.to_json())
        else:
            terminal.show_ledger(Console(), summary)


@ledger_app.command()
def cap(
    file: LedgerFileArgument,
    epsilon_cap: Annotated[float, typer.Option(help="The most epsilon that all fits together may cost.")],
    delta_cap: Annotated[float, typer.Option(help="Delta of that total.")],
    force: Annotated[
        bool, typer.Option("--force", help="Accept a cap below what is spent, to stop all further fits.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Raise or lower a ledger's cap. The change is recorded."""
    with _exits(debug):
        from tabgan.privacy.ledger.file import LedgerFile

        wanted = options.ledger_of(check_readable(file, "FILE"), epsilon_cap, delta_cap)
        ledger = LedgerFile(file)
        ledger.set_cap(wanted.cap, may_end_fits=force)
        typer.echo(
            f"{file}: all fits together may cost epsilon {at_most(epsilon_cap)} at delta {at_most(delta_cap)}"
        )
        counted = ledger.counted(wanted.cap)
        if counted >= wanted.cap.epsilon:
            typer.echo(f"Epsilon {at_most(counted)} already counts: every further fit will be refused.")


@ledger_app.command()
def close(
    file: LedgerFileArgument,
    fit: Annotated[str, typer.Argument(help="Name of the fit, as `tabgan ledger show` prints it.")],
    debug: Debug = False,
) -> None:
    """End a fit that will not be resumed, so that its charges count instead of its whole plan."""
    with _exits(debug):
        from tabgan.privacy.ledger.file import LedgerFile

        LedgerFile(check_readable(file, "FILE")).end(fit, "closed")
        typer.echo(f"{file}: fit {fit} is closed")


@ledger_app.command()
def adopt(file: LedgerFileArgument, debug: Debug = False) -> None:
    """Accept a ledger that has lost its guard. Lines at its end may be missing; the adoption is recorded."""
    with _exits(debug):
        from tabgan.privacy.ledger.file import LedgerFile

        LedgerFile.adopt(check_readable(file, "FILE"))
        typer.echo(f"{file}: adopted, with a new guard")


@contextmanager
def _exits(debug: bool) -> Iterator[None]:
    """Turn an exception into one message on stderr and an exit code."""
    try:
        with warnings.catch_warnings():
            # Warnings of other libraries may quote rows, ours do not.
            warnings.simplefilter("ignore")
            warnings.filterwarnings("default", module=r"tabgan(\.|$)")
            yield
    except typer.Exit:
        raise
    except KeyboardInterrupt as error:
        from tabgan.cli.terminal import show_error
        from tabgan.jobs.executors import spent_notes

        notes = " ".join(["Interrupted.", *spent_notes(error)])
        show_error(Console(stderr=True), f"{notes} With a checkpoint, the same command resumes.")
        raise typer.Exit(130) from None
    except Exception as error:
        from tabgan.cli.terminal import show_error
        from tabgan.jobs.executors import describe_error, trace_of

        show_error(Console(stderr=True), describe_error(error), trace_of(error) if debug else "")
        raise typer.Exit(2 if isinstance(error, ConfigError | SchemaError) else 1) from None


@contextmanager
def _watcher() -> Iterator[Any]:
    """Yield a watcher that shows progress on stderr: bars on a terminal, lines elsewhere."""
    from tabgan.cli import terminal

    console = Console(stderr=True)
    with ExitStack() as stack:
        if console.is_terminal:
            yield stack.enter_context(terminal.BarWatcher(console))
        else:
            yield terminal.PlainWatcher(console)


def _check_output(path: Path, force: bool) -> None:
    """Raise unless a file can be written there; without ``force`` also if one exists."""
    check_writable(path.parent, "--output")
    if path.is_dir():
        raise ConfigError(f"--output: expected a file name, got the folder {str(path)!r}.")
    if path.exists() and not force:
        raise ConfigError(f"--output: {str(path)!r} exists. Name another file, or use --force to replace it.")


def _seeded(random_state: int | None, of_model: int | None) -> str:
    """Return a remark on the seed of a sample, if it had one."""
    if random_state is None and of_model is None:
        return ""
    seed = f"the model's {of_model}" if random_state is None else str(random_state)
    return f", seeded with {seed}: the same command gives the same rows, another --random-state gives others"
