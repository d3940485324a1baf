"""Interval map: for each diagnosis and lead, wave or timing its mean evidence and 95 % interval.

What `leadlens.report.maps` prints as numbers on colours is drawn here to scale, fit for print
without colours: a full dot where the interval excludes zero, a hollow one where it does not.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from leadlens.report.figures import Axes, from_figure, new_figure, write
from leadlens.report.maps import Table, check_map, header, table_of, withheld_row
from leadlens.report.svg import AGAINST, FOR, signed

CELL, MARGIN = 70.0, 6.0
"""Width of a column, and what of it stays free at each side, in points."""
_BELOW = 4.5
"""How far below a value its interval over folds lies, in points."""


@dataclass(frozen=True)
class _Scale:
    """Logits to points within a cell: all values lie between `low` and `high`."""

    low: float
    high: float
    width: float

    def x(self, value: float) -> float:
        """The place of a value, in points from the cell's left edge, at most at its ends."""
        part = (value - self.low) / (self.high - self.low)
        return MARGIN + (self.width - 2 * MARGIN) * min(max(part, 0.0), 1.0)


def interval_map(
    values: Float[np.ndarray, "class column"],
    half_width: Float[np.ndarray, "class column"],
    classes: tuple[str, ...],
    columns: tuple[str, ...],
    n_recordings: tuple[int, ...],
    withheld: dict[str, str],
    title: str = "",
    name: str = "intervals",
    fold_half_width: Float[np.ndarray, "class column"] | None = None,
) -> str:
    """Return dots and intervals, a row a diagnosis and a column a lead, wave or timing, as an SVG.

    One scale serves all columns. It holds all values; an interval that goes on beyond it ends in an
    arrow.

    Args:
        values: mean evidence in logits, above 0 for the diagnosis.
        half_width: half of each value's 95 % interval; NaN where it is not known.
        classes: a name for each row.
        columns: a name for each column.
        n_recordings: how many recordings stand behind each row.
        withheld: rows not to be shown, with the reason printed in their place.
        title: a heading.
        name: the SVG's id, the first part of every id in it.
        fold_half_width: half of each value's 95 % interval over folds, drawn as a thin line below
            the value; NaN where it is not known.

    Raises:
        ConfigError: names that do not fit the values.
    """
    check_map(values, half_width, classes, columns, n_recordings, withheld)
    table = table_of(classes, columns, withheld, top=28.0 if title else 10.0, least=CELL)
    size = (table.right + 54, table.bottom + 44)
    figure = new_figure(*size)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0))
    axes.axis("off")
    if title:
        write(axes, 6, 14, title, size=11.5, weight="bold", ha="left")
    header(axes, table, columns)
    known = values[[label not in withheld for label in classes]]
    known = known[np.isfinite(known)]
    low, high = float(known.min(initial=0.0)), float(known.max(initial=0.0))
    room = 0.1 * (high - low) or 1.0
    scale = _Scale(low - room, high + room, table.cell)
    over_folds = np.full_like(values, np.nan) if fold_half_width is None else fold_half_width
    _frame(axes, table, len(columns), scale, bool(np.isfinite(over_folds).any()))
    for row, label in enumerate(classes):
        y = (table.tops[row] + table.tops[row + 1]) / 2
        write(axes, table.left - 6, y, label, ha="right")
        write(axes, table.right + 46, y, f"{n_recordings[row]:,}", ha="right", color="#444")
        if label in withheld:
            withheld_row(axes, table, row, withheld[label])
        else:
            _row(axes, table, row, values[row], half_width[row], over_folds[row], scale)
    return from_figure(figure, name, title or "Mean evidence with 95 % intervals")


