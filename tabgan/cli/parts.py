"""Parts that the commands share: options, exit codes, progress."""

from __future__ import annotations

import json
import os
import select
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from tabgan import io
from tabgan._util.files import finite
from tabgan.errors import (
    SPENT,
    ConfigError,
    DataError,
    ModelFileError,
    SchemaError,
    describe_error,
    kept_notes,
    spent_notes,
    trace_of,
)

if TYPE_CHECKING:
    from tabgan.jobs.executors import Watcher
    from tabgan.privacy.filter import PrivacyStatement

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; it quotes no rows.")]
LedgerOption = Annotated[
    Path | None,
    typer.Option(help="Ledger file of the dataset. The first fit creates it; every fit adds to it."),
]
RandomState = Annotated[int | None, typer.Option(help="Seed for everything but the privacy noise.")]
SourceArgument = Annotated[
    str,
    typer.Argument(
        help="CSV, Parquet, Arrow or Excel file, a folder of them, or a pattern such as data/*.csv, also at an address "
        "such as s3://bucket/folder; or a database: postgresql://host/db, people.db, people.duckdb."
    ),
]
Query = Annotated[
    str | None, typer.Option(help="SELECT statement for the rows, if the source is a database.")
]
TableName = Annotated[
    str | None, typer.Option("--table", help="Table with the rows, if the source is a database.")
]
Sheet = Annotated[
    str | None,
    typer.Option(help="Sheet of an Excel file: its name, or its place from 0. By default the first."),
]
SourceFormat = Annotated[
    str | None,
    typer.Option("--format", help="csv, parquet, arrow or excel, if the names of files do not show it."),
]
NaValue = Annotated[
    list[str] | None,
    typer.Option(
        help="Text for a missing value in a CSV, besides the empty cell; may be repeated. By default NA, null, None "
        "and the like, but not in columns of text, where they are values."
    ),
]
_FIELDS, _MARK, _BYTES = (
    "Character between a CSV's fields, or tab, or space",
    "Decimal mark of a CSV's numbers, a point or a comma",
    "Encoding of a CSV, such as cp1252",
)
Separator = Annotated[str | None, typer.Option(help=f"{_FIELDS}. By default found in the header line.")]
DecimalMark = Annotated[str | None, typer.Option("--decimal", help=f"{_MARK}. By default a point.")]
Encoding = Annotated[
    str | None, typer.Option(help=f"{_BYTES}. By default UTF-8, or that of the mark at its start.")
]
_AS_FITTED = "By default that of the fit's CSV."
WrittenSeparator = Annotated[str | None, typer.Option("--separator", help=f"{_FIELDS}. {_AS_FITTED}")]
WrittenDecimal = Annotated[str | None, typer.Option("--decimal", help=f"{_MARK}. {_AS_FITTED}")]
WrittenEncoding = Annotated[str | None, typer.Option("--encoding", help=f"{_BYTES}. {_AS_FITTED}")]
TextOutput = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; printed by default.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]

#: Errors of arguments and files, which exit with 2 if nothing was spent; all others are failures.
_WRONG_INPUT = (ConfigError, SchemaError, DataError, ModelFileError)

#: Options that the running command was given; emptied when it ends.
_ASKED: set[str] = set()


def _note(option: typer.CallbackParam, value: bool) -> bool:
    """Keep an option for the whole command."""
    if value:
        _ASKED.add(str(option.name))
    return value


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", callback=_note, help="Print only errors and warnings: no progress, no summary."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", callback=_note, help="Print the result as JSON, for programs.")
]


def is_quiet() -> bool:
    """Return True if the running command is to print neither progress nor a summary."""
    return "quiet" in _ASKED


def say(
    text: str = "", found: Mapping[str, object] | None = None, *, show: Callable[[], None] | None = None
) -> None:
    """Print a command's result: as JSON if that was asked for, else in words unless it is to be quiet.

    Args:
        text: The result in words.
        found: The result as plain data; numbers that JSON cannot express become null.
        show: Prints what follows the words.
    """
    if "as_json" in _ASKED and found is not None:
        typer.echo(json.dumps(finite(found), indent=1, allow_nan=False))
        return
    if _ASKED & {"quiet", "as_json"}:
        return
    if text:
        typer.echo(text)
    if show is not None:
        show()


