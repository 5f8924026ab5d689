"""Holders of the blocks of a Ray dataset: actors on the nodes where the blocks lie, each with a private copy of them.

A holder that is lost with its node is started again, and reads its blocks again, which Ray brings back or computes
anew. What it reads then must be what it read before, since counts may have been taken of that.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pyarrow as pa

from tabgan._util.ray_cluster import RETRIES, Failed, connected, guarded, ray_library, versions
from tabgan.columns.values import objects
from tabgan.errors import SourceError
from tabgan.io.arrow_source import of_batches
from tabgan.io.data_source import DataSource
from tabgan.io.remote import told_errors
from tabgan.schema import Schema
from tabgan.table.checks import check_header
from tabgan.table.spooled import SpooledTable, private_folder
from tabgan.table.spread import Held, SpreadTable

if TYPE_CHECKING:
    import ray.actor
    import ray.data

T = TypeVar("T")

_NAME = "Ray dataset"

_LOST = (
    "a node was lost, and its blocks cannot be read again. Read the dataset from files, which Ray reads anew; with a "
    "checkpoint the fit resumes."
)

#: Seconds that holders have to remove their copies at the end; those that do not are swept by the next fit there.
_END = 10.0


def typed_blocks(table: pa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a block with the types of the dataset's schema."""
    same = table if table.schema.equals(schema) else table.select(schema.names).cast(schema)
    yield from same.to_batches()


@dataclass(frozen=True)
class NodePart:
    """A part of a dataset. It comes with each question: a holder that is started again knows nothing else.

    Attributes:
        blocks: Ray's references to its blocks.
        header: The table without its rows.
        types: Arrow's schema of the blocks; ``None`` for blocks of pandas.
        whole: Columns whose distinct values are kept in memory.
        key: Key of the digest by which a holder shows that it has read the same again.
    """

    blocks: Sequence[ray.ObjectRef]
    header: pd.DataFrame
    types: pa.Schema | None
    whole: frozenset[str | None]
    key: bytes


