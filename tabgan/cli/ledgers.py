"""Commands on ledgers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tabgan import io
from tabgan._util.printed import at_most
from tabgan._util.validate import real_in
from tabgan.cli import options
from tabgan.cli.parts import AsJson, Debug, Quiet, exits, say

ledger_app = typer.Typer(
    help="Inspect or change a ledger, the record of all fits on a dataset.", no_args_is_help=True
)
LedgerFileArgument = Annotated[Path, typer.Argument(help="Ledger file of a dataset.")]


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
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Check that a ledger is intact, and show what was spent and what remains."""
    with exits(debug):
        if delta is not None:
            real_in("--delta", delta, 0.0, 1.0)

        from tabgan.cli import terminal
        from tabgan.privacy.ledger.file import LedgerFile
        from tabgan.privacy.ledger.summary import summarize

        ledger = LedgerFile(io.check_readable(file, "FILE"), has_guard=not without_guard)
        summary = summarize(ledger, delta)
        say(found=json.loads(summary.to_json()), show=lambda: terminal.show_ledger(Console(), summary))


@ledger_app.command()
def cap(
    file: LedgerFileArgument,
    epsilon_cap: Annotated[float, typer.Option(help="The most epsilon that all fits together may cost.")],
    delta_cap: Annotated[float, typer.Option(help="Delta of that total.")],
    force: Annotated[
        bool, typer.Option("--force", help="Accept a cap below what is spent, to stop all further fits.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Raise or lower a ledger's cap. The change is recorded."""
    with exits(debug):
        from tabgan.privacy.ledger.file import LedgerFile

        wanted: Any = options.ledger_of(io.check_readable(file, "FILE"), epsilon_cap, delta_cap)
        ledger = LedgerFile(file)
        ledger.set_cap(wanted.cap, may_end_fits=force)
        counted = ledger.counted(wanted.cap)
        said = (
            f"{file}: all fits together may cost epsilon {at_most(epsilon_cap)} at delta {at_most(delta_cap)}"
        )
        if counted >= wanted.cap.epsilon:
            said += f"\nEpsilon {at_most(counted)} already counts: every further fit will be refused."
        say(
            said,
            {"ledger": file, "epsilon_cap": epsilon_cap, "delta_cap": delta_cap, "epsilon_counted": counted},
        )


@ledger_app.command()
def close(
    file: LedgerFileArgument,
    fit: Annotated[str, typer.Argument(help="Name of the fit, as `tabgan ledger show` prints it.")],
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Close a fit that will not be resumed: only what it was charged then counts, instead of its whole plan."""
    with exits(debug):
        from tabgan.privacy.ledger.file import LedgerFile

        LedgerFile(io.check_readable(file, "FILE")).end(fit, "closed")
        say(f"{file}: fit {fit} is closed", {"ledger": file, "closed": fit})


@ledger_app.command()
def adopt(
    file: LedgerFileArgument, quiet: Quiet = False, as_json: AsJson = False, debug: Debug = False
) -> None:
    """Accept a ledger that has lost its guard. Lines at its end may be missing; the adoption is recorded."""
    with exits(debug):
        from tabgan.privacy.ledger.file import LedgerFile

        LedgerFile.adopt(io.check_readable(file, "FILE"))
        say(f"{file}: adopted, with a new guard", {"ledger": file, "is_adopted": True})
