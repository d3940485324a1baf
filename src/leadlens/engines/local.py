"""One map over items on this machine's processes."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from leadlens.errors import ConfigError, LeadlensError

Item = TypeVar("Item")
Result = TypeVar("Result")

RETRIES: Final = 3
"""How often workers may die in a row."""

THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class LocalEngine:
    """Processes of this machine; with one, everything runs in this process.

    Attributes:
        n_workers: how many.
        n_gpus: GPUs that several workers are dealt to in turn; each sees its own alone.
    """

    n_workers: int = 1
    n_gpus: int = 0

    def map_items(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield `(position, function(item))` for every item, in the order they finish.

        With several workers each is a fresh process with one thread (two numerical threads a
        worker on a busy machine were 13 times slower than one); workers end when this process
        dies, so a killed run leaves nobody writing. When one of them dies (killed, out of memory),
        what it was computing is computed again by new ones.

        Raises:
            LeadlensError: workers died RETRIES + 1 times, with no item finished in between;
                whatever `function` raises.
        """
        if self.n_workers < 1:
            raise ConfigError(f"{self.n_workers} workers: at least 1 is needed")
        if self.n_workers == 1 or len(items) < 2:
            for position, item in enumerate(items):
                yield position, function(item)
            return
        waiting = dict(enumerate(items))
        n_deaths = 0
        while waiting:
            try:
                with closing(self._map_in_pool(function, dict(waiting))) as mapped:
                    for position, result in mapped:
                        del waiting[position]
                        n_deaths = 0
                        yield position, result
            except BrokenProcessPool as error:
                n_deaths += 1
                if n_deaths > RETRIES:
                    raise LeadlensError(
                        f"a worker process died {n_deaths} times, perhaps for want of memory: what "
                        "is finished is kept; run the same command again, with fewer workers if it "
                        "repeats"
                    ) from error

    def _map_in_pool(
        self, function: Callable[[Item], Result], items: dict[int, Item]
    ) -> Generator[tuple[int, Result]]:
        """Yield positions and results from a pool of workers, which breaks when one dies."""
        context = multiprocessing.get_context("spawn")
        gpus = _Gpus(context.Value("i", 0), self.n_gpus) if self.n_gpus else None
        pool = ProcessPoolExecutor(
            min(self.n_workers, len(items)),
            mp_context=context,
            initializer=_start_worker,
            # Once for each worker, not for every item: a source of 88,253 files is 5 MB.
            initargs=(os.getpid(), function, gpus),
        )
        try:
            futures = {pool.submit(_call, item): position for position, item in items.items()}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            _stop(pool)


ONE_PROCESS: Final = LocalEngine(1)


_mapped: list[Callable[[Any], Any]] = []
"""What this worker maps."""


@dataclass(frozen=True)
class _Gpus:
    """Deals GPUs to workers in turn."""

    dealt: Any
    n: int

    def take(self) -> None:
        """Let this process see the next GPU alone; before CUDA is first used, which reads this."""
        with self.dealt.get_lock():
            number = self.dealt.value
            self.dealt.value += 1
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        names = seen.split(",") if seen else [str(i) for i in range(self.n)]
        os.environ["CUDA_VISIBLE_DEVICES"] = names[number % len(names)]


def _start_worker(parent: int, function: Callable[[Any], Any], gpus: _Gpus | None) -> None:
    """Prepare a worker: one thread, Ctrl-C left to the parent, and an end when the parent ends."""
    _mapped[:] = [function]
    if gpus is not None:
        gpus.take()
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
