"""Options of the command line as arguments of the package."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tabgan import io
from tabgan._util.validate import integer_at_least, nearest, positive, real_in
from tabgan._util.yaml import parse
from tabgan.cli.condition_text import condition_of
from tabgan.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from tabgan.audit.outcome import AuditResult
    from tabgan.columns.kind import Column
    from tabgan.evaluation.gate import Gate
    from tabgan.io import CsvForm, DataSource
    from tabgan.privacy.ledger.records import LedgerConfig
    from tabgan.schema import Schema
    from tabgan.synthesizer import TabGAN


def given_form(
    separator: str | None, decimal: str | None, encoding: str | None, na_value: Sequence[str] | None
) -> CsvForm:
    """Return the keys of a CSV's form that some option gives.

    Raises:
        ConfigError: an option cannot be used.
    """
    dialect = io.Dialect.of(separator, decimal, encoding, na_value, prefix="--")
    given = {
        "separator": separator and dialect.separator,
        "decimal": decimal and dialect.decimal,
        "encoding": encoding,
        "na_values": dialect.na_values or None,
    }
    return cast("CsvForm", {key: value for key, value in given.items() if value is not None})


def form_of(
    separator: str | None,
    decimal: str | None,
    encoding: str | None,
    na_value: Sequence[str] | None,
    *tables: Path | None,
) -> CsvForm:
    """Return the form of the CSV among some tables, as arguments of the functions that read and write tables.

    Raises:
        ConfigError: an option cannot be used, or there is no CSV among the tables.
    """
    form = given_form(separator, decimal, encoding, na_value)
    named = [table for table in tables if table is not None]
    if form and not any(map(io.is_csv, named)):
        option = "--" + next(iter(form)).replace("na_values", "na-value")
        raise ConfigError(f"{option}: expected a CSV with it, got {named[0].name!r}. Leave it out.")
    unstated: CsvForm = {"separator": "auto", "decimal": None, "encoding": None, "na_values": None}
    return unstated | form


def with_form_of(model: TabGAN, form: CsvForm, *keys: str) -> CsvForm:
    """Return some keys of a form, those that no option gives as the model keeps them."""
    from tabgan.fitting.modelfile import form_of as form_kept  # not on top: it imports torch

    kept = form_kept(model)
    given: dict[str, object] = {**form}
    chosen = {key: kept.get(key, value) if value in (None, "auto") else value for key, value in given.items()}
    return cast("CsvForm", {key: chosen[key] for key in keys or chosen})


def open_source(
    source: str,
    declared: Schema | None,
    form: CsvForm,
    query: str | None = None,
    table: str | None = None,
    sheet: str | None = None,
    format: str | None = None,
) -> DataSource:
    """Return a source of any kind, opened as a fit with a declared schema reads it; no row has been read.

    Raises:
        ConfigError: an option does not go with the source, or it cannot be opened.
    """
    place: Any = int(sheet) if sheet is not None and sheet.isdecimal() else sheet
    unstated: Any = {"separator": "auto"} | form
    found = io.open_table(
        source, query=query, table=table, sheet=place, format=format, schema=declared, **unstated
    )
    if form and not found.form:
        option = "--" + next(iter(form)).replace("na_values", "na-value")
        raise ConfigError(f"{option}: expected a CSV with it, got {found.name!r}. Leave it out.")
    return found


def check_number(n: int | None, frac: float | None) -> None:
    """Raise unless a number of rows is given, or a part of the table's.

    Raises:
        ConfigError: both are given or none, or it is out of its range.
    """
    if (n is None) == (frac is None):
        raise ConfigError(
            "-n: expected -n or --frac, one of them: a number of rows, or a part of the table's."
        )
    if n is not None:
        integer_at_least("-n", n, 1)
    else:
        positive("--frac", frac)


def number_of(n: int | None, frac: float | None, n_rows: float) -> int:
    """Return the number of rows that is asked for, at least 1; the table's is the one that was released."""
    return n if n is not None else max(round((frac or 1.0) * n_rows), 1)


def named(output: Path) -> Path:
    """Return the name of a table's file; standard output is a CSV."""
    return Path("rows.csv") if str(output) == "-" else output


