"""Reports of tables of any generator: the internal edition and a gate, without a claim of privacy.

Nothing is known of the way in which such a table was made, so no epsilon is claimed and there is no shareable edition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tabgan._util.files import is_safetensors
from tabgan._util.progress import Progress, check_progress, silent, told
from tabgan.columns.kind import read_text
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.io import called, in_one_frame, open_table
from tabgan.privacy.filter import PrivacyStatement
from tabgan.report.content import Stated, collect, today
from tabgan.report.document import Report
from tabgan.rules import Rule
from tabgan.schema import Schema
from tabgan.table.draft import draft_schema

if TYPE_CHECKING:
    from tabgan.evaluation import Evaluation
    from tabgan.evaluation.gate import Gate

#: The statement on a table of another generator.
NO_CLAIM = PrivacyStatement(False, None, None, None, 0.0)


@dataclass(frozen=True)
class RealTables:
    """Training rows and a holdout, read, with the kinds of their columns.

    Attributes:
        real: The training rows.
        holdout: Rows of the same kind that the generator never saw.
        declared: The caller's schema.
        kinds: Kinds of all columns: as declared, else as read off the training rows; without a domain that is not
            declared.
    """

    real: pd.DataFrame
    holdout: pd.DataFrame
    declared: Schema
    kinds: Schema

    @classmethod
    def of(
        cls, real: object, holdout: object, schema: Schema | None = None, progress: Progress = silent
    ) -> RealTables:
        """Return two tables of any kind, read.

        Args:
            real: The training rows: anything that :func:`tabgan.open_table` opens.
            holdout: As ``real``.
            schema: Declared columns.
            progress: Told of the rows that are read.

        Raises:
            ConfigError, SourceError: a table cannot be opened, or read to its end.
            DataError: it is empty, its columns cannot be used, or ``holdout`` has other columns.
            SchemaError: the schema has a column that the tables lack.
        """
        declared = Schema() if schema is None else schema
        training, is_text = frame_of(real, "real", declared, progress)
        drafted = draft_schema(training, untyped_text=is_text)
        kinds = _kinds(drafted, declared)
        training = _of_text(training, kinds) if is_text else training
        unread = cls(training, training, declared, kinds)
        return cls(training, unread.read(holdout, "holdout", progress), declared, kinds)

    def read(self, table: object, name: str, progress: Progress = silent) -> pd.DataFrame:
        """Return another table of any kind, read as the training rows were.

        Args:
            table: The table.
            name: Its name in messages.
            progress: Told of the rows that are read.

        Raises:
            ConfigError, SourceError, DataError: as :meth:`of`.
        """
        frame, is_text = frame_of(table, name, self.declared, progress)
        _check_same_columns(frame, self.real, name)
        frame = frame[list(self.real.columns)]
        return _of_text(frame, self.kinds) if is_text else frame

    def completed_by(self, synthetic: pd.DataFrame) -> Schema:
        """Return the kinds with domains of a synthetic table where none is declared.

        **Guarantee.** A page draws axes and names categories by it: none of them is read off a real row.
        """
        columns = []
        for column in self.kinds:
            found = column
            if column.is_modelled and not column.is_complete:
                found = _with_domain(column, synthetic[column.name])
            columns.append(found)
        return self.kinds.replace(columns)


def frame_of(
    table: object, name: str, schema: Schema | None = None, progress: Progress = silent
) -> tuple[pd.DataFrame, bool]:
    """Return a table of any kind in memory, and true if its cells have no types.

    Args:
        table: Anything that :func:`tabgan.open_table` opens.
        name: Its name in messages.
        schema: Kinds of its columns, as far as they are known.
        progress: Told of the rows that are read.

    Raises:
        ConfigError, SourceError: it cannot be opened, or read to its end.
        DataError: it has no rows or no columns, or names that are not unique text.
    """
    if isinstance(table, str | Path) and is_safetensors(table):
        raise ConfigError(
            f"{name}: expected a table, got a model file. For a model use tabgan evaluate (in Python: "
            "TabGAN.load and its method evaluate), which reports its guarantee too; or tabgan compare."
        )
    if table is None or isinstance(table, bool | int | float | bytes):
        raise DataError(
            f"{name}: expected a table, got {type(table).__name__}. Give a frame, or the path of a file."
        )
    with called(name):
        source = open_table(table, schema=_known(schema, table))
        frame = in_one_frame(source, silent if isinstance(table, pd.DataFrame) else progress)
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise DataError(f"{name}: expected a table with rows and columns, got one of {_size(frame)}.")
    return frame, source.untyped_text


def _known(schema: Schema | None, table: object) -> Schema | None:
    """Return the schema by which a source is read; a frame has types of its own."""
    return None if isinstance(table, pd.DataFrame) else schema


def _size(frame: pd.DataFrame) -> str:
    return f"{len(frame):,} rows and {len(frame.columns):,} columns"


def _kinds(drafted: Schema, declared: Schema) -> Schema:
    """Return declared columns, and drafts of the others, in the table's order.

    Raises:
        SchemaError: a declared column is not in the table.
    """
    lacking = [name for name in declared.names if name not in drafted]
    if lacking:
        raise SchemaError(f"schema: column {lacking[0]!r} is declared, but not in the real table.")
    columns = [
        declared[column.name] if column.name in declared else column.with_(nullable=True)
        for column in drafted
    ]
    return declared.replace(columns)


def _of_text(frame: pd.DataFrame, kinds: Schema) -> pd.DataFrame:
    """Return a table of text as what its columns say, with their dtypes where these can hold the values."""
    read = read_text(frame, kinds)
    for column in kinds:
        series = read[column.name]
        if column.dtype is None or series is frame[column.name] or str(series.dtype) == column.dtype:
            continue
        try:
            read[column.name] = series.astype(column.dtype)
        except (TypeError, ValueError):  # other values than the real table's: the figure on dtypes says so
            continue
    return read


def _check_same_columns(frame: pd.DataFrame, real: pd.DataFrame, name: str) -> None:
    from tabgan.evaluation.tables import listed

    lacking = [each for each in real.columns if each not in frame.columns]
    extra = [str(each) for each in frame.columns if each not in real.columns]
    if lacking or extra:
        found = [f"lacks {listed(lacking)}"] if lacking else []
        found += [f"has {listed(extra)} besides"] if extra else []
        raise DataError(
            f"{name}: expected the columns of the real table, but it {' and '.join(found)}. Add or drop them."
        )


def _with_domain(column: Any, synthetic: pd.Series) -> Any:
    """Return a column with the domain of a synthetic table's values; as it is where they have none."""
    declared = {
        key: value for key in type(column).model_fields if (value := getattr(column, key)) is not None
    }
    try:
        found = column.with_domain_of(synthetic.dropna()).with_(**declared)
        return type(found)(**found.model_dump())
    except (SchemaError, DataError, TypeError, ValueError, ArithmeticError):  # other values than the kind has
        return column


