"""Options of the command line as arguments of the package."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tabgan import io
from tabgan._util.validate import nearest, positive, real_in
from tabgan._util.yaml import parse
from tabgan.cli.condition_text import condition_of
from tabgan.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

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
        ConfigError: one cannot be used.
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
        raise ConfigError(f"{option}: expected a CSV beside it, got {named[0].name!r}. Leave it out.")
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
        raise ConfigError(f"{option}: expected a CSV beside it, got {found.name!r}. Leave it out.")
    return found


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
    """Return the epsilon that a text stands for; ``None`` for "none".

    Raises:
        ConfigError: it is not a number above 0.
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
                "--epsilon-cap: expected --ledger beside it, the file in which fits add up. Name one."
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
            raise ConfigError(f"--{option}: expected --private beside it. Nothing else is charged here.")
        return None
    if with_domain:
        raise ConfigError("--with-domain: expected no --private beside it, which releases domains. Drop one.")
    if epsilon is None or ledger is None:
        raise ConfigError("--private: expected --epsilon and --ledger beside it, got one or none of them.")
    return given | {
        "epsilon": positive("--epsilon", epsilon),
        "delta": real_in(
            "--delta", 1e-6 if delta is None else delta, 0.0, 1.0, fix="Use less than 1 / n_rows."
        ),
    }


def conditions_of(pairs: Sequence[str], schema: Schema, decimal: str = ".") -> dict[str, object]:
    """Return ``column=value`` pairs as conditions on the columns, numbers with a table's decimal mark.

    A name may hold an equals sign: of several columns that a pair could mean, the one with the longest name is meant.
    All that stands behind its sign is the value; see :func:`tabgan.cli.condition_text.condition_of` for several.
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
    """Return ``column=value:share`` pairs as shares by column; a value may be all that a condition may be."""
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
    """Return the column that a pair means, and the text behind its sign."""
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
    if output.suffix.lower() not in (".html", ".json", ".pdf", ".md"):
        raise ConfigError(
            f"--output: expected a name ending in .html, .json, .pdf or .md, got {output.name!r}."
        )
    has_rows = real is not None and holdout is not None
    if not has_rows and (not shareable or real is not None or holdout is not None):
        raise ConfigError("--real: expected --real and --holdout, or --shareable without them.")
    for option, value in (("--private-metrics-epsilon", private_metrics_epsilon), ("--gate", gate)):
        if value is not None and not has_rows:
            raise ConfigError(f"{option}: expected --real and --holdout beside it.")
    if private_metrics_epsilon is not None:
        positive("--private-metrics-epsilon", private_metrics_epsilon)
        if not shareable:
            raise ConfigError(
                "--private-metrics-epsilon: expected --shareable beside it, the edition that has private metrics."
            )
        if source_table is not None and terms["ledger"] is None:
            raise ConfigError(
                "--source-table: expected --ledger beside it, because it names that ledger's table."
            )
        return
    given = [name.replace("_", "-") for name, value in terms.items() if value is not None]
    if given:
        raise ConfigError(
            f"--{given[0]}: expected --private-metrics-epsilon beside it, because nothing else is charged here."
        )
    if source_table is not None:
        raise ConfigError(
            "--source-table: expected --ledger beside it, because it names that ledger's table."
        )


def read_like(path: Path | None, schema: Schema, form: CsvForm) -> pd.DataFrame | None:
    """Return a table with a schema's columns, text where they are read as text; ``None`` without a path."""
    from tabgan.columns.kind import read_text

    if path is None:
        return None
    df = io.read_table(path, as_text=True, schema=schema, **form)
    lacking = [name for name in schema.names if name not in df.columns]
    if lacking:
        raise DataError(
            f"{path}: no column {lacking[0]!r}.{nearest(lacking[0], [str(c) for c in df.columns])}"
        )
    return read_text(df, schema)
