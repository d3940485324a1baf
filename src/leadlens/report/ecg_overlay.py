"""Overlay: signed evidence over ECG paper, as bands behind the traces and as a bar for each lead.

Blue speaks against the diagnosis and orange for it: the grid is red, so red and green are taken.
One scale, centred on zero, serves all leads.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Float, Int, Shaped

from leadlens.ecg.leads import CHEST_LEADS, LIMB_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.report.ecg_sheet import LEFT, RIGHT, SHOWN_SECONDS, Sheet
from leadlens.report.svg import AGAINST, FOR, element, escape, label, number, signed

PANEL_WIDTH: Final = 21.0

_BAND_SECONDS: Final = 0.02
"""A QRS complex is 80 to 120 ms long; bands of 20 ms follow it and keep the file small."""
LEVELS: Final = 10
"""Steps from no colour to the full one."""
_STRONGEST: Final = 0.65
"""Opacity of the largest evidence: a black trace keeps a contrast of 7 : 1 on it."""
_GROUP_NAMES: Final = {
    frozenset(LIMB_LEADS): "frontal plane",
    frozenset(CHEST_LEADS): "chest leads",
}


@dataclass(frozen=True, eq=False)
class Overlay:
    """Evidence to draw on a recording; rows are in the order of the recording's leads.

    Attributes:
        evidence: one value a sample; above 0 for the diagnosis, below 0 against it.
        label: what the evidence is, such as "evidence for AF".
        lead_totals: a signed bar for each lead, over the whole recording.
        tied_leads: leads explained as one player; their bar is the sum of their totals.
    """

    evidence: Float[np.ndarray, "lead time"]
    label: str
    lead_totals: Float[np.ndarray, " lead"]
    tied_leads: tuple[tuple[str, ...], ...] = ()


def check_overlay(overlay: Overlay, recording: Recording) -> None:
    """Raise unless the overlay has the recording's shape and ties leads that it has, once each."""
    if overlay.evidence.shape != recording.signal.shape:
        raise ConfigError(
            f"evidence of shape {overlay.evidence.shape} for {recording.record_id}, "
            f"whose signal is {recording.signal.shape}"
        )
    if overlay.lead_totals.shape != (recording.n_leads,):
        raise ConfigError(
            f"{overlay.lead_totals.size} lead totals for {recording.n_leads} leads "
            f"of {recording.record_id}"
        )
    tied = [name for group in overlay.tied_leads for name in group]
    for name in tied:
        if name not in recording.leads or tied.count(name) > 1:
            raise ConfigError(
                f"tied lead {name!r} must be once in the groups and be one of "
                f"{', '.join(recording.leads)}"
            )


def band_markup(overlay: Overlay, recording: Recording, sheet: Sheet) -> str:
    """Return the bands behind the traces, one path for each sign and strength."""
    means, width = _band_means(overlay, recording)
    scale = _scale(means) or 1.0
    levels = (np.sign(means) * np.round(LEVELS * np.abs(means) / scale)).astype(int)
    return level_bands(levels, width, recording, sheet)


def level_bands(
    levels: Int[np.ndarray, "lead band"], width: float, recording: Recording, sheet: Sheet
) -> str:
    """Return bands `width` s long, coloured by their level from -LEVELS to LEVELS."""
    outlines: dict[int, list[str]] = {}
    for cell in sheet.cells:
        if cell.lead not in recording.leads:
            continue
        row = sheet.rows[cell.row]
        for level, first, last in runs(levels[recording.leads.index(cell.lead)]):
            left, right = cell.x(first * width), cell.x(min(last * width, recording.duration))
            if level != 0 and right > left:
                outlines.setdefault(level, []).append(
                    f"M{number(left)} {number(row.top + 1)}H{number(right)}"
                    f"V{number(row.bottom - 1)}H{number(left)}z"
                )
    return "".join(coloured(level, "".join(outlines[level])) for level in sorted(outlines))


