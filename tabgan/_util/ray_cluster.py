"""Work on a cluster of Ray: the connection, calls whose errors hold no cell, and places that nodes share."""

from __future__ import annotations

import fcntl
import importlib
import importlib.metadata
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tabgan._util.processes import take_interrupts
from tabgan._util.version import __version__
from tabgan.errors import ConfigError, DataError, UnexpectedError, is_told, unexpected

logger = logging.getLogger(__name__)

#: Times that Ray runs a call again whose process or node is lost.
RETRIES = 3

#: Calls that one process answers before another takes its place, so that memory does not grow with their number.
CALLS_A_PROCESS = 100

#: Seconds in which a file that was just made is seen by another node, and in which a cancelled call ends.
_SEEN, _ENDS = 10.0, 15.0

#: Seconds above which a mark that nobody has locked is one of a driver that was killed.
_OLD = 3_600.0

#: Packages that have the same version on each node: they decide on rows, bytes and answers.
_PACKAGES = ("numpy", "pandas", "pyarrow", "torch")

#: Name of a file that only shows that a place is shared.
_MARK = ".tabgan-{}.mark"


def ray_library(name: str = "ray", where: str = "executor") -> Any:
    """Return Ray, or a module of it.

    Raises:
        ConfigError: Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no statistics leave the machine
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigError(
            f"{where}: this needs the package ray, which is not installed. Run pip install 'tabgan-dp[ray]'."
        ) from None


@contextmanager
def connected(where: str = "executor") -> Iterator[Any]:
    """Yield Ray, connected to a cluster: the one that this process is connected to, the one that ``RAY_ADDRESS`` or a
    ``ray start`` on this machine names, or one of this machine alone, for as long as needed.

    Raises:
        ConfigError: Ray is not installed, or its cluster cannot be reached.
    """
    ray = ray_library(where=where)
    if ray.is_initialized():
        yield ray
        return
    try:
        try:
            ray.init(address="auto", logging_level=logging.WARNING)
        except ConnectionError:
            if "RAY_ADDRESS" in os.environ:
                raise
            ray.init(address="local", include_dashboard=False, logging_level=logging.WARNING)
    except Exception as error:
        raise ConfigError(
            f"{where}: no cluster of Ray can be reached ({type(error).__name__}). Check RAY_ADDRESS, or start one with "
            "ray start --head."
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def versions() -> dict[str, str]:
    """Return the versions that have to be the same on each node."""
    return {"tabgan": __version__} | {name: importlib.metadata.version(name) for name in _PACKAGES}


@dataclass(frozen=True)
class Failed:
    """The error of a call, which comes back as a value: Ray writes those that are raised to its logs.

    Attributes:
        error: The error, without a cell.
    """

    error: Exception


def guarded(asked: Mapping[str, str], work: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of ``work`` in a process of Ray, or the error that it raised as :class:`Failed`.

    Args:
        asked: The driver's :func:`versions`.
        work: A function of this package.
        *arguments: Its arguments.
    """
    take_interrupts(signal.SIGINT)  # by which Ray cancels: a node started in the background would ignore it
    try:
        found = versions()
        for name, version in asked.items():
            if found[name] != version:
                raise ConfigError(
                    f"executor: expected {name} {version}, as here, found {found[name]} on the node "
                    f"{os.uname().nodename}. Give every node the same versions."
                )
        return work(*arguments)
    except Exception as error:
        told = error if is_told(error) else UnexpectedError(unexpected(error))
        told.__cause__ = told.__context__ = told.__traceback__ = None
        return Failed(told)


