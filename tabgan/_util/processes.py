"""Processes that work for this one, none of which runs the caller's script or outlives the caller; and free memory."""

from __future__ import annotations

import atexit
import gc
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tabgan.errors import TabGANError, UnexpectedError, is_told, unexpected

#: Seconds between two looks at the process that started this one.
_LOOK = 1.0

#: Seconds that a process has to answer what it was asked last, and to end.
_END = 60.0

#: Environment variables from which libraries take their number of threads when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def free_memory() -> float:
    """Return the bytes of memory that this process can still have; infinite where the system does not say."""
    free = math.inf
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = 1024.0 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    group = Path("/sys/fs/cgroup")  # of a container
    with suppress(OSError, ValueError):  # there is none, or it has no limit
        most, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        free = min(free, float(most - used))
    return free


@contextmanager
def without_main() -> Iterator[None]:
    """Hide the caller's script from processes that start.

    They would run it again, and a script that works without asking for ``__name__`` would start processes of its own.
    """
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    try:
        main.__spec__ = None
        vars(main).pop("__file__", None)
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


@contextmanager
def threads_each(n_threads: int) -> Iterator[None]:
    """Give processes that start later this many threads, unless the environment says otherwise."""
    given = {name: os.environ.get(name) for name in _THREADS}
    try:
        for name, value in given.items():
            os.environ[name] = value or str(n_threads)
        yield
    finally:
        for name, value in given.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


#: Signals that interrupt a process in its work.
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def hold_interrupts() -> None:
    """Keep interrupts waiting in this thread, and in processes and threads that it starts.

    A process that loads its libraries meanwhile would end in a traceback of theirs.
    """
    resource_tracker.ensure_running()  # which lets them through when it starts
    _mask(is_held=True)


@contextmanager
def interruptible() -> Iterator[None]:
    """Keep interrupts from waiting while this thread works, also one that came before; afterwards they wait again."""
    try:
        _mask(is_held=False)
        yield
    finally:
        _mask(is_held=True)


def _mask(*, is_held: bool) -> None:
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK if is_held else signal.SIG_UNBLOCK, _INTERRUPTS)


def take_interrupts(which: signal.Signals = signal.SIGTERM) -> None:
    """Have a signal end the work of this process as Ctrl-C does: everything that was charged is recorded.

    Only the main thread takes signals; called in another, this changes nothing.

    Args:
        which: The signal. A shell has processes in the background ignore SIGINT, and so do all that they start.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(which, signal.default_int_handler)


def end_quickly() -> None:
    """Have this process end without a search for cycles in all that its libraries have made, which takes a second."""
    atexit.register(gc.freeze)


def end_with(parent: int) -> None:
    """End this process soon after another one has ended, however that happened.

    Args:
        parent: The process that started this one.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


class WorkerLostError(TabGANError):
    """A process that could not be started, or ended, as for lack of memory, before it answered."""


class Worker:
    """A process that answers one question at a time.

    This process needs no thread for it, as the pools of Python's library do: one of theirs that cannot start, for lack
    of memory, leaves their caller waiting for ever.

    Args:
        prepare: A function that the process calls first.
        *arguments: Its arguments.

    Raises:
        WorkerLostError: the process cannot be started.
    """

    def __init__(self, prepare: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, there = context.Pipe()
        self._process = context.Process(target=_answer, args=(there, os.getpid(), prepare, arguments))
        try:
            with without_main():
                hold_interrupts()
                self._process.start()
        except OSError:
            self.connection.close()
            raise WorkerLostError("A process could not be started.") from None
        finally:
            there.close()
            _mask(is_held=False)

    def ask(self, work: Callable[..., object], *arguments: object) -> None:
        """Have the process call a function.

        Raises:
            WorkerLostError: the process has ended.
        """
        try:
            self.connection.send((work, arguments))
        except OSError:
            raise WorkerLostError("A process ended before it was asked.") from None

    def answer(self) -> Any:
        """Return what the function returned, once it has, or raise what it raised.

        Raises:
            WorkerLostError: the process has ended.
        """
        try:
            is_raised, answer = self.connection.recv()
        except (EOFError, OSError):
            raise WorkerLostError("A process ended before it answered.") from None
        if is_raised:
            raise answer
        return answer

    def interrupt(self) -> None:
        """Interrupt the process in its work, as a person at a terminal would; it may have been told to ignore those."""
        with suppress(OSError):
            os.kill(int(self._process.pid or 0), signal.SIGTERM)

    def end(self) -> None:
        """End the process, once it has answered, or after a while."""
        self.connection.close()
        self._process.join(_END)
        self._process.kill()
        self._process.join()


def end_all(workers: Sequence[Worker]) -> None:
    """End several processes, all at once."""
    for worker in workers:
        worker.connection.close()
    for worker in workers:
        worker.end()


def first_ready(workers: Sequence[Worker]) -> Worker:
    """Return a worker whose answer is there, or that has ended."""
    ready: list[Any] = []
    # A wait without an end would miss Ctrl-C: libraries have the system's calls start again after it.
    while not ready:
        ready = wait([worker.connection for worker in workers], _LOOK)
    return next(worker for worker in workers if worker.connection in ready)


def _answer(
    connection: Connection, parent: int, prepare: Callable[..., None], arguments: Sequence[object]
) -> None:
    """Return an answer to each question, until no more come."""
    end_with(parent)
    end_quickly()
    take_interrupts()
    prepare(*arguments)
    ends = (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt)
    with suppress(*ends), interruptible():
        while True:
            work, given = connection.recv()
            try:
                answer = False, work(*given)
            except BaseException as error:  # one of another library could be such that it cannot be sent
                answer = True, error if is_told(error) else UnexpectedError(unexpected(error))
            connection.send(answer)