class BlockHolder:
    """A holder of a part, in a process of its own."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._held: Held | None = None
        self._digest = ""

    def answer(
        self,
        asked: Mapping[str, str],
        part: NodePart,
        digest: str | None,
        work: Callable[..., object],
        *arguments: object,
    ) -> object:
        """Return the result of ``work`` on the part, or a failure.

        Args:
            asked: The driver's versions.
            part: The part.
            digest: Its digest when it was first read; ``None`` before.
            work: A function of what is held.
            *arguments: Its arguments.
        """
        return guarded(asked, self._answer, part, digest, work, *arguments)

    def _answer(self, part: NodePart, digest: str | None, work: Callable[..., Any], *arguments: Any) -> Any:
        if self._held is None:
            try:
                self._read(part)
            except Exception as error:
                if digest is None:
                    raise
                raise SourceError(f"{_NAME}: {_LOST}") from error  # something may be spent by now
        if digest is not None and digest != self._digest:
            raise SourceError(
                f"{_NAME}: a node was lost, and its blocks are others now that they were read again. Fit to a dataset "
                "that gives the same rows each time, such as one of files."
            )
        return self._digest if work is _digest_of else work(self._held, *arguments)

    def _read(self, part: NodePart) -> None:
        """Copy the blocks into a private folder on this node.

        Raises:
            SourceError: they cannot be read, or the folder cannot hold them.
        """
        ray = ray_library("ray", "source")
        block_of = ray_library("ray.data.block", "source").BlockAccessor.for_block

        def batches() -> Iterator[pa.RecordBatch]:
            for reference in part.blocks:
                table = block_of(ray.get(reference)).to_arrow()
                yield from typed_blocks(table, part.types)

        def frames() -> Iterator[pd.DataFrame]:
            for reference in part.blocks:
                yield block_of(ray.get(reference)).to_pandas().reset_index(drop=True)

        folder = self._stack.enter_context(private_folder())
        table = SpooledTable(folder, part.header, part.whole)
        if part.types is None:
            table.read(DataSource(_NAME, part.header, frames))
        else:
            table.read(of_batches(_NAME, part.types, batches))
        self._held, self._digest = Held(table), _digest(table, part.key)

    def close(self) -> None:
        """Remove the private copy."""
        self._held = None
        self._stack.close()


def _digest_of() -> None:
    """Return nothing: the function only names a question and is never called."""


def _digest(table: SpooledTable, key: bytes) -> str:
    """Return a digest of a part as it was read: its rows in their order."""
    digest = hashlib.blake2b(key=key, digest_size=16)
    for name in map(str, table.header.columns):
        column = table.column(name)
        digest.update(column.path.read_bytes() if column.path.exists() else b"")
        for value in objects(column.values):
            digest.update(repr((type(value).__name__, value)).encode("utf-8", "surrogatepass"))
    return f"{table.lengths} {digest.hexdigest()}"


class RayHolders:
    """Holders of a dataset's blocks, one for each node that has some.

    Args:
        ray: Ray.
        actors: Ray's handles to them.
        parts: Their parts.
    """

    def __init__(
        self, ray: ModuleType, actors: Sequence[ray.actor.ActorHandle], parts: Sequence[NodePart]
    ) -> None:
        self._ray, self._actors, self._parts, self._versions = ray, list(actors), list(parts), versions()
        self._digests: list[Any] = [None] * len(self._actors)
        self._digests = self._asked([(_digest_of,)] * len(self._actors))

    def __len__(self) -> int:
        return len(self._actors)

    def each(self, work: Callable[..., T], *shares: Sequence[object]) -> list[T]:
        """Return what each makes of ``work``; a holder that is lost meanwhile is started and asked again.

        Raises:
            SourceError: one was lost, and its blocks with it, or they have changed.
        """
        return self._asked([(work, *own) for own in zip(*shares, strict=True)] or [(work,)] * len(self))

    def _asked(self, questions: Sequence[tuple[Any, ...]]) -> list[Any]:
        references = [
            actor.answer.remote(self._versions, part, digest, *question)
            for actor, part, digest, question in zip(
                self._actors, self._parts, self._digests, questions, strict=True
            )
        ]
        try:
            found = self._ray.get(references)
        except self._ray.exceptions.RayError:
            raise SourceError(f"{_NAME}: {_LOST}") from None
        for each in found:
            if isinstance(each, Failed):
                raise each.error
        return list(found)


@contextmanager
def held_on_nodes(
    dataset: ray.data.Dataset, header: pd.DataFrame, types: pa.Schema | None, schema: Schema
) -> Iterator[SpreadTable]:
    """Yield a dataset whose blocks stay on their nodes.

    Args:
        dataset: The dataset of Ray.
        header: The table without its rows.
        types: Arrow's schema; ``None`` for blocks of pandas.
        schema: The declared schema.

    Raises:
        DataError, SchemaError: the header is not one that the schema fits, or a block is not like it.
        SourceError: blocks cannot be read, or copied.
    """
    check_header(header, schema)
    whole = frozenset({column.name for column in schema if column.has_open_recurrence} | {schema.entity})
    with connected("source") as ray:
        with told_errors(_NAME, "reading it stopped"):
            by_node = _blocks_by_node(ray, dataset)
        strategies = ray_library("ray.util.scheduling_strategies", "source")
        options = {"num_cpus": 0, "max_restarts": RETRIES, "max_task_retries": RETRIES}
        key, actors = os.urandom(16), []
        parts = [NodePart(blocks, header, types, whole, key) for blocks in by_node.values()]
        for node in by_node:
            place = strategies.NodeAffinitySchedulingStrategy(node, soft=True)
            actors.append(ray.remote(BlockHolder).options(**options, scheduling_strategy=place).remote())
        try:
            yield SpreadTable(RayHolders(ray, actors, parts), header)
        finally:
            with suppress(Exception):
                ray.wait([actor.close.remote() for actor in actors], num_returns=len(actors), timeout=_END)
            for actor in actors:
                ray.kill(actor)


def _blocks_by_node(ray: Any, dataset: Any) -> dict[str, list[Any]]:
    """Return Ray's references to a dataset's blocks by the node on which they lie, in the order of the blocks.

    Small ones lie with the driver, whose machine may have no core for work; they are dealt out in stretches.
    """
    blocks = [reference for bundle in dataset.iter_internal_ref_bundles() for reference in bundle.block_refs]
    alive = [node for node in ray.nodes() if node["Alive"]]
    nodes = [node["NodeID"] for node in alive if node["Resources"].get("CPU")] or [alive[0]["NodeID"]]
    if not blocks:
        return {nodes[0]: []}
    ray.wait(blocks, num_returns=len(blocks), fetch_local=False)
    found = ray_library("ray.experimental", "source").get_object_locations(blocks)
    by_node: dict[str, list[Any]] = {}
    for number, block in enumerate(blocks):
        places = [node for node in found[block]["node_ids"] if node in nodes]
        node = places[0] if places else nodes[number * len(nodes) // len(blocks)]
        by_node.setdefault(node, []).append(block)
    return by_node