def submitted(ray: Any, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return Ray's reference to a call of ``work`` on some node; see :func:`taken`.

    Args:
        ray: Ray.
        work: A function of this package.
        *arguments: Its arguments.
        **options: Name, resources and retries of the call, as Ray has them.
    """
    chosen = {"num_cpus": 1, "max_retries": RETRIES} | options
    return _remote(ray).options(**chosen).remote(versions(), work, *arguments)


@cache
def _remote(ray: Any) -> Any:
    return ray.remote(max_calls=CALLS_A_PROCESS)(guarded)


def taken(ray: Any, reference: Any, where: str = "executor") -> Any:
    """Return the result of a call.

    Raises:
        TabGANError, OSError: as the call did.
        DataError: its process or its node was lost, and so were those of all retries that it may have.
    """
    try:
        found = ray.get(reference)
    except ray.exceptions.RayError as error:
        raise DataError(f"{where}: {_lost(ray, error)}") from None
    if isinstance(found, Failed):
        raise found.error
    return found


def _lost(ray: Any, error: Exception) -> str:
    """Return words for a call that ended without a result."""
    kinds = ray.exceptions
    if isinstance(error, kinds.OutOfMemoryError):
        return "its process was ended for lack of memory. Ask for more memory, or run fewer at once."
    if isinstance(error, kinds.TaskCancelledError):
        return "it was cancelled."
    if isinstance(
        error,
        kinds.NodeDiedError | kinds.WorkerCrashedError | kinds.ObjectLostError | kinds.LocalRayletDiedError,
    ):
        return "its process or its node was lost."
    return f"Ray could not run it ({type(error).__name__}). Install tabgan on every node; Ray's own logs say more."


def cancel(ray: Any, references: Iterable[Any]) -> None:
    """Interrupt calls, give them some seconds to end as on an interrupt, and end the others."""
    left = list(references)
    for force in (False, True):
        for each in left:
            with suppress(ray.exceptions.RayError, ValueError):
                ray.cancel(each, force=force)
        if left:
            _, left = ray.wait(left, num_returns=len(left), timeout=_ENDS)


def warn_of_waiting(ray: Any, wanted: Mapping[str, float], what: str) -> None:
    """Log that a call waits for a node that the cluster does not have yet, as where nodes are started on demand."""
    for node in ray.nodes():
        if node["Alive"] and all(node["Resources"].get(name, 0) >= n for name, n in wanted.items()):
            return
    asked = ", ".join(f"{name} {n:g}" for name, n in wanted.items() if n)
    logger.warning("%s waits: no node of the cluster has %s.", what, asked)


@dataclass(frozen=True)
class SharedPlace:
    """A folder that nodes see as the driver does, where locks of one hold off the others.

    Attributes:
        folder: The folder.
        mark: Name of a file in it, which the driver keeps locked meanwhile.
    """

    folder: Path
    mark: str

    def is_seen(self) -> bool:
        """Return true if this node sees the folder of the driver."""
        until = time.monotonic() + _SEEN
        while not (found := (self.folder / self.mark).exists()) and self.folder.is_dir():
            if time.monotonic() > until:
                break
            time.sleep(0.2)
        return found

    def check(self, what: str) -> None:
        """Raise unless this node sees the folder of the driver, and its locks.

        Args:
            what: Name of the folder's use, for the message.

        Raises:
            ConfigError: the node sees another folder, or no locks.
        """
        node, place = os.uname().nodename, str(self.folder)
        if not self.is_seen():
            raise ConfigError(
                f"executor: the node {node} does not see {place!r}, where the machine of the command keeps {what}. "
                "Nothing was read or spent. Put it on a file system that all nodes share, under the same path."
            )
        if not _is_locked(self.folder / self.mark):
            raise ConfigError(
                f"executor: the file system of {what}, {place!r}, does not pass locks on to the node {node}, so that "
                "two processes could charge at once. Nothing was read or spent. Use one that does, such as NFS 4."
            )


def _is_locked(path: Path) -> bool:
    """Return true if another process has locked a file."""
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(handle)
    return False


@contextmanager
def shared_place(folder: Path) -> Iterator[SharedPlace]:
    """Yield a folder, or the nearest one above it that exists, with a mark by which other nodes know it.

    Raises:
        ConfigError: files cannot be made there.
    """
    folder = folder.absolute()
    while not folder.is_dir():
        folder = folder.parent
    place = SharedPlace(folder, _MARK.format(secrets.token_hex(8)))
    path = folder / place.mark
    with suppress(OSError):
        for left in folder.glob(_MARK.format("*")):  # of a driver that was killed
            if time.time() - left.stat().st_mtime > _OLD and not _is_locked(left):
                left.unlink(missing_ok=True)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(
            f"executor: cannot write to {str(folder)!r}: {os.strerror(error.errno or 0)}."
        ) from None
    try:
        with suppress(OSError):  # nodes find out if there are no locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield place
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)