def _row(
    axes: Axes,
    table: Table,
    row: int,
    values: Float[np.ndarray, " column"],
    half_width: Float[np.ndarray, " column"],
    over_folds: Float[np.ndarray, " column"],
    scale: _Scale,
) -> None:
    """Draw a row's dots and intervals, those over folds below."""
    y = (table.tops[row] + table.tops[row + 1]) / 2
    for column, value in enumerate(values.tolist()):
        x = table.left + table.cell * column
        name = f"dot-{row}-{column}"
        _dot(axes, (x, y), (value, float(half_width[column])), scale, name)
        folds = (value, float(over_folds[column]))
        _interval(axes, (x, y + _BELOW), folds, scale, f"{name}-folds", 0.5)


def _frame(axes: Axes, table: Table, n_columns: int, scale: _Scale, has_folds: bool) -> None:
    """Draw a line at zero and a scale below for each column, and lines between the rows."""
    for top in table.tops:
        axes.plot([table.left, table.right], [top, top], color="#e4e4e4", linewidth=0.5)
    bottom = table.bottom
    span = scale.high - scale.low
    marks = [value for value in (scale.low, 0.0, scale.high) if not 0 < abs(value) < 0.25 * span]
    for column in range(n_columns):
        left = table.left + table.cell * column
        zero = left + scale.x(0.0)
        axes.plot([zero, zero], [table.tops[0], bottom], color="#888", linewidth=0.6)
        ends = [left + scale.x(value) for value in (scale.low, scale.high)]
        axes.plot(ends, [bottom + 3, bottom + 3], color="#444", linewidth=0.6)
        for value in marks:
            x = left + scale.x(value)
            axes.plot([x, x], [bottom + 1, bottom + 5], color="#444", linewidth=0.6)
            write(axes, x, bottom + 12, signed(value, span), size=7)
    x = (table.left + table.right) / 2
    write(axes, x, bottom + 25, "mean evidence in logits (for +, against \u2212), 95 % interval")
    note = "hollow: the interval contains 0 or is not known"
    if has_folds:
        note += "; thin: the interval over folds"
    write(axes, x, bottom + 37, note, size=8, color="#444")


def _dot(
    axes: Axes, corner: tuple[float, float], pair: tuple[float, float], scale: _Scale, gid: str
) -> None:
    """Draw a value and its interval; a dash where there is no value.

    Args:
        axes: of the figure.
        corner: the cell's left edge and the row's middle, in points.
        pair: value and half of its interval.
        scale: of the columns.
        gid: how the ids of the marks begin.
    """
    (left, y), (value, spread) = corner, pair
    if not np.isfinite(value):
        write(axes, left + scale.x(0.0), y, "\u2013", color="#777")
        return
    colour = FOR if value > 0 else AGAINST
    is_clear = abs(value) > spread
    _interval(axes, corner, pair, scale, gid, 1.1)
    axes.plot(
        [left + scale.x(value)],
        [y],
        marker="o",
        markersize=4.2,
        markerfacecolor=colour if is_clear else "white",
        markeredgecolor=colour,
        markeredgewidth=0.9,
        gid=f"{gid}-{'clear' if is_clear else 'unclear'}",
    )


def _interval(
    axes: Axes,
    corner: tuple[float, float],
    pair: tuple[float, float],
    scale: _Scale,
    gid: str,
    width: float,
) -> None:
    """Draw an interval of this width of line; nothing where it is not known."""
    (left, y), (value, spread) = corner, pair
    if not np.isfinite(value) or not np.isfinite(spread):
        return
    colour = FOR if value > 0 else AGAINST
    ends = [value - spread, value + spread]
    xs = [left + scale.x(end) for end in ends]
    axes.plot(xs, [y, y], color=colour, linewidth=width, gid=f"{gid}-interval")
    beyond = {"low": (xs[0], "<", ends[0] < scale.low), "high": (xs[1], ">", ends[1] > scale.high)}
    for end, (x, marker, is_beyond) in beyond.items():
        if is_beyond:
            style = {"marker": marker, "markersize": 3, "color": colour}
            axes.plot([x], [y], gid=f"{gid}-beyond-{end}", **style)
