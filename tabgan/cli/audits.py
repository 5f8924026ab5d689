"""The command that audits an installation, or a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from tabgan import io
from tabgan.cli.parts import (
    AsJson,
    Debug,
    Force,
    Quiet,
    check_output,
    exits,
    is_printed,
    say,
    watcher_on_stderr,
)
from tabgan.errors import ConfigError

if TYPE_CHECKING:
    from tabgan.audit.outcome import AuditResult


def audit(
    model: Annotated[
        Path | None,
        typer.Option(
            help="Model file: its own releases are composed anew, and its claims and arguments are audited."
        ),
    ] = None,
    epsilon: Annotated[float | None, typer.Option(help="Claimed epsilon to test; by default 1.")] = None,
    delta: Annotated[float | None, typer.Option(help="Claimed delta to test; by default 1e-06.")] = None,
    adversary_share: Annotated[
        float | None,
        typer.Option(help="Critic's share of the budget; by default that of a fit with targets."),
    ] = None,
    max_rows: Annotated[int | None, typer.Option(help="Rows per unit of privacy; by default 1.")] = None,
    n_rows: Annotated[
        int | None,
        typer.Option(help="Rows that the schema declares: many make the critic's batches samples."),
    ] = None,
    n_targets: Annotated[
        int | None,
        typer.Option(help="Number of targets that the fit declares, by default 1; each has a critic."),
    ] = None,
    canaries: Annotated[
        int, typer.Option(help="Number of canaries, made-up rows planted to be detected.")
    ] = 5_000,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Page (.html), or JSON (.json) for tabgan evaluate --audit; - prints JSON."
        ),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Try to disprove this installation's privacy claims on a made-up table. This costs no budget.

    Exit code 1 means that a claim does not hold. Exit code 0 proves nothing.
    """
    with exits(debug):
        check_output(output, force, may_print=True)

        given: dict[str, Any] = {
            "epsilon": epsilon,
            "delta": delta,
            "adversary_share": adversary_share,
            "max_rows": max_rows,
            "n_rows": n_rows,
            "n_targets": n_targets,
        }
        given = {key: value for key, value in given.items() if value is not None}
        if model is not None and given:
            option = f"--{next(iter(given)).replace('_', '-')}"
            raise ConfigError(f"{option}: the model says so itself. Give --model or {option}, not both.")
        if model is not None:
            io.check_readable(model, "--model")

        from tabgan.audit import audit as run_audit
        from tabgan.audit import audit_model
        from tabgan.cli import terminal

        with watcher_on_stderr() as watcher:
            common: Any = {"n_canaries": canaries, "progress": watcher.progress}
            if model is None:
                result = run_audit(**given, **common)
            else:
                from tabgan.synthesizer import TabGAN

                result = audit_model(TabGAN.load(model), **common)
        if output is not None and is_printed(output):
            typer.echo(result.to_json())
        else:
            if output is not None:
                _write(result, output, "this installation" if model is None else model.stem)
            say(found=json.loads(result.to_json()), show=lambda: terminal.show_audit(Console(), result))
        result.raise_if_failed()


def _write(result: AuditResult, output: Path, name: str) -> None:
    """Write an audit's result: a page for people, or JSON for the report."""
    from tabgan.report.comparisonpage import audit_page
    from tabgan.report.content import today

    is_page = output.suffix.lower() == ".html"
    text = audit_page(result, f"Audit of {name}", today()) if is_page else result.to_json() + "\n"
    io.write_text(text, output)
