"""Files of a sample, drawn by tasks on a cluster of Ray: the same ones, to the byte, as this machine draws.

A file depends on the model, the seed and its number alone, so that a task that was lost is run again. All that travels
is public: the model, the request, and files of synthetic rows, to machines that do not share the folder.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from tabgan._util.files import atomic_path, sweep
from tabgan._util.ray_cluster import SharedPlace, cancel, connected, shared_place, submitted, taken
from tabgan.drawing.keyed import source_of
from tabgan.drawing.rows import RowSource
from tabgan.drawing.stream import Chunks, FileJob, PartFile, write_file
from tabgan.errors import ConfigError, DataError
from tabgan.fitting.modelfile import read_model

#: Files that wait for each core at most, one of which it writes.
_AHEAD = 2

#: The rows of the model that this process has used last, by digest and request.
_there: dict[tuple[str, str], RowSource] = {}


def drawn_on_ray(
    model: bytes, wanted: Mapping[str, object], workers: int | None, jobs: list[FileJob]
) -> Iterator[PartFile]:
    """Yield files as they are finished.

    Args:
        model: The model's file.
        wanted: Arguments of :func:`source_of` that make the rows.
        workers: Files that are drawn at once at most; ``None`` for as many as the cluster has cores for.
        jobs: The files to write.

    Raises:
        ConfigError: Ray's cluster cannot be reached, or nodes have other versions; or a file cannot be written.
        DataError: see :func:`write_file`; or nodes were lost again and again.
    """
    with connected() as ray, shared_place(jobs[0].folder) as place:
        stored, rest = ray.put(model), iter(jobs)
        n_cores = int(ray.cluster_resources().get("CPU", 1))
        most = workers or max(_AHEAD * n_cores, 1)
        running: dict[Any, FileJob] = {}
        try:
            while True:
                for job in islice(rest, most - len(running)):
                    name = f"sample {job.name}"
                    running[submitted(ray, _write_there, stored, dict(wanted), job, place, name=name)] = job
                if not running:
                    return
                done, _ = ray.wait(list(running))
                for reference in done:
                    job = running.pop(reference)
                    yield _arrived(job, *taken(ray, reference, "sample"))
        except BaseException:
            with suppress(Exception):
                cancel(ray, running)
            raise


def _arrived(job: FileJob, file: PartFile, content: bytes | None) -> PartFile:
    """Return a file, once it is in its folder.

    Raises:
        ConfigError: the file cannot be written.
        DataError: the file has arrived damaged.
    """
    if content is None:
        return file
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(
            f"sample: {job.name!r} has arrived damaged. Complete files stay: call again to resume."
        )
    path = job.folder / job.name
    sweep(path)
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise ConfigError(
            f"sample: cannot write {str(path)!r}: {error.strerror}. Complete files stay: call again to resume."
        ) from None
    return file


def _write_there(
    model: bytes, wanted: Mapping[str, Any], job: FileJob, place: SharedPlace
) -> tuple[PartFile, bytes | None]:
    """Write a file on a node: into the folder if it is shared, else into a folder of its own, with its content.

    Raises:
        ConfigError, DataError: see :func:`write_file`.
    """
    chunks = Chunks(_source(model, wanted, job.manifest.model), job.manifest)
    if (place.folder / place.mark).exists():
        return write_file(chunks, replace(job, folder=place.folder)), None
    with tempfile.TemporaryDirectory() as folder:
        file = write_file(chunks, replace(job, folder=Path(folder)))
        return file, (Path(folder) / job.name).read_bytes()


def _source(model: bytes, wanted: Mapping[str, Any], digest: str) -> RowSource:
    """Return the rows of a model, which this process keeps for its next file."""
    key = (digest, repr(sorted(wanted.items())))
    if key not in _there:
        torch.set_num_threads(1)  # a task has a core
        _there.clear()
        with tempfile.NamedTemporaryFile(suffix=".tabgan") as file:
            file.write(model)
            file.flush()
            fitted, _ = read_model(Path(file.name), torch.device("cpu"))
        _there[key] = source_of(fitted, **wanted).in_dictionaries()
    return _there[key]
