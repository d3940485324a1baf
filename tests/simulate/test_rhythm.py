"""Rhythm: beat times, PR and QT, and premature beats, recomputed from what was programmed."""

from collections.abc import Iterator

import numpy as np
import pytest
from programmes import NAMES, Table, batch_of

from leadlens.simulate.conditions import LOOKALIKES, RHYTHMS
from leadlens.simulate.heart import fiducials
from leadlens.simulate.rhythm import BeatKind

DURATION = 10.0
SINUS = ("NSR", "SB", "STach", "SA")
DOMINANT, PAC, PVC, DROPPED = (
    BeatKind.DOMINANT, BeatKind.ATRIAL_PREMATURE, BeatKind.VENTRICULAR_PREMATURE, BeatKind.DROPPED,
)  # fmt: skip


@pytest.fixture(params=["balanced", "factorial"])
def table(request: pytest.FixtureRequest, tables: dict[str, Table]) -> Table:
    return tables[request.param]


def label(table: Table, *names: str) -> np.ndarray:
    return table["labels"][:, [NAMES.index(name) for name in names]].any(axis=1)


def planned(table: Table, *names: str) -> np.ndarray:
    return np.isin(table["rhythm"], [RHYTHMS.index(name) for name in names])


def lookalike(table: Table, name: str) -> np.ndarray:
    return table["lookalike"][:, tuple(LOOKALIKES).index(name)]


