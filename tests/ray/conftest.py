"""A cluster of Ray on this machine: a head without cores, where the driver is, and three nodes of one core each."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def in_background():
    """Start processes as a shell starts them in the background: they ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Nodes:
    """A cluster whose nodes can be killed."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster()
        self.cluster.add_node(num_cpus=0, object_store_memory=80 * 2**20, include_dashboard=False)
        self.settle()

    def settle(self, seconds: float = 240.0) -> None:
        """Wait until the head knows of three nodes that run, and of no other."""
        until = time.monotonic() + seconds
        while True:
            self.fill()
            try:
                return self.cluster.wait_for_nodes(timeout=10)
            except TimeoutError:  # one starts, or is not known to have ended, or ends by itself meanwhile
                if time.monotonic() > until:
                    raise

    def fill(self) -> None:
        """Have three nodes beside the head that run; one may have ended by itself."""
        for node in list(self.cluster.worker_nodes):
            if any(raylet.process.poll() is not None for raylet in node.all_processes["raylet"]):
                self.cluster.remove_node(node, allow_graceful=False)
        while len(self.cluster.worker_nodes) < 3:
            with in_background():
                self.cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)

    def kill_the_one_of(self, name: str) -> None:
        """Kill a node that has a process of this name, and start another in its place."""
        self.kill_the_one_with(name)
        self.fill()

    def kill_the_one_with(self, name: str, seconds: float = 240.0) -> None:
        """Kill the node on which a task of this name runs, as soon as there is one; on the head, its process alone.

        Ray places what needs no core on the head, too, where a node that was asked for is busy.
        """
        import psutil
        import ray

        until, seen = time.monotonic() + seconds, set()
        while time.monotonic() < until:
            raylets = {
                info.process.pid: node
                for node in self.cluster.worker_nodes
                for info in node.all_processes["raylet"]
            }
            heads = {info.process.pid for info in self.cluster.head_node.all_processes["raylet"]}
            for process in psutil.process_iter(["cmdline", "ppid"]):
                title = " ".join(process.info["cmdline"] or ())
                seen |= {title} if title.startswith("ray::") else set()
                if not title.startswith(f"ray::{name}"):
                    continue
                if process.info["ppid"] in raylets:
                    self.cluster.remove_node(raylets[process.info["ppid"]], allow_graceful=False)
                    return
                if process.info["ppid"] in heads:
                    process.kill()
                    return
            time.sleep(0.05)
        alive = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        raise AssertionError(f"no task {name!r} was seen on {sorted(raylets)} of {alive}, but {sorted(seen)}")

    @property
    def logs(self) -> str:
        """All that Ray has written to its logs."""
        folder = Path(self.cluster.head_node.get_logs_dir_path())
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(folder.rglob("*")) if path.is_file()
        )


@pytest.fixture(scope="session")
def _nodes(tmp_path_factory):
    ray = pytest.importorskip("ray")
    before = dict(os.environ)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A node that was killed refuses connections at once; one that answers late, on a busy machine, is not dead: were it
    # taken for dead, its holders would move to the head, which no test may kill.
    os.environ.update(RAY_health_check_period_ms="1000", RAY_health_check_timeout_ms="60000")
    place = tmp_path_factory.mktemp("private")
    # The nodes' processes keep private folders there; Ray's sockets need a short path.
    os.environ |= {"RAY_TMPDIR": tempfile.gettempdir(), "TMPDIR": str(place)}
    nodes = Nodes()
    nodes.private = place
    ray.init(address=nodes.cluster.address, logging_level="ERROR", log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.cluster.shutdown()
    for name in ("RAY_TMPDIR", "TMPDIR", "RAY_health_check_period_ms", "RAY_health_check_timeout_ms"):
        os.environ.pop(name, None)
        if name in before:
            os.environ[name] = before[name]


@pytest.fixture
def nodes(_nodes):
    """Return the cluster, with all of its nodes."""
    _nodes.settle()
    return _nodes


@pytest.fixture
def secret():
    """Return a cell that nobody may see."""
    return f"Zanzibar-{secrets.token_hex(8)}"
