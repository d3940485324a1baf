"""Evidence sheet: a simulated recording on ECG paper, and where one diagnosis shows in it.

What the simulator changed to program the diagnosis lies behind the traces in orange; a bracket
under a row marks where the rule for the diagnosis is read. Both are known here, not estimated:
only a simulated recording has such a sheet.
"""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.report.ecg_overlay import LEVELS, coloured, level_bands, runs
from leadlens.report.ecg_paper import PAPER_STYLE, on_paper, paper_footer
from leadlens.report.ecg_sheet import LEFT, RIGHT, SHOWN_SECONDS, Cell, Layout, Row, Sheet, sheet_of
from leadlens.report.svg import drawing, element, label, number

__all__ = ["evidence_svg"]

NOT_FOR_USE: Final = "simulated: not for clinical use"

_DARK_ORANGE: Final = "#a04000"
"""A thin line needs it: its contrast on the paper is 6.4 : 1, that of the bands' orange 3.4 : 1."""
_BAND_SECONDS: Final = 0.02
"""Half a small square. A band shows the most within it, so that a pacing spike of 2 ms is seen."""
_STYLE: Final = (
    PAPER_STYLE + "@media screen and (max-width:640px){#self .bracket{stroke-width:.9px}}"
)


def evidence_svg(
    recording: Recording,
    difference: Float[np.ndarray, "12 time"],
    rule: Bool[np.ndarray, "12 time"],
    title: str,
    subtitle: str,
    layout: Layout = "3x4",
    name: str = "evidence",
) -> str:
    """Return the first 10 s of `recording` with the evidence of one diagnosis, as an SVG in mm.

    Args:
        recording: simulated; its leads are the rows of `difference` and `rule`.
        difference: how much the diagnosis changes each sample, 0 to 1, which gets full colour.
        rule: where the rule for the diagnosis is read.
        title: such as "SIM000012: right bundle branch block".
        subtitle: such as "additive; QRS 148 ms".
        layout: "3x4" for four columns of 2.5 s and lead II below, "12x1" for 10 s of each lead.
        name: the SVG's id, the first part of every id in it.

    Raises:
        ConfigError: an array has another shape than the recording, or leaves 0 to 1.
    """
    _check(recording, difference, rule)
    sheet = sheet_of(recording, layout, LEFT + 20.0)
    footer = paper_footer(recording, sheet, layout)
    footer[0] = f"{footer[0]}\u2003{NOT_FOR_USE}"
    width, height = RIGHT + LEFT, sheet.bottom + 1.5 + 5.5 * len(footer)
    body = (
        # On a dark page, as GitHub's may be, black words would be lost.
        element("rect", width=width, height=height, fill="#fff"),
        label(LEFT, 5.5, title, 4.6, class_="heading", font_weight="bold"),
        label(LEFT, 11.5, subtitle, 3.4, class_="note"),
        _legend(difference, rule, 17.8),
        on_paper(recording, sheet, footer, name, _bands(recording, difference, sheet)),
        *(_brackets(recording, rule, cell, sheet.rows[cell.row]) for cell in sheet.cells),
    )
    spoken = f"{title} ({subtitle}); {NOT_FOR_USE}"
    return drawing(name, spoken, "".join(body), (width, height), "mm", style=_STYLE)


def _check(
    recording: Recording,
    difference: Float[np.ndarray, "12 time"],
    rule: Bool[np.ndarray, "12 time"],
) -> None:
    """Raise unless both arrays have the recording's shape and the difference lies in 0 to 1."""
    for what, array in (("difference", difference), ("rule", rule)):
        if array.shape != recording.signal.shape:
            raise ConfigError(
                f"{what} of shape {array.shape} for {recording.record_id}, "
                f"whose signal is {recording.signal.shape}: give one value a sample"
            )
    outside = difference[~((difference >= 0) & (difference <= 1))]
    if outside.size:
        raise ConfigError(
            f"difference holds {outside[0]:g} for {recording.record_id}: "
            "divide by the largest, so that it runs from 0 to 1"
        )


def _bands(recording: Recording, difference: Float[np.ndarray, "12 time"], sheet: Sheet) -> str:
    """Return the bands behind the traces; below a twentieth there is no colour."""
    step = max(1, round(_BAND_SECONDS * recording.fs))
    n_samples = min(recording.n_samples, round(SHOWN_SECONDS * recording.fs))
    most = np.maximum.reduceat(difference[:, :n_samples], np.arange(0, n_samples, step), axis=1)
    return level_bands(np.round(LEVELS * most).astype(int), step / recording.fs, recording, sheet)


def _brackets(recording: Recording, rule: Bool[np.ndarray, "12 time"], cell: Cell, row: Row) -> str:
    """Return a bracket under each stretch of the cell's lead where the rule is read.

    A bracket that goes on beyond its cell is open on that side.
    """
    if cell.lead not in recording.leads:
        return ""
    top, bottom, outline = row.bottom - 1.55, row.bottom - 0.45, ""
    for is_read, first, last in runs(rule[recording.leads.index(cell.lead)]):
        start, end = first / recording.fs, last / recording.fs
        left, right = cell.x(start), cell.x(end)
        if is_read and right > left:
            begins, ends = start >= cell.start, end <= cell.start + cell.seconds
            outline += f"M{number(left)} {number(top if begins else bottom)}V{number(bottom)}"
            outline += f"H{number(right)}" + (f"V{number(top)}" if ends else "")
    return _bracket(outline) if outline else ""


def _bracket(outline: str) -> str:
    """Return the line of one or more brackets."""
    return element(
        "path", d=outline, class_="bracket", fill="none", stroke=_DARK_ORANGE, stroke_width=0.45
    )


def _legend(
    difference: Float[np.ndarray, "12 time"], rule: Bool[np.ndarray, "12 time"], y: float
) -> str:
    """Return what colour and bracket mean, on a line whose text stands at `y`."""
    steps = "".join(
        coloured(level, f"M{number(LEFT + 2 * (level - 1))} {number(y - 3)}h2v3.6h-2z")
        for level in range(1, LEVELS + 1)
    )
    middle = LEFT + 110
    changed = "what the diagnosis changes" if difference.any() else "the diagnosis changes nothing"
    read = "where its rule is read" if rule.any() else "its rule is read nowhere"
    return element(
        "g",
        steps,
        label(LEFT + 2 * LEVELS + 1.5, y, changed, 3.2, class_="note"),
        _bracket(f"M{number(middle)} {number(y - 2)}v1.1h10v-1.1"),
        label(middle + 11.5, y, read, 3.2, class_="note"),
        class_="legend",
    )
