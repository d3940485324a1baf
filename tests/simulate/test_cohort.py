"""The cohort: determinism, independence, units, converter steps, limb leads, settings."""

from itertools import islice
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programmes import batch_of, has
from pydantic import ValidationError

from leadlens.ecg.diagnoses import diagnoses, scored_codes
from leadlens.ecg.leads import STANDARD_LEADS, limb_lead_residual
from leadlens.ecg.resample import resample
from leadlens.simulate import (
    CohortSettings,
    programme_batch,
    recording_of,
    render_all,
    simulate_batches,
    simulate_cohort,
    simulate_recording,
)
from leadlens.simulate.conditions import codes_of
from leadlens.simulate.plans import CohortName

COHORTS = get_args(CohortName)
N = 70


def make(**changes: object) -> CohortSettings:
    return CohortSettings.model_validate({"n_recordings": N, "seed": 6, **changes})


@pytest.mark.parametrize("cohort", COHORTS)
@pytest.mark.parametrize("fs", [500.0, 100.0, 360.0])
def test_batches_of_any_size_and_single_recordings_are_the_same_bytes(
    cohort: str, fs: float
) -> None:
    chosen = make(cohort=cohort, fs=fs, faults=0.0 if cohort == "pairs" else 0.3)
    whole = programme_batch(chosen, np.arange(64))
    for size, row in ((7, 6), (1, 41)):
        first = row // size * size
        part = programme_batch(chosen, np.arange(first, first + size))
        assert part.truth.names[row - first] == whole.truth.names[row]
        assert part.truth.borderline[row - first] == whole.truth.borderline[row]
        found, expected = recording_of(part, row - first), recording_of(whole, row)
        assert found.signal.tobytes() == expected.signal.tobytes(), size
        assert (found.codes, found.age, found.sex) == (expected.codes, expected.age, expected.sex)
        assert (found.record_id, found.patient) == (expected.record_id, expected.patient)
        alone = simulate_recording(chosen, row)
        assert alone.signal.tobytes() == expected.signal.tobytes()
        assert alone.codes == expected.codes


@pytest.mark.parametrize("cohort", COHORTS)
def test_the_order_of_recordings_in_a_batch_changes_none_of_them(cohort: str) -> None:
    chosen = make(cohort=cohort, fs=100)
    order = np.array([11, 3, 42, 10, 2])
    shuffled, sorted_ = programme_batch(chosen, order), programme_batch(chosen, np.sort(order))
    one, other = render_all(shuffled), render_all(sorted_)
    assert one[np.argsort(order)].tobytes() == other.tobytes()
    names = [shuffled.truth.names[row] for row in np.argsort(order)]
    assert names == list(sorted_.truth.names)


@settings(max_examples=4, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    index=st.integers(0, 10**6),
    noise=st.sampled_from(["bank", "fresh"]),
)
def test_the_same_seed_and_index_give_the_same_bytes(seed: int, index: int, noise: str) -> None:
    chosen = make(n_recordings=index + 1, seed=seed, fs=200, noise=noise)
    one, other = (simulate_recording(chosen, index) for _ in range(2))
    assert one.signal.tobytes() == other.signal.tobytes()
    assert (one.codes, one.age, one.sex) == (other.codes, other.age, other.sex)


def test_a_recording_does_not_depend_on_the_size_of_the_cohort_or_on_where_one_starts() -> None:
    small, large = make(n_recordings=4, fs=200), make(n_recordings=400, fs=200)
    from_small = list(simulate_cohort(small, start=2))
    from_large = list(islice(simulate_cohort(large), 4))[2:]
    assert [one.record_id for one in from_small] == ["SIM000002", "SIM000003"]
    for one, other in zip(from_small, from_large, strict=True):
        assert one.record_id == other.record_id
        assert one.signal.tobytes() == other.signal.tobytes()
        assert one.codes == other.codes
    sizes = [len(batch) for batch in simulate_batches(make(n_recordings=10), start=3, size=4)]
    assert sizes == [4, 3]


def test_another_seed_index_or_cohort_gives_another_recording() -> None:
    signals = {
        simulate_recording(make(fs=200, seed=seed, cohort=cohort), index).signal.tobytes()
        for seed, index, cohort in ((0, 0, "balanced"), (1, 0, "balanced"), (0, 1, "balanced"),
                                    (0, 0, "factorial"))
    }  # fmt: skip
    assert len(signals) == 4
    assert len({row.tobytes() for row in render_all(batch_of(40, fs=200))}) == 40


@pytest.mark.parametrize(
    "change",
    [
        {"noise": "none"},
        {"noise": "fresh"},
        {"device": "georgia"},
        {"faults": 1.0},
        {"fs": 257.0},
        {"labels": "annotator"},
    ],
)
def test_the_heart_does_not_depend_on_how_it_is_recorded(change: dict[str, object]) -> None:
    chosen, other = batch_of(60), batch_of(60, **change)
    assert chosen.truth.names == other.truth.names
    for part in ("onset", "kind", "pr"):
        one, two = (getattr(batch.programme.rhythm, part) for batch in (chosen, other))
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(
        chosen.programme.beats.qrs_vector, other.programme.beats.qrs_vector
    )


