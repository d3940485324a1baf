"""Score grid: scores by two axes of a study, such as rate and receptive field."""

import numpy as np
from jaxtyping import Float

from leadlens.errors import ConfigError
from leadlens.report.grid import Grid, draw_grid


def score_grid(
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    mean: Float[np.ndarray, "row column"],
    spread: Float[np.ndarray, "row column"],
    metric: str,
    axes: tuple[str, str],
    name: str = "grid",
) -> str:
    """Return scores in coloured squares as an SVG, the best one outlined.

    Args:
        rows: names of the first axis' values.
        columns: names of the second's.
        mean: the scores; NaN where a combination is not there, which is hatched.
        spread: written behind a plus-minus sign; nothing where it is NaN.
        metric: the name of the score.
        axes: what rows and columns are.
        name: the SVG's id, the first part of every id in it.

    Raises:
        ConfigError: names and scores are not as many.
    """
    if spread.shape != mean.shape:
        raise ConfigError(f"scores {mean.shape} but spreads {spread.shape}")
    words = _each(mean, "{:.3f}", "\u2013")
    below = _each(np.where(np.isnan(mean), np.nan, spread), "\u00b1 {:.3f}", "")
    best = None
    if np.isfinite(mean).sum() > 1:
        row, column = np.unravel_index(int(np.nanargmax(mean)), mean.shape)
        best = int(row), int(column)
    grid = Grid(rows, columns, mean, words, below, axes, marked=best)
    return draw_grid(grid, f"{metric} by {axes[0]} and {axes[1]}", name)


def _each(
    values: Float[np.ndarray, "row column"], form: str, absent: str
) -> tuple[tuple[str, ...], ...]:
    """Return each number in words."""
    return tuple(
        tuple(
            absent
            if np.isnan(value)
            else form.format(round(float(value), 3) + 0.0).replace("-", "\u2212")
            for value in row
        )
        for row in values
    )
