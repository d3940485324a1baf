"""How fast some work goes on: shared by `training.py` and, in its environments, its peers."""

import time
from collections.abc import Callable


def per_second(work: Callable[[], object], n: int, seconds: float) -> float:
    """Return recordings a second of work on `n` at once, repeated for some seconds.

    The first time is not counted: another system has just filled the caches.
    """
    work()
    started = time.perf_counter()
    n_times, passed = 0, 0.0
    while passed < seconds or n_times == 0:
        work()
        n_times += 1
        passed = time.perf_counter() - started
    return n * n_times / passed
