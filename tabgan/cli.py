"""The command line: parse, call, exit code.

Exit codes: 0 all went well, 1 something failed, 2 the arguments, a configuration file or a schema are wrong, or a gate
refuses a release.
"""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import tabgan
from tabgan._validate import integer_at_least, positive, real_in
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.io import check_readable, check_writable, format_of, is_csv, read_table, write_table, write_text
from tabgan.schema import Boolean, Categorical, Numeric, Schema, nearest
from tabgan.yaml_file import parse

# What needs torch is imported inside the commands: --version and --help are quick.

app = typer.Typer(
    help="Differentially private synthetic tables.", no_args_is_help=True, pretty_exceptions_enable=False
)
schema_app = typer.Typer(help="What is publicly known of a table.", no_args_is_help=True)
app.add_typer(schema_app, name="schema")
ledger_app = typer.Typer(help="What all fits on a dataset have spent.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")

Debug = Annotated[
    bool, typer.Option("--debug", help="Show the way to an error; messages still hold no rows.")
]
LedgerOption = Annotated[
    Path | None, typer.Option(help="The dataset's ledger, made by the first fit; every fit adds to it.")
]
LedgerFileArgument = Annotated[Path, typer.Argument(help="The dataset's ledger.")]
RandomState = Annotated[int | None, typer.Option(help="Seed for all but the privacy noise.")]


