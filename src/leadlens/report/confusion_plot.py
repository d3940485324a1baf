"""Confusion plot: which diagnosis is taken for which, in coloured squares."""

import numpy as np

from leadlens.errors import ConfigError
from leadlens.evaluation.confusion import Confusion
from leadlens.report.grid import Grid, draw_grid


def confusion_plot(confusion: Confusion, name: str = "confusion") -> str:
    """Return a confusion as an SVG; diagnoses that no recording has are left out as rows.

    Raises:
        ConfigError: no recording has any of the diagnoses.
    """
    kept = [row for row in range(len(confusion.names)) if confusion.n[row, row]]
    if not kept:
        raise ConfigError(f"no recording has any of {len(confusion.names)} diagnoses")
    given, n = confusion.given[kept], confusion.n[kept]
    words = tuple(
        tuple("\u2013" if np.isnan(share) else f"{100 * share:.0f} %" for share in row)
        for row in given
    )
    below = tuple(tuple(f"of {count:,}" if count else "" for count in row) for row in n)
    rows = tuple(confusion.names[row] for row in kept)
    columns = (*confusion.names, "none")
    grid = Grid(rows, columns, given, words, below, ("true", "given"), limits=(0.0, 1.0))
    return draw_grid(grid, "Diagnoses given to recordings that have each diagnosis", name)
