"""The command that judges a synthetic table and writes a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import tabgan
from tabgan import io
from tabgan.cli import options
from tabgan.cli.parts import (
    Debug,
    DecimalMark,
    Encoding,
    Force,
    LedgerOption,
    NaValue,
    RandomState,
    Separator,
    check_output,
    exits,
    watcher_on_stderr,
)
from tabgan.errors import ConfigError

if TYPE_CHECKING:
    from tabgan.report import Report


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
    summary: Annotated[
        bool, typer.Option("--summary", help="Write the summary alone: two pages, as .pdf or .html.")
    ] = False,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Statement for the report's head, as KEY=TEXT: source, controller, author, purpose, recipient or "
            "contact. Repeat it for others; what is not stated stays a line to fill in."
        ),
    ] = None,
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
    with exits(debug):
        private_metrics_epsilon = _renamed("epsilon", evaluation_epsilon, private_metrics_epsilon)
        private_metrics_delta = _renamed("delta", evaluation_delta, private_metrics_delta)
        terms: Any = {"private_metrics_delta": private_metrics_delta, "entity": entity, "max_rows": max_rows}
        terms["ledger"] = ledger
        options.check_evaluate(
            output, real, holdout, shareable, private_metrics_epsilon, terms, gate, source_table
        )
        options.check_summary(summary, output)
        stated = options.stated_of(state or [])
        check_output(output, force)
        tables = {
            "--real": real,
            "--holdout": holdout,
            "--synthetic": synthetic,
            "--source-table": source_table,
        }
        form = options.form_of(separator, decimal, encoding, na_value, *tables.values())
        declared = None if schema is None else tabgan.Schema.from_yaml(io.check_readable(schema, "--schema"))
        for where, path in ({"model": model} | tables).items():
            if path is not None:
                io.check_readable(path, where)

        from tabgan.synthesizer import TabGAN

        fitted = TabGAN.load(model)
        form |= options.with_form_of(fitted, form, "decimal", "encoding", "na_values")
        has_target = (target or fitted.schema_.target) is not None
        limits = None if gate is None else options.gate_of(gate, has_target=has_target)
        judged: Any = {
            "target": target,
            "title": model.stem,
            "random_state": random_state or 0,
            "stated": stated,
        }
        judged["synthetic"] = options.read_like(synthetic, fitted.schema_, form)
        if real is None or holdout is None:
            report = fitted.shareable_report(**judged)
        else:
            with watcher_on_stderr() as watcher:
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
        _write_edition(report, output, shareable, summary)


def _write_edition(report: Report, output: Path, shareable: bool, summary: bool) -> None:
    """Write an edition of a report, unless its gate refuses that it is shared; exit with the decision's code."""
    from tabgan.cli import terminal
    from tabgan.jobs.executors import GATE_REFUSES
    from tabgan.report import write

    chosen = report.shareable if shareable else report
    is_refused = report.decision.outcome == "failed"
    if shareable and is_refused:
        typer.echo(f"{output}: not written, because the gate refuses the release.")
    else:
        write(chosen.data, output, summary=summary)
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
