"""Overlay: signed evidence over ECG paper, as bands behind the traces and as a bar for each lead.

Blue speaks against the diagnosis and orange for it: the grid is red, so red and green are taken.
One scale, centred on zero, serves all leads. So that a print without colours can be read too, a
strong band for the diagnosis is closed by a strip at its upper edge, one against it at its lower.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Float, Int, Shaped

from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.report.ecg_sheet import LEFT, SHOWN_SECONDS, Row, Sheet
from leadlens.report.svg import AGAINST, FOR, element, label, number

BAND_SECONDS: Final = 0.02
"""A QRS complex is 80 to 120 ms long; bands of 20 ms follow it and keep the file small."""
LEVELS: Final = 10
"""Steps from no colour to the full one."""
_STRONGEST: Final = 0.65
"""Opacity of the largest evidence: a black trace keeps a contrast of 7 : 1 on it."""
_STRIP: Final = 0.8
"""Height of the strip that closes a band, mm."""
_LEAST_STRIP: Final = 4
"""Level from which a band has one."""


@dataclass(frozen=True, eq=False)
class Overlay:
    """Evidence to draw on a recording; rows are in the order of the recording's leads.

    Attributes:
        evidence: one value a sample; above 0 for the diagnosis, below 0 against it. None where
            time was not cut: bars alone.
        label: what the evidence is, such as "evidence for AF".
        lead_totals: a signed bar for each lead, over the whole recording.
        tied_leads: leads explained as one player; their bar is the sum of their totals.
        half_widths: half of the 95 % interval of each lead's bar; leads that are tied all have
            their group's. None where no error is known.
        band_seconds: how long a band is; its evidence is the mean over it.
        scale: the evidence that gets the full colour; None for the largest that is shown.
        totals_label: what the bars are, if not the sum over the recording.
    """

    evidence: Float[np.ndarray, "lead time"] | None
    label: str
    lead_totals: Float[np.ndarray, " lead"]
    tied_leads: tuple[tuple[str, ...], ...] = ()
    half_widths: Float[np.ndarray, " lead"] | None = None
    band_seconds: float = BAND_SECONDS
    scale: float | None = None
    totals_label: str = ""


def check_overlay(overlay: Overlay, recording: Recording) -> None:
    """Raise unless the overlay has the recording's shape and ties leads that it has, once each."""
    if overlay.evidence is not None and overlay.evidence.shape != recording.signal.shape:
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
    if overlay.evidence is None:
        return ""
    means, width = _band_means(overlay.evidence, overlay.band_seconds, recording)
    scale = overlay.scale or _scale(means) or 1.0
    strength = np.minimum(np.round(LEVELS * np.abs(means) / scale), LEVELS)
    levels = (np.sign(means) * strength).astype(int)
    signs = np.where(np.abs(levels) >= _LEAST_STRIP, np.sign(levels), 0)
    return level_bands(levels, width, recording, sheet) + _strips(signs, width, recording, sheet)


def level_bands(
    levels: Int[np.ndarray, "lead band"], width: float, recording: Recording, sheet: Sheet
) -> str:
    """Return bands `width` s long, coloured by their level from -LEVELS to LEVELS."""
    outlines: dict[int, list[str]] = {}
    for level, left, right, row in _stretches(levels, width, recording, sheet):
        outlines.setdefault(level, []).append(
            f"M{number(left)} {number(row.top + 1)}H{number(right)}"
            f"V{number(row.bottom - 1)}H{number(left)}"
        )
    return "".join(coloured(level, "".join(outlines[level])) for level in sorted(outlines))


def _strips(
    signs: Int[np.ndarray, "lead band"], width: float, recording: Recording, sheet: Sheet
) -> str:
    """Return what closes bands: above where the sign is positive, below where it is negative."""
    lines: dict[int, list[str]] = {-1: [], 1: []}
    for sign, left, right, row in _stretches(signs, width, recording, sheet):
        y = row.top + 1 + _STRIP / 2 if sign > 0 else row.bottom - 1 - _STRIP / 2
        lines[sign].append(f"M{number(left)} {number(y)}h{number(right - left)}")
    return "".join(_strip("".join(lines[sign]), sign) for sign in lines if lines[sign])


def _strip(line: str, sign: int) -> str:
    """Return the line of one or more strips."""
    stroke = FOR if sign > 0 else AGAINST
    return element("path", d=line, class_="strip", stroke=stroke, stroke_width=_STRIP)


def _stretches(
    levels: Int[np.ndarray, "lead band"], width: float, recording: Recording, sheet: Sheet
) -> Iterator[tuple[int, float, float, Row]]:
    """Yield level, left and right edge (mm) and row of each stretch whose level is not 0."""
    for cell in sheet.cells:
        if cell.lead not in recording.leads:
            continue
        for level, first, last in runs(levels[recording.leads.index(cell.lead)]):
            left, right = cell.x(first * width), cell.x(min(last * width, recording.duration))
            if level != 0 and right > left:
                yield level, left, right, sheet.rows[cell.row]


def legend(overlay: Overlay, recording: Recording, y: float) -> str:
    """Return the colour legend with its label, on a line whose text stands at `y`."""
    if overlay.evidence is None:
        words = label(LEFT, y, f"{overlay.label}: see the bars", 3.2, class_="note")
        return element("g", words, class_="legend")
    means, _ = _band_means(overlay.evidence, overlay.band_seconds, recording)
    scale = overlay.scale or _scale(means)
    left = LEFT + 20
    steps = ""
    for level in range(-LEVELS, LEVELS + 1):
        x = number(left + 2 * (level + LEVELS))
        edge = number(y - 2.6 if level > 0 else y + 0.2)
        steps += coloured(level, f"M{x} {number(y - 3)}h2v3.6h-2z") if level else ""
        if abs(level) >= _LEAST_STRIP:
            steps += _strip(f"M{x} {edge}h2", level)
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


def _band_means(
    evidence: Float[np.ndarray, "lead time"], seconds: float, recording: Recording
) -> tuple[Float[np.ndarray, "lead band"], float]:
    """Return the mean evidence of each band over the first 10 s, and a band's length in s."""
    n_samples = min(recording.n_samples, round(SHOWN_SECONDS * recording.fs))
    step = max(1, round(seconds * recording.fs))
    shown = np.nan_to_num(evidence[:, :n_samples].astype(np.float64), posinf=0, neginf=0)
    firsts = np.arange(0, n_samples, step)
    counts = np.diff(np.append(firsts, n_samples))
    return np.add.reduceat(shown, firsts, axis=1) / counts, step / recording.fs


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
