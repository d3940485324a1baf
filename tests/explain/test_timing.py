"""Timing: where the samples of beats that are known come from when they are moved."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.ecg.delineate import Delineation
from leadlens.errors import SignalError
from leadlens.explain.players import TIMING
from leadlens.explain.timing import (
    REFERENCE_PR,
    REFERENCE_QTC,
    REFERENCE_RR,
    Warp,
    warps,
)

STATES = list(product((True, False), repeat=4))[1:]
RATE, REGULARITY, PR, QT = (tuple(name != other for other in TIMING) for name in TIMING)


def marks(
    r: np.ndarray, pr: float = 0.2, qt: float = 0.36, has_p: bool = True, has_t: bool = True
) -> Delineation:
    """Return beats of one shape at these R, s."""
    onset = r - 0.04
    nothing = np.full(len(r), np.nan)
    p_onset = onset - pr if has_p else nothing
    t_offset = onset + qt if has_t else nothing
    return Delineation(p_onset, p_onset + 0.1, onset, r, r + 0.05, t_offset - 0.1, t_offset)


def places(warp: Warp, r: np.ndarray) -> np.ndarray:
    """Return where in the new window samples of the old one come, in turn."""
    return np.flatnonzero(np.isin(warp.source, r))


def lengths(warp: Warp, first: float, last: float, fs: float = 1000.0) -> np.ndarray:
    """Return how long a part of the old window (s) has become (s), each time that it comes."""
    is_inside = (warp.source >= first * fs) & (warp.source < last * fs)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_inside, [0]])))
    return np.diff(edges)[::2] / fs


def test_every_state_but_the_recorded_one_has_a_warp() -> None:
    assert list(warps(marks(np.arange(0.5, 10, 0.9)), 500.0, 5000)) == STATES


@pytest.mark.parametrize("n_beats", [0, 1, 2])
def test_fewer_than_three_beats_have_no_timing_and_the_way_out_is_named(n_beats: int) -> None:
    with pytest.raises(SignalError, match=f"has {n_beats}.*'timing: false'"):
        warps(marks(np.arange(n_beats) + 0.5), 500.0, 5000)


@pytest.mark.parametrize("rr", [0.55, 0.7, 1.0, 1.4])
def test_all_rr_are_scaled_so_that_their_median_is_the_reference(rr: float) -> None:
    recorded_rr = rr * np.array([1.0, 1.2, 0.9, 1.0, 1.05, 0.95, 1.0])
    r = np.round(0.3 + np.append(0.0, np.cumsum(recorded_rr)), 3)
    moved = places(warps(marks(r), 1000.0, int(1000 * r[-1]) + 600)[RATE], 1000 * r)
    n = min(len(moved), len(r)) - 1
    expected = recorded_rr * REFERENCE_RR / rr
    np.testing.assert_allclose(np.diff(moved)[:n] / 1000, expected[:n], atol=0.0021)
    assert moved[0] == 300


def test_before_the_first_beat_no_more_than_one_new_rr_passes() -> None:
    r = 1.4 + 1.5 * np.arange(6)
    faster = warps(marks(r), 1000.0, 10000)[RATE]
    assert places(faster, 1000 * r)[0] == 1000 * REFERENCE_RR
    # Cut off at its start, not compressed.
    assert faster.source[0] == pytest.approx(600, abs=1)
    slower = warps(marks(0.3 + 0.5 * np.arange(19)), 1000.0, 10000)[RATE]
    assert places(slower, np.array([300.0]))[0] == 300


def test_without_regularity_all_rr_are_the_median() -> None:
    r = np.round(0.3 + np.cumsum([0.0, 0.8, 1.2, 0.7, 0.9, 1.1, 0.9]), 3)
    moved = places(warps(marks(r), 1000.0, 6500)[REGULARITY], 1000 * r)
    np.testing.assert_array_equal(np.diff(moved), 900)


def test_without_rate_and_regularity_all_rr_are_the_reference() -> None:
    r = np.round(0.3 + np.cumsum([0.0, 0.8, 1.2, 0.7, 0.9, 1.1, 0.9]), 3)
    moved = places(warps(marks(r), 1000.0, 6500)[False, False, True, True], 1000 * r)
    np.testing.assert_array_equal(np.diff(moved), 1000 * REFERENCE_RR)


@pytest.mark.parametrize("pr", [0.12, 0.2, 0.32])
def test_pr_becomes_the_reference_and_p_and_qrs_keep_their_lengths(pr: float) -> None:
    r = np.arange(1, 10) * 1.0
    warp = warps(marks(r, pr=pr), 1000.0, 10000)[PR]
    onset = r[3] - 0.04
    np.testing.assert_allclose(lengths(warp, onset - pr, onset), REFERENCE_PR, atol=0.0021)
    np.testing.assert_allclose(lengths(warp, onset - pr, onset - pr + 0.1), 0.1, atol=0.0021)
    np.testing.assert_array_equal(lengths(warp, onset, r[3] + 0.05), 0.09)
    np.testing.assert_array_equal(places(warp, 1000 * r), 1000 * r)


def test_a_p_longer_than_the_reference_pr_shrinks() -> None:
    r = np.arange(1, 10) * 1.0
    beats = marks(r, pr=0.3)
    beats.p_offset[:] = beats.p_onset + 0.2
    warp = warps(beats, 1000.0, 10000)[PR]
    onset = r[3] - 0.04
    np.testing.assert_allclose(lengths(warp, onset - 0.3, onset - 0.1), REFERENCE_PR, atol=0.0021)


@pytest.mark.parametrize("rate", [True, False])
def test_qt_becomes_the_reference_for_the_new_rate(rate: bool) -> None:
    r = np.arange(1, 10) * 1.1
    warp = warps(marks(r, qt=0.48), 1000.0, 10000)[rate, True, True, False]
    onset = r[3] - 0.04
    expected = REFERENCE_QTC * np.cbrt(1.1 if rate else REFERENCE_RR)
    np.testing.assert_allclose(lengths(warp, onset, onset + 0.48), expected, atol=0.0021)
    np.testing.assert_array_equal(lengths(warp, onset, r[3] + 0.05), 0.09)


def test_one_factor_scales_every_st_t_so_that_beats_go_on_to_differ() -> None:
    r = np.arange(1, 10) * 1.0
    beats = marks(r)
    beats.t_offset[:] += np.array([0.0, 0.03, -0.03] * 3)
    warp = warps(beats, 1000.0, 10000)[QT]
    new = [lengths(warp, r[i] + 0.05, float(beats.t_offset[i]))[0] for i in range(1, 7)]
    ratio = np.array(new) / (beats.t_offset - r - 0.05)[1:7]
    np.testing.assert_allclose(ratio, ratio[0], rtol=0.02)
    assert ratio[0] > 1.05


def test_where_rr_has_no_room_all_but_the_qrs_shrinks_in_proportion() -> None:
    r = np.arange(1, 7) * 1.6
    r[3] -= 0.85
    beats = marks(r, pr=0.2, qt=0.42)
    warp = warps(beats, 1000.0, 10000)[RATE]
    onset, before = r[3] - 0.04, r[2]
    st_t = lengths(warp, before + 0.05, float(beats.t_offset[2]))[0] / 0.33
    p = lengths(warp, onset - 0.2, onset - 0.1)[0] / 0.1
    segment = lengths(warp, onset - 0.1, onset)[0] / 0.1
    assert st_t == pytest.approx(p, abs=0.02)
    assert st_t == pytest.approx(segment, abs=0.02)
    assert st_t < 0.7
    assert lengths(warp, onset, r[3] + 0.05)[0] == 0.09


def test_beats_without_p_have_no_pr_and_the_player_changes_nothing() -> None:
    warp = warps(marks(np.arange(0.5, 10, 0.9), has_p=False), 500.0, 5000)[PR]
    np.testing.assert_array_equal(warp.source, np.arange(5000))
    assert not warp.run.any()


def test_beats_without_t_have_no_qt_and_the_player_changes_nothing() -> None:
    warp = warps(marks(np.arange(0.5, 9.5, 0.9), has_t=False), 500.0, 5000)[QT]
    np.testing.assert_array_equal(warp.source, np.arange(5000))


def test_reference_timing_stays_as_it_is() -> None:
    r = np.arange(0.4, 9.5, REFERENCE_RR)
    qt = REFERENCE_QTC * float(np.cbrt(REFERENCE_RR))
    for state, warp in warps(marks(r, pr=REFERENCE_PR, qt=qt), 1000.0, 10000).items():
        np.testing.assert_array_equal(warp.source, np.arange(10000), err_msg=str(state))


def test_a_p_that_is_not_found_where_most_beats_have_one_moves_with_its_qrs() -> None:
    r = np.arange(1, 10) * 1.0
    beats = marks(r, pr=0.2)
    beats.p_onset[4] = beats.p_offset[4] = np.nan
    warp = warps(beats, 1000.0, 10000)[RATE]
    onset = r[4] - 0.04
    np.testing.assert_allclose(lengths(warp, onset - 0.2, onset - 0.1), 0.1, atol=0.0021)


def test_where_beats_run_out_they_are_repeated_from_the_second_on() -> None:
    r = np.array([0.5, 2.0, 3.5, 5.0, 6.5, 8.0])
    warp = warps(marks(r), 1000.0, 9000)[RATE]
    starts = [int(np.flatnonzero(warp.run == number)[0]) for number in range(warp.run[-1] + 1)]
    assert len(starts) == 3
    for start in starts[1:]:
        # From the end of the last T to the TP that follows the first.
        assert warp.source[start - 1] == pytest.approx(1000 * (8.0 + 0.32), abs=2)
        assert warp.source[start] == pytest.approx(1000 * (0.5 + 0.32), abs=2)
    order = warp.source[places(warp, 1000 * r)] / 1000
    np.testing.assert_array_equal(order, [*r, *r[1:]])
    np.testing.assert_allclose(np.diff(places(warp, 1000 * r)), 1000 * REFERENCE_RR, atol=1)


def test_a_beat_whose_t_is_cut_off_is_not_repeated() -> None:
    r = np.array([0.5, 2.0, 3.5, 5.0, 6.5, 8.0])
    beats = marks(r)
    beats.t_offset[-1] = np.nan
    warp = warps(beats, 1000.0, 8200)[RATE]
    assert warp.run[-1] >= 1
    assert 8000 not in warp.source
    assert warp.source.max() == pytest.approx(1000 * (6.5 + 0.32), abs=2)


@given(
    rr=st.lists(st.floats(0.28, 2.0), min_size=3, max_size=12),
    pr=st.floats(0.1, 0.4),
    qt=st.floats(0.2, 0.7),
    fs=st.sampled_from([50.0, 100.0, 500.0]),
    absent=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_sources_lie_in_the_window_and_grow_within_a_run(
    rr: list[float], pr: float, qt: float, fs: float, absent: int
) -> None:
    r = 0.2 + np.append(0.0, np.cumsum(rr))
    duration = float(r[-1] + 0.3)
    fields = np.stack(list(vars(marks(r, pr, qt)).values()))
    fields[:, 1:] = np.where(
        np.random.default_rng(absent).random(fields[:, 1:].shape) < 0.1, np.nan, fields[:, 1:]
    )
    fields[2:5] = np.stack(list(vars(marks(r, pr, qt)).values()))[2:5]
    fields[(fields < 0) | (fields > duration)] = np.nan
    # As `delineate` leaves them: no P or T that reaches into another QRS.
    fields[5:, :-1][:, fields[6, :-1] > fields[2, 1:] + 0.02] = np.nan
    fields[:2, 1:][:, fields[0, 1:] < fields[4, :-1]] = np.nan
    n_samples = int(duration * fs)
    for warp in warps(Delineation(*fields), fs, n_samples).values():
        assert warp.source.shape == warp.run.shape == (n_samples,)
        assert warp.source.min() >= 0
        assert warp.source.max() <= n_samples - 1
        assert set(np.diff(warp.run)) <= {0, 1}
        assert (np.diff(warp.source)[np.diff(warp.run) == 0] > 0).all()


@pytest.mark.parametrize("is_usual", [False, True])
def test_a_p_on_t_goes_with_t_unless_most_beats_have_it_there(is_usual: bool) -> None:
    r = np.round(np.arange(1, 13) * 0.7, 3)
    beats = marks(r)
    late = slice(None) if is_usual else slice(3, 4)
    beats.t_offset[late] = r[late] + 0.53
    warp = warps(beats, 1000.0, 10000)[RATE]
    before, p_onset, after = (float(np.interp(1000 * at, warp.source, np.arange(10000)))
                              for at in (r[3], r[4] - 0.24 + 0.01, r[4]))  # fmt: skip
    assert after - before == pytest.approx(800, abs=1)
    # R to the onset of P was 470 ms, from there to R 230 ms; the cycle became 100 ms longer.
    assert after - p_onset == pytest.approx(230 if is_usual else 330, abs=2)