def told_of(privacy: PrivacyStatement) -> dict[str, object]:
    """Return a promise and its spending as plain data."""
    return {
        "is_private": privacy.is_private,
        "epsilon": privacy.epsilon,
        "delta": privacy.delta,
        "epsilon_spent": privacy.epsilon_spent,
        "protects": privacy.unit.name,
        "releases": len(privacy.entries),
    }


def show_error(console: Console, message: str, trace: str = "") -> None:
    """Print an error in red, under its traceback if one is given."""
    if trace:
        console.print(trace, markup=False, highlight=False, soft_wrap=True)
    console.print(Text(f"Error: {message}", style="red"), soft_wrap=True)


@contextmanager
def exits(debug: bool) -> Iterator[None]:
    """Turn an exception into one message on stderr and an exit code.

    It loads no library: memory may be short.
    """
    try:
        with warnings.catch_warnings():
            # Warnings of other libraries may quote rows, ours do not.
            warnings.simplefilter("ignore")
            warnings.filterwarnings("default", module=r"tabgan(\.|$)")
            yield
    except typer.Exit:
        raise
    except KeyboardInterrupt as error:
        spent = spent_notes(error)  # only of a fit, which may have a checkpoint
        resumes = kept_notes(error) or (["With a checkpoint, the same command resumes."] if spent else [])
        show_error(Console(stderr=True), " ".join(["Interrupted.", *spent, *resumes]))
        raise typer.Exit(130) from None
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _lacks_reader():
            raise typer.Exit(1) from None
        said = describe_error(error)
        show_error(Console(stderr=True), said, trace_of(error) if debug else "")
        is_wrong_input = isinstance(error, _WRONG_INPUT) and SPENT not in said
        raise typer.Exit(2 if is_wrong_input else 1) from None
    finally:
        _ASKED.clear()


def _lacks_reader() -> bool:
    """Return True if the reader of the standard output has gone, as head does; what is left to be printed is dropped.

    Another pipe may have broken, such as that of a database.
    """
    try:
        output = sys.stdout.fileno()
    except OSError:  # it is no file
        return False
    if hasattr(select, "poll"):  # Windows has none
        watched = select.poll()
        watched.register(output, 0)  # nothing is asked for but the errors that are always told
        if not watched.poll(0):
            return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True


@contextmanager
def watcher_on_stderr() -> Iterator[Watcher]:
    """Yield a watcher that shows progress on stderr: bars on a terminal, lines elsewhere, nothing if quiet."""
    from tabgan.cli import terminal
    from tabgan.jobs.executors import Watcher as Silent

    console = Console(stderr=True)
    with ExitStack() as stack:
        if is_quiet():
            yield Silent()
        elif console.is_terminal:
            yield stack.enter_context(terminal.BarWatcher(console))
        else:
            yield terminal.PlainWatcher(console)


def is_printed(path: Path) -> bool:
    """Return True for the name that stands for the standard output."""
    return str(path) == "-"


def check_output(path: Path | None, force: bool, *, may_print: bool = False) -> None:
    """Raise unless a file can be written there; without ``force`` also if one exists.

    Args:
        path: The file; ``None`` for none.
        force: Flag: it may be replaced.
        may_print: Flag: ``-`` stands for the standard output.
    """
    if path is None or (may_print and is_printed(path)):
        return
    io.check_writable(path.parent, "--output")
    if path.is_dir():
        raise ConfigError(f"--output: expected a file name, got the folder {str(path)!r}.")
    if path.exists() and not force:
        raise ConfigError(f"--output: {str(path)!r} exists. Name another file, or use --force to replace it.")


def write_or_print(text: str, output: Path | None, said: str) -> None:
    """Write a text to a file and say so, or print it."""
    if output is None:
        typer.echo(text, nl=False)
    else:
        io.write_text(text, output)
        say(f"{output}: {said}")


def write_editor_schema(schema: Mapping[str, object], output: Path | None, name: str, of: str) -> None:
    """Write a JSON Schema for editors, or print it, and say how a file names it.

    Args:
        schema: The JSON Schema.
        output: The file; ``None`` prints it.
        name: Its usual name.
        of: The kind of file that it describes, such as ``"a schema"``.
    """
    line = f"# yaml-language-server: $schema={name if output is None else output.name}"
    write_or_print(json.dumps(schema, indent=1) + "\n", output, f"begin {of} with the line {line}")