def beats(table: Table, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield onsets, kinds and PR intervals of the beats that begin within each recording."""
    for row in np.flatnonzero(rows):
        onset = table["onset"][row]
        inside = np.isfinite(onset) & (onset >= 0) & (onset < DURATION)
        inside &= table["kind"][row] != BeatKind.NONE
        yield onset[inside], table["kind"][row][inside], table["pr"][row][inside]


def intervals(table: Table, name: str, *, with_premature: bool = False) -> list[np.ndarray]:
    rows = planned(table, name) & ~lookalike(table, "block2")
    if not with_premature:
        rows &= ~label(table, "PAC", "PVC")
    found = [np.diff(onset) for onset, _, _ in beats(table, rows)]
    assert len(found) > 100
    return found


def test_rates_are_those_of_the_beats_and_meet_the_criteria_of_their_labels(table: Table) -> None:
    rows = ~label(table, "PAC", "PVC") & ~lookalike(table, "block2")
    rate = np.array([60 / np.diff(onset).mean() for onset, _, _ in beats(table, rows)])
    spread = np.array([np.ptp(np.diff(onset)) for onset, _, _ in beats(table, rows)])
    np.testing.assert_allclose(rate, table["rate"][rows], rtol=1e-9)
    np.testing.assert_allclose(spread, table["rr_range"][rows], atol=1e-9)
    is_sinus = planned(table, *SINUS)[rows]
    sinus = {name: label(table, name)[rows] for name in SINUS}
    assert np.array_equal(sinus["SB"], is_sinus & (rate < 60))
    assert np.array_equal(sinus["STach"], is_sinus & (rate > 100))
    usual = (rate >= 60) & (rate <= 100) & (spread <= 0.120)
    assert np.array_equal(sinus["NSR"], is_sinus & usual)
    assert np.array_equal(sinus["SA"], is_sinus & (spread > 0.120))
    assert np.array_equal(label(table, "Brady")[rows], rate < 60)


def test_the_rate_is_the_ventricular_rate_where_beats_are_dropped(tables: dict[str, Table]) -> None:
    table = tables["factorial"]
    rows = lookalike(table, "block2")
    conducted = [onset[kind != DROPPED] for onset, kind, _ in beats(table, rows)]
    rate = np.array([60 / np.diff(onset).mean() for onset in conducted])
    assert len(rate) > 20
    assert np.array_equal(label(table, "Brady")[rows], rate < 60)


def test_beats_are_in_order_never_closer_than_a_refractory_period_and_without_gaps(
    table: Table,
) -> None:
    for onset, _, _ in beats(table, np.ones(len(table["rate"]), dtype=bool)):
        assert np.diff(onset).min() > 0.25
        assert np.diff(onset).max() < 3.5


def test_a_beat_has_begun_before_the_recording_and_one_comes_after_it(table: Table) -> None:
    onset = table["onset"]
    assert np.nanmin(onset, axis=1).max() < 0.0
    assert np.nanmax(onset, axis=1).min() > DURATION + 0.3


def test_sinus_and_paced_beats_have_their_p_waves_and_fibrillation_and_flutter_none(
    table: Table,
) -> None:
    for name in SINUS:
        for _, kind, pr in beats(table, planned(table, name)):
            assert np.isfinite(pr[kind != PVC]).all()
            assert np.isnan(pr[kind == PVC]).all()
    for _, kind, pr in beats(table, planned(table, "AF", "AFL")):
        assert np.isnan(pr).all()
        assert not (kind == PAC).any()
    tracked = [np.isfinite(pr).all() for _, _, pr in beats(table, planned(table, "PR"))]
    assert 0.3 < np.mean(tracked) < 0.7


def test_pr_is_above_200_ms_in_first_degree_block_and_only_there(table: Table) -> None:
    is_free = ~lookalike(table, "block2") & ~planned(table, "AF", "AFL", "PR")
    long, usual = is_free & label(table, "IAVB"), is_free & ~label(table, "IAVB")
    lowest = [pr[kind == DOMINANT].min() for _, kind, pr in beats(table, long)]
    highest = [pr[kind == DOMINANT].max() for _, kind, pr in beats(table, usual)]
    assert len(lowest) > 200
    assert np.min(lowest) > 0.200
    assert np.max(lowest) < 0.400
    assert np.max(highest) <= 0.200


def test_fibrillation_is_irregular_without_memory(table: Table) -> None:
    found = intervals(table, "AF")
    variation = [gaps.std() / gaps.mean() for gaps in found]
    assert np.median(variation) > 0.14
    assert np.mean(np.array(variation) < 0.08) < 0.05
    pairs = np.concatenate([np.stack([g[:-1], g[1:]], 1) / g.mean() - 1 for g in found])
    # the mean of each recording is taken off, which alone makes neighbours unlike: -1 / n
    assert -0.15 < np.corrcoef(pairs.T)[0, 1] < 0.05


def test_sinus_intervals_vary_with_respiration_and_paced_ones_hardly_at_all(table: Table) -> None:
    assert np.median([np.ptp(gaps) for gaps in intervals(table, "NSR")]) > 0.015
    assert max(np.ptp(gaps) for gaps in intervals(table, "PR")) < 0.02
    pairs = np.concatenate(
        [np.stack([g[:-1], g[1:]], 1) - g.mean() for g in intervals(table, "SA")]
    )
    assert np.corrcoef(pairs.T)[0, 1] > 0.2


def test_flutter_conducts_every_second_to_fourth_wave_evenly_or_not(table: Table) -> None:
    rows = planned(table, "AFL") & ~label(table, "PVC")
    fixed: list[int] = []
    for (onset, _, _), cycle in zip(beats(table, rows), table["flutter_cycle"][rows], strict=True):
        assert 240 <= 60 / cycle <= 345
        ratio = np.diff(onset) / cycle
        np.testing.assert_allclose(ratio, np.round(ratio), atol=0.15)
        assert set(np.round(ratio)) <= {2.0, 3.0, 4.0}
        fixed.append(int(ratio[0].round()) if np.ptp(np.round(ratio)) == 0 else 0)
    share = np.bincount(fixed, minlength=5) / len(fixed)
    assert share[[0, 2, 3, 4]].min() > 0.02
    assert share[[2, 4]].min() > 0.2


def test_second_degree_block_lengthens_pr_until_a_p_wave_is_not_conducted(
    tables: dict[str, Table],
) -> None:
    table = tables["factorial"]
    n_dropped = 0
    for onset, kind, pr in beats(table, lookalike(table, "block2")):
        assert np.ptp(np.diff(onset - pr)) < 0.13  # the P waves march on
        dropped = np.flatnonzero(kind == DROPPED)
        n_dropped += len(dropped)
        grows = np.diff(pr) > 0.02
        is_before_drop = np.isin(np.arange(1, len(kind)), dropped)
        is_after_drop = np.isin(np.arange(len(kind) - 1), dropped)
        assert grows[~is_before_drop & ~is_after_drop].all()
        assert not grows[is_before_drop].any()
    assert n_dropped > 30


def test_atrial_premature_beats_come_early_and_reset_the_sinus_node(table: Table) -> None:
    rows = label(table, "PAC") & planned(table, "NSR", "SB")
    pauses: list[float] = []
    for (onset, kind, _), rate in zip(beats(table, rows), table["rate"][rows], strict=True):
        early = np.flatnonzero(kind == PAC)
        assert 1 <= len(early) <= 5
        assert np.diff(early, prepend=-9).min() > 1
        gaps = np.diff(onset) * rate / 60
        early = early[early > 0]
        assert (gaps[early - 1] < 0.93).all()
        after = early[early < len(gaps)]
        pauses += list(gaps[after - 1] + gaps[after])
    assert np.mean(pauses) < 1.85  # two intervals would be a full pause
    assert np.mean(pauses) > 1.4


def test_ventricular_premature_beats_come_in_patterns(table: Table) -> None:
    seen = dict.fromkeys(("single", "bigeminy", "couplet", "interpolated"), 0)
    rows = label(table, "PVC") & planned(table, "NSR", "SB", "EAR")
    for (onset, kind, pr), rate in zip(beats(table, rows), table["rate"][rows], strict=True):
        assert np.isnan(pr[kind == PVC]).all()
        is_early, gaps = kind == PVC, np.diff(onset) * rate / 60
        where = np.flatnonzero(is_early[1:-1]) + 1
        assert (gaps[where - 1] < 0.93).all()
        alone = [k for k in where if not is_early[k - 1] and not is_early[k + 1]]
        pauses = np.array([gaps[k - 1] + gaps[k] for k in alone])
        is_interpolated = pauses < 1.3
        # others take the place of a beat: the pause after them is full
        np.testing.assert_allclose(pauses[~is_interpolated], 2.0, atol=0.25)
        seen["single"] += (~is_interpolated).any()
        seen["interpolated"] += is_interpolated.any()
        seen["couplet"] += (is_early[1:] & is_early[:-1]).any()
        seen["bigeminy"] += len(where) > 2 and (np.diff(where) == 2).all()
        assert not (is_early[2:] & is_early[1:-1] & is_early[:-2]).any()
    n = sum(rows)
    assert seen["single"] > 0.6 * n
    assert min(seen["bigeminy"], seen["couplet"], seen["interpolated"]) > 0.03 * n, seen


def test_a_sudden_change_of_interval_moves_qt_less_than_fridericia_of_it_would() -> None:
    batch = batch_of(500)
    programme, n_seen = batch.programme, 0
    for row in programme.plan.rows("AF", "PAC", "PVC").tolist():
        times = fiducials(programme, row)
        previous = np.diff(times.qrs_onset) / (60 / programme.rhythm.rate[row])
        corrected = programme.beats.after_qrs.qtc[row] * np.cbrt(60 / programme.rhythm.rate[row])
        usual = times.kind[1:] != PVC
        change = ((times.t_offset - times.qrs_onset)[1:] / corrected)[usual] - 1
        fridericia = np.cbrt(previous[usual]) - 1
        is_sudden = np.abs(fridericia) > 0.05
        n_seen += is_sudden.sum()
        assert (change * np.sign(fridericia))[is_sudden].min(initial=1) > 0
        share = change[is_sudden] / fridericia[is_sudden]
        assert share.max(initial=0.5) < 0.65
        assert share.min(initial=0.5) > 0.2
    assert n_seen > 100


def test_qt_follows_the_cube_root_of_the_interval_at_a_steady_rate() -> None:
    batch = batch_of(500)
    programme = batch.programme
    has_steady_rate = programme.plan.has("PR", "NSR", "STach") & ~programme.plan.has("PAC", "PVC")
    for row in np.flatnonzero(has_steady_rate & ~programme.plan.has("block2")).tolist():
        times = fiducials(programme, row)
        expected = programme.beats.after_qrs.qtc[row] * np.cbrt(60 / programme.rhythm.rate[row])
        np.testing.assert_allclose(times.t_offset - times.qrs_onset, expected, rtol=0.03)


@pytest.mark.parametrize("duration", [5.0, 6.0, 30.0])
def test_recordings_of_other_lengths_have_beats_and_the_rate_that_was_planned(
    duration: float,
) -> None:
    with np.errstate(all="raise", under="ignore"):
        batch = batch_of(2048, duration=duration)
    rhythm, plan = batch.programme.rhythm, batch.programme.plan
    assert np.isfinite(rhythm.rate).all()
    assert (rhythm.rate > 25).all()
    assert (rhythm.rate < 180).all()
    assert np.nanmax(np.abs(rhythm.onset)) < 20 * duration
    is_inside = (rhythm.onset >= 0) & (rhythm.onset < duration)
    assert (is_inside.sum(axis=1) >= 2).all()
    slow = plan.is_slow | plan.has("SB")
    assert (rhythm.rate[slow] < 60).all()
    # flutter has the rate that its block leaves
    assert (rhythm.rate[~slow & ~plan.has("AFL")] > 60).all()


@pytest.mark.parametrize("duration", [5.0, 6.0, 10.0])
def test_sinus_arrhythmia_varies_within_recordings_of_any_length(duration: float) -> None:
    batch = batch_of(512, cohort="pairs", diagnosis="SA", duration=duration)
    assert all("SA" in names for names in batch.truth.names[::2])
    assert not any("SA" in names for names in batch.truth.names[1::2])
