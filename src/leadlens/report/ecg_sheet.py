"""Sheet: where each lead of a recording lies on ECG paper, in millimetres.

The paper is 5 mm for the calibration pulse and 250 mm for 10 s. Rows grow in bold squares with
what they show, so that no ordinary QRS complex is cut.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Float

from leadlens.ecg.leads import CHEST_LEADS, STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import choices

MM_PER_SECOND: Final = 25.0
MM_PER_MV: Final = 10.0
SHOWN_SECONDS: Final = 10.0
COLUMN_SECONDS: Final = 2.5
LEFT: Final = 0.5
TIME_ZERO: Final = LEFT + 5.0
RIGHT: Final = TIME_ZERO + SHOWN_SECONDS * MM_PER_SECOND

_LARGEST: Final = 40.0
"""Millimetres above and below the baseline that a row may reach; beyond it the trace is cut."""

MEDIAN_SECONDS: Final = 1.6
"""Of each cell of the layout "median": 40 mm, six to a row."""
CABRERA: Final = ("aVL", "I", "-aVR", "II", "aVF", "III", *CHEST_LEADS)
"""The limb leads every 30 degrees from the left shoulder down (Cabrera); aVR upside down."""

Layout = Literal["3x4", "12x1", "median"]
"""Four columns of 2.5 s with lead II below; 10 s of each lead; one beat of each lead, limb leads
above and chest leads below."""
Order = Literal["standard", "cabrera"]


@dataclass(frozen=True)
class Cell:
    """One lead in one row: `seconds` of it from `start`, drawn from `left` mm."""

    lead: str
    row: int
    left: float
    start: float
    seconds: float

    def x(self, time: float) -> float:
        """The place of a time in mm, within the cell."""
        inside = min(max(time - self.start, 0.0), self.seconds)
        return self.left + MM_PER_SECOND * inside

    def samples(self, recording: Recording) -> slice:
        """The samples that the cell shows."""
        first = math.ceil(self.start * recording.fs - 1e-6)
        return slice(first, math.ceil((self.start + self.seconds) * recording.fs - 1e-6))


@dataclass(frozen=True)
class Row:
    """A row of the paper: its edges and the line at 0 mV, in mm from the top."""

    top: float
    baseline: float
    bottom: float


@dataclass(frozen=True, eq=False)
class Sheet:
    """Cells, rows, and each drawn lead's height above its baseline in mm."""

    cells: tuple[Cell, ...]
    rows: tuple[Row, ...]
    heights: dict[str, Float[np.ndarray, " time"]]
    cut: tuple[str, ...]

    @property
    def top(self) -> float:
        """The upper edge of the paper."""
        return self.rows[0].top

    @property
    def bottom(self) -> float:
        """The lower edge of the paper."""
        return self.rows[-1].bottom


def in_order(recording: Recording, order: Order) -> Recording:
    """Return `recording` with the leads that a sheet in this order shows.

    In Cabrera's order aVR is upside down and called -aVR. Rows stay where they are.
    """
    if order not in get_args(Order):
        raise choices("order", order, get_args(Order))
    if order == "standard" or "aVR" not in recording.leads:
        return recording
    signal, row = np.array(recording.signal), recording.leads.index("aVR")
    signal[row] *= -1
    return replace(recording, signal=signal, leads=ordered_names(recording.leads))


