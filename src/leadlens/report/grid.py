"""Grid: numbers in a table of coloured squares, as scores by rate and field, or a confusion."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.errors import ConfigError
from leadlens.report.figures import Axes, from_figure, new_figure, write

_CELL: Final = (62.0, 34.0)
"""Width and height of a square in points."""
_LETTER: Final = 5.3
_LIGHT, _DARK = np.array((0.97, 0.98, 1.0)), np.array((0.03, 0.24, 0.45))
_WHITE_FROM: Final = 0.65
"""Share of the way to the dark end from which text is white."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A table of numbers to be drawn.

    Attributes:
        rows, columns: their names.
        values: (row, column) what colours say; NaN is hatched.
        words: (row, column) what is written in a square.
        below: (row, column) what is written smaller below it.
        axes: what rows and columns are.
        limits: values of the lightest and darkest colour; None: those of the values.
        marked: row and column of a square that is outlined.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Float[np.ndarray, "row column"]
    words: tuple[tuple[str, ...], ...]
    below: tuple[tuple[str, ...], ...]
    axes: tuple[str, str]
    limits: tuple[float, float] | None = None
    marked: tuple[int, int] | None = None


def draw_grid(grid: Grid, title: str, name: str) -> str:
    """Return the grid as an SVG.

    Raises:
        ConfigError: rows and columns are not as many as the numbers'.
    """
    n_rows, n_columns = len(grid.rows), len(grid.columns)
    if grid.values.shape != (n_rows, n_columns) or not n_rows or not n_columns:
        raise ConfigError(
            f"a grid of {n_rows} rows and {n_columns} columns cannot show {grid.values.shape}"
        )
    turned = max(map(len, grid.columns)) * _LETTER > _CELL[0] - 4
    left = 16 + _LETTER * max(map(len, grid.rows))
    top = 34 + (_LETTER * 0.75 * max(map(len, grid.columns)) if turned else 12)
    right = 8 + (_LETTER * 0.75 * len(grid.columns[-1]) if turned else 0)
    left = max(left, _LETTER * len(grid.axes[0]) + 16)
    size = left + _CELL[0] * n_columns + right, top + _CELL[1] * n_rows + 8
    figure = new_figure(*size)
    box = left / size[0], 8 / size[1], _CELL[0] * n_columns / size[0], _CELL[1] * n_rows / size[1]
    axes = figure.add_axes(box)
    axes.set_xlim(0, n_columns)
    axes.set_ylim(n_rows, 0)
    axes.axis("off")
    low, high = grid.limits or _ends(grid.values)
    for row in range(n_rows):
        write(axes, -6 / _CELL[0], row + 0.5, grid.rows[row], ha="right")
        for column in range(n_columns):
            value = float(grid.values[row, column])
            share = float("nan") if np.isnan(value) else (value - low) / (high - low or 1.0)
            texts = grid.words[row][column], grid.below[row][column]
            _square(axes, row, column, share, texts, f"cell-{row}-{column}")
    for column, text in enumerate(grid.columns):
        style = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if turned else {}
        write(axes, column + (0.35 if turned else 0.5), -7 / _CELL[1], text, va="bottom", **style)
    above = -(top - 10) / _CELL[1]
    write(axes, 0, above, grid.axes[1], ha="left", color="#5a5a5a", size=8.5)
    write(axes, -6 / _CELL[0], -7 / _CELL[1], grid.axes[0], ha="right", color="#5a5a5a", size=8.5)
    if grid.marked is not None:
        row, column = grid.marked
        _outline(axes, row, column)
    return from_figure(figure, name, title)


def _ends(values: Float[np.ndarray, "row column"]) -> tuple[float, float]:
    """Return the least and the largest number; of none 0 and 1."""
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)


def _square(
    axes: Axes, row: int, column: int, share: float, texts: tuple[str, str], gid: str
) -> None:
    """Draw a square: its colour, its words, and the smaller ones below."""
    is_there = np.isfinite(share)
    colour = tuple(_LIGHT + min(max(share, 0.0), 1.0) * (_DARK - _LIGHT)) if is_there else "#f3f3f3"
    x, y = (column, column + 1, column + 1, column), (row, row, row + 1, row + 1)
    style = {} if is_there else {"hatch": "////"}
    axes.fill(x, y, facecolor=colour, edgecolor="#ffffff", linewidth=1.5, gid=gid, **style)
    ink = "#ffffff" if is_there and share >= _WHITE_FROM else "#000000"
    has_two = bool(texts[1])
    write(axes, column + 0.5, row + (0.36 if has_two else 0.5), texts[0], color=ink, size=10)
    if has_two:
        write(axes, column + 0.5, row + 0.74, texts[1], color=ink, size=7.5)


def _outline(axes: Axes, row: int, column: int) -> None:
    """Draw a thick line around a square."""
    x = (column, column + 1, column + 1, column, column)
    y = (row, row, row + 1, row + 1, row)
    axes.plot(x, y, color="#d55e00", linewidth=2.4, clip_on=False, gid="marked")
