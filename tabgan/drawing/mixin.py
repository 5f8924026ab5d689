"""The sampling half of a synthesizer: its rows, with or without conditions, and rows that it completes."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypedDict, Unpack, overload

import pandas as pd

from tabgan._util import validate
from tabgan._util.progress import Progress, told
from tabgan._util.rng import RandomStreams
from tabgan.drawing.completion import completed
from tabgan.drawing.kept import has_uniqueness
from tabgan.drawing.keyed import source_of
from tabgan.drawing.proportions import shares_of
from tabgan.drawing.ray_shards import drawn_on_ray
from tabgan.drawing.rows import (
    EFFECTIVE,
    TableSource,
    imputing,
    label_of_sample,
    say_that_rows_repeat,
)
from tabgan.drawing.stream import ROWS_PER_FILE, WORTH_PROCESSES, Manifest, write_alone, write_stream
from tabgan.errors import ConfigError, NotFittedError, is_told, without_cells
from tabgan.fitting.modelfile import Fitted
from tabgan.io import answer_as, check_answer, check_writable
from tabgan.io.answers import AnyTable, TableT
from tabgan.io.part_files import compression_of, form_of_parts
from tabgan.model.sampling import BATCH_SIZE
from tabgan.table.conditions import conditions_of
from tabgan.table.headings import as_named
from tabgan.table.labels import check_label_column, labelled, with_label_column
from tabgan.table.partial import check_rows, partial_rows
from tabgan.table.shared import with_shared
from tabgan.table.solving import with_solved

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    import pyarrow as pa

logger = logging.getLogger(__name__)


class SampleOptions(TypedDict, total=False):
    """Arguments of a sample that leave open what kind of table it is."""

    conditions: Mapping[str, object] | None
    proportions: Mapping[str, object] | None
    impute: bool
    random_state: int | None
    label_column: str | None


class PartOptions(SampleOptions, total=False):
    """The same, with the number of rows as a part of the table's."""

    frac: float | None


