"""Files of synthetic rows in bounded memory, any number of rows: by several processes, and resumed where one stopped.

Rows are drawn in chunks of ``CHUNK``, each from random streams of its own. So a row depends on the seed and its number
alone, not on the files, the processes, or the interruptions between.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import torch

from tabgan._util.files import atomic_path, parse, sweep
from tabgan._util.processes import Worker, WorkerLostError, end_all, first_ready
from tabgan._util.progress import Progress, silent
from tabgan._util.rng import RandomStreams
from tabgan.columns.filling import Filling
from tabgan.drawing.kept import Memory, has_uniqueness
from tabgan.drawing.keyed import source_of
from tabgan.drawing.rows import EFFECTIVE, RowSource, label_of_sample, say_that_rows_repeat
from tabgan.errors import ConfigError, DataError, OutOfMemoryError, lacks_memory
from tabgan.fitting.modelfile import read_model
from tabgan.io.part_files import part_sink, suffix_of, types_of
from tabgan.io.sinks import write_label
from tabgan.table.labels import LABEL, to_json

#: Rows that are drawn from the random streams of one chunk.
CHUNK = 65_536

#: Rows of each file of a folder unless asked otherwise: whole chunks, so that none is drawn for two files.
ROWS_PER_FILE = 16 * CHUNK

#: Name of the file that describes the others, and the version of its form.
MANIFEST, VERSION = "manifest.json", 1

#: Rows above which several processes pay for their start.
WORTH_PROCESSES = 1_000_000


@dataclass(frozen=True)
class PartFile:
    """One finished file.

    Attributes:
        name: Its name in the folder.
        rows: Rows that it holds.
        bytes: Its size.
        sha256: The digest of its bytes in hexadecimal.
    """

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The description of a sample in files: the content of ``manifest.json``.

    Attributes:
        model: SHA-256 of the model's file.
        n_rows: Rows in all.
        rows_per_file: Rows of each file but the last.
        format: ``"parquet"``, ``"csv"`` or ``"arrow"``.
        compression: That of the format.
        form: Separator, decimal mark and encoding of a CSV.
        request: Conditions and the like, in words; equal for equal requests.
        seed: The seed, asked for or drawn.
        files: The finished files, in order.
    """

    model: str
    n_rows: int
    rows_per_file: int
    format: str
    compression: str
    form: Mapping[str, str]
    request: str
    seed: int
    files: tuple[PartFile, ...] = ()

    @property
    def n_files(self) -> int:
        """Files in all, finished or not."""
        return max(math.ceil(self.n_rows / self.rows_per_file), 1)

    @property
    def is_complete(self) -> bool:
        """True if every file is finished."""
        return len(self.files) == self.n_files

    def rows_of(self, number: int) -> range:
        """Return the numbers of the rows of a file."""
        first = number * self.rows_per_file
        return range(first, min(first + self.rows_per_file, self.n_rows))

    def name_of(self, number: int) -> str:
        """Return the name of a file."""
        return f"part-{number:05d}{suffix_of(self.format, self.compression)}"

    def to_dict(self) -> dict[str, object]:
        """Return plain data."""
        return {"version": VERSION, "synthetic": True, **asdict(self), "is_complete": self.is_complete}

    def _is_of_same(self, other: Manifest) -> bool:
        """Return true if two manifests describe the same rows in the same files."""
        return replace(self, files=()) == replace(other, files=())

    @classmethod
    def _of_dict(cls, data: Any) -> Manifest:
        """Return the manifest of plain data.

        Raises:
            KeyError, TypeError, ValueError: the data are not a manifest's.
        """
        if data["version"] != VERSION:
            raise ValueError
        kept = {key: data[key] for key in cls.__dataclass_fields__}
        return cls(**kept | {"files": tuple(PartFile(**each) for each in kept["files"])})


@dataclass(frozen=True)
class FileJob:
    """All that a process needs to write one file.

    Attributes:
        folder: Folder of the files.
        manifest: Their description.
        number: The file's number.
        name: Its name.
        types: Arrow types of the columns.
    """

    folder: Path
    manifest: Manifest
    number: int
    name: str
    types: pa.Schema = field(repr=False)


@contextmanager
def _memory_told() -> Iterator[None]:
    """Raise this package's error if memory is short; also a decorator.

    Raises:
        OutOfMemoryError: memory is short.
    """
    try:
        yield
    except Exception as error:
        if not lacks_memory(error) or isinstance(error, OutOfMemoryError):
            raise
        raise OutOfMemoryError(
            "sample: memory was not enough. Complete files stay: call again with fewer workers, or where more is free."
        ) from None


