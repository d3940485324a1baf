"""What an engine is, and which there are."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, TypeVar, runtime_checkable

from leadlens.engines.local import LocalEngine, available_cores
from leadlens.errors import choices

__all__ = ["ENGINES", "Engine", "choose_engine"]

Item = TypeVar("Item")
Result = TypeVar("Result")

ENGINES: Final = ("local", "ray")


@runtime_checkable
class Engine(Protocol):
    """Processes that a function is mapped over, here or on many machines."""

    def map_items(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield `(position, function(item))` for every item, in the order they finish.

        An item may be computed more than once, where a machine was lost.
        """


def choose_engine(
    name: str = "local", n_workers: int | None = None, *, n_gpus: int = 0, per_gpu: int = 1
) -> Engine:
    """Return an engine.

    Args:
        name: which one.
        n_workers: processes (default: all cores, or as many as the GPUs take).
        n_gpus: GPUs of this machine that items compute on; 0: they need none.
        per_gpu: items that share a GPU.

    Raises:
        ConfigError: there is no such engine.
        MissingExtraError: its package is not installed.
    """
    if name == "local":
        return LocalEngine(n_workers or n_gpus * per_gpu or available_cores(), n_gpus)
    if name == "ray":
        # Here, not above: Ray is an extra, and takes a second to load.
        from leadlens.engines.ray import RayEngine, load_ray

        load_ray()
        return RayEngine(n_workers, 1 / per_gpu if n_gpus else 0.0)
    raise choices("engine", name, ENGINES)
