"""Maps: what each lead, wave or timing says for or against each diagnosis, a table in colour."""

import textwrap
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.errors import ConfigError, require_extra
from leadlens.report.figures import Axes, from_figure, new_figure, write
from leadlens.report.svg import AGAINST, FOR, signed

_ROW: Final = 16.0
_CELL: Final = 48.0
_TEXT: Final = 9.0
_LETTER: Final = 0.58
"""Mean width of a letter in sizes of the type."""


def lead_map(
    values: Float[np.ndarray, "class group"],
    half_width: Float[np.ndarray, "class group"],
    classes: tuple[str, ...],
    groups: tuple[str, ...],
    n_recordings: tuple[int, ...],
    withheld: dict[str, str],
    title: str = "",
    name: str = "map",
) -> str:
    """Return the map of diagnoses by lead groups as an SVG.

    One scale, centred on zero, serves all cells. A value is grey and italic where its interval
    contains zero, or is not known.

    Args:
        values: mean evidence in logits, above 0 for the diagnosis.
        half_width: half of each value's 95 % interval.
        classes: a name for each row.
        groups: a name for each column.
        n_recordings: how many recordings stand behind each row.
        withheld: rows not to be shown, with the reason printed in their place.
        title: a heading.
        name: the SVG's id, the first part of every id in it.
    """
    check_map(values, half_width, classes, groups, n_recordings, withheld)
    table = table_of(classes, groups, withheld, top=28.0 if title else 10.0)
    figure = new_figure(table.right + 54, table.bottom + 62)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, table.right + 54), ylim=(table.bottom + 62, 0))
    axes.axis("off")
    if title:
        write(axes, 6, 14, title, size=11.5, weight="bold", ha="left")
    header(axes, table, groups)
    shown = np.array([label not in withheld for label in classes])
    finite = np.abs(values[shown][np.isfinite(values[shown])])
    scale = float(finite.max(initial=0.0)) or 1.0
    for row, label in enumerate(classes):
        middle = (table.tops[row] + table.tops[row + 1]) / 2
        write(axes, table.left - 6, middle, label, ha="right")
        write(axes, table.right + 46, middle, f"{n_recordings[row]:,}", ha="right", color="#444")
        if label in withheld:
            withheld_row(axes, table, row, withheld[label])
            continue
        for column in range(len(groups)):
            pair = (float(values[row, column]), float(half_width[row, column]))
            _cell(axes, table, (row, column), pair, scale)
    _colour_bar(axes, table, scale)
    return from_figure(figure, name, title or "Evidence of each lead group for each diagnosis")


@dataclass(frozen=True)
class Table:
    """Where the cells lie, in points: the left edge, a cell's width, the edges of the rows."""

    left: float
    cell: float
    right: float
    tops: tuple[float, ...]

    @property
    def bottom(self) -> float:
        """The lower edge of the last row."""
        return self.tops[-1]


def table_of(
    classes: tuple[str, ...],
    groups: tuple[str, ...],
    withheld: dict[str, str],
    top: float,
    least: float = _CELL,
) -> Table:
    """Return a table with room for every word; long reasons make their rows higher.

    A cell is at least `least` points wide.
    """
    words = [group.split() or [""] for group in groups]
    longest = max(len(word) for group in words for word in group)
    cell = max(least, _LETTER * _TEXT * longest + 4)
    left = 14 + _LETTER * _TEXT * max(len(label) for label in classes)
    tops = [top + 11 * max(len(group) for group in words)]
    for label in classes:
        n_lines = len(_lines(withheld.get(label, ""), cell * len(groups)))
        tops.append(tops[-1] + max(_ROW, 11.0 * n_lines + 5))
    return Table(left, cell, left + cell * len(groups), tuple(tops))


def _lines(reason: str, width: float) -> list[str]:
    """Return `reason` in lines that fit a row of this width."""
    return textwrap.wrap(reason, max(8, int((width - 20) / (_LETTER * 8.5))))


def header(axes: Axes, table: Table, groups: tuple[str, ...]) -> None:
    """Write the names of the columns, a word a line."""
    y = table.tops[0] - 8
    for column, group in enumerate(groups):
        for line, word in enumerate(reversed(group.split())):
            write(axes, table.left + table.cell * (column + 0.5), y - 11 * line, word)
    write(axes, table.right + 46, y, "ECGs", ha="right", color="#444")