def main() -> None:
    """Run the command line. Asked to end by the system, it ends as if by Ctrl-C: what was charged is put down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()


def _version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"tabgan {tabgan.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Differentially private synthetic tables."""


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="YAML file with one job or several.")],
    only: Annotated[str | None, typer.Option(help="Run only the job of this name.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write here instead of the file's folders.")] = None,
    debug: Debug = False,
) -> None:
    """Read, fit, sample, evaluate and report, as a YAML file says."""
    with _exits(debug):
        from tabgan import terminal
        from tabgan.jobs.config import load_jobs
        from tabgan.jobs.executors import JobFailure, LocalExecutor, exit_code

        jobs = load_jobs(file, only=only, output=output)
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
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the model goes.")],
    epsilon: Annotated[str, typer.Option(help="Privacy budget; none switches privacy off.")] = "1.0",
    delta: Annotated[float, typer.Option(help="Use less than one over the number of rows.")] = 1e-6,
    schema: Annotated[Path | None, typer.Option(help="YAML file of what is publicly known.")] = None,
    ledger: LedgerOption = None,
    epsilon_cap: Annotated[
        float | None, typer.Option(help="The most that all fits may cost together.")
    ] = None,
    delta_cap: Annotated[float | None, typer.Option(help="The delta of that total.")] = None,
    table_may_change: Annotated[
        bool,
        typer.Option(
            "--table-may-change", help="Take a table of other rows for a newer state of the dataset."
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder to go on from after an interruption, with the same arguments.")
    ] = None,
    random_state: RandomState = None,
    debug: Debug = False,
) -> None:
    """Fit a model to a table. Private unless --epsilon none is given."""
    with _exits(debug):
        budget = _epsilon(epsilon)
        real_in("--delta", delta, 0.0, 1.0, fix="Use less than 1 / n_rows.")
        check_writable(output.parent, "--output")
        if output.is_dir():
            raise ConfigError(f"--output: expected a file name, got the folder {str(output)!r}.")
        declared = None if schema is None else Schema.from_yaml(check_readable(schema, "--schema"))
        dtypes = {column.name: column.dtype for column in declared or () if column.dtype}

        from tabgan.checkpoint import discard, has_begun
        from tabgan.jobs.run import says_what_is_spent
        from tabgan.synthesizer import TabGAN

        model = TabGAN(epsilon=budget, delta=delta, schema=declared, random_state=random_state)
        kept = _ledger(ledger, epsilon_cap, delta_cap, table_may_change)
        if kept is not None and not has_begun(checkpoint):
            model.check_room(kept)
        df = read_table(table, dtypes=dtypes, as_text=True)
        with _watcher() as watcher:
            model.fit(
                df, progress=watcher.progress, reads_text=is_csv(table), ledger=kept, checkpoint=checkpoint
            )
        with says_what_is_spent(model):
            model.save(output)
        if checkpoint is not None:
            discard(checkpoint)
        typer.echo(f"{output}: {model.privacy_}")


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    n: Annotated[int, typer.Option("-n", help="How many rows.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV or Parquet file to write.")],
    condition: Annotated[
        list[str] | None, typer.Option(help="column=value, for rows that all have it; may be repeated.")
    ] = None,
    random_state: RandomState = None,
    debug: Debug = False,
) -> None:
    """Sample rows from a model. Costs no privacy, however often it is done."""
    with _exits(debug):
        integer_at_least("-n", n, 1)
        format_of(output, "--output")
        check_writable(output.parent, "--output")
        check_readable(model, "model")

        from tabgan.synthesizer import TabGAN

        fitted = TabGAN.load(model)
        conditions = _conditions(condition or [], fitted.schema_)
        df = fitted.sample(n, conditions=conditions or None, random_state=random_state)
        write_table(df, output)
        typer.echo(f"{output}: {len(df):,} rows")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Report to write: .html, .json, .pdf, or .md for the data card."),
    ],
    real: Annotated[Path | None, typer.Option(help="The table that it learnt from.")] = None,
    holdout: Annotated[Path | None, typer.Option(help="Rows of the same kind that it has not seen.")] = None,
    synthetic: Annotated[
        Path | None,
        typer.Option(help="The table to judge, an unchanged sample of the model; sampled otherwise."),
    ] = None,
    shareable: Annotated[
        bool,
        typer.Option("--shareable", help="Write the edition that may go out. It needs no real rows."),
    ] = False,
    evaluation_epsilon: Annotated[
        float | None, typer.Option(help="Buy noisy figures on the real rows for the shareable edition.")
    ] = None,
    ledger: LedgerOption = None,
    source_table: Annotated[
        Path | None,
        typer.Option(help="The table that --real was taken from, where the fit's ledger is that one's."),
    ] = None,
    gate: Annotated[
        str | None, typer.Option(help="YAML file of limits, or standard; exit code 2 when one is not kept.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column that models predict.")] = None,
    random_state: RandomState = None,
    debug: Debug = False,
) -> None:
    """Compare synthetic rows with real ones.

    The report is INTERNAL, not covered by epsilon, unless --shareable is given.
    """
    with _exits(debug):
        _check_evaluate(output, real, holdout, shareable, evaluation_epsilon, ledger, gate, source_table)
        tables = {
            "--real": real,
            "--holdout": holdout,
            "--synthetic": synthetic,
            "--source-table": source_table,
        }
        for where, path in ({"model": model} | tables).items():
            if path is not None:
                check_readable(path, where)

        from tabgan import terminal
        from tabgan.encoding.values import read_text
        from tabgan.report import write
        from tabgan.synthesizer import TabGAN

        fitted = TabGAN.load(model)
        limits = (
            None if gate is None else _gate(gate, has_target=(target or fitted.schema_.target) is not None)
        )

        def read(path: Path | None) -> Any:
            if path is None:
                return None
            df = read_table(path, as_text=True)
            lacking = [name for name in fitted.schema_.names if name not in df.columns]
            if lacking:
                raise DataError(
                    f"{path}: no column {lacking[0]!r}.{nearest(lacking[0], [str(c) for c in df.columns])}"
                )
            return read_text(df, fitted.schema_)

        judged = {"synthetic": read(synthetic), "target": target, "title": model.stem}
        judged["random_state"] = random_state or 0
        if real is None or holdout is None:
            report = fitted.shareable_report(**judged)
        else:
            with _watcher() as watcher:
                report = fitted.evaluate(
                    read(real),
                    read(holdout),
                    gate=limits,
                    evaluation_epsilon=evaluation_epsilon,
                    ledger=ledger,
                    part_of=None if ledger is None else read_table(source_table or real, as_text=True),
                    progress=watcher.progress,
                    **judged,
                )
        chosen = report.shareable if shareable else report
        is_refused = report.decision.outcome == "failed"
        if shareable and is_refused:
            typer.echo(f"{output}: not written, for the gate refuses the release.")
        else:
            write(chosen.data, output)
            figures = ", ".join(f"{label} {text}" for label, text in chosen.headline)
            typer.echo(f"{output}: {chosen.data.edition.upper()}. {figures}")
        terminal.show_decision(Console(), report.decision)
        raise typer.Exit(2 if is_refused else 0)