def print_table(
    df: pd.DataFrame,
    *,
    escape_formulas: bool = False,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> None:
    """Print a table as CSV, in bytes of its encoding."""
    with tempfile.TemporaryDirectory() as folder:
        path = io.write_table(
            df,
            Path(folder) / "rows.csv",
            escape_formulas=escape_formulas,
            separator=separator,
            decimal=decimal,
            encoding=encoding,
        )
        sys.stdout.buffer.write(path.read_bytes())
        sys.stdout.buffer.flush()


def is_folder(output: Path) -> bool:
    """Return True if rows are written to a folder of files, not to one file or to the standard output.

    Raises:
        ConfigError: the standard output is a terminal.
    """
    if str(output) != "-":
        return output.is_dir() or not output.suffix
    if sys.stdout.isatty():
        raise ConfigError(
            "--output: expected a file, or '-' with a pipe behind it, got a terminal. Rows are not printed there."
        )
    return False


def with_tabs(form: CsvForm, separator: str | None, output: Path) -> CsvForm:
    """Return the form of a file to write, which has tabs if its name says so and no option says otherwise."""
    return {**form, "separator": "tab"} if separator is None and output.suffix.lower() == ".tsv" else form


def read_declared(path: Path, declared: Schema | None, form: CsvForm) -> pd.DataFrame:
    """Return a table as a fit with a declared schema reads it."""
    dtypes = {column.name: column.dtype for column in declared or () if column.dtype}
    return io.read_table(path, dtypes=dtypes, as_text=True, schema=declared, **form)


def gate_of(text: str, *, has_target: bool) -> Gate | None:
    """Return the gate of a YAML file, or the standard one."""
    from tabgan.evaluation.gate import Gate

    if text == "standard":
        return Gate.standard(has_target=has_target)
    path = io.check_readable(Path(text), "--gate")
    data, problems = parse(path.read_text(encoding="utf-8-sig"), {})
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    if isinstance(data, dict) and set(data) == {"gate"}:  # as in a job
        data = data["gate"]
    try:
        return Gate.of(data, has_target=has_target)
    except ConfigError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None


def epsilon_of(text: str) -> float | None:
    """Return the epsilon in a text; ``None`` for "none".

    Raises:
        ConfigError: the text is not a number above 0.
    """
    if text.lower() in ("none", "null"):
        return None
    number: float | str = text
    with suppress(ValueError):
        number = float(text)
    return positive("--epsilon", number, fix="Write none to switch privacy off.")


def ledger_of(
    path: Path | None, epsilon_cap: float | None, delta_cap: float | None, table_may_change: bool = False
) -> LedgerConfig | None:
    """Return the ledger that the options describe; ``None`` if they name none."""
    from tabgan.privacy.ledger.records import LedgerConfig

    if path is None:
        if epsilon_cap is not None or delta_cap is not None or table_may_change:
            raise ConfigError(
                "--epsilon-cap: expected --ledger with it, the file in which fits add up. Name one."
            )
        return None
    return LedgerConfig(path, epsilon_cap, delta_cap, table_may_change)


def draft_budget(
    *,
    private: bool,
    with_domain: bool,
    epsilon: float | None,
    delta: float | None,
    ledger: LedgerConfig | None,
    checkpoint: Path | None,
    entity: str | None,
    max_rows: int | None,
) -> dict[str, object] | None:
    """Return the arguments of a private draft; ``None`` for one that is not.

    Raises:
        ConfigError: some options need others beside them, or rule them out.
    """
    given: dict[str, object] = {
        "epsilon": epsilon,
        "delta": delta,
        "ledger": ledger,
        "checkpoint": checkpoint,
        "entity": entity,
        "max_rows": max_rows,
    }
    if not private:
        alone = next((key for key, value in given.items() if value is not None), None)
        if alone is not None:
            option = alone.replace("_", "-")
            raise ConfigError(f"--{option}: expected --private with it. Nothing else is charged here.")
        return None
    if with_domain:
        raise ConfigError("--with-domain: expected no --private with it, which releases domains. Drop one.")
    if epsilon is None or ledger is None:
        raise ConfigError("--private: expected --epsilon and --ledger with it, got one or none of them.")
    return given | {
        "epsilon": positive("--epsilon", epsilon),
        "delta": real_in(
            "--delta", 1e-6 if delta is None else delta, 0.0, 1.0, fix="Use less than 1 / n_rows."
        ),
    }


def conditions_of(pairs: Sequence[str], schema: Schema, decimal: str = ".") -> dict[str, object]:
    """Return ``column=value`` pairs as conditions on the columns, numbers with a table's decimal mark.

    A name may hold an equals sign: of several columns that a pair could refer to, the longest name counts.
    Everything after its sign is the value; see :func:`tabgan.cli.condition_text.condition_of` for several.
    """
    conditions: dict[str, object] = {}
    for pair in pairs:
        name, text = _split_pair(pair, schema, "--condition", "column=value")
        if name in conditions:
            raise ConfigError(
                f"--condition {name}: expected one condition on a column, got two. Write values as a|b, ranges as a..b."
            )
        conditions[name] = _condition(text, schema[name], f"--condition {name}", decimal)
    return conditions


def proportions_of(pairs: Sequence[str], schema: Schema, decimal: str = ".") -> dict[str, object]:
    """Return ``column=value:share`` pairs as shares by column; a value may be any condition."""
    shares: dict[str, list[dict[str, object]]] = {}
    for pair in pairs:
        name, text = _split_pair(pair, schema, "--proportion", "column=value:share")
        where = f"--proportion {name}"
        value, separator, share = text.rpartition(":")
        number = math.nan
        with suppress(ValueError):
            number = float(share.replace(",", ".") if decimal == "," else share)
        if not separator or math.isnan(number):
            raise ConfigError(f"{where}: expected value:share such as female:0.5, got {text!r}.")
        part = {"value": _condition(value, schema[name], where, decimal), "share": number}
        shares.setdefault(name, []).append(part)
    return dict(shares)


def _split_pair(pair: str, schema: Schema, option: str, form: str) -> tuple[str, str]:
    """Return the column of a pair, and the text after its sign."""
    meant = [name for name in schema.names if pair.startswith(f"{name}=")]
    if not meant:
        name, separator, _ = pair.partition("=")
        if not separator:
            raise ConfigError(f"{option}: expected {form}, got {pair!r}.")
        raise ConfigError(f"{option}: no column {name!r}.{nearest(name, schema.names)}")
    name = max(meant, key=len)
    return name, pair[len(name) + 1 :]


def _condition(text: str, column: Column, where: str, decimal: str) -> object:
    from tabgan.io.cells import with_decimal_point

    def parse(part: str) -> object:
        has_comma = decimal == "," and column.reads_from_text
        return column.parse(with_decimal_point(part) if has_comma else part, where)

    return condition_of(text, parse, where)


def check_summary(summary: bool, output: Path) -> None:
    """Raise unless a summary is written to a file that can hold one."""
    if summary and output.suffix.lower() not in (".html", ".pdf"):
        raise ConfigError(f"--summary: expected --output to end in .html or .pdf, got {output.name!r}.")


def stated_of(statements: Sequence[str]) -> dict[str, str]:
    """Return the statements of ``--state``, by their keys.

    Raises:
        ConfigError: one is no ``KEY=TEXT``, repeats a key, or has a key that a report does not print.
    """
    from tabgan.report import Stated

    found: dict[str, str] = {}
    for each in statements:
        key, separator, text = each.partition("=")
        key = key.strip()
        if not separator or not text.strip() or key in found:
            raise ConfigError(
                f"--state: expected KEY=TEXT once for each key, got {each!r}. Use --state purpose=teaching."
            )
        found[key] = text.strip()
    try:
        Stated.of(found)
    except ConfigError as error:
        raise ConfigError(str(error).replace("stated:", "--state:", 1)) from None
    return found


def check_report_name(output: Path, suffixes: tuple[str, ...] = (".html", ".json", ".pdf", ".md")) -> None:
    """Raise unless a report can have the name, or is to be printed."""
    if str(output) != "-" and output.suffix.lower() not in suffixes:
        *others, last = suffixes
        raise ConfigError(
            f"--output: expected a name ending in {', '.join(others)} or {last}, got {output.name!r}."
        )


def figures_of(text: str, declared: Schema | None, target: str | None) -> Gate | None:
    """Return the gate of a table without a known promise: the standard one limits figures alone."""
    has_target = target is not None or (declared is not None and declared.target is not None)
    gate = gate_of(text, has_target=has_target)
    return gate.figures if gate is not None and text == "standard" else gate


def is_model(path: str) -> bool:
    """Return True for the path of a model file."""
    from tabgan._util.files import is_safetensors

    return is_safetensors(path)


def check_no_model(where: str, path: str) -> None:
    """Raise if a path is that of a model file."""
    if is_model(path):
        raise ConfigError(
            f"{where}: expected a table, got a model file. Use tabgan evaluate MODEL --real REAL --holdout HOLDOUT, "
            "which states its guarantee too, or tabgan compare."
        )


def overrides_of(pairs: Sequence[str]) -> dict[str, object]:
    """Return ``key=value`` pairs as values by key path; a value is read as YAML.

    Raises:
        ConfigError: one is no such pair, or no YAML, or a key is given twice.
    """
    found: dict[str, object] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not all(key.split(".")):
            raise ConfigError(f"--set: expected key=value such as model.epsilon=0.5, got {pair!r}.")
        if key in found:
            raise ConfigError(f"--set {key}: expected one value, got two. Drop one.")
        found[key], problems = parse(text, {})
        if problems:
            raise ConfigError(f"--set {key}: {problems[0]}")
    return found


def systems_of(given: Sequence[str]) -> dict[str, str]:
    """Return synthetic tables and model files by name: that of the file, or as ``NAME=PATH`` says.

    Raises:
        ConfigError: two have one name, or no file.
    """
    named: dict[str, str] = {}
    for text in given:
        name, separator, path = text.partition("=")
        if not separator or Path(text).exists() or "://" in name:
            name, path = Path(text).name.partition(".")[0], text
        if not name or not path:
            raise ConfigError(f"SYSTEMS: expected a path, or NAME=PATH, got {text!r}.")
        if name in named:
            raise ConfigError(
                f"SYSTEMS: two are called {name!r}. Name them: first={named[name]} second={path}"
            )
        named[name] = path
    return named


def open_sources(
    sources: Mapping[str, tuple[str, str | None]], declared: Schema | None, form: CsvForm
) -> list[DataSource]:
    """Return several sources, opened; options on the form of a CSV count for each that is one.

    Args:
        sources: By their place in messages, the path or address, and a database's query.
        declared: Kinds of the columns, as far as they are known.
        form: Options of CSVs.

    Raises:
        ConfigError, DataError: one cannot be opened, or none is a CSV though options are given.
    """
    unstated: Any = {"separator": "auto"} | form
    opened = []
    for where, (source, query) in sources.items():
        with io.called(where):
            opened.append(io.open_table(source, query=query, schema=declared, **unstated))
    if form and not any(each.form for each in opened):
        option = "--" + next(iter(form)).replace("na_values", "na-value")
        raise ConfigError(f"{option}: expected a CSV with it, got none. Leave it out.")
    return opened


def check_evaluate(
    output: Path,
    real: Path | None,
    holdout: Path | None,
    shareable: bool,
    private_metrics_epsilon: float | None,
    terms: Mapping[str, object],
    gate: str | None,
    source_table: Path | None,
) -> None:
    """Raise for options of ``evaluate`` that do not go together, before anything is read."""
    check_report_name(output)
    has_rows = real is not None and holdout is not None
    if not has_rows and (not shareable or real is not None or holdout is not None):
        raise ConfigError("--real: expected --real and --holdout, or --shareable without them.")
    for option, value in (("--private-metrics-epsilon", private_metrics_epsilon), ("--gate", gate)):
        if value is not None and not has_rows:
            raise ConfigError(f"{option}: expected --real and --holdout with it.")
    if private_metrics_epsilon is not None:
        positive("--private-metrics-epsilon", private_metrics_epsilon)
        if not shareable:
            raise ConfigError(
                "--private-metrics-epsilon: expected --shareable with it, the edition that has private metrics."
            )
        if source_table is not None and terms["ledger"] is None:
            raise ConfigError(
                "--source-table: expected --ledger with it, because it names that ledger's table."
            )
        return
    given = [name.replace("_", "-") for name, value in terms.items() if value is not None]
    if given:
        raise ConfigError(
            f"--{given[0]}: expected --private-metrics-epsilon with it, because nothing else is charged here."
        )
    if source_table is not None:
        raise ConfigError("--source-table: expected --ledger with it, because it names that ledger's table.")


def read_like(path: Path | None, schema: Schema, form: CsvForm, where: str) -> pd.DataFrame | None:
    """Return a table with a schema's columns, text where they are read as text; ``None`` without a path."""
    from tabgan.columns.kind import read_text

    if path is None:
        return None
    with io.called(where):
        df = io.read_table(path, as_text=True, schema=schema, **form)
    lacking = [name for name in schema.names if name not in df.columns]
    if lacking:
        raise DataError(
            f"{where}: {str(path)!r} has no column {lacking[0]!r}.{nearest(lacking[0], [str(c) for c in df.columns])}"
        )
    return read_text(df, schema)


def audit_of(path: Path | None) -> AuditResult | None:
    """Return the audit in a JSON file; ``None`` for none.

    Raises:
        ConfigError: the file holds something else.
    """
    from tabgan.audit.outcome import AuditResult

    return None if path is None else AuditResult.from_json(io.check_readable(path, "--audit").read_text())