def legend(overlay: Overlay, recording: Recording, y: float) -> str:
    """Return the colour legend with its label, on a line whose text stands at `y`."""
    scale = _scale(_band_means(overlay, recording)[0])
    left = LEFT + 20
    steps = "".join(
        coloured(level, f"M{number(left + 2 * (level + LEVELS))} {number(y - 3)}h2v3.6h-2z")
        for level in range(-LEVELS, LEVELS + 1)
        if level
    )
    width = 2 * (2 * LEVELS + 1)
    frame = element(
        "rect",
        x=left,
        y=y - 3,
        width=width,
        height=3.6,
        fill="none",
        stroke="#777",
        stroke_width=0.15,
    )
    words = (
        f"{overlay.label} (full colour: ±{scale:.2g})" if scale else f"{overlay.label} (all zero)"
    )
    return element(
        "g",
        label(left - 1.5, y, "against", 3.2, class_="note", text_anchor="end"),
        frame,
        steps,
        label(left + width + 1.5, y, "for", 3.2, class_="note"),
        label(left + width + 12, y, words, 3.2, class_="note"),
        class_="legend",
    )


def bar_panel(overlay: Overlay, recording: Recording, sheet: Sheet) -> str:
    """Return the panel to the right of the paper: one bar for each lead or tied group."""
    groups = _groups(overlay, recording, sheet)
    slots = _slots(groups, sheet)
    totals = [_total(overlay, recording, group) for group in groups]
    scale = max((abs(total) for total in totals if np.isfinite(total)), default=0.0) or 1.0
    middle = RIGHT + 1 + (PANEL_WIDTH - 1.5) / 2
    parts = [
        label(
            RIGHT + PANEL_WIDTH,
            sheet.top - 1.5,
            f"sum over {recording.duration:.3g} s",
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
    for group, y, total in zip(groups, slots, totals, strict=True):
        parts.append(_bar(group, total, scale, y, middle))
    return element("g", *parts, class_="bars")


def _bar(group: tuple[str, ...], total: float, scale: float, y: float, middle: float) -> str:
    """Return a group's name, value and bar, around the height `y`; `scale` fills the panel."""
    name = _GROUP_NAMES.get(frozenset(group), "+".join(group))
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
        lines.append(
            element(
                "rect",
                x=middle if total > 0 else middle - length,
                y=y + 0.3,
                width=length,
                height=2.8,
                fill=FOR if total > 0 else AGAINST,
            )
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


def _band_means(
    overlay: Overlay, recording: Recording
) -> tuple[Float[np.ndarray, "lead band"], float]:
    """Return the mean evidence of each band over the first 10 s, and a band's length in s."""
    n_samples = min(recording.n_samples, round(SHOWN_SECONDS * recording.fs))
    step = max(1, round(_BAND_SECONDS * recording.fs))
    evidence = np.nan_to_num(overlay.evidence[:, :n_samples].astype(np.float64), posinf=0, neginf=0)
    firsts = np.arange(0, n_samples, step)
    counts = np.diff(np.append(firsts, n_samples))
    return np.add.reduceat(evidence, firsts, axis=1) / counts, step / recording.fs


def _scale(means: Float[np.ndarray, "lead band"]) -> float:
    """Return the evidence that gets the full colour, the same for all leads and both signs."""
    return float(np.abs(means).max(initial=0.0))


def runs(levels: Shaped[np.ndarray, " band"]) -> list[tuple[int, int, int]]:
    """Return (level, first band, band after the last) of each stretch of one level."""
    edges = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), levels.size]
    return [(int(levels[first]), first, last) for first, last in pairwise(edges)]


def coloured(level: int, outline: str) -> str:
    """Return a filled path in the colour of `level`, which runs from -LEVELS to LEVELS."""
    return element(
        "path",
        d=outline,
        fill=FOR if level > 0 else AGAINST,
        fill_opacity=f"{_STRONGEST * abs(level) / LEVELS:.3f}",
        class_="band",
    )