class SamplerMixin(Generic[TableT]):
    """Methods of a fitted synthesizer that draw rows. They cost no privacy: everything they use is released.

    Attributes:
        random_state: Seed of samples that are given none.
    """

    random_state: int | None
    _fitted: Fitted
    _times_sampled: int

    @overload
    def sample(self, n: int | None = ..., *, as_: None = None, **options: Unpack[PartOptions]) -> TableT: ...

    @overload
    def sample(
        self, n: int | None = ..., *, as_: Literal["pandas"], **options: Unpack[PartOptions]
    ) -> pd.DataFrame: ...

    @overload
    def sample(
        self, n: int | None = ..., *, as_: Literal["arrow"], **options: Unpack[PartOptions]
    ) -> pa.Table: ...

    @overload
    def sample(
        self, n: int | None = ..., *, as_: Literal["polars"], **options: Unpack[PartOptions]
    ) -> pl.DataFrame: ...

    @overload
    def sample(
        self, n: int | None = ..., *, as_: Literal["duckdb"], **options: Unpack[PartOptions]
    ) -> duckdb.DuckDBPyRelation: ...

    @overload
    def sample(
        self, n: int | None = ..., *, as_: str | None, **options: Unpack[PartOptions]
    ) -> TableT | AnyTable: ...

    def sample(
        self,
        n: int | None = None,
        *,
        frac: float | None = None,
        conditions: Mapping[str, object] | None = None,
        proportions: Mapping[str, object] | None = None,
        impute: bool = False,
        random_state: int | None = None,
        label_column: str | None = None,
        as_: str | None = None,
    ) -> object:
        """Return ``n`` synthetic rows. ``attrs["tabgan.synthetic"]`` of the table says that it is synthetic.

        They are the same kind of thing as the table of the fit: an Arrow table for Arrow's, a Polars frame for Polars',
        a relation for DuckDB's, a dataset of Ray for Ray's, a pandas frame for all others. The metadata of an Arrow
        table hold what ``attrs`` holds of a frame. Type checkers know it from ``as_`` or, but for DuckDB and Ray,
        from the argument of ``fit``; without either they expect a frame.

        Args:
            n: Number of rows, at least 0.
            frac: The number of rows as a part of the table's, in place of ``n``: 1 for as many, 0.1 for a tenth. Of a
                private fit the table's number is the noisy one that was released, ``n_rows_``.
            conditions: Conditions by column, which every row meets: a value; ``None`` for missing;
                :class:`~tabgan.Between`, or ``{"min": ..., "max": ...}``, for a range of numbers, moments, durations or
                ordered categories; ``{"missing": False}`` for any value; or a list of all of these. The rows have the
                model's conditional distribution. ``attrs["effective_sample_size"]`` of the result is the number of
                independent rows that they are worth in the columns up to the last one with a condition, and a warning
                says if it is below ``n``.
            proportions: Shares of a column's values, ``{"sex": {"female": 0.5, "male": 0.5}}``, met exactly up to
                rounding; what they leave of 1 goes to all other values as in the model. Or ``{"age": [{"value":
                Between(18, 39), "share": 0.5}, ...]}``. In each part, rows have the model's conditional distribution.
                Shares of several columns are met at once, by raking: every combination of parts has the share that
                is nearest to the model's, and ``attrs["effective_sample_size"]`` says on how many rows that rests.
            impute: True for rows without missing values: where the model would draw a missing cell, it draws one of
                its values instead, given the rest of the row. Columns of which no value was released stay missing.
            random_state: Seed of this sample; ``None`` takes the model's. If both are ``None``, each call returns
                different rows; a seed returns the same rows each time, so pass another one for more rows.
            label_column: Name of a further column, true in every row, that says the same.
            as_: ``"pandas"``, ``"arrow"``, ``"polars"``, ``"duckdb"`` or ``"ray"``, for another kind of thing.

        Raises:
            NotFittedError: ``fit`` was not called.
            ConfigError, SchemaError, DataError: ``n``, a condition or a share cannot be met.
            ConditionError: a condition practically never holds under the model; its ``share`` is the estimated one.
        """
        fitted = self._check_fitted()
        form, n = fitted.answer, _number_of(n, frac, fitted.n_rows)
        kind = check_answer(as_, form.kind)
        batches = list(
            self._batches(n, BATCH_SIZE, conditions, proportions, impute, random_state, label_column)
        )
        if len(batches) == 1:
            return answer_as(batches[0], kind, form)
        table = pd.concat(batches, ignore_index=True)
        if EFFECTIVE in batches[0].attrs:
            table.attrs[EFFECTIVE] = sum(batch.attrs[EFFECTIVE] for batch in batches)
        return answer_as(table, kind, form)

    @overload
    def sample_batches(
        self, n: int, batch_size: int = 100_000, *, as_: None = None, **options: Unpack[SampleOptions]
    ) -> Iterator[TableT]: ...

    @overload
    def sample_batches(
        self, n: int, batch_size: int = 100_000, *, as_: Literal["pandas"], **options: Unpack[SampleOptions]
    ) -> Iterator[pd.DataFrame]: ...

    @overload
    def sample_batches(
        self, n: int, batch_size: int = 100_000, *, as_: Literal["arrow"], **options: Unpack[SampleOptions]
    ) -> Iterator[pa.Table]: ...

    @overload
    def sample_batches(
        self, n: int, batch_size: int = 100_000, *, as_: Literal["polars"], **options: Unpack[SampleOptions]
    ) -> Iterator[pl.DataFrame]: ...

    @overload
    def sample_batches(
        self, n: int, batch_size: int = 100_000, *, as_: Literal["duckdb"], **options: Unpack[SampleOptions]
    ) -> Iterator[duckdb.DuckDBPyRelation]: ...

    @overload
    def sample_batches(
        self, n: int, batch_size: int = 100_000, *, as_: str | None, **options: Unpack[SampleOptions]
    ) -> Iterator[TableT | AnyTable]: ...

    def sample_batches(
        self,
        n: int,
        batch_size: int = 100_000,
        *,
        conditions: Mapping[str, object] | None = None,
        proportions: Mapping[str, object] | None = None,
        impute: bool = False,
        random_state: int | None = None,
        label_column: str | None = None,
        as_: str | None = None,
    ) -> Iterator[object]:
        """Return an iterator over tables of at most ``batch_size`` rows, ``n`` rows in total; see :meth:`sample`."""
        form = self._check_fitted().answer
        kind = check_answer(as_, form.kind)
        tables = self._batches(n, batch_size, conditions, proportions, impute, random_state, label_column)
        return (answer_as(table, kind, form) for table in tables)

    def _batches(
        self,
        n: int,
        batch_size: int,
        conditions: Mapping[str, object] | None,
        proportions: Mapping[str, object] | None,
        impute: bool,
        random_state: int | None,
        label_column: str | None,
    ) -> Iterator[pd.DataFrame]:
        """Return an iterator over tables with names and without an index; see :meth:`sample`."""
        fitted = self._check_fitted()
        n = validate.integer_at_least("n", n, 0)
        batch_size = validate.integer_at_least("batch_size", batch_size, 1)
        impute = validate.true_or_false("impute", impute)
        if proportions is None:
            source: TableSource = source_of(fitted, conditions, impute)
        else:
            stated = conditions_of(conditions, fitted.encoder.schema.names)
            source = shares_of(imputing(fitted) if impute else fitted, proportions, stated)
        check_label_column(label_column, fitted.encoder.schema.names)
        return self._told(source, n, batch_size, self._streams(random_state), label_column)

    def _told(
        self,
        source: TableSource,
        n: int,
        batch_size: int,
        streams: RandomStreams,
        label_column: str | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Return an iterator over tables; after the last one, the log says if rows repeat."""
        worth, label = 0.0, label_of_sample(self._check_fitted(), n)
        for table in source.tables(n, batch_size, streams):
            worth += table.attrs.get(EFFECTIVE, len(table))
            whole = table.copy()  # one block of memory a type
            yield labelled(with_label_column(whole, label_column), label)
        say_that_rows_repeat(worth, n)

    def sample_to(
        self,
        path: str | Path,
        n: int,
        *,
        format: str | None = None,
        rows_per_file: int = ROWS_PER_FILE,
        compression: str | None = None,
        separator: str | None = None,
        decimal: str | None = None,
        encoding: str | None = None,
        escape_formulas: bool = False,
        conditions: Mapping[str, object] | None = None,
        impute: bool = False,
        random_state: int | None = None,
        workers: int | None = None,
        executor: str = "local",
        progress: Progress | bool | None = None,
    ) -> Manifest:
        """Write ``n`` synthetic rows to files as they are drawn, in bounded memory.

        A path that ends in ``.parquet``, ``.csv``, ``.csv.gz`` or ``.arrow`` is one file; any other is a folder of
        files ``part-00000.parquet`` and so on, with a ``manifest.json`` that holds the SHA-256 of each. A file appears
        when it is complete. The same call again on a folder writes the files that it lacks, so that a killed one
        resumes. Rows depend on the seed alone, not on ``rows_per_file``, ``workers`` or interruptions; they are not
        those of :meth:`sample`.

        Args:
            path: The file, or the folder.
            n: Number of rows, at least 0.
            format: ``"parquet"`` (by default), ``"csv"`` or ``"arrow"`` for the files of a folder.
            rows_per_file: Rows of each file of a folder, at least 1; by default 2**20. Multiples of 65,536 are fastest.
            compression: Of Parquet ``"zstd"`` (by default), ``"snappy"``, ``"gzip"`` or ``"none"``; of CSV ``"none"``
                or ``"gzip"``; of Arrow ``"none"``, ``"zstd"`` or ``"lz4"``.
            separator: Character between a CSV's fields; by default a comma.
            decimal: A CSV's decimal mark, ``"."`` (by default) or ``","``.
            encoding: A CSV's encoding; by default UTF-8.
            escape_formulas: Flag: in a CSV, put an apostrophe before text that a spreadsheet would run as a formula.
            conditions: As in :meth:`sample`.
            impute: As in :meth:`sample`.
            random_state: As in :meth:`sample`. If both seeds are ``None``, the folder's manifest keeps the one drawn.
            workers: Processes that write files; by default one for each core if there are rows and files enough.
            executor: ``"local"``, or ``"ray"``: files are drawn by tasks on a cluster of Ray, and are the same to the
                byte; one of a lost node is drawn again. ``workers`` is then the most of them at once.
            progress: Called as ``progress("sample", rows, n)``; by default bars on a terminal or in a notebook,
                which ``False`` turns off.

        Returns:
            The manifest: the files with their rows and digests.

        Raises:
            NotFittedError: ``fit`` was not called.
            ConfigError: an argument is out of its range; the folder holds something else; a file cannot be written.
            SchemaError, DataError: a condition cannot be met, or the format cannot hold a column.
        """
        fitted, path = self._check_fitted(), Path(path)
        n, rows_per_file = (
            validate.integer_at_least(name, value, least)
            for name, value, least in (("n", n, 0), ("rows_per_file", rows_per_file, 1))
        )
        alone = _format_of(path)
        if alone is not None and format not in (None, alone[0]):
            raise ConfigError(
                f"format: expected {alone[0]}, as {path.name!r} ends, got {validate.shown(format)}."
            )
        format = format or (alone[0] if alone else "parquet")
        compression = compression_of(format, compression or (alone[1] if alone else None))
        dialect = {"separator": separator, "decimal": decimal, "encoding": encoding}
        form = form_of_parts(format, dialect, escape_formulas)
        wanted = {"conditions": conditions, "impute": validate.true_or_false("impute", impute)}
        source = source_of(fitted, **wanted)  # type: ignore[arg-type]
        on_ray = self._is_on_ray(executor, alone is not None)
        stated = sorted(conditions_of(conditions, fitted.encoder.schema.names).items())
        seed = self.random_state if random_state is None else random_state
        check_writable(path.parent)
        with told(progress) as tell, tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model.tabgan"
            self.save(model)
            manifest = Manifest(
                model=hashlib.sha256(model.read_bytes()).hexdigest(),
                n_rows=n,
                rows_per_file=max(n, 1) if alone else rows_per_file,
                format=format,
                compression=compression,
                form=form,
                request=f"{stated!r}{', imputed' if impute else ''}",
                seed=RandomStreams(seed).entropy,
            )
            if alone:
                return write_alone(source, path, manifest, tell)
            elsewhere = None
            if on_ray:
                elsewhere = partial(drawn_on_ray, model.read_bytes(), wanted, workers)
            return write_stream(
                source,
                model,
                wanted,
                path,
                manifest,
                seed is not None,
                self._workers(manifest, workers),
                tell,
                elsewhere,
            )

    def _is_on_ray(self, executor: str, is_alone: bool) -> bool:
        """Return true if files are drawn on a cluster of Ray.

        Raises:
            ConfigError: there is no such executor; or the sample is one file, or rows depend on those before.
        """
        if validate.one_of("executor", executor, ("local", "ray")) == "local":
            return False
        if is_alone:
            raise ConfigError(
                "executor: expected a folder for ray, whose tasks write a file each, got one file."
            )
        if has_uniqueness(self._fitted.encoder):
            raise ConfigError(
                "executor: expected local, since the schema has a rule of uniqueness: each row depends on those before."
            )
        return True

    def _workers(self, manifest: Manifest, workers: int | None) -> int:
        """Return the number of processes that write files.

        Raises:
            ConfigError: ``workers`` is not a number above 0.
        """
        if workers is not None:
            workers = validate.integer_at_least("workers", workers, 1)
            if workers > 1 and has_uniqueness(self._fitted.encoder):
                raise ConfigError(
                    "workers: expected 1, since the schema has a rule of uniqueness: each row depends on those before."
                )
            return workers
        if has_uniqueness(self._fitted.encoder):
            return 1  # each row depends on those before it
        is_worth_it = manifest.n_rows >= WORTH_PROCESSES and self._fitted.generator.device.type == "cpu"
        return len(os.sched_getaffinity(0)) if is_worth_it else 1

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Write the model to one file."""

    def complete(
        self, rows: pd.DataFrame, *, unknown: str = "error", random_state: int | None = None
    ) -> pd.DataFrame:
        """Return whole rows around given cells: columns that are left out, and missing cells, are drawn given the rest.

        The result has the model's columns and dtypes, and the index and order of ``rows``; given cells are as they
        were. Missing cells of the result are the model's. Cells of columns that rules compute or merge may be given
        like any others. Rows that break a rule of the schema are drawn anew, around their given cells.

        **Guarantee.** None for the result beyond that of ``rows``: it holds them. The model stays as it is, and
        nothing is charged.

        Args:
            rows: A table with some of the model's columns, or all; a missing cell is one to draw.
            unknown: The fate of a given cell that the model has no place for, such as a number out of the released
                range, and of given cells that break a rule by themselves: ``"error"`` refuses them, ``"ignore"`` keeps
                them, and no other cell depends on a cell without a place.
            random_state: Seed, as of :meth:`sample`.

        Raises:
            NotFittedError: ``fit`` was not called.
            ConfigError, SchemaError, DataError: an argument or a column cannot be used; no cell is quoted. Or no drawn
                row keeps the rules beside the given cells of some, and the message says of how many.
        """
        return self._completed(rows, unknown, random_state, imputes=False)

    def impute(
        self, rows: pd.DataFrame, *, unknown: str = "error", random_state: int | None = None
    ) -> pd.DataFrame:
        """Return whole rows as :meth:`complete` does, without missing cells among those that are drawn.

        Columns of which no value was released stay missing, and the log names them.
        """
        return self._completed(rows, unknown, random_state, imputes=True)

    def _completed(
        self, rows: pd.DataFrame, unknown: str, random_state: int | None, *, imputes: bool
    ) -> pd.DataFrame:
        """Return whole rows; another library's error about a cell keeps its type and loses its message."""
        try:
            return self._filled(rows, unknown, random_state, imputes)
        except Exception as error:
            if is_told(error):
                raise
            told = without_cells(error)
        raise told

    def _filled(
        self, rows: pd.DataFrame, unknown: str, random_state: int | None, imputes: bool
    ) -> pd.DataFrame:
        fitted = self._check_fitted()
        unknown = validate.one_of("unknown", unknown, ("error", "ignore"))
        headings = fitted.answer.headings
        rows = as_named(rows, headings)
        check_rows(fitted.encoder, rows)
        encoder, ignores, keys = fitted.encoder, unknown == "ignore", None
        if encoder.key is not None:
            rows, keys = with_shared(
                rows, encoder.schema, encoder.key, encoder.shared, ignores_unknown=ignores
            )
        partial = partial_rows(encoder, with_solved(rows, encoder), ignores_unknown=ignores)
        whole = completed(fitted, partial, self._streams(random_state), imputes=imputes, keys=keys)
        return whole if headings is None else headings.shown(whole)

    def _streams(self, random_state: int | None) -> RandomStreams:
        """Return the random streams of a sample."""
        if random_state is None:
            self._say_that_samples_repeat()
        return RandomStreams(self.random_state if random_state is None else random_state)

    def _say_that_samples_repeat(self) -> None:
        """Log, once per fit, that a second sample with the model's own seed repeats the rows of the first."""
        times = self.__dict__.get("_times_sampled", 0) + 1
        self._times_sampled = times
        if times == 2 and self.random_state is not None:
            logger.warning(
                "sample: with the model's random_state=%s each sample begins with the same rows. Pass random_state for "
                "different ones.",
                self.random_state,
            )

    def _check_fitted(self) -> Fitted:
        fitted: Fitted | None = getattr(self, "_fitted", None)
        if fitted is None:
            raise NotFittedError("TabGAN: not fitted yet. Call fit, or load a model.")
        return fitted


#: The most times a table's rows that ``frac`` may ask for.
MOST_TIMES = 1e6

#: Format and compression of a file by its suffix.
_SUFFIXES = {
    ".parquet": ("parquet", None),
    ".csv": ("csv", None),
    ".csv.gz": ("csv", "gzip"),
    ".arrow": ("arrow", None),
}


def _number_of(n: int | None, frac: float | None, n_rows: float) -> int:
    """Return the number of rows that is asked for, itself or as a part of the table's.

    Raises:
        ConfigError: both are given, or none, or one is out of its range.
    """
    if frac is None:
        if n is None:
            raise ConfigError(
                "n: expected a number of rows, got None. Give n, or frac=1.0 for as many as the table."
            )
        return validate.integer_at_least("n", n, 0)
    if n is not None:
        raise ConfigError(
            f"frac: expected n or frac, got both: {validate.shown(n)} and {validate.shown(frac)}."
        )
    part = validate.real_in("frac", frac, 0.0, MOST_TIMES, open_low=False, open_high=False)
    return max(round(part * n_rows), 0)


def _format_of(path: Path) -> tuple[str, str | None] | None:
    """Return format and compression of a file, ``None`` for a folder.

    Raises:
        ConfigError: the name looks like a file of another format.
    """
    if path.is_dir() or not path.suffix:
        return None
    for suffix, found in _SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return found
    raise ConfigError(
        f"output: expected a folder, or a name ending in {', '.join(_SUFFIXES)}, got {path.name!r}."
    )
