"""Fiducials: the programmed times of waves are in order, and those of what is rendered."""

from dataclasses import replace

import numpy as np
from programmes import batch_of

from leadlens.simulate.heart import Fiducials, fiducials, heart_leads
from leadlens.simulate.measure import VELOCITY_SHARE
from leadlens.simulate.rhythm import BeatKind


def ordered(times: Fiducials) -> np.ndarray:
    """Return (beat,) bool: which beats have their waves in order."""
    with np.errstate(invalid="ignore"):
        has_p = ~np.isnan(times.p_onset)
        p = (times.p_onset < times.p_offset) & (times.p_offset <= times.qrs_onset)
        rest = (times.qrs_onset < times.qrs_offset) & (times.qrs_offset < times.t_peak)
    rest &= times.t_peak < times.t_offset
    return (p | ~has_p) & (rest | (times.kind == BeatKind.DROPPED))


def test_the_waves_of_a_beat_are_in_order() -> None:
    batch = batch_of(500)
    assert all(ordered(fiducials(batch.programme, row)).all() for row in range(len(batch)))


def qrs_limits_of_signal(name: str = "", *, premature: bool = False) -> np.ndarray:
    """Return (beat, 2): rendered less programmed QRS onset and offset, ms, without P and T."""
    programme = batch_of(500).programme
    after, rhythm = programme.beats.after_qrs, programme.rhythm
    flat = {f: np.zeros_like(getattr(after, f)) for f in ("t_vector", "st_vector", "u_vector",
                                                          "j_vector")}  # fmt: skip
    alone = replace(
        programme,
        beats=replace(programme.beats, after_qrs=replace(after, **flat)),
        rhythm=replace(rhythm, pr=np.full_like(rhythm.pr, np.nan)),
        atria=replace(programme.atria, pattern=np.zeros_like(programme.atria.pattern)),
        premature=replace(programme.premature, spike=np.zeros_like(programme.premature.spike),
                          t_vector=np.zeros_like(programme.premature.t_vector)),
    )  # fmt: skip
    found = []
    changed = programme.plan.has("QAb", "PRWP", "LVH", "delta", "LAD", "RAD")
    chosen = programme.plan.has(name) if name else ~changed
    for row in np.flatnonzero(chosen).tolist()[:120]:
        times = fiducials(programme, row)
        is_kind = (times.kind == BeatKind.VENTRICULAR_PREMATURE) == premature
        beats = np.flatnonzero(is_kind & (times.qrs_onset > 0.5) & (times.qrs_onset < 9.0))
        if len(beats):
            begin, end = times.qrs_onset[beats[0]], times.qrs_offset[beats[0]]
            leads = heart_leads(alone, row, 1000.0, 10_000, 0.0).astype(float)
            first = round((begin - 0.04) * 1000)
            around = leads[:, first : round((end + 0.05) * 1000)]
            speed = np.linalg.norm(np.gradient(around, axis=1), axis=0)
            limits = first + np.flatnonzero(speed > VELOCITY_SHARE * speed.max())[[0, -1]]
            found.append(limits - 1000 * np.array([begin, end]))
    assert len(found) > 20
    return np.array(found)


def test_the_rendered_qrs_begins_and_ends_where_it_was_programmed() -> None:
    apart = np.abs(qrs_limits_of_signal())
    assert np.median(apart) < 1.5
    assert np.quantile(apart, 0.95) < 4.0


def test_a_qrs_with_an_abnormal_q_begins_where_it_was_programmed() -> None:
    assert np.median(np.abs(qrs_limits_of_signal("QAb")[:, 0])) < 3.0


def test_a_premature_qrs_begins_and_ends_where_it_was_programmed() -> None:
    apart = np.abs(qrs_limits_of_signal("PVC", premature=True))
    assert np.median(apart, axis=0).max() < 4.0


def test_t_waves_of_the_signal_peak_and_end_where_they_were_programmed() -> None:
    batch = batch_of(500)
    programme = batch.programme
    plain = programme.plan.has("NSR", "SB", "PR") & (programme.rhythm.rate < 85)
    plain &= ~programme.plan.has("TAb", "STD", "STE", "U", "PVC", "PAC", "LQRSV", "block2")
    peaks, ends = [], []
    for row in np.flatnonzero(plain).tolist()[:60]:
        leads = heart_leads(programme, row, 500.0, 5000, 0.0).astype(float)
        times = fiducials(programme, row)
        beat = np.flatnonzero((times.qrs_onset > 2.0) & (times.qrs_onset < 8.0))[0]
        first, last = (round((t) * 500) for t in (times.qrs_offset[beat] + 0.1,
                                                  times.t_offset[beat] + 0.05))  # fmt: skip
        level = leads[:, round((times.t_offset[beat] + 0.06) * 500)][:, None]
        size = np.linalg.norm(leads[:, first:last] - level, axis=0)
        peaks.append((first + size.argmax()) / 500 - times.t_peak[beat])
        end = round(times.t_offset[beat] * 500) - first
        ends.append(size[end] / size.max())
    assert np.abs(np.median(peaks)) < 0.01
    assert np.quantile(np.abs(peaks), 0.9) < 0.03
    # T ends 2.1 widths behind its peak, where a Gaussian has 11 % of its height
    assert 0.05 < np.median(ends) < 0.2


def test_p_waves_of_the_signal_are_within_their_programmed_limits() -> None:
    batch = batch_of(500)
    programme = batch.programme
    chosen = programme.plan.has("NSR", "SB") & ~programme.plan.has("PVC", "PAC", "delta", "STD")
    for row in np.flatnonzero(chosen & (programme.rhythm.rate < 75)).tolist()[:40]:
        leads = heart_leads(programme, row, 500.0, 5000, 0.0).astype(float)
        without = replace(
            programme,
            rhythm=replace(programme.rhythm, pr=np.full_like(programme.rhythm.pr, np.nan)),
        )
        p_wave = np.abs(leads - heart_leads(without, row, 500.0, 5000, 0.0)).max(axis=0)
        times, before = fiducials(programme, row), np.zeros(5000, dtype=bool)
        inside = before.copy()
        for begin, end in zip(times.p_onset, times.p_offset, strict=True):
            inside[max(round(begin * 500), 0) : max(round(end * 500), 0)] = True
            before[max(round(begin * 500) - 40, 0) : max(round(begin * 500), 0)] = True
        highest = p_wave[inside].max()
        assert highest > 0.03
        assert p_wave[before].max() < 0.15 * highest
        # repolarisation of the atria follows, lower; beats that begin outside do not count
        assert p_wave[600:4400][~inside[600:4400]].max() < 0.8 * highest
