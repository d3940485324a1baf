"""Order: in which order an epoch visits recordings."""

from typing import Final, Literal

import numpy as np
from jaxtyping import Int

Order = Literal["random", "streaming"]

BLOCK: Final = 256
"""Recordings that are read together in streaming order."""
N_OPEN: Final = 16
"""Blocks among which streaming order mixes: 100 MB of 10 s at 100 Hz, 500 MB at 500 Hz."""


def epoch_order(
    order: Order, places: Int[np.ndarray, " recording"], rng: np.random.Generator
) -> Int[np.ndarray, " recording"]:
    """Return every recording's number once.

    Args:
        order: "random", any recording after any other; or "streaming" for stores larger than
            memory: blocks of neighbours in random order, mixed `N_OPEN` at a time, so
            that the disk reads long stretches.
        places: where each recording lies in the store.
        rng: draws the order.
    """
    if order == "random":
        return rng.permutation(len(places))
    by_place = np.argsort(places, kind="stable")
    blocks = [by_place[start : start + BLOCK] for start in range(0, len(places), BLOCK)]
    shuffled = [blocks[number] for number in rng.permutation(len(blocks))]
    return np.concatenate(
        [
            rng.permutation(np.concatenate(shuffled[start : start + N_OPEN]))
            for start in range(0, len(shuffled), N_OPEN)
        ]
    )
