"""The class-neutral beat: what a masked sample becomes if its beat were normal.

The shape is that of a mean normal beat (`normal_beat.json`, made by `benchmarks/normal_beat.py`),
the timing is the window's own: P lies where P was, the QRS begins where it began, T ends where T
ended, so RR, PR and QT are kept. The QRS has the normal duration. Between beats the line is
isoelectric.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Float

from leadlens.ecg.decimate import decimate
from leadlens.ecg.delineate import Delineation
from leadlens.ecg.leads import STANDARD_FROM_INDEPENDENT, STANDARD_LEADS
from leadlens.ecg.recording import Units
from leadlens.errors import ConfigError
from leadlens.explain.replacement import isoelectric

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class NormalBeat:
    """A beat from the onset of P to the end of T.

    Attributes:
        signal: (8, sample) mV, in the order of INDEPENDENT_LEADS; 0 at both ends.
        fs: samples a second.
        knots: (6,) P onset and end, QRS onset, R, QRS end, T end; s from the first sample.
    """

    signal: Float[Array, "8 sample"]
    fs: float
    knots: Float[Array, "6"]

    def at(self, times: Float[Array, " time"]) -> Float[Array, "8 time"]:
        """Return the beat at these seconds from its first sample."""
        grid = np.arange(self.signal.shape[1]) / self.fs
        return np.stack([np.interp(times, grid, row) for row in self.signal])


@cache
def normal_beat() -> NormalBeat:
    """Return the mean normal beat of simulated recordings."""
    file = resources.files("leadlens.explain").joinpath("normal_beat.json")
    table = json.loads(file.read_text(encoding="utf-8"))
    return NormalBeat(np.array(table["uv"]) / 1000.0, table["fs"], np.array(table["knots"]))


def median_beat(
    rows: Float[Array, "row time"],
    names: tuple[str, ...],
    units: Units,
    beats: Delineation,
    fs: float,
) -> Float[Array, "row time"]:
    """Return normal beats at the window's own times, on each row's isoelectric line.

    In mV they have the normal amplitude. In relative units each row is scaled so that its QRS is as
    high as the window's own in the median beat: low voltage can then not be told.

    Args:
        rows: the window, NaN where missing, and missing it stays.
        names: of the rows, standard leads.
        units: of the rows.
        beats: the fiducial points, s.
        fs: of the rows, Hz.

    Raises:
        ConfigError: a lead that is none of the twelve.
    """
    unknown = [name for name in names if name not in STANDARD_LEADS]
    if unknown:
        raise ConfigError(
            f"a normal beat is known for the twelve standard leads, not for {', '.join(unknown)}: "
            "use replacement 'isoelectric'"
        )
    form = STANDARD_FROM_INDEPENDENT[[STANDARD_LEADS.index(name) for name in names]]
    normal = form @ normal_beats(beats, fs, rows.shape[1])
    if units == "relative":
        own, other = (_heights(each, beats, fs) for each in (rows, normal))
        normal *= (own / np.maximum(other, 1e-9))[:, None]
    return (isoelectric(rows, names, units) + normal).astype(rows.dtype)


def normal_beats(beats: Delineation, fs: float, n_samples: int) -> Float[Array, "8 time"]:
    """Return normal beats (mV, INDEPENDENT_LEADS) at the times of `beats`, 0 between them."""
    normal = normal_beat()
    n_steps = max(1, int(np.ceil(normal.fs / fs)))
    times = np.arange(n_samples * n_steps) / (fs * n_steps)
    found = np.zeros((8, len(times)))
    for knots in _knots(beats, normal.knots):
        is_here = (times >= knots[0]) & (times < knots[-1])
        found[:, is_here] = normal.at(np.interp(times[is_here], knots, normal.knots))
    return decimate(found, n_steps) if n_steps > 1 else found


def _knots(beats: Delineation, usual: Float[Array, "6"]) -> Float[Array, "beat 6"]:
    """Return where the knots of a normal beat come in the window, s.

    A P that is not found is put where it normally is, if T has ended by then; T that is not found
    ends where it normally does.
    """
    around = beats.qrs_onset[:, None] + (usual - usual[2])
    t_end = np.where(np.isnan(beats.t_offset), around[:, 5], beats.t_offset)
    before = np.append(-np.inf, t_end[:-1])
    has_p = ~np.isnan(beats.p_onset + beats.p_offset)
    p_limits = np.where(has_p, np.array([beats.p_onset, beats.p_offset]), around[:, :2].T)
    has_room = has_p | (p_limits[0] >= before)
    p_on, p_off = np.minimum(np.where(has_room, p_limits, np.inf), around[:, 2])
    t_end = np.minimum(t_end, np.append(p_on[1:], np.inf))
    knots = np.column_stack([p_on, p_off, around[:, 2:5], t_end])
    return np.maximum.accumulate(knots, axis=1)


def _heights(rows: Float[Array, "row time"], beats: Delineation, fs: float) -> Float[Array, " row"]:
    """Return the median over the beats of each row's peak-to-peak QRS; 0 for a missing row."""
    limits = np.round(fs * np.stack([beats.qrs_onset, beats.qrs_offset], axis=1)).astype(int)
    pieces = [np.nan_to_num(rows[:, first : last + 1]) for first, last in limits]
    return np.asarray(np.median([np.ptp(piece, axis=1) for piece in pieces], axis=0))
