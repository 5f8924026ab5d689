"""Commands that judge synthetic tables: of a model, of any generator, and several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

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
    Quiet,
    RandomState,
    Separator,
    check_output,
    exits,
    is_printed,
    say,
    watcher_on_stderr,
)
from tabgan.errors import ConfigError

if TYPE_CHECKING:
    from tabgan.report import Report

RealQuery = Annotated[
    str | None, typer.Option(help="SELECT statement for the real rows, if they are in a database.")
]
HoldoutQuery = Annotated[
    str | None, typer.Option(help="SELECT statement for the holdout, if it is in a database.")
]


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Report to write: .html, .json, .pdf, or .md for the data card; - prints the JSON.",
        ),
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
    audit: Annotated[
        Path | None, typer.Option(help="JSON of tabgan audit --model, which the report then shows.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column to be predicted.")] = None,
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
    """Compare synthetic rows of a model with real ones and write a report. For other tables, see report and compare.

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
        check_output(output, force, may_print=True)
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
        audited = options.audit_of(audit)
        has_target = (target or fitted.schema_.target) is not None
        limits = None if gate is None else options.gate_of(gate, has_target=has_target)
        judged: Any = {
            "target": target,
            "title": model.stem,
            "random_state": random_state or 0,
            "stated": stated,
        }
        judged["synthetic"] = options.read_like(synthetic, fitted.schema_, form, "--synthetic")
        if real is None or holdout is None:
            report = fitted.shareable_report(audit=audited, **judged)
        else:
            with watcher_on_stderr() as watcher:
                report = fitted.evaluate(
                    options.read_like(real, fitted.schema_, form, "--real"),
                    options.read_like(holdout, fitted.schema_, form, "--holdout"),
                    gate=limits,
                    audit=audited,
                    private_metrics_epsilon=private_metrics_epsilon,
                    source_table=ledger and options.read_declared(source_table or real, declared, form),
                    progress=watcher.progress,
                    **terms,
                    **judged,
                )
        _write_edition(report, output, shareable, summary)


def _write_edition(
    report: Report, output: Path | None, shareable: bool = False, summary: bool = False
) -> None:
    """Write an edition of a report, unless its gate refuses that it is shared; exit with the decision's code.

    Args:
        report: The report.
        output: The file, or ``-`` for JSON on the terminal; ``None`` for a summary alone.
        shareable: Flag: write that edition.
        summary: Flag: write its two pages alone.
    """
    from tabgan.cli import terminal
    from tabgan.jobs.executors import GATE_REFUSES
    from tabgan.report import to_json, write

    chosen = report.shareable if shareable else report
    is_refused = report.decision.outcome == "failed"
    code = GATE_REFUSES if is_refused else 0
    figures = ", ".join(f"{label} {text}" for label, text in chosen.headline)
    said = f"{chosen.data.edition.upper()}. {figures}"
    if shareable and is_refused:
        said, output = f"{output}: not written, because the gate refuses the release.", None
    elif output is not None and is_printed(output):
        typer.echo(to_json(chosen.data), nl=False)
        raise typer.Exit(code)
    elif output is not None:
        write(chosen.data, output, summary=summary)
        said = f"{output}: {said}"
    found = {"output": output, **chosen.to_dict()}
    say(said, found, show=lambda: terminal.show_decision(Console(), report.decision))
    raise typer.Exit(code)