def _check_evaluate(
    output: Path,
    real: Path | None,
    holdout: Path | None,
    shareable: bool,
    evaluation_epsilon: float | None,
    ledger: Path | None,
    gate: str | None,
    source_table: Path | None,
) -> None:
    """Raise for options of ``evaluate`` that do not go together, before anything is read."""
    if output.suffix.lower() not in (".html", ".json", ".pdf", ".md"):
        raise ConfigError(
            f"--output: expected a name ending in .html, .json, .pdf or .md, got {output.name!r}."
        )
    check_writable(output.parent, "--output")
    has_rows = real is not None and holdout is not None
    if not has_rows and (not shareable or real is not None or holdout is not None):
        raise ConfigError("--real: expected --real and --holdout, or --shareable without them.")
    for option, value in (("--evaluation-epsilon", evaluation_epsilon), ("--gate", gate)):
        if value is not None and not has_rows:
            raise ConfigError(f"{option}: expected --real and --holdout beside it.")
    if evaluation_epsilon is not None:
        positive("--evaluation-epsilon", evaluation_epsilon)
        if not shareable:
            raise ConfigError(
                "--evaluation-epsilon: expected --shareable beside it, for bought figures stand in that edition."
            )
    elif ledger is not None:
        raise ConfigError(
            "--ledger: expected --evaluation-epsilon beside it, for nothing else is charged here."
        )
    if source_table is not None and ledger is None:
        raise ConfigError("--source-table: expected --ledger beside it, for it says whose ledger that is.")


def _gate(text: str, *, has_target: bool) -> Any:
    """Return the gate of a YAML file, or the standard one."""
    from tabgan.evaluation.gate import Gate

    if text == "standard":
        return Gate.standard(has_target=has_target)
    path = check_readable(Path(text), "--gate")
    data, problems = parse(path.read_text(encoding="utf-8-sig"), {})
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    if isinstance(data, dict) and set(data) == {"gate"}:  # as in a job
        data = data["gate"]
    try:
        return Gate.of(data, has_target=has_target)
    except ConfigError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None


