"""Errors of tasks: none brings a cell to the driver, to Ray's logs, or to its dashboard."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from tabgan._util.ray_cluster import Failed, guarded, shared_place, submitted, taken, versions
from tabgan.errors import ConfigError, DataError, UnexpectedError

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


def test_a_librarys_message_stays_on_the_node(nodes, secret):
    from pandas import to_numeric  # a library's function whose error quotes the cell

    with pytest.raises(ValueError, match=secret):
        to_numeric([secret])
    with pytest.raises(UnexpectedError) as caught:
        taken(ray, submitted(ray, to_numeric, [secret]))
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    time.sleep(1)
    assert secret not in nodes.logs


def test_the_check_would_see_it(nodes, secret):
    """A task that is not guarded brings the cell to the driver."""
    from pandas import to_numeric

    with pytest.raises(ValueError, match=secret):
        ray.get(ray.remote(to_numeric).remote([secret]))


def test_our_own_messages_and_the_systems_come_back(nodes):
    with pytest.raises(FileNotFoundError, match="No such file"):
        taken(ray, submitted(ray, os.stat, "/missing"))


def test_a_process_that_ends_is_told_in_words(nodes):
    with pytest.raises(DataError, match="sample: its process or its node was lost"):
        taken(ray, submitted(ray, os._exit, 1, max_retries=0), "sample")


def test_another_version_is_refused(nodes):
    found = guarded({"tabgan": "0.0.0"}, os.getpid)
    assert isinstance(found, Failed)
    with pytest.raises(
        ConfigError, match=r"expected tabgan 0\.0\.0, as here, found .* Give every node the same"
    ):
        raise found.error
    assert guarded(versions(), os.getpid) == os.getpid()


def test_a_place_that_is_not_shared_is_refused_on_the_node(nodes, tmp_path):
    with shared_place(tmp_path / "later") as place:
        assert place.folder == tmp_path
        assert taken(ray, submitted(ray, place.check, "the ledger")) is None
        elsewhere = replace(place, folder=tmp_path / "gone")
        with pytest.raises(
            ConfigError, match="does not see .*gone', where the machine of the command keeps the ledger"
        ):
            taken(ray, submitted(ray, elsewhere.check, "the ledger"))
        with pytest.raises(ConfigError, match="does not pass locks on"):
            (tmp_path / "free").touch()
            taken(ray, submitted(ray, replace(place, mark="free").check, "the ledger"))