def ordered_names(leads: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of leads as they are in Cabrera's order: -aVR for aVR."""
    return tuple("-aVR" if name == "aVR" else name for name in leads)


def sheet_of(recording: Recording, layout: str, top: float) -> Sheet:
    """Return the sheet of `recording` whose paper begins `top` mm down.

    A recording with -aVR (see `in_order`) is laid out in Cabrera's order.
    """
    if layout not in get_args(Layout):
        raise choices("layout", layout, get_args(Layout))
    leads = CABRERA if "-aVR" in recording.leads else STANDARD_LEADS
    make = {"3x4": _three_by_four, "12x1": _one_column, "median": _two_by_six}[layout]
    cells = make(recording, leads)
    heights = {
        cell.lead: _height(recording, cell.lead, 12.0 if layout == "12x1" else 20.0)
        for cell in cells
    }
    least = {"3x4": (15.0, 10.0), "12x1": (10.0, 5.0), "median": (25.0, 15.0)}[layout]
    rows: list[Row] = []
    cut: list[str] = []
    for index in range(1 + max(cell.row for cell in cells)):
        inside = {
            cell.lead: heights[cell.lead][cell.samples(recording)]
            for cell in cells
            if cell.row == index
        }
        reach = [(_largest(values), _largest(-values)) for values in inside.values()]
        cut += [name for name, sides in zip(inside, reach, strict=True) if max(sides) > _LARGEST]
        above, below = (
            min(max(least[side], 5 * math.ceil((max(r[side] for r in reach) + 1) / 5)), _LARGEST)
            for side in (0, 1)
        )
        rows.append(Row(top, top + above, top + above + below))
        top = rows[-1].bottom
    return Sheet(tuple(cells), tuple(rows), heights, tuple(dict.fromkeys(cut)))


def column_starts(duration: float) -> tuple[float, ...]:
    """Return where the four columns begin, in s: one after the other as far as the ECG reaches."""
    last = max(duration - COLUMN_SECONDS, 0.0)
    return tuple(min(COLUMN_SECONDS * column, last) for column in range(4))


def _three_by_four(recording: Recording, leads: tuple[str, ...]) -> list[Cell]:
    """Return twelve cells of 2.5 s in four columns, and lead II over 10 s below them."""
    width = COLUMN_SECONDS * MM_PER_SECOND
    cells = [
        Cell(lead, row, TIME_ZERO + width * column, start, COLUMN_SECONDS)
        for column, start in enumerate(column_starts(recording.duration))
        for row, lead in enumerate(leads[3 * column : 3 * column + 3])
    ]
    return [*cells, Cell("II", 3, TIME_ZERO, 0.0, SHOWN_SECONDS)]


def _one_column(recording: Recording, leads: tuple[str, ...]) -> list[Cell]:
    """Return a row of 10 s for each standard lead, then for the recording's other leads."""
    others = tuple(name for name in recording.leads if name not in leads)
    return [
        Cell(lead, row, TIME_ZERO, 0.0, SHOWN_SECONDS) for row, lead in enumerate(leads + others)
    ]


def _two_by_six(recording: Recording, leads: tuple[str, ...]) -> list[Cell]:
    """Return six limb leads above six chest leads, the first 1.6 s of each."""
    width, shown = MEDIAN_SECONDS * MM_PER_SECOND, min(MEDIAN_SECONDS, recording.duration)
    return [
        Cell(lead, place // 6, TIME_ZERO + width * (place % 6), 0.0, shown)
        for place, lead in enumerate(leads)
    ]


def _height(recording: Recording, lead: str, fitted: float) -> Float[np.ndarray, " time"]:
    """Return the first 10 s of a lead in mm above its median; all NaN where it is missing.

    The median lies on the baseline, as every electrocardiograph removes the electrodes' constant
    potential. A lead in relative units is stretched to `fitted` mm from lowest to highest.
    """
    n_samples = min(recording.n_samples, math.ceil(SHOWN_SECONDS * recording.fs - 1e-6))
    if lead not in recording.leads:
        return np.full(n_samples, np.nan)
    signal = recording.signal[recording.leads.index(lead), :n_samples].astype(np.float64)
    signal = np.where(np.isfinite(signal), signal, np.nan)
    if np.isnan(signal).all():
        return signal
    signal -= float(np.nanmedian(signal))
    if recording.units == "mV":
        return signal * MM_PER_MV
    span = float(np.nanmax(signal) - np.nanmin(signal))
    return signal * (fitted / span) if span > 0 else signal


def _largest(values: Float[np.ndarray, " time"]) -> float:
    """Return the largest value, 0 where there is none."""
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else 0.0
