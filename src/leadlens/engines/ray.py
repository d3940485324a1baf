"""One map over items on a Ray cluster: this machine's, or that of RAY_ADDRESS."""

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar
from uuid import uuid4

from leadlens.engines.local import THREAD_VARIABLES, available_cores
from leadlens.errors import ConfigError, LeadlensError, StoreError, require_extra

Item = TypeVar("Item")
Result = TypeVar("Result")

RETRIES: Final = 3
"""How often an item is computed again after its worker or its machine died."""

_function: tuple[str, Callable[[Any], Any]] | None = None
"""What this worker maps, with its key; fetched and unpickled once, not for every item."""


@dataclass(frozen=True)
class RayEngine:
    """Workers of a Ray cluster, each with one core and one thread.

    Attributes:
        n_workers: how many at a time (default: all cores of all machines).
        gpu_share: of a GPU, that each worker holds; 0 means that none is needed.
    """

    n_workers: int | None = None
    gpu_share: float = 0.0

    def map_items(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield `(position, function(item))` for every item, in the order they finish.

        An item whose worker or machine dies is computed again elsewhere. The cluster is the one
        of RAY_ADDRESS; without it, one is started here and ended with the map. Workers start in
        this process's folder and import what it can import.

        Raises:
            ConfigError: no cluster answers.
            LeadlensError: a worker died again and again; whatever `function` raises.
        """
        if items:
            with _cluster(self.n_workers) as ray:
                yield from _map(ray, function, items, self.n_workers, self.gpu_share)


def load_ray() -> ModuleType:
    """Return the package, told to be quiet and to report nothing about its use.

    Raises:
        MissingExtraError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Read once, when Ray is imported: a lost node is otherwise told on stdout, whatever is asked.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
    return require_extra("ray", "cluster", "'--engine ray'")


def _map(
    ray: ModuleType,
    function: Callable[[Any], Any],
    items: Sequence[Any],
    n_workers: int | None,
    gpu_share: float,
) -> Iterator[tuple[int, Any]]:
    """Yield positions and results; few items are handed out at once, the next as they finish."""
    if gpu_share and not ray.cluster_resources().get("GPU", 0):
        raise ConfigError("cells are to compute on a GPU, but Ray knows of none in its cluster")
    task = ray.remote(num_cpus=1, num_gpus=gpu_share, max_retries=RETRIES)(_run)
    # In a list, or Ray would unpickle it for every item.
    shared = (uuid4().hex, [ray.put(function)], str(Path.cwd()))
    waiting = enumerate(items)
    running: dict[Any, int] = {}
    try:
        while True:
            n_free = (n_workers or _in_flight(ray)) - len(running)
            for position, item in islice(waiting, max(n_free, 0)):
                running[task.remote(*shared, item)] = position
            if not running:
                return
            ready = ray.wait(list(running))[0][0]
            yield running.pop(ready), ray.get(ready)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise LeadlensError(
            f"a worker process died {RETRIES + 1} times on the same part, or did not start "
            f"({type(error).__name__}), perhaps for want of memory: what is finished is kept; run "
            "the same command again, with fewer workers a machine if it repeats"
        ) from error
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _in_flight(ray: ModuleType) -> int:
    """Return how many items may be handed out: two a core, so that no core waits for the next."""
    return max(1, 2 * int(ray.cluster_resources().get("CPU", 0)))


def _run(key: str, shared: list[Any], folder: str, item: Any) -> Any:
    """Return what the shared function makes of `item`, computed in `folder`; runs in a worker."""
    global _function
    try:
        os.chdir(folder)
    except OSError as error:
        raise StoreError(
            f"{folder}: a worker cannot start there ({error.strerror}): does every node see it?"
        ) from error
    if _function is None or _function[0] != key:
        _function = key, load_ray().get(shared[0])
    return _function[1](item)


@contextmanager
def _cluster(n_workers: int | None) -> Iterator[ModuleType]:
    """Yield Ray, connected; what was not connected before is let go of at the end."""
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    address = os.environ.get("RAY_ADDRESS") or "local"
    # Quiet: stdout is for results, and stderr for the progress.
    wanted: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    wanted["runtime_env"] = {"env_vars": _worker_environment()}
    with ExitStack() as stack:
        if address == "local":
            folder = stack.enter_context(_short_folder())
            wanted |= {"num_cpus": n_workers or available_cores(), "include_dashboard": False}
            wanted |= {"_temp_dir": folder}
        stack.callback(ray.shutdown)
        try:
            _knock(address)
            ray.init(address, **wanted)
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            what = "Ray cannot start" if address == "local" else f"no Ray at RAY_ADDRESS={address}"
            raise ConfigError(f"{what}: {error}") from error
        yield ray


def _knock(address: str) -> None:
    """Raise an OSError if nobody listens at `address`, where Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _worker_environment() -> dict[str, str]:
    """Return the variables with which a worker has one thread and finds what this process finds."""
    paths = [str(Path(path).resolve()) for path in sys.path]
    return dict.fromkeys(THREAD_VARIABLES, "1") | {"PYTHONPATH": os.pathsep.join(paths)}


def _short_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for Ray's logs and sockets, whose paths may have 107 bytes at most."""
    short = os.environ.get("RAY_TMPDIR", "/tmp")
    return tempfile.TemporaryDirectory(
        prefix="ll-", dir=short if Path(short).is_dir() else None, ignore_cleanup_errors=True
    )