@pytest.mark.parametrize("fs", [50.0, 100.0, 257.0, 500.0])
@pytest.mark.parametrize("faults", [0.0, 1.0])
def test_without_noise_the_limb_lead_equations_hold_bit_by_bit(fs: float, faults: float) -> None:
    signals = render_all(batch_of(12, fs=fs, noise="none", faults=faults))
    one, two, three, avr, avl, avf = signals[:, :6].transpose(1, 0, 2)
    half = np.float32(0.5)
    assert np.array_equal(three, two - one)
    assert np.array_equal(avr, -half * (one + two))
    assert np.array_equal(avl, one - half * two)
    assert np.array_equal(avf, two - half * one)


@pytest.mark.parametrize("device", ["ptb-xl", "ningbo"])
@pytest.mark.parametrize("faults", [0.0, 1.0])
@pytest.mark.parametrize("noise", ["bank", "fresh"])
def test_stored_values_are_multiples_of_the_step_and_limb_leads_agree_to_one(
    device: str, faults: float, noise: str
) -> None:
    batch = batch_of(12, device=device, faults=faults, noise=noise, fs=250)
    step = {"ptb-xl": 0.001, "ningbo": 0.00488}[device]
    np.testing.assert_allclose(batch.devices.step, step)
    signals = render_all(batch)
    counts = signals.astype(float) / step
    np.testing.assert_allclose(counts, np.round(counts), atol=2e-3)
    assert len(np.unique(np.round(counts))) > 100
    assert limb_lead_residual(signals).max() <= step * 1.001
    if not faults:
        assert limb_lead_residual(signals).max() > 0.4 * step


@pytest.mark.parametrize(("fs", "duration"), [(50.0, 10.0), (100.0, 7.3), (257.0, 5.0), (1000, 20)])
def test_recordings_are_twelve_leads_in_millivolts_of_the_length_asked_for(
    fs: float, duration: float
) -> None:
    recording = simulate_recording(make(fs=fs, duration=duration), 0)
    assert recording.signal.shape == (12, round(fs * duration))
    assert recording.signal.dtype == np.float32
    assert (recording.leads, recording.fs) == (STANDARD_LEADS, fs)
    assert (recording.units, recording.source) == ("mV", "simulated")
    assert recording.patient == recording.record_id
    assert 18 <= (recording.age or 0) <= 90
    assert np.isfinite(recording.signal).all()
    assert 0.3 < np.ptp(recording.signal, axis=1).max() < 12.0


def test_codes_are_those_of_the_labels_known_sorted_and_ectopic_rhythm_has_its_own() -> None:
    batch = batch_of(150, fs=50)
    code = {item.abbreviation: item.code for item in diagnoses()}
    for row in range(150):
        expected = {code[name] for name in batch.truth.names[row]}
        is_ectopic = bool(batch.programme.plan.has("EAR")[row])
        found = codes_of(set(batch.truth.names[row]), is_ectopic=is_ectopic)
        assert list(found) == sorted(expected | ({"29320008"} if is_ectopic else set()))
        if row < 12 or is_ectopic:
            assert recording_of(batch, row).codes == found
    assert batch.programme.plan.has("EAR").any()
    assert set(codes_of(set(code))) == set(scored_codes())


def test_the_same_recording_at_two_rates_is_the_same_ecg() -> None:
    fast, slow = (render_all(batch_of(12, fs=fs, noise="none")) for fs in (500.0, 250.0))
    spread = np.std(fast[:, :, ::2] - slow, axis=2)
    usual = np.std(fast, axis=2).max(axis=1, keepdims=True)
    assert (spread < 0.04 * usual + 0.002).all()


def test_a_slow_recording_is_the_fast_one_without_what_it_cannot_carry() -> None:
    fast, slow = (batch_of(6, fs=fs, noise="none") for fs in (500.0, 50.0))
    for row in range(6):
        expected = resample(recording_of(fast, row), 50.0).signal[:, 10:-10]
        found = recording_of(slow, row).signal[:, 10:-10]
        assert np.std(expected - found) < 0.035 * np.std(expected)


def test_without_noise_the_signal_is_smooth() -> None:
    batch = batch_of(40, noise="none")
    signals = render_all(batch)[~has(batch, "PR")]  # a pacing spike is not smooth
    power = np.abs(np.fft.rfft(signals[:, :, 500:4500] * np.hanning(4000), axis=2)) ** 2
    is_high = np.fft.rfftfreq(4000, 1 / 500) > 150
    assert (power[:, :, is_high].sum(axis=(1, 2)) < 1e-5 * power.sum(axis=(1, 2))).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_recordings": 0},
        {"fs": 20},
        {"duration": 2},
        {"noise": "much"},
        {"cohort": "hard"},
        {"device": "watch"},
        {"faults": 1.5},
        {"sampling_rate": 100},
    ],
)
def test_wrong_settings_are_refused_and_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        make(**wrong)


@pytest.mark.parametrize(
    ("contradiction", "message"),
    [
        ({"cohort": "pairs", "n_recordings": 7}, "come in twos: .* 7"),
        ({"cohort": "pairs", "labels": "annotator"}, "use labels 'criteria'"),
        ({"cohort": "factorial", "labels": "annotator"}, "use labels 'criteria'"),
        ({"cohort": "pairs", "faults": 0.1}, "use faults 0"),
        ({"cohort": "balanced", "diagnosis": "AF"}, "'AF' is for cohort 'pairs', not 'balanced'"),
        ({"cohort": "pairs", "diagnosis": "NSR"}, "'NSR' is none of"),
        ({"cohort": "pairs", "diagnosis": "infarct"}, "'infarct' is none of .*LBBB"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_what_to_do(
    contradiction: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make(**contradiction)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make().seed = 3
