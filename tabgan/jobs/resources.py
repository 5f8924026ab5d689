"""The key ``resources`` of a job: all that it asks a cluster for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict
from pydantic.dataclasses import dataclass

from tabgan._util.validate import integer_at_least, real_in

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


def _to_cpus(value: object) -> int:
    return integer_at_least("resources.cpus", value, 1)


def _to_gpus(value: object) -> int:
    return integer_at_least("resources.gpus", value, 0)


def _to_memory(value: object) -> float | None:
    return None if value is None else real_in("resources.memory_gb", value, 0.0, 1e6)


@dataclass(frozen=True, config=_CONFIG)
class Resources:
    """All that a job asks a cluster for; jobs on this machine ignore it.

    Attributes:
        cpus: Cores.
        memory_gb: Memory in gigabytes; ``None`` asks for none.
        gpus: GPUs; ``model: {device: cuda}`` uses one.
    """

    cpus: Annotated[int, BeforeValidator(_to_cpus)] = 1
    memory_gb: Annotated[float | None, BeforeValidator(_to_memory)] = None
    gpus: Annotated[int, BeforeValidator(_to_gpus)] = 0

    @property
    def memory(self) -> int:
        """Memory in bytes, 0 if none is asked for."""
        return 0 if self.memory_gb is None else int(self.memory_gb * 1e9)