@_memory_told()
def write_stream(
    source: RowSource,
    model_file: Path,
    wanted: Mapping[str, object],
    folder: Path,
    manifest: Manifest,
    is_seeded: bool,
    workers: int,
    progress: Progress,
    elsewhere: Callable[[list[FileJob]], Iterator[PartFile]] | None = None,
) -> Manifest:
    """Write a sample as files of a folder, and return its complete manifest.

    A file appears under its name when it is complete. If the folder holds some files of the same request, the others
    are written.

    Args:
        source: The rows.
        model_file: The model that they are of, for other processes.
        wanted: Arguments of :func:`source_of` that make them, for other processes.
        folder: The folder; created if needed.
        manifest: The request; its seed counts unless an unseeded request resumes.
        is_seeded: True if a seed was asked for.
        workers: Processes, at least 1.
        progress: Called with ``"sample"``, the rows written, and all rows.
        elsewhere: A function that has other machines write files, and yields each finished one; ``None`` for none.

    Raises:
        ConfigError: the folder holds files of another request, is in use, or cannot be written.
        DataError: see :meth:`RowSource.tables`; or a process ended, as for lack of memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _held(folder):
        sweep(folder / MANIFEST)
        manifest = _resumed(folder, manifest, is_seeded)
        _keep(folder, manifest)
        done = {file.name: file for file in manifest.files}
        lacking = [n for n in range(manifest.n_files) if manifest.name_of(n) not in done]
        if not lacking:
            progress("sample", manifest.n_rows, manifest.n_rows)
            return manifest
        n_processes = min(workers, len(lacking)) if elsewhere is None else 1
        with _processes(n_processes, model_file, wanted) as pool:
            chunks, types = _begun(source, manifest)  # while the processes start
            jobs = [FileJob(folder, manifest, number, manifest.name_of(number), types) for number in lacking]
            for file in _written(chunks, jobs, pool) if elsewhere is None else elsewhere(jobs):
                done[file.name] = file
                manifest = replace(manifest, files=tuple(done[name] for name in sorted(done, key=_number)))
                _keep(folder, manifest)
                progress("sample", sum(each.rows for each in done.values()), manifest.n_rows)
    return manifest


@_memory_told()
def write_alone(source: RowSource, path: Path, manifest: Manifest, progress: Progress) -> Manifest:
    """Write a sample as one file, which appears when it is complete, and return its manifest.

    Raises:
        ConfigError, DataError: see :func:`write_file`.
    """
    chunks, types = _begun(source, manifest)
    job = FileJob(path.parent, manifest, 0, path.name, types)
    file = write_file(chunks, job, progress)
    if manifest.format == "csv":
        write_label(label_of_sample(source.fitted, manifest.n_rows), path)
    return replace(manifest, files=(file,))


def _begun(source: RowSource, manifest: Manifest) -> tuple[Chunks, pa.Schema]:
    """Return the chunks of a sample, and its Arrow types by the first one, with the label that says it is synthetic."""
    first = Chunks(source, manifest).table(0)
    say_that_rows_repeat(first.attrs.get(EFFECTIVE, len(first)), len(first))
    types = types_of(first)
    label = to_json(label_of_sample(source.fitted, manifest.n_rows))
    types = types.with_metadata({**(types.metadata or {}), LABEL: label})
    return Chunks(source.in_dictionaries(), manifest, {0: first}), types


def _number(name: str) -> int:
    return int(name.removeprefix("part-").partition(".")[0])


@contextmanager
def _processes(n: int, model_file: Path, wanted: Mapping[str, object]) -> Iterator[Sequence[Worker]]:
    """Yield processes that write files: none where this one suffices.

    Raises:
        DataError: one of them could not be started, or ended.
    """
    pool: list[Worker] = []
    try:
        for _ in range(n if n > 1 else 0):
            pool.append(Worker(_open_model, model_file, dict(wanted)))
        yield pool
    except WorkerLostError:
        raise DataError(
            "sample: a process that wrote a file ended, as it does for lack of memory. Complete files stay: call "
            "again with fewer workers."
        ) from None
    finally:
        end_all(pool)


def _written(chunks: Chunks, jobs: Sequence[FileJob], pool: Sequence[Worker]) -> Iterator[PartFile]:
    """Return an iterator over files, each once it is written: by processes, or here if there are none."""
    if not pool:
        for job in jobs:
            yield write_file(chunks, job)
        return
    rest, idle, busy = iter(jobs), list(pool), list[Worker]()
    while True:
        for worker, job in zip(list(idle), rest, strict=False):
            worker.ask(_write_there, job)
            idle.remove(worker)
            busy.append(worker)
        if not busy:
            return
        ready = first_ready(busy)
        file: PartFile = ready.answer()
        busy.remove(ready)
        idle.append(ready)
        yield file


#: The rows of this process, if it is one of several.
_there: dict[str, RowSource] = {}


def _open_model(model_file: Path, wanted: Mapping[str, Any]) -> None:
    """Prepare a process that writes files."""
    torch.set_num_threads(1)  # each of the processes has a core
    fitted, _ = read_model(model_file, torch.device("cpu"))
    _there["source"] = source_of(fitted, **wanted).in_dictionaries()


def _write_there(job: FileJob) -> PartFile:
    """Write a file in a process of its own."""
    return write_file(Chunks(_there["source"], job.manifest), job)


@_memory_told()
def write_file(chunks: Chunks, job: FileJob, progress: Progress = silent) -> PartFile:
    """Write one file, chunk by chunk, and return its description.

    ``progress`` is called with ``"sample"``, the rows written, and all rows of the file.

    Raises:
        ConfigError: it cannot be written, as on a full disk; the file does not appear.
        DataError: see :meth:`RowSource.tables`.
        OutOfMemoryError: the process has too little memory; the file does not appear.
    """
    manifest, path = job.manifest, job.folder / job.name
    sweep(path)
    try:
        with atomic_path(path) as temporary:
            with part_sink(
                temporary, manifest.format, manifest.compression, manifest.form, job.types
            ) as sink:
                rows, done = manifest.rows_of(job.number), 0
                for part in _parts(chunks, rows):
                    sink.write(part)
                    done += len(part)
                    progress("sample", done, len(rows))
            with temporary.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = temporary.stat().st_size
    except OSError as error:
        raise ConfigError(
            f"sample: cannot write {str(path)!r}: {error.strerror}. Complete files stay: call again to resume."
        ) from None
    return PartFile(path.name, len(manifest.rows_of(job.number)), size, digest)


def _parts(chunks: Chunks, rows: range) -> Iterator[pd.DataFrame]:
    """Return an iterator over the rows of a file, a chunk at a time."""
    for number in range(rows.start // CHUNK, max(math.ceil(rows.stop / CHUNK), 1)):
        chunk, first = chunks.table(number), number * CHUNK
        yield chunk.iloc[max(rows.start - first, 0) : rows.stop - first]


@dataclass
class Chunks:
    """The chunks of a sample. Under a rule of uniqueness each depends on those before, and is drawn after them.

    Attributes:
        source: The rows.
        manifest: Their description.
        drawn: Chunks that were drawn before, each of which is kept until it is asked for.
    """

    source: RowSource
    manifest: Manifest
    drawn: dict[int, pd.DataFrame] = field(default_factory=dict)
    _memory: Memory = field(default_factory=dict)
    _last: tuple[int, pd.DataFrame | None] = (-1, None)

    def table(self, number: int) -> pd.DataFrame:
        """Return the rows of one chunk."""
        if not has_uniqueness(self.source.fitted.encoder):
            before = self.drawn.pop(number, None)
            return before if before is not None else _chunk(self.source, self.manifest, number)
        last, table = self._last
        if number < last:
            self._memory, last = {}, -1
        while table is None or last < number:
            last += 1
            table = _chunk(self.source, self.manifest, last, self._memory)
        self._last = (last, table)
        return table


def _chunk(source: RowSource, manifest: Manifest, number: int, memory: Memory | None = None) -> pd.DataFrame:
    """Return the rows of one chunk."""
    first = number * CHUNK
    size = min(CHUNK, manifest.n_rows - first)
    streams, n_chunks = RandomStreams(manifest.seed), max(math.ceil(manifest.n_rows / CHUNK), 1)
    filling = Filling.of(
        streams.numpy("generated"), first_row=first, part=number, n_parts=n_chunks, n_rows=manifest.n_rows
    )
    (table,) = source.tables(size, CHUNK, streams.child(f"chunk {number}"), filling, memory)
    return table


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock a folder for this process.

    Raises:
        ConfigError: another one has it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(f"sample: another process writes to {str(folder)!r}. Wait for it.") from None
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        os.close(handle)


def _resumed(folder: Path, asked: Manifest, is_seeded: bool) -> Manifest:
    """Return the manifest of a folder if it is of the same request, else the one asked for.

    Raises:
        ConfigError: the folder holds something else.
    """
    path = folder / MANIFEST
    if not path.exists():
        if any(not each.name.startswith(".") for each in folder.iterdir()):
            raise ConfigError(
                f"sample: expected an empty folder, or one of an earlier sample, got {str(folder)!r}. Choose another."
            )
        return asked
    try:
        found = Manifest._of_dict(parse(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        raise ConfigError(
            f"sample: {str(path)!r} is damaged, or of another version. Remove the folder."
        ) from None
    if not found._is_of_same(asked if is_seeded else replace(asked, seed=found.seed)):
        raise ConfigError(
            f"sample: {str(folder)!r} holds a sample of another model, seed or request. Choose another folder, or "
            "remove it."
        )
    kept = tuple(file for file in found.files if _is_there(folder / file.name, file))
    return replace(found, files=kept)


def _is_there(path: Path, file: PartFile) -> bool:
    """Return true if a finished file has the size that it had."""
    return path.is_file() and path.stat().st_size == file.bytes


def _keep(folder: Path, manifest: Manifest) -> None:
    """Write the manifest."""
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest.to_dict(), indent=2) + "\n", encoding="utf-8")
