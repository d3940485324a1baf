"""A Ray cluster of two machines for tests: two nodes on this one, on ports that are free."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from leadlens.engines.ray import load_ray


class TwoNodes:
    """A head and a second node, of one core each."""

    def __init__(self, folder: str) -> None:
        # First: Ray reads its settings when it is imported.
        load_ray()
        from ray.cluster_utils import Cluster

        # What the tests do not need is left out: each is a process that takes seconds to start.
        head = {"include_dashboard": False, "no_monitor": True, "include_log_monitor": False}
        ports = {"gcs_server_port": 0, "dashboard_agent_listen_port": 0, "node_manager_port": 0}
        self._place = {"temp_dir": folder, "object_store_memory": 100 * 2**20}
        self._cluster = Cluster(initialize_head=True, head_node_args=head | ports | self._place)
        self.address: str = self._cluster.address
        self.second = self.add()

    def add(self, **more: Any) -> Any:
        """Add a node, with more of Ray's settings, and return it."""
        return self._cluster.add_node(**self._place, **more)

    def lose(self, node: Any) -> None:
        """Kill a node and all its workers."""
        self._cluster.remove_node(node, allow_graceful=False)

    def stop(self) -> None:
        """End all."""
        self._cluster.shutdown()


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """Yield a cluster of two nodes; RAY_ADDRESS is not set to it."""
    # Short: the paths of Ray's sockets may have 107 bytes.
    folder = tempfile.mkdtemp(prefix="ll-", dir=os.environ.get("RAY_TMPDIR", "/tmp"))
    # Ray notes the address of a test cluster there.
    Path(folder, "ray").mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("RAY_TMPDIR", folder)
            patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
            cluster = TwoNodes(folder)
            stack.callback(cluster.stop)
        yield cluster
