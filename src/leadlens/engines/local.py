"""One map over items on this machine's processes."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from leadlens.errors import ConfigError, LeadlensError

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class LocalEngine:
    """Processes of this machine; with one, everything runs in this process."""

    n_workers: int = 1

    def map_items(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield `(position, function(item))` for every item, in the order they finish.

        With several workers each is a fresh process with one thread (two numerical threads a
        worker on a busy machine were 13 times slower than one); workers end when this process
        dies, so a killed run leaves nobody writing.

        Raises:
            LeadlensError: a worker died (out of memory, killed); whatever `function` raises.
        """
        if self.n_workers < 1:
            raise ConfigError(f"{self.n_workers} workers: at least 1 is needed")
        if self.n_workers == 1 or len(items) < 2:
            for position, item in enumerate(items):
                yield position, function(item)
            return
        pool = ProcessPoolExecutor(
            min(self.n_workers, len(items)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            # Once for each worker, not for every item: a source of 88,253 files is 5 MB.
            initargs=(os.getpid(), function),
        )
        try:
            futures = {pool.submit(_call, item): i for i, item in enumerate(items)}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise LeadlensError(
                "a worker process died, perhaps for want of memory: what is finished is kept; "
                "run the same command again, with fewer workers if it repeats"
            ) from error
        finally:
            _stop(pool)


ONE_PROCESS: Final = LocalEngine(1)


_mapped: list[Callable[[Any], Any]] = []
"""What this worker maps."""


def _start_worker(parent: int, function: Callable[[Any], Any]) -> None:
    """Prepare a worker: one thread, Ctrl-C left to the parent, and an end when the parent ends."""
    _mapped[:] = [function]
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()


def _call(item: Any) -> Any:
    """Return what the worker's function makes of `item`."""
    return _mapped[0](item)


def _end_with_parent(parent: int) -> None:
    """End this process as soon as `parent` is no longer its parent."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the pool without waiting for items that are still being computed."""
    workers = list((pool._processes or {}).values())
    is_busy = bool(pool._pending_work_items)
    pool.shutdown(wait=not is_busy, cancel_futures=True)
    if is_busy:
        for worker in workers:
            worker.terminate()
            worker.join()
