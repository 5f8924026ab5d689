"""Processes that work for this one."""

from __future__ import annotations

import os
import time

import pytest

from tabgan._util.processes import Worker, WorkerLostError, first_ready
from tabgan._util.validate import integer_at_least
from tabgan.errors import ConfigError, UnexpectedError

SECRET = "Zanzibar-4711"


@pytest.fixture
def workers():
    started: list[Worker] = []

    def start(prepare, *arguments):
        started.append(Worker(prepare, *arguments))
        return started[-1]

    yield start
    for worker in started:
        worker.end()


def test_answers_errors_and_an_end(workers):
    worker = workers(abs, 0)
    worker.ask(pow, 2, 5)
    assert first_ready([worker]) is worker
    assert worker.answer() == 32
    worker.ask(integer_at_least, "n", 0, 1)
    with pytest.raises(ConfigError, match="^n: expected"):
        worker.answer()
    worker.ask(int, SECRET)
    with pytest.raises(UnexpectedError) as caught:
        worker.answer()
    assert SECRET not in str(caught.value)
    worker.ask(os._exit, 1)
    with pytest.raises(WorkerLostError):
        worker.answer()
    time.sleep(0.1)
    with pytest.raises(WorkerLostError):
        worker.ask(pow, 2, 5)


def test_one_that_cannot_be_prepared_is_lost(workers):
    worker = workers(os._exit, 1)
    with pytest.raises(WorkerLostError):
        worker.ask(pow, 2, 5)
        worker.answer()


def test_one_that_cannot_be_started(monkeypatch):
    def start(self):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", start)
    with pytest.raises(WorkerLostError, match="could not be started"):
        Worker(abs, 0)
