"""The sampling half of a synthesizer: its rows, with or without conditions."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from tabgan._util import validate
from tabgan._util.progress import Progress, told
from tabgan._util.rng import RandomStreams
from tabgan.drawing.rows import RowSource
from tabgan.drawing.stream import WORTH_PROCESSES, Manifest, write_alone, write_stream
from tabgan.errors import ConfigError, NotFittedError
from tabgan.fitting.modelfile import Fitted
from tabgan.io import check_writable
from tabgan.io.part_files import compression_of, form_of_parts
from tabgan.model.sampling import BATCH_SIZE

logger = logging.getLogger(__name__)


class SamplerMixin:
    """Methods of a fitted synthesizer that draw rows. They cost no privacy: everything they use is released.

    Attributes:
        random_state: Seed of samples that are given none.
    """

    random_state: int | None
    _fitted: Fitted
    _times_sampled: int

    def sample(
        self, n: int, *, conditions: Mapping[str, object] | None = None, random_state: int | None = None
    ) -> pd.DataFrame:
        """Return ``n`` synthetic rows.

        Args:
            n: Number of rows, at least 0.
            conditions: Columns with the value that they must have in every row; ``None`` stands for missing.
            random_state: Seed of this sample; ``None`` takes the model's. If both are ``None``, each call returns
                different rows; a seed returns the same rows each time, so pass another one for more rows.

        Raises:
            NotFittedError: ``fit`` was not called.
            ConfigError, SchemaError, DataError: ``n`` or a condition cannot be met.
        """
        batches = list(self.sample_batches(n, BATCH_SIZE, conditions=conditions, random_state=random_state))
        return pd.concat(batches, ignore_index=True) if len(batches) > 1 else batches[0]

    def sample_batches(
        self,
        n: int,
        batch_size: int = 100_000,
        *,
        conditions: Mapping[str, object] | None = None,
        random_state: int | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Return an iterator over tables of at most ``batch_size`` rows, ``n`` rows in total; see :meth:`sample`."""
        fitted = self._check_fitted()
        n = validate.integer_at_least("n", n, 0)
        batch_size = validate.integer_at_least("batch_size", batch_size, 1)
        conditions = {} if conditions is None else conditions
        if not isinstance(conditions, Mapping):
            raise ConfigError(
                f"conditions: expected a mapping from column names to values, got {type(conditions).__name__}."
            )
        source = RowSource.of(fitted, conditions)
        if random_state is None:
            self._say_that_samples_repeat()
        streams = RandomStreams(self.random_state if random_state is None else random_state)
        return source.tables(n, batch_size, streams)

    def sample_to(
        self,
        path: str | Path,
        n: int,
        *,
        format: str | None = None,
        rows_per_file: int = 1_000_000,
        compression: str | None = None,
        separator: str | None = None,
        decimal: str | None = None,
        encoding: str | None = None,
        escape_formulas: bool = False,
        conditions: Mapping[str, object] | None = None,
        random_state: int | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
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
            rows_per_file: Rows of each file of a folder, at least 1.
            compression: Of Parquet ``"zstd"`` (by default), ``"snappy"``, ``"gzip"`` or ``"none"``; of CSV ``"none"``
                or ``"gzip"``; of Arrow ``"none"``, ``"zstd"`` or ``"lz4"``.
            separator: Character between a CSV's fields; by default a comma.
            decimal: A CSV's decimal mark, ``"."`` (by default) or ``","``.
            encoding: A CSV's encoding; by default UTF-8.
            escape_formulas: Flag: in a CSV, put an apostrophe before text that a spreadsheet would run as a formula.
            conditions: As in :meth:`sample`.
            random_state: As in :meth:`sample`. If both seeds are ``None``, the folder's manifest keeps the one drawn.
            workers: Processes that write files; by default one for each core if there are rows and files enough.
            progress: Called as ``progress("sample", rows, n)``; by default bars on a terminal or in a notebook.

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
        conditions = {} if conditions is None else conditions
        source = RowSource.of(fitted, conditions)
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
                request=repr(sorted(conditions.items())),
                seed=RandomStreams(seed).entropy,
            )
            if alone:
                return write_alone(source, path, manifest, tell)
            workers = self._workers(manifest, workers)
            return write_stream(source, model, conditions, path, manifest, seed is not None, workers, tell)

    def _workers(self, manifest: Manifest, workers: int | None) -> int:
        """Return the number of processes that write files.

        Raises:
            ConfigError: ``workers`` is no number above 0.
        """
        if workers is not None:
            return validate.integer_at_least("workers", workers, 1)
        is_worth_it = manifest.n_rows >= WORTH_PROCESSES and self._fitted.generator.device.type == "cpu"
        return len(os.sched_getaffinity(0)) if is_worth_it else 1

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Write the model to one file."""

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


#: Format and compression of a file by its suffix.
_SUFFIXES = {
    ".parquet": ("parquet", None),
    ".csv": ("csv", None),
    ".csv.gz": ("csv", "gzip"),
    ".arrow": ("arrow", None),
}


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