def report(
    real: Annotated[
        str, typer.Argument(help="Rows that the generator was trained on: a file, a folder, an address.")
    ],
    holdout: Annotated[str, typer.Argument(help="Real rows of the same kind that it has not seen.")],
    synthetic: Annotated[str, typer.Argument(help="The synthetic table to judge.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Report to write: .html, .json, .pdf, or .md for the data card; - prints the JSON. By default a "
            "summary is printed.",
        ),
    ] = None,
    gate: Annotated[
        str | None,
        typer.Option(
            help="YAML file of limits, or 'standard' for figures alone. Exit code 3 if one is not met."
        ),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="YAML schema: kinds, domains and rules that are known.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column to be predicted.")] = None,
    title: Annotated[str | None, typer.Option(help="Title; by default the synthetic table's name.")] = None,
    real_query: RealQuery = None,
    holdout_query: HoldoutQuery = None,
    synthetic_query: Annotated[
        str | None, typer.Option(help="SELECT statement for the synthetic rows, if they are in a database.")
    ] = None,
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
    """Compare a synthetic table of any generator with real rows. It needs no model, and no epsilon is claimed.

    The report is INTERNAL, computed on real rows. For a model of tabgan use evaluate, which states its guarantee too.
    """
    with exits(debug):
        if output is not None:
            options.check_report_name(output)
            check_output(output, force, may_print=True)
        declared = None if schema is None else tabgan.Schema.from_yaml(io.check_readable(schema, "--schema"))
        form = options.given_form(separator, decimal, encoding, na_value)
        limits = None if gate is None else options.figures_of(gate, declared, target)
        options.check_no_model("SYNTHETIC", synthetic)
        sources = {"REAL": (real, real_query), "HOLDOUT": (holdout, holdout_query)}
        sources["SYNTHETIC"] = (synthetic, synthetic_query)
        opened = options.open_sources(sources, declared, form)

        from tabgan.report.anytable import report as report_on_tables

        with watcher_on_stderr() as watcher:
            found = report_on_tables(
                *opened,
                schema=declared,
                target=target,
                gate=limits,
                title=title or Path(synthetic).stem,
                random_state=random_state or 0,
                progress=watcher.progress,
            )
        _write_edition(found, output)


def compare(
    systems: Annotated[
        list[str],
        typer.Argument(
            help="Synthetic tables and model files, NAME=PATH for another name than that of the file."
        ),
    ],
    real: Annotated[str, typer.Option(help="Rows that the generators were trained on.")],
    holdout: Annotated[str, typer.Option(help="Real rows of the same kind that none has seen.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Page to write: .html, or .json; - prints the JSON. By default a table is printed.",
        ),
    ] = None,
    gate: Annotated[
        str | None,
        typer.Option(
            help="YAML file of limits on figures, or 'standard'. Exit code 3 if no system meets them all."
        ),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="YAML schema: kinds, domains and rules that are known.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column to be predicted.")] = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Comparison of synthetic tables",
    real_query: RealQuery = None,
    holdout_query: HoldoutQuery = None,
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
    """Compare several synthetic tables, or models, on one page: a row for each figure, a column for each of them.

    All are judged by equally many rows. The page is INTERNAL, computed on real rows.
    """
    with exits(debug):
        if output is not None:
            options.check_report_name(output, (".html", ".json"))
            check_output(output, force, may_print=True)
        declared = None if schema is None else tabgan.Schema.from_yaml(io.check_readable(schema, "--schema"))
        form = options.given_form(separator, decimal, encoding, na_value)
        limits = None if gate is None else options.figures_of(gate, declared, target)
        named = options.systems_of(systems)
        tables = {name: (path, None) for name, path in named.items() if not options.is_model(path)}
        sources = {"--real": (real, real_query), "--holdout": (holdout, holdout_query), **tables}
        training, others, *opened = options.open_sources(sources, declared, form)

        from tabgan.cli import terminal
        from tabgan.comparing import compare as compared
        from tabgan.jobs.executors import GATE_REFUSES

        given = {**named, **dict(zip(tables, opened, strict=True))}
        with watcher_on_stderr() as watcher:
            found = compared(
                training,
                others,
                given,
                schema=declared,
                target=target,
                gate=limits,
                title=title,
                random_state=random_state or 0,
                progress=watcher.progress,
            )
        code = GATE_REFUSES if found.is_refused else 0
        if output is not None and is_printed(output):
            typer.echo(found.as_json(), nl=False)
            raise typer.Exit(code)
        if output is not None:
            found.write(output)
        said = "" if output is None else f"{output}: INTERNAL, {len(named)} systems side by side"
        say(
            said,
            {"output": output, **found.to_dict()},
            show=lambda: terminal.show_comparison(Console(), found),
        )
        raise typer.Exit(code)


def _renamed(what: str, by_old_name: float | None, value: float | None) -> float | None:
    """Return an option of private metrics; if given by its old name, say so on stderr."""
    old, new = f"--evaluation-{what}", f"--private-metrics-{what}"
    if by_old_name is None:
        return value
    if value is not None:
        raise ConfigError(f"{old}: it is the old name of {new}, which is given as well. Drop it.")
    typer.echo(f"{old} is now called {new}; the next version drops the old name.", err=True)
    return by_old_name
