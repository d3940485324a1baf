"""Sampling: which recordings and windows are explained, and in which rows of a map they count."""

from typing import Final, Literal

import numpy as np
from jaxtyping import Bool

from leadlens.files import hash_text

Verdict = Literal["with it", "true positives", "misses", "false positives"]
VERDICTS: Final[tuple[Verdict, ...]] = ("with it", "true positives", "misses", "false positives")

Chosen = dict[Verdict, Bool[np.ndarray, "n class"]]


def choose(
    labels: Bool[np.ndarray, "n class"],
    known: Bool[np.ndarray, "n class"],
    given: Bool[np.ndarray, "n class"],
    n_per_class: int,
    seed: int,
) -> Chosen:
    """Return which recordings count for each class, by verdict.

    Every diagnosis has its own random samples: of the recordings with it, and of those that the
    model wrongly gave it, `n_per_class` each at most. So a row does not over-represent recordings
    that were explained for the sake of a rarer diagnosis.

    Args:
        labels: who has what.
        known: where a label is known; the rest counts nowhere.
        given: the model's decisions.
        n_per_class: recordings of a sample.
        seed: of the samples.
    """
    rng = np.random.default_rng([seed, 7])
    with_it = _sample(labels & known, n_per_class, rng)
    return {
        "with it": with_it,
        "true positives": with_it & given,
        "misses": with_it & ~given,
        "false positives": _sample(~labels & known & given, n_per_class, rng),
    }


def drawn_window(key: str, n_windows: int, seed: int) -> int:
    """Return which window of a recording is explained, drawn by its key and the seed.

    The first windows of long recordings would show how recordings begin.
    """
    return int(hash_text(f"{seed} {key}"), 16) % n_windows


def _sample(
    candidates: Bool[np.ndarray, "n class"], n_per_class: int, rng: np.random.Generator
) -> Bool[np.ndarray, "n class"]:
    """Return a random sample of each column's candidates."""
    sample = np.zeros_like(candidates)
    for column in range(candidates.shape[1]):
        found = rng.permutation(np.flatnonzero(candidates[:, column]))
        sample[found[:n_per_class], column] = True
    return sample
