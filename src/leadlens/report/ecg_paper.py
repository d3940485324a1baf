"""ECG paper: a recording at 25 mm/s and 10 mm/mV, with evidence behind the traces.

Lengths in the SVG are millimetres, so a print at 100 % can be measured with a ruler. With the
bar panel it is 277 mm wide: A4 landscape within a browser's usual margins.
"""

import math
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float

from leadlens.ecg.recording import Recording
from leadlens.report.ecg_overlay import Overlay, band_markup, check_overlay, legend
from leadlens.report.ecg_sheet import (
    COLUMN_SECONDS,
    LEFT,
    MM_PER_MV,
    RIGHT,
    SHOWN_SECONDS,
    Cell,
    Layout,
    Order,
    Row,
    Sheet,
    column_starts,
    in_order,
    ordered_names,
    sheet_of,
)
from leadlens.report.lead_bars import PANEL_WIDTH, bar_panel
from leadlens.report.svg import drawing, element, label, number

__all__ = ["PAPER_STYLE", "Layout", "Order", "Overlay", "ecg_paper", "on_paper", "paper_footer"]

_POINTS_PER_SECOND: Final = 250
"""10 points a mm: more cannot be seen, and a 500 Hz ECG would be twice as large."""

PAPER_STYLE: Final = (
    "#self .halo{paint-order:stroke;stroke:#fff;stroke-width:.9px;stroke-linejoin:round}"
    "@media screen and (max-width:640px){#self .minor,#self .detail{display:none}"
    "#self .lead{font-size:6.5px}#self .note{font-size:5px}#self .heading{font-size:6.5px}"
    "#self .trace{stroke-width:.5px}}"
)
"""On a telephone the paper shrinks to half: letters and traces grow, the fine grid goes."""


def ecg_paper(
    recording: Recording,
    overlay: Overlay | None = None,
    layout: Layout = "3x4",
    title: str = "",
    name: str = "ecg",
    order: Order = "standard",
    note: str = "",
) -> str:
    """Return `recording` on ECG paper as an SVG, true to scale.

    Args:
        recording: what to draw; its first 10 s.
        overlay: evidence to show behind the traces and as bars to the right.
        layout: "3x4" for four columns of 2.5 s and lead II below, "12x1" for 10 s of each lead,
            "median" for a recording that is one beat.
        title: a heading.
        name: the SVG's id, the first part of every id in it.
        order: of the limb leads: "standard", or "cabrera".
        note: what else a reader must know, printed below.
    """
    if overlay is not None:
        check_overlay(overlay, recording)
        if order == "cabrera":
            tied = tuple(ordered_names(group) for group in overlay.tied_leads)
            overlay = replace(overlay, tied_leads=tied)
    recording = in_order(recording, order)
    heading = 7.5 if title else 0.0
    sheet = sheet_of(recording, layout, LEFT + heading + (7.5 if overlay is not None else 0.0))
    parts = []
    if title:
        parts.append(label(LEFT, 5.5, title, 4.6, class_="heading", font_weight="bold"))
    behind = ""
    if overlay is not None:
        behind = band_markup(overlay, recording, sheet)
        parts.append(legend(overlay, recording, heading + 5.0))
        parts.append(bar_panel(overlay, recording, sheet))
    footer = [*paper_footer(recording, sheet, layout), *([note] if note else [])]
    parts.append(on_paper(recording, sheet, footer, name, behind))
    width = RIGHT + (PANEL_WIDTH + 0.5 if overlay is not None else LEFT)
    size = (width, sheet.bottom + 1.5 + 5.5 * len(footer))
    spoken = title or f"ECG {recording.record_id}, {len(recording.leads)} leads"
    spoken += f", {overlay.label}" if overlay is not None else ""
    return drawing(name, spoken, "".join(parts), size, "mm", style=PAPER_STYLE)


def on_paper(
    recording: Recording, sheet: Sheet, footer: list[str], name: str, behind: str = ""
) -> str:
    """Return paper, grid and traces, with the markup `behind` under the grid, and lines below."""
    parts = [_paper(sheet), behind, _grid(sheet)]
    if recording.units == "mV":
        parts.extend(_calibration(row) for row in sheet.rows)
    parts.extend(_clip_path(row, index, name) for index, row in enumerate(sheet.rows))
    parts.extend(_lead(cell, recording, sheet, name) for cell in sheet.cells)
    parts.extend(
        label(LEFT, sheet.bottom + 5 + 5.5 * line, text, 3.2, class_="note")
        for line, text in enumerate(footer)
    )
    return "".join(parts)


def _paper(sheet: Sheet) -> str:
    """Return the white ground of the paper."""
    return element(
        "rect",
        x=LEFT,
        y=sheet.top,
        width=RIGHT - LEFT,
        height=sheet.bottom - sheet.top,
        fill="#fffdfc",
    )


def _grid(sheet: Sheet) -> str:
    """Return the lines of every mm, and the bold ones of every 5 mm."""
    columns, rows = round(RIGHT - LEFT), round(sheet.bottom - sheet.top)
    lines: dict[bool, list[str]] = {False: [], True: []}
    for i in range(columns + 1):
        lines[i % 5 == 0].append(f"M{number(LEFT + i)} {number(sheet.top)}v{rows}")
    for i in range(rows + 1):
        lines[i % 5 == 0].append(f"M{number(LEFT)} {number(sheet.top + i)}h{columns}")
    minor, major = ("".join(lines[is_bold]) for is_bold in (False, True))
    return element(
        "path", d=minor, class_="minor", fill="none", stroke="#efa0a8", stroke_width=0.08
    ) + element("path", d=major, class_="major", fill="none", stroke="#e58089", stroke_width=0.2)


