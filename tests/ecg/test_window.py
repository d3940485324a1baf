"""Windows cover a recording and never exceed it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.ecg.window import SPARE, cut_window, window_starts
from leadlens.errors import SignalError

LENGTHS = st.integers(1, 100_000)
WINDOWS = st.integers(1, 6_000)


@given(n_samples=LENGTHS, n_window=WINDOWS)
def test_windows_cover_every_sample_of_a_long_recording(n_samples: int, n_window: int) -> None:
    starts = window_starts(n_samples, n_window)
    covered = 0
    for start in starts:
        assert start <= covered
        covered = start + n_window
    unseen = n_samples - covered
    assert unseen <= (SPARE * n_window if len(starts) == 1 else 0)


@given(n_samples=LENGTHS, n_window=WINDOWS)
def test_windows_of_a_longer_recording_never_exceed_it(n_samples: int, n_window: int) -> None:
    starts = window_starts(n_samples, n_window)
    assert starts[0] == 0
    assert list(starts) == sorted(set(starts))
    if n_samples >= n_window:
        assert starts[-1] + n_window <= n_samples


@given(n_samples=LENGTHS, n_window=WINDOWS)
def test_there_are_no_more_windows_than_are_needed(n_samples: int, n_window: int) -> None:
    assert len(window_starts(n_samples, n_window)) <= max(1, -(-n_samples // n_window))


@pytest.mark.parametrize(
    ("n_samples", "starts"),
    [(1, (0,)), (1000, (0,)), (1100, (0,)), (1101, (0, 101)), (2000, (0, 1000)),
     (2001, (0, 500, 1001)), (3000, (0, 1000, 2000))],
)  # fmt: skip
def test_a_second_window_begins_beyond_a_tenth_more(n_samples: int, starts: tuple) -> None:
    assert window_starts(n_samples, 1000) == pytest.approx(starts, abs=1)


def test_a_window_without_samples_is_refused() -> None:
    with pytest.raises(SignalError, match="a window of 0 samples"):
        window_starts(100, 0)


@given(n_samples=st.integers(1, 50), start=st.integers(0, 49), n_window=st.integers(1, 60))
def test_a_cut_window_has_the_samples_then_missing_ones(
    n_samples: int, start: int, n_window: int
) -> None:
    signal = np.arange(2 * n_samples, dtype=np.float32).reshape(2, n_samples)
    window = cut_window(signal, start, n_window)
    n_recorded = int(np.clip(n_samples - start, 0, n_window))
    assert np.array_equal(window[:, :n_recorded], signal[:, start : start + n_recorded])
    assert np.isnan(window[:, n_recorded:]).all()
    assert window.shape == (2, n_window)