def check_map(
    values: Float[np.ndarray, "class group"],
    half_width: Float[np.ndarray, "class group"],
    classes: tuple[str, ...],
    groups: tuple[str, ...],
    n_recordings: tuple[int, ...],
    withheld: dict[str, str],
) -> None:
    """Raise unless every row and column has a name, and every withheld row exists."""
    shape = (len(classes), len(groups))
    if 0 in shape or values.shape != shape or half_width.shape != shape:
        raise ConfigError(
            f"a map of {shape[0]} classes by {shape[1]} groups from values of shape "
            f"{values.shape} and half widths of shape {half_width.shape}"
        )
    if len(n_recordings) != len(classes):
        raise ConfigError(f"{len(n_recordings)} counts of recordings for {len(classes)} classes")
    unknown = sorted(set(withheld) - set(classes))
    if unknown:
        raise ConfigError(f"withheld classes that the map does not have: {', '.join(unknown)}")


def _cell(
    axes: Axes, table: Table, place: tuple[int, int], pair: tuple[float, float], scale: float
) -> None:
    """Draw one cell: its colour, and its value in black or, where zero is possible, in grey."""
    (row, column), (value, spread) = place, pair
    is_known = np.isfinite(value)
    # A spread that is not known leaves zero possible.
    is_clear = bool(is_known and abs(value) > spread)
    fill = _colour(value / scale if is_known else 0.0)
    corner = (table.left + table.cell * column, table.tops[row])
    gid = f"cell-{row}-{column}"
    _box(axes, corner, (table.cell, _ROW), fill, gid, edgecolor="white", linewidth=1)
    write(
        axes,
        corner[0] + table.cell / 2,
        corner[1] + _ROW / 2,
        signed(value, scale / 10) if is_known else "\u2013",
        style="normal" if is_clear else "italic",
        color=_ink(fill, is_clear),
        gid=f"{gid}-{'clear' if is_clear else 'unclear'}",
    )


def withheld_row(axes: Axes, table: Table, row: int, reason: str) -> None:
    """Draw a hatched row with the reason why its values are not shown."""
    size = (table.right - table.left, table.tops[row + 1] - table.tops[row])
    corner = (table.left, table.tops[row])
    grey: dict[str, str | float] = {"edgecolor": "#c4c4c4", "linewidth": 0}
    _box(axes, corner, size, "#f0f0f0", f"withheld-{row}", hatch="////", **grey)
    lines = _lines(reason, size[0])
    middle = (corner[0] + size[0] / 2, corner[1] + size[1] / 2)
    plain = (_LETTER * 8.5 * max(map(len, lines), default=0), 11.0 * len(lines))
    start = (middle[0] - plain[0] / 2, middle[1] - plain[1] / 2)
    _box(axes, start, plain, "#f0f0f0", f"reason-{row}", linewidth=0)
    for index, line in enumerate(lines):
        write(axes, middle[0], start[1] + 11 * (index + 0.5), line, size=8.5, color="#333")


def _colour_bar(axes: Axes, table: Table, scale: float) -> None:
    """Draw the scale of colours with its ends and zero, and what it measures."""
    steps, y, width = 41, table.bottom + 14, table.right - table.left
    for step in range(steps):
        corner = (table.left + width * step / steps, y)
        fill = _colour(2 * step / (steps - 1) - 1)
        _box(axes, corner, (width / steps, 9), fill, f"scale-{step}", edgecolor=fill)
    for share, side in ((-1.0, "left"), (0.0, "center"), (1.0, "right")):
        text = signed(share * scale, scale / 10)
        write(axes, table.left + width * (share + 1) / 2, y + 17, text, size=8, ha=side)
    middle = table.left + width / 2
    write(axes, middle, y + 29, "logit evidence (for +, against \u2212)")
    note = "grey italic: the 95 % interval contains 0 or is not known"
    write(axes, middle, y + 41, note, size=8, style="italic", color="#5a5a5a")


def _colour(share: float) -> str:
    """Return the colour of a value from -1 (against) over 0 (white) to 1 (for)."""
    end = FOR if share > 0 else AGAINST
    parts = [int(end[i : i + 2], 16) for i in (1, 3, 5)]
    mixed = [round(255 + (part - 255) * min(abs(share), 1.0)) for part in parts]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _ink(fill: str, is_clear: bool) -> str:
    """Return the colour of letters on `fill`: black or white, or grey unless `is_clear`."""
    parts = np.array([int(fill[i : i + 2], 16) / 255 for i in (1, 3, 5)]) ** 2.2
    luminance = float(parts @ (0.2126, 0.7152, 0.0722))
    if luminance < 0.18:
        return "#ffffff" if is_clear else "#e0e0e0"
    if is_clear:
        return "#000000"
    return "#5a5a5a" if luminance > 0.5 else "#333333"


def _box(
    axes: Axes,
    corner: tuple[float, float],
    size: tuple[float, float],
    fill: str,
    gid: str,
    **style: str | float,
) -> None:
    """Draw a filled rectangle whose id in the SVG ends with `gid`."""
    patches = require_extra("matplotlib.patches", "report", "drawing figures")
    box = patches.Rectangle(corner, *size, facecolor=fill, **style)
    box.set_gid(gid)
    axes.add_patch(box)