def _calibration(row: Row) -> str:
    """Return the pulse of 1 mV to the left of a row."""
    path = f"M{number(LEFT)} {number(row.baseline)}h.5v-{number(MM_PER_MV)}h4v{number(MM_PER_MV)}"
    return element(
        "path", d=f"{path}h.5", class_="calibration", fill="none", stroke="#000", stroke_width=0.25
    )


def _clip_path(row: Row, index: int, name: str) -> str:
    """Return the region beyond which a row's traces are cut."""
    region = element("rect", x=LEFT, y=row.top, width=RIGHT - LEFT, height=row.bottom - row.top)
    return element("clipPath", region, id=f"{name}-row-{index}")


def _lead(cell: Cell, recording: Recording, sheet: Sheet, name: str) -> str:
    """Return a lead's trace and name in its cell, or a dashed line that says "not recorded"."""
    row = sheet.rows[cell.row]
    window = cell.samples(recording)
    heights = sheet.heights[cell.lead][window]
    times = (np.arange(heights.size) + window.start) / recording.fs
    path = _trace(cell.left + 25.0 * (times - cell.start), row.baseline - heights, recording.fs)
    divider = f"M{number(cell.left)} {number(row.baseline - 3)}v6"
    return element(
        "g",
        _drawn(path, f"{name}-row-{cell.row}") if path else _absent(cell, row),
        element("path", d=divider, stroke="#000", stroke_width=0.25) if cell.left > 6 else "",
        label(cell.left + 1, row.top + 4.6, cell.lead, 4, class_="lead halo", font_weight="bold"),
        data_lead=cell.lead,
        class_="cell",
    )


def _drawn(path: str, region: str) -> str:
    """Return the line of a trace, cut at the clip path `region`."""
    return element(
        "path",
        d=path,
        class_="trace",
        fill="none",
        stroke="#000",
        stroke_width=0.28,
        stroke_linejoin="round",
        stroke_linecap="round",
        clip_path=f"url(#{region})",
    )


def _absent(cell: Cell, row: Row) -> str:
    """Return a dashed baseline that says "not recorded"."""
    right = cell.x(cell.start + cell.seconds)
    middle = (cell.left + right) / 2
    line = f"M{number(cell.left)} {number(row.baseline)}H{number(right)}"
    grey = {"fill": "#555", "text_anchor": "middle"}
    return element(
        "path", d=line, class_="absent", stroke="#666", stroke_width=0.3, stroke_dasharray="2 2"
    ) + label(middle, row.baseline - 2, "not recorded", 3.2, class_="note halo", **grey)


def _trace(x: Float[np.ndarray, " time"], y: Float[np.ndarray, " time"], fs: float) -> str:
    """Return a path through the points to 0.01 mm, broken where `y` is NaN, "" where all is.

    Steps are relative to the point before as drawn, which halves the size; the points are rounded
    first, so no error adds up.
    """
    known = ~np.isnan(y)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    pieces = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        kept = first + _thinned(y[first:last], fs)
        points = np.round(100 * np.stack([x[kept], y[kept]], axis=1)).astype(int)
        steps = np.diff(points, axis=0).ravel().tolist()
        start = f"M{number(points[0, 0] / 100)} {number(points[0, 1] / 100)}"
        line = "".join(_hundredths(step) for step in steps)
        pieces.append(f"{start}l{line or '0 0'}")
    return "".join(pieces)


def _thinned(y: Float[np.ndarray, " time"], fs: float) -> np.ndarray:
    """Return the samples to draw: all, or the lowest and highest of each bin above 250 Hz."""
    if fs <= _POINTS_PER_SECOND:
        return np.arange(y.size)
    size = math.ceil(2 * fs / _POINTS_PER_SECOND)
    bins = [(first, y[first : first + size]) for first in range(0, y.size, size)]
    ends = [first + int(end) for first, bin_ in bins for end in (bin_.argmin(), bin_.argmax())]
    return np.unique(np.array([0, *ends, y.size - 1], dtype=int))


def _hundredths(count: int) -> str:
    """Return a relative coordinate of `count` hundredths, with the space it needs before it."""
    text = f"{abs(count) / 100:.2f}".rstrip("0").rstrip(".").lstrip("0") or "0"
    return f"-{text}" if count < 0 else f" {text}"


def paper_footer(recording: Recording, sheet: Sheet, layout: str) -> list[str]:
    """Return the scale, rate and name, then what a reader must know about this drawing."""
    in_mv = recording.units == "mV"
    scale = "10 mm/mV" if in_mv else "amplitude in relative units, each lead scaled to fit"
    square = "small square 40 ms, 0.1 mV" if in_mv else "small square 40 ms"
    parts = ["25 mm/s", scale, square, f"{recording.fs:g} Hz", f"record {recording.record_id}"]
    notes = []
    if recording.duration > SHOWN_SECONDS:
        notes.append(f"first 10 s of {recording.duration:.4g} s shown")
    if layout == "3x4" and recording.duration < SHOWN_SECONDS:
        starts = ", ".join(f"{start:.3g}" for start in column_starts(recording.duration))
        notes.append(
            f"{recording.duration:.3g} s recorded: columns of {COLUMN_SECONDS} s from {starts} s"
        )
    if sheet.cut:
        notes.append(f"cut at the row's edge: {', '.join(sheet.cut)}")
    return ["\u2003".join(parts), *(["; ".join(notes)] if notes else [])]
