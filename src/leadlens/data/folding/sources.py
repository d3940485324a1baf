"""One fold a source: each source is tested by networks that never saw it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from leadlens.errors import ConfigError


def source_folds(
    sources: Sequence[str], groups: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " n"], tuple[str, ...]]:
    """Return a fold for each recording, -1 where it takes no part, and the folds' sources.

    A group that spans sources stays with the source that has most of its recordings (of equals,
    the first by name); its recordings from other sources take no part. So each fold is purely
    its source, and nothing that is tested has a twin in training.

    Raises:
        ConfigError: fewer than two sources are left.
    """
    names, source = np.unique(np.array(sources), return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((int(group.max()) + 1, len(names)), dtype=int)
    np.add.at(counts, (group, source), 1)
    is_kept = counts.argmax(axis=1)[group] == source
    kept = np.unique(source[is_kept])
    if len(kept) < 2:
        found = ", ".join(names.tolist())
        raise ConfigError(
            f"folds by_source need recordings of two sources or more: there is {found}"
            + ("" if len(names) == 1 else ", and what is left of it without copies is one source")
        )
    folds = np.where(is_kept, np.searchsorted(kept, source), -1)
    return folds, tuple(names[kept].tolist())