def report(
    real: object,
    holdout: object,
    synthetic: object,
    *,
    schema: Schema | None = None,
    target: str | None = None,
    rules: Sequence[Rule] = (),
    subgroups: Sequence[str] | None = None,
    gate: Gate | Mapping[str, object] | str | None = None,
    title: str = "Report",
    about: Mapping[str, str] | None = None,
    created: str | None = None,
    stated: Mapping[str, str | None] | None = None,
    random_state: int = 0,
    progress: Progress | bool | None = None,
) -> Report:
    """Return the report on a synthetic table, whatever generator made it: figures, pages, and a gate's decision.

    For a model of tabgan use :meth:`~tabgan.TabGAN.evaluate`, whose report has the guarantee too; for figures alone
    :func:`tabgan.evaluate`.

    **Guarantee.** None, and none is claimed for the table: figures are computed on real rows without noise, and the
    report is the internal edition alone. Its axes and categories are declared, or those of the synthetic table; of
    real rows it names categories alone that many of them hold and no synthetic row does, as any internal edition.

    Args:
        real: The rows that the generator was trained on: anything that :func:`tabgan.open_table` opens, such as a frame
            or the path of a file.
        holdout: Rows of the same kind that it never saw.
        synthetic: The table to judge.
        schema: Kinds and domains of columns, and rules, as far as they are known.
        target: The column that models predict; the schema's by default.
        rules: Rules for every row, besides those of the schema.
        subgroups: Columns whose values define groups to report utility for; chosen automatically by default.
        gate: Limits on figures: a :class:`~tabgan.Gate`, a mapping as in YAML, or ``"standard"``, which here has no
            limit on epsilon. A limit on epsilon or delta fails: none is claimed.
        title: Title of the report.
        about: Its description of the generator.
        created: Its printed date; today's date in UTC by default.
        stated: Facts about the original, under ``source``, ``controller`` and ``contact``.
        random_state: Seed of subsamples and models.
        progress: As in :meth:`tabgan.TabGAN.fit`.

    Returns:
        The report, as of a fit: ``decision``, ``evaluation``, ``to_html(path)``, ``to_json(path)``, ``to_pdf(path)``
        and ``to_markdown(path)``. It has no shareable edition.

    Raises:
        ConfigError, SourceError: an argument cannot be used, or a table cannot be read.
        DataError: a table is empty, its columns are not those of the real one, or the holdout is part of it.
        SchemaError: the schema has a column that the tables lack.
    """
    from tabgan.evaluation.gate import NO_GATE, Gate  # as evaluate, not on top

    said = Stated.of(stated or {})
    check_progress(progress)
    with told(progress) as tell:
        tables = RealTables.of(real, holdout, schema, tell)
        judged = tables.read(synthetic, "synthetic", tell)
    target = target if target is not None else tables.declared.target
    limits = Gate.of(gate, has_target=target is not None)
    limits = limits.figures if limits is not None and gate == "standard" else limits
    given: Any = {"target": target, "rules": rules, "subgroups": subgroups, "random_state": random_state}
    evaluation = evaluation_of(tables, judged, progress=progress, **given)
    decision = NO_GATE if limits is None else limits.decide(evaluation, None, needs_guarantee=False)
    data = collect(
        evaluation,
        tables.real,
        tables.holdout,
        judged,
        privacy=NO_CLAIM,
        schema=tables.completed_by(judged),
        title=title,
        model=about,
        target=target,
        created=created or today(),
        stated=said,
        decision=decision,
        origin="other",
    )
    return Report(data)


def evaluation_of(
    tables: RealTables,
    synthetic: pd.DataFrame,
    *,
    target: str | None,
    rules: Sequence[Rule] = (),
    subgroups: Sequence[str] | None = None,
    random_state: int = 0,
    progress: Progress | bool | None = None,
) -> Evaluation:
    """Return the figures of a table that was read by :meth:`RealTables.read`; see :func:`report`.

    Cells are judged by what is declared, and where nothing is, by the real rows.
    """
    from tabgan.evaluation import evaluate  # not on top: sdmetrics takes seconds to import

    return evaluate(
        tables.real,
        tables.holdout,
        synthetic,
        schema=tables.completed_by(synthetic),
        target=target,
        rules=rules,
        subgroups=subgroups,
        random_state=random_state,
        declared=tables.declared,
        progress=progress,
        refuses_overlap=True,
    )
