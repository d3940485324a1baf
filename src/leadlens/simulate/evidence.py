"""Evidence: where in a simulated recording each of its diagnoses is.

Two independent answers are given. The counterfactual one is exact: the heart is rendered with and
without the diagnosis, from the same random draws, without noise, and the difference is the
evidence. The clinician's one is the rule: the leads and intervals that a criterion names.

Timing is not a difference of shapes. What only moves a wave is shown where that wave stands; a
rhythm's atrial activity is compared at the same beat times; for rates the difference covers all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Float16, Float32, Int

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.errors import choices
from leadlens.simulate.cohort import Batch, clean_leads
from leadlens.simulate.conditions import Plan
from leadlens.simulate.heart import Fiducials, reaching_fiducials
from leadlens.simulate.programme import Programme, write_programme
from leadlens.simulate.rhythm import BeatKind
from leadlens.simulate.rules import rule_mask
from leadlens.simulate.torso import twelve_leads

Kind = Literal["additive", "timing", "relational", "absence"]
Array = np.ndarray

KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    **dict.fromkeys(
        ("RBBB", "CRBBB", "LBBB", "CLBBB", "BBB", "IRBBB", "LAnFB", "NSIVCB", "QAb", "PRWP",
         "TAb", "TInv", "PVC", "VPB", "PR", "AFL"),
        ("additive",),
    ),
    **dict.fromkeys(
        ("SB", "STach", "Brady", "SA", "PAC", "SVPB", "IAVB", "LPR", "LQT"), ("timing",)
    ),
    **dict.fromkeys(("NSR", "LAD", "RAD"), ("relational",)),
    "AF": ("additive", "absence", "timing"),
    "LQRSV": ("absence", "relational"),
}  # fmt: skip
"""What a diagnosis consists in; the first is what its difference shows."""

MASS_SHARE: Final = 0.95
"""Part of a difference that its mask holds. With a threshold of a tenth of the largest value and
20 uV instead, putting the twin into the mask left 8 of 10 rules for wide QRS positive."""

FLOOR: Final = 0.010
"""Differences below 10 uV are no evidence (mV)."""

_FROZEN: Final = ("AF", "AFL", "PR", "NSR")
_SECONDARY: Final = ("RBBB", "CRBBB", "LBBB", "CLBBB", "BBB", "PR", "PVC", "VPB")


@dataclass(frozen=True, eq=False)
class Evidence:
    """Where one diagnosis of one recording is; rows are STANDARD_LEADS.

    Attributes:
        diagnosis: abbreviation.
        kinds: what it consists in; the first is what `difference` shows.
        difference: |with - without| in [0, 1]; 1 stands for `scale` mV or more.
        scale: mV.
        mask: the fewest samples that hold MASS_SHARE of the difference, those below FLOOR left out
            (or below half of the largest, where that is less); gaps of 20 ms are closed.
        rule: where a clinician would look.
        secondary: part of the mask that follows from the rest (T after an abnormal QRS).
    """

    diagnosis: str
    kinds: tuple[Kind, ...]
    difference: Float16[Array, "12 time"]
    scale: float
    mask: Bool[Array, "12 time"]
    rule: Bool[Array, "12 time"]
    secondary: Bool[Array, "12 time"]


def evidence(batch: Batch, row: int) -> tuple[Evidence, ...]:
    """Return the evidence of every diagnosis that recording `row` of the batch has, by name."""
    programme = _single(batch.programme, row, batch.programme.plan)
    one = replace(batch, programme=programme)
    names = sorted(batch.truth.names[row])
    return tuple(_evidence_of(one, batch, row, name) for name in names)


def evidence_for(batch: Batch, row: int, diagnosis: str) -> Evidence:
    """Return the evidence of one diagnosis; empty where the recording does not have it.

    Raises:
        ConfigError: `diagnosis` is not the abbreviation of one of the 30.
    """
    if diagnosis not in KINDS:
        raise choices("diagnosis", diagnosis, sorted(KINDS))
    if diagnosis in batch.truth.names[row]:
        programme = _single(batch.programme, row, batch.programme.plan)
        return _evidence_of(replace(batch, programme=programme), batch, row, diagnosis)
    n = round(batch.settings.duration * batch.settings.fs)
    empty = np.zeros((12, n), dtype=bool)
    return Evidence(
        diagnosis, KINDS[diagnosis], empty.astype(np.float16), FLOOR, empty, empty, empty
    )


def twin_programme(programme: Programme, diagnosis: str) -> Programme:
    """Return the programme of the same draws without `diagnosis`."""
    plan = programme.plan.without(diagnosis)
    return write_programme(
        plan, programme.age, programme.is_male, programme.streams, programme.duration
    )


def counterfactual(programme: Programme, diagnosis: str) -> Programme:
    """Return what the recording is compared with.

    For atrial fibrillation, flutter, pacing and normal sinus rhythm the beats stay where they
    are: P waves take the place of f or F waves, conducted beats that of paced ones, and normal
    sinus rhythm loses its P waves. All else is the twin.
    """
    if diagnosis == "NSR":
        rhythm = replace(programme.rhythm, pr=np.full_like(programme.rhythm.pr, np.nan))
        return replace(programme, rhythm=rhythm)
    twin = twin_programme(programme, diagnosis)
    if diagnosis not in _FROZEN:
        return twin
    kind = programme.rhythm.kind
    is_kept = kind == BeatKind.VENTRICULAR_PREMATURE
    pr = np.where(np.isnan(programme.rhythm.onset) | is_kept, np.nan, twin.rhythm.pr[:, :1])
    kind = np.where(kind == BeatKind.PACED, int(BeatKind.DOMINANT), kind)
    return replace(twin, rhythm=replace(programme.rhythm, kind=kind, pr=pr), gain=programme.gain)


def twin_signal(batch: Batch, row: int, diagnosis: str) -> Float32[Array, "12 time"]:
    """Return the clean signal, in mV, of what recording `row` is compared with."""
    programme = _single(batch.programme, row, batch.programme.plan)
    one = replace(batch, programme=programme, devices=batch.devices.take(np.array([row])))
    return _compared(one, diagnosis)


def effect(batch: Batch, row: int, diagnosis: str) -> Float32[Array, "12 time"]:
    """Return with - without one diagnosis in mV, as the device stores it and without noise.

    Taken from the recording it leaves the healthy twin, with the recording's own noise.
    """
    return effects(batch, row, (diagnosis,))[diagnosis]


def effects(
    batch: Batch, row: int, diagnoses: Sequence[str]
) -> dict[str, Float32[Array, "12 time"]]:
    """Return the effect of each of some diagnoses, in mV."""
    programme = _single(batch.programme, row, batch.programme.plan)
    devices = batch.devices.take(np.array([row]))
    one = replace(batch, programme=programme, devices=devices)
    whole = twelve_leads(clean_leads(one, programme, 0))
    return {name: whole - _compared(one, name) for name in diagnoses}


def _compared(one: Batch, diagnosis: str) -> Float32[Array, "12 time"]:
    """Return the clean signal of what the only recording of `one` is compared with."""
    return twelve_leads(clean_leads(one, counterfactual(one.programme, diagnosis), 0))


def difference(batch: Batch, row: int, diagnosis: str) -> Float32[Array, "12 time"]:
    """Return |with - without| of one diagnosis in mV on the twelve leads.

    It is taken behind the device's low-pass and faults, but before its high-pass, which would
    spread a little of it over the whole recording. `batch` holds the programme of `row` alone.
    """
    devices = batch.devices.take(np.array([row]))
    one = replace(batch, devices=replace(devices, high_pass=np.zeros(1)))
    other = counterfactual(batch.programme, diagnosis)
    change = clean_leads(one, batch.programme, 0) - clean_leads(one, other, 0)
    found = np.abs(twelve_leads(change))
    window = _windows(
        diagnosis, reaching_fiducials(batch.programme, 0), batch.settings.fs, found.shape[1]
    )
    return found if window is None else np.where(window, found, np.float32(0.0))


def _evidence_of(one: Batch, batch: Batch, row: int, diagnosis: str) -> Evidence:
    """Return the evidence of a diagnosis that recording `row` has."""
    found = difference(one, row, diagnosis)
    times = reaching_fiducials(one.programme, 0)
    fs, n = batch.settings.fs, found.shape[1]
    scale = max(float(np.quantile(found, 0.995)), 0.050)
    mask = _close(_most_of(found), max(round(0.020 * fs), 1))
    rule = rule_mask(diagnosis, one.programme, times, fs, n)
    rule = _moved(rule, batch, row)
    alive = np.ones(12, dtype=bool)
    if batch.devices.lead_off[row] >= 0:
        alive[6 + batch.devices.lead_off[row]] = False
    secondary = np.zeros_like(mask)
    if diagnosis in _SECONDARY:
        secondary = mask & intervals(times.qrs_offset, times.t_offset + 0.06, fs, n)
    return Evidence(
        diagnosis=diagnosis,
        kinds=KINDS[diagnosis],
        difference=np.minimum(found / scale, 1.0).astype(np.float16),
        scale=scale,
        mask=mask & alive[:, None],
        rule=rule & alive[:, None],
        secondary=secondary & alive[:, None],
    )


def _windows(diagnosis: str, times: Fiducials, fs: float, n: int) -> Bool[Array, " time"] | None:
    """Return where the difference of a diagnosis that moves waves counts, or None: everywhere."""
    if diagnosis in ("IAVB", "LPR"):
        return intervals(times.p_onset, times.qrs_onset, fs, n)
    if diagnosis == "LQT":
        return intervals(times.qrs_offset, times.t_offset + 0.02, fs, n)
    kinds = {
        **dict.fromkeys(("PAC", "SVPB"), BeatKind.ATRIAL_PREMATURE),
        **dict.fromkeys(("PVC", "VPB"), BeatKind.VENTRICULAR_PREMATURE),
    }
    if diagnosis not in kinds:
        return None
    early = np.flatnonzero(times.kind == kinds[diagnosis])
    begin = np.append(times.qrs_offset, np.inf)[early - 1]
    begin = np.where(early > 0, begin, 0.0)
    end = np.append(times.qrs_onset, n / fs)[early + 1]
    return intervals(np.nan_to_num(begin), np.nan_to_num(end, nan=n / fs), fs, n)


def intervals(
    begin: Float[Array, " beat"], end: Float[Array, " beat"], fs: float, n: int
) -> Bool[Array, " time"]:
    """Return which of `n` samples lie in any of the intervals (s); those with NaN are left out."""
    inside = np.zeros(n, dtype=bool)
    for first, last in zip(begin, end, strict=True):
        if not (np.isnan(first) or np.isnan(last)):
            inside[max(int(np.ceil(first * fs)), 0) : max(int(np.floor(last * fs)) + 1, 0)] = True
    return inside


def _most_of(found: Float32[Array, "lead time"]) -> Bool[Array, "lead time"]:
    """Return the fewest samples that hold MASS_SHARE of the difference."""
    falling = np.sort(found, axis=None)[::-1].astype(np.float64)
    held = np.cumsum(falling)
    least = falling[np.searchsorted(held, MASS_SHARE * held[-1])]
    floor = min(FLOOR, 0.5 * falling[0])
    return found >= max(least, floor, np.finfo(np.float32).tiny)


def _close(mask: Bool[Array, "lead time"], gap: int) -> Bool[Array, "lead time"]:
    """Return the mask with gaps of up to `gap` samples filled."""
    # Here, not above: it takes a while to import, and every command reads the settings.
    from scipy.ndimage import binary_closing

    padded = np.pad(mask, [(0, 0), (gap, gap)])
    closed = binary_closing(padded, structure=np.ones((1, gap + 1), dtype=bool))
    return np.asarray(closed[:, gap:-gap], dtype=bool)


_EXCHANGED: Final = {
    "RA-LA swap": (("II", "III"), ("aVR", "aVL")),
    "LA-LL swap": (("I", "II"), ("aVL", "aVF")),
    "V1-V2 swap": (("V1", "V2"),),
    "V4-V5 swap": (("V4", "V5"),),
}


def _moved(rule: Bool[Array, "12 time"], batch: Batch, row: int) -> Bool[Array, "12 time"]:
    """Return the rule on the leads that show it when electrodes are exchanged."""
    order = np.arange(12)
    for one, other in _EXCHANGED.get(batch.devices.fault_name(row), ()):
        rows = [STANDARD_LEADS.index(one), STANDARD_LEADS.index(other)]
        order[rows] = order[rows[::-1]]
    return rule[order]


def _single(programme: Programme, row: int, plan: Plan) -> Programme:
    """Return the programme of one recording of a batch."""
    rows: Int[Array, " one"] = np.array([row])
    return write_programme(
        plan.take(rows),
        programme.age[rows],
        programme.is_male[rows],
        programme.streams.take(rows),
        programme.duration,
    )
