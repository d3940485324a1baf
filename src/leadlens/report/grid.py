"""Grid: numbers in a table of coloured squares, as scores by rate and field, or a confusion."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.errors import ConfigError
from leadlens.report.figures import Axes, from_figure, new_figure, write

_CELL: Final = (62.0, 34.0)
"""Width and height of a square in points."""
_BELOW: Final = 8.0
_LETTER: Final = 5.3
"""Width of a letter in points."""
_SLANTED: Final = 0.75 * _LETTER
"""Width, and height, of a letter in a name turned by 45 degrees."""
_START: Final = 0.35
"""Where a turned name begins, in columns."""
_LIGHT, _DARK = np.array((0.97, 0.98, 1.0)), np.array((0.03, 0.24, 0.45))
_WHITE_FROM: Final = 0.69
"""Share of the way to the dark end from which text is white: there both inks have 4.5 to 1."""


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


@dataclass(frozen=True)
class _Margins:
    """Points left of, above and right of the squares; whether the columns' names are turned."""

    left: float
    top: float
    right: float
    is_turned: bool


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
    margins = _margins(grid)
    width = margins.left + _CELL[0] * n_columns + margins.right
    height = margins.top + _CELL[1] * n_rows + _BELOW
    figure = new_figure(width, height)
    box = (margins.left / width, _BELOW / height)
    axes = figure.add_axes((*box, _CELL[0] * n_columns / width, _CELL[1] * n_rows / height))
    axes.set_xlim(0, n_columns)
    axes.set_ylim(n_rows, 0)
    axes.axis("off")
    low, high = grid.limits or _ends(grid.values)
    for row in range(n_rows):
        for column in range(n_columns):
            value = float(grid.values[row, column])
            share = float("nan") if np.isnan(value) else (value - low) / (high - low or 1.0)
            texts = grid.words[row][column], grid.below[row][column]
            _square(axes, row, column, share, texts, f"cell-{row}-{column}")
    _names(axes, grid, margins)
    if grid.marked is not None:
        _outline(axes, *grid.marked)
    return from_figure(figure, name, title)


def _margins(grid: Grid) -> _Margins:
    """Return the room that names take beside and above the squares."""
    n_columns = len(grid.columns)
    longest = max(map(len, grid.columns))
    is_turned = longest * _LETTER > _CELL[0] - 4
    left = 16 + _LETTER * max(len(grid.axes[0]), *map(len, grid.rows))
    top = 34 + (_SLANTED * longest if is_turned else 12)
    ends = [_LETTER * len(grid.axes[1])]
    if is_turned:
        ends += [
            (column + _START) * _CELL[0] + _SLANTED * len(text)
            for column, text in enumerate(grid.columns)
        ]
    return _Margins(left, top, 8 + max(0.0, max(ends) - _CELL[0] * n_columns), is_turned)


def _names(axes: Axes, grid: Grid, margins: _Margins) -> None:
    """Write the names of rows, of columns, and of both axes."""
    beside, above = -6 / _CELL[0], -7 / _CELL[1]
    for row, text in enumerate(grid.rows):
        write(axes, beside, row + 0.5, text, ha="right")
    for column, text in enumerate(grid.columns):
        if margins.is_turned:
            style = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
            write(axes, column + _START, above, text, va="bottom", **style)
        else:
            write(axes, column + 0.5, above, text, va="bottom")
    heading = {"color": "#5a5a5a", "size": 8.5}
    write(axes, 0, -(margins.top - 10) / _CELL[1], grid.axes[1], ha="left", **heading)
    write(axes, beside, above, grid.axes[0], ha="right", **heading)


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
    # A hatch has its edge's colour, so that the white edge is drawn by itself.
    style = {} if is_there else {"hatch": "////", "edgecolor": "#c4c4c4"}
    axes.fill(x, y, facecolor=colour, linewidth=0, gid=gid, **style)
    axes.fill(x, y, facecolor="none", edgecolor="#ffffff", linewidth=1.5)
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
