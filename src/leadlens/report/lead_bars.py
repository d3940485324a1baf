"""Lead bars: beside ECG paper, what each lead says over the whole recording, with its interval."""

from typing import Final

import numpy as np

from leadlens.ecg.leads import CHEST_LEADS, LIMB_LEADS
from leadlens.ecg.recording import Recording
from leadlens.report.ecg_overlay import Overlay
from leadlens.report.ecg_sheet import RIGHT, Sheet
from leadlens.report.svg import AGAINST, FOR, element, escape, label, number, signed

PANEL_WIDTH: Final = 21.0

_GROUP_NAMES: Final = {
    frozenset(LIMB_LEADS): "frontal plane",
    frozenset(CHEST_LEADS): "chest leads",
}


def bar_panel(overlay: Overlay, recording: Recording, sheet: Sheet) -> str:
    """Return the panel to the right of the paper: one bar for each lead or tied group."""
    groups = _groups(overlay, recording, sheet)
    slots = _slots(groups, sheet)
    totals = [_total(overlay, recording, group) for group in groups]
    halves = [_half_width(overlay, recording, group) for group in groups]
    ends = [abs(t) + np.nan_to_num(h) for t, h in zip(totals, halves, strict=True)]
    scale = float(np.nanmax([*ends, 0.0])) or 1.0
    middle = RIGHT + 1 + (PANEL_WIDTH - 1.5) / 2
    parts = [
        label(
            RIGHT + PANEL_WIDTH,
            sheet.top - 1.5,
            overlay.totals_label or f"sum over {recording.duration:.3g} s",
            2.8,
            class_="note",
            text_anchor="end",
        ),
        element(
            "path",
            d=f"M{number(middle)} {number(sheet.top)}V{number(sheet.bottom)}",
            stroke="#777",
            stroke_width=0.2,
        ),
    ]
    for group, y, total, half in zip(groups, slots, totals, halves, strict=True):
        parts.append(_bar(group, (total, half), scale, y, middle))
    return element("g", *parts, class_="bars")


def _bar(
    group: tuple[str, ...], pair: tuple[float, float], scale: float, y: float, middle: float
) -> str:
    """Return a group's name, value and bar with its interval, around the height `y`.

    Args:
        group: the leads.
        pair: their value, and half of its interval, NaN where it is not known.
        scale: the value that fills the panel.
        y: height in mm.
        middle: where zero lies, in mm.
    """
    total, spread = pair
    name = _GROUP_NAMES.get(frozenset(n.removeprefix("-") for n in group), "+".join(group))
    words = name.split()
    y += 2.2 * (len(words) - 1)
    half = (PANEL_WIDTH - 1.5) / 2
    left, right = middle - half, middle + half
    lines = [
        label(left, y - 0.6 - 4.4 * (len(words) - 1 - i), word, 3, class_="note halo")
        for i, word in enumerate(words)
    ]
    value = signed(total, scale) if np.isfinite(total) else "\u2013"
    lines.append(
        label(right, y - 0.6, value, 2.6, class_="detail halo", fill="#444", text_anchor="end")
    )
    if np.isfinite(total) and total != 0:
        length = half * abs(total) / scale
        colour = FOR if total > 0 else AGAINST
        lines.append(
            element(
                "rect",
                x=middle if total > 0 else middle - length,
                y=y + 0.3,
                width=length,
                height=2.8,
                fill="#fff" if abs(total) <= spread else colour,
                stroke=colour if np.isfinite(spread) else "none",
                stroke_width=0.2,
            )
        )
        if np.isfinite(spread):
            ends = [middle + half * (total + side * spread) / scale for side in (-1, 1)]
            path = f"M{number(ends[0])} {number(y + 1.7)}H{number(ends[1])}"
            lines.append(
                element("path", d=path, class_="interval", stroke="#000", stroke_width=0.3)
            )
    return element("g", element("title", escape(f"{name}: {value}")), *lines, class_="bar")


def _slots(groups: list[tuple[str, ...]], sheet: Sheet) -> list[float]:
    """Return the height of each bar: amid its leads' rows where each lead has one, else evenly."""
    if len(sheet.rows) == len(sheet.heights):
        rows = dict(zip(sheet.heights, sheet.rows, strict=True))
        return [
            sum((rows[name].top + rows[name].bottom) / 2 for name in group) / len(group)
            for group in groups
        ]
    unit = (sheet.bottom - sheet.top) / max(len(groups), 1)
    return [sheet.top + unit * (index + 0.5) for index in range(len(groups))]


def _groups(overlay: Overlay, recording: Recording, sheet: Sheet) -> list[tuple[str, ...]]:
    """Return tied groups and single leads, in the order in which the sheet shows them."""
    tied = {name: group for group in overlay.tied_leads for name in group}
    order = [*sheet.heights, *recording.leads]
    groups = [tied.get(name, (name,)) for name in order if name in recording.leads]
    return list(dict.fromkeys(groups))


def _total(overlay: Overlay, recording: Recording, group: tuple[str, ...]) -> float:
    """Return the sum of a group's known totals, NaN where none is known."""
    values = overlay.lead_totals[[recording.leads.index(name) for name in group]]
    known = values[np.isfinite(values)]
    return float(known.sum()) if known.size else float("nan")


def _half_width(overlay: Overlay, recording: Recording, group: tuple[str, ...]) -> float:
    """Return half of the interval of a group's total, NaN where it is not known."""
    if overlay.half_widths is None:
        return float("nan")
    return float(overlay.half_widths[recording.leads.index(group[0])])
