"""Recording: what it refuses, lead selection, and the hash of its waveform."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from recordings import make_recording

from leadlens.ecg.leads import STANDARD_LEADS, limb_lead_residual
from leadlens.ecg.recording import Recording, content_hash, select_leads, standard_leads
from leadlens.errors import SignalError

_COUNTS = hnp.arrays(np.int16, st.tuples(st.integers(1, 4), st.integers(2, 30)),
                     elements=st.integers(-3000, 3000))  # fmt: skip


def recording_of(signal: np.ndarray, leads: tuple[str, ...] | None = None) -> Recording:
    names = leads or STANDARD_LEADS[: len(signal)]
    return Recording(signal.astype(np.float32), 500.0, names, "R1")


@pytest.mark.parametrize(
    ("shape", "fs", "leads", "said"),
    [
        ((2, 100), 500.0, ("I",), r"R1: a signal of shape \(2, 100\) for 1 leads"),
        ((3, 100), 500.0, ("I", "II"), r"shape \(3, 100\) for 2 leads: \(lead, time\) is needed"),
        ((1, 0), 500.0, ("I",), "R1: the recording has no samples"),
        ((1, 9), 0.0, ("I",), "sampling rate 0.0 Hz"),
        ((1, 9), -5.0, ("I",), "sampling rate -5.0 Hz"),
        ((1, 9), float("nan"), ("I",), "sampling rate nan Hz"),
        ((1, 9), float("inf"), ("I",), "sampling rate inf Hz"),
        ((2, 9), 500.0, ("V1", "V1"), "a lead occurs twice in V1, V1"),
    ],
)
def test_a_recording_that_cannot_be_names_the_value_that_is_wrong(
    shape: tuple[int, ...], fs: float, leads: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SignalError, match=said):
        Recording(np.zeros(shape, np.float32), fs, leads, "R1")


def test_a_recording_signal_cannot_be_written() -> None:
    recording = make_recording()
    with pytest.raises(ValueError, match="read-only"):
        recording.signal[0, 0] = 1.0


def test_a_recording_field_cannot_be_set() -> None:
    with pytest.raises(FrozenInstanceError):
        make_recording().fs = 100.0  # type: ignore[misc]


def test_making_a_recording_leaves_the_array_it_was_given_writable() -> None:
    signal = np.zeros((1, 10), np.float32)
    recording_of(signal)
    assert signal.flags.writeable


def test_the_lead_mask_is_true_where_any_sample_was_recorded() -> None:
    signal = np.full((3, 4), np.nan)
    signal[0], signal[1, 2] = 0.0, 1.0
    assert recording_of(signal).lead_mask.tolist() == [True, True, False]


def test_selecting_leads_orders_them_and_leaves_absent_ones_missing() -> None:
    recording = recording_of(np.array([[1.0, 2.0], [3.0, 4.0]]), ("V2", "I"))
    chosen = select_leads(recording, ("I", "V5", "V2"))
    assert chosen.leads == ("I", "V5", "V2")
    assert chosen.signal[0].tolist() == [3.0, 4.0]
    assert np.isnan(chosen.signal[1]).all()
    assert chosen.signal[2].tolist() == [1.0, 2.0]


def test_standard_leads_computes_the_limb_leads_that_are_absent() -> None:
    whole = make_recording(duration=1.0)
    completed = standard_leads(select_leads(whole, ("aVF", "V3", "aVL")))
    assert completed.leads == STANDARD_LEADS
    np.testing.assert_allclose(completed.signal[:6], whole.signal[:6], atol=1e-5)
    assert completed.lead_mask.tolist() == [True] * 6 + [
        name == "V3" for name in STANDARD_LEADS[6:]
    ]


def test_standard_leads_computes_nothing_where_the_scale_is_unknown() -> None:
    two = replace(select_leads(make_recording(), ("I", "II")), units="relative")
    assert standard_leads(two).lead_mask.tolist() == [True, True] + [False] * 10


def test_standard_leads_leaves_leads_masked_as_on_a_printed_page_as_they_are() -> None:
    signal = np.array(make_recording(duration=4.0).signal)
    for column, first in enumerate(range(0, 12, 3)):
        signal[first : first + 3, : column * 500] = np.nan
        signal[first : first + 3, (column + 1) * 500 :] = np.nan
    page = recording_of(signal)
    assert np.array_equal(standard_leads(page).signal, page.signal, equal_nan=True)


def test_standard_leads_obey_the_limb_lead_equations() -> None:
    completed = standard_leads(select_leads(make_recording(), ("III", "aVR")))
    assert limb_lead_residual(completed.signal) < 1e-5


@given(counts=_COUNTS, gain=st.sampled_from([200.0, 204.8, 1000.0, 4880.0]),
       offset=st.integers(-500, 500))  # fmt: skip
def test_the_content_hash_ignores_gain_and_offset(
    counts: np.ndarray, gain: float, offset: int
) -> None:
    other = (counts.astype(np.float32) - offset) / np.float32(gain)
    assert content_hash(recording_of(counts / 1000)) == content_hash(recording_of(other))


@given(counts=_COUNTS, seed=st.integers(0, 100))
def test_the_content_hash_ignores_the_order_of_leads(counts: np.ndarray, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(counts))
    names = tuple(STANDARD_LEADS[i] for i in order)
    assert content_hash(recording_of(counts)) == content_hash(recording_of(counts[order], names))


@given(counts=_COUNTS, data=st.data())
def test_the_content_hash_differs_where_one_step_goes_the_other_way(
    counts: np.ndarray, data: st.DataObject
) -> None:
    lead = data.draw(st.integers(0, counts.shape[0] - 1))
    sample = data.draw(st.integers(1, counts.shape[1] - 1))
    other = counts.astype(int)
    step = other[lead, sample] - other[lead, sample - 1]
    other[lead, sample:] += (1 if step == 0 else -2 * step)  # fmt: skip
    assert content_hash(recording_of(counts)) != content_hash(recording_of(other))


def test_the_content_hash_differs_for_other_lead_names_and_other_lengths() -> None:
    signal = np.array(make_recording(duration=1.0).signal[:2])
    hashes = {
        content_hash(recording_of(signal)),
        content_hash(recording_of(signal, ("V1", "V2"))),
        content_hash(recording_of(signal[:, :-1])),
        content_hash(recording_of(-signal)),
    }
    assert len(hashes) == 4


def test_the_content_hash_tells_a_gap_from_a_flat_line() -> None:
    flat = np.zeros((1, 10))
    gap = flat.copy()
    gap[0, 4:6] = np.nan
    assert content_hash(recording_of(gap)) == content_hash(recording_of(gap.copy()))
    assert content_hash(recording_of(gap)) != content_hash(recording_of(flat))