@schema_app.command()
def infer(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet file.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="YAML file to write; shown otherwise.")
    ] = None,
    with_domain: Annotated[
        bool, typer.Option("--with-domain", help="Copy categories and bounds off the rows. Not private.")
    ] = False,
    target: Annotated[str | None, typer.Option(help="Column that models are to predict.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    debug: Debug = False,
) -> None:
    """Draft a schema from a table, for you to edit. What a schema says is taken as public."""
    with _exits(debug):
        if output is not None:
            check_writable(output.parent, "--output")
            if output.exists() and not force:
                raise ConfigError(
                    f"--output: {str(output)!r} exists and may hold your edits. Use --force to replace it."
                )
        df = read_table(table)

        from tabgan.draft import draft_schema, draft_yaml

        text = draft_yaml(draft_schema(df, with_domain=with_domain, target=target), with_domain=with_domain)
        if output is None:
            typer.echo(text, nl=False)
            return
        write_text(text, output)
        typer.echo(f"{output}: a draft. Edit it: a fit takes what it says as public.")


@app.command()
def audit(
    epsilon: Annotated[float, typer.Option(help="What is stated.")] = 1.0,
    delta: Annotated[float, typer.Option(help="What is stated.")] = 1e-6,
    adversary_share: Annotated[
        float | None, typer.Option(help="Part of the budget of the discriminator; a fit's own otherwise.")
    ] = None,
    max_rows: Annotated[int, typer.Option(help="Rows of a privacy unit.")] = 1,
    canaries: Annotated[int, typer.Option(help="Rows that are made up to be found.")] = 5_000,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file to write.")] = None,
    debug: Debug = False,
) -> None:
    """Test whether this installation keeps the privacy that it states, on a table that is made up. Costs nothing.

    Exit code 1 says that it does not. That nothing was found proves nothing.
    """
    with _exits(debug):
        if output is not None:
            check_writable(output.parent, "--output")

        from tabgan import terminal
        from tabgan.audit import audit as run_audit
        from tabgan.privacy.budget import ADVERSARY_SHARE

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
        float | None, typer.Option(help="Of the total; the cap's, or all fits' together, otherwise.")
    ] = None,
    without_guard: Annotated[
        bool, typer.Option("--without-guard", help="Check the chain alone, of a copy without its guard.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Check that a ledger is whole, and show what was spent and what remains."""
    with _exits(debug):
        if delta is not None:
            real_in("--delta", delta, 0.0, 1.0)

        from tabgan import terminal
        from tabgan.privacy.ledger_file import LedgerFile
        from tabgan.privacy.summary import summarize

        ledger = LedgerFile(check_readable(file, "FILE"), has_guard=not without_guard)
        summary = summarize(ledger, delta)
        if as_json:
            typer.echo(summary.to_json())
        else:
            terminal.show_ledger(Console(), summary)


@ledger_app.command()
def cap(
    file: LedgerFileArgument,
    epsilon_cap: Annotated[float, typer.Option(help="The most that all fits may cost together.")],
    delta_cap: Annotated[float, typer.Option(help="The delta of that total.")],
    debug: Debug = False,
) -> None:
    """Raise or lower a ledger's cap. The change stays on record."""
    with _exits(debug):
        from tabgan.privacy.ledger_file import LedgerFile

        wanted = _ledger(check_readable(file, "FILE"), epsilon_cap, delta_cap)
        if wanted is not None and wanted.cap is not None:
            LedgerFile(file).set_cap(wanted.cap)
        typer.echo(f"{file}: all fits together may cost epsilon {epsilon_cap:g} at delta {delta_cap:g}")


@ledger_app.command()
def close(
    file: LedgerFileArgument,
    fit: Annotated[str, typer.Argument(help="The fit's name, as `tabgan ledger show` has it.")],
    debug: Debug = False,
) -> None:
    """End a fit that will not be gone on with: what it charged counts, and no longer its whole plan."""
    with _exits(debug):
        from tabgan.privacy.ledger_file import LedgerFile

        LedgerFile(check_readable(file, "FILE")).end(fit, "closed")
        typer.echo(f"{file}: fit {fit} is closed")


@ledger_app.command()
def adopt(file: LedgerFileArgument, debug: Debug = False) -> None:
    """Accept a ledger that has lost its guard. Lines at its end may be missing; that this was done stays on record."""
    with _exits(debug):
        from tabgan.privacy.ledger_file import LedgerFile

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
        from tabgan.jobs.executors import spent_notes
        from tabgan.terminal import show_error

        notes = " ".join(["Interrupted.", *spent_notes(error)])
        show_error(Console(stderr=True), f"{notes} With a checkpoint, the same command goes on.")
        raise typer.Exit(130) from None
    except Exception as error:
        from tabgan.jobs.executors import describe_error, trace_of
        from tabgan.terminal import show_error

        show_error(Console(stderr=True), describe_error(error), trace_of(error) if debug else "")
        raise typer.Exit(2 if isinstance(error, ConfigError | SchemaError) else 1) from None


@contextmanager
def _watcher() -> Iterator[Any]:
    """Yield what shows progress on stderr: bars on a terminal, lines elsewhere."""
    from tabgan import terminal

    console = Console(stderr=True)
    with ExitStack() as stack:
        if console.is_terminal:
            yield stack.enter_context(terminal.BarWatcher(console))
        else:
            yield terminal.PlainWatcher(console)


def _epsilon(text: str) -> float | None:
    if text.lower() in ("none", "null"):
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    return positive("--epsilon", number, fix="Write none to switch privacy off.")


def _ledger(
    path: Path | None, epsilon_cap: float | None, delta_cap: float | None, table_may_change: bool = False
) -> Any:
    """Return what the options say of a ledger; ``None`` where they name none."""
    from tabgan.privacy.records import LedgerConfig

    if path is None:
        if epsilon_cap is not None or delta_cap is not None or table_may_change:
            raise ConfigError(
                "--epsilon-cap: expected --ledger beside it, which all fits add up in. Name one."
            )
        return None
    return LedgerConfig(path, epsilon_cap, delta_cap, table_may_change)


def _conditions(pairs: Sequence[str], schema: Schema) -> dict[str, Any]:
    """Return ``column=value`` pairs as values of the columns' kinds."""
    conditions = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator:
            raise ConfigError(f"--condition: expected column=value, got {pair!r}.")
        if name not in schema:
            raise ConfigError(f"--condition: no column {name!r}.{nearest(name, schema.names)}")
        conditions[name] = _value(text, schema[name])
    return conditions


def _value(text: str, column: Any) -> Any:
    """Return the value of a column that ``text`` stands for."""
    where = f"--condition {column.name}"
    if isinstance(column, Boolean):
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{where}: expected true or false, got {text!r}.")
        return text.lower() == "true"
    if isinstance(column, Numeric):
        try:
            return int(text) if column.decimals == 0 else float(text)
        except ValueError:
            raise ConfigError(f"{where}: expected a number, got {text!r}.") from None
    if isinstance(column, Categorical):
        categories = {str(category): category for category in column.categories or ()}
        if text not in categories:
            raise ConfigError(f"{where}: no category {text!r}.{nearest(text, list(categories))}")
        return categories[text]
    return text
