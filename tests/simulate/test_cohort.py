"""The cohort: determinism, independence, units, settings, prevalences."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from leadlens.ecg.diagnoses import diagnoses, scored_codes
from leadlens.ecg.leads import STANDARD_LEADS, limb_lead_residual
from leadlens.ecg.resample import resample
from leadlens.simulate import CohortSettings, simulate_cohort, simulate_recording
from leadlens.simulate.cohort import Case, draw_case
from leadlens.simulate.conditions import FORBIDDEN_LABELS, codes_of


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**40), index=st.integers(0, 10**6))
def test_the_same_seed_and_index_give_the_same_bytes(seed: int, index: int) -> None:
    chosen = CohortSettings(n_recordings=index + 1, seed=seed, fs=100)
    one, other = (simulate_recording(chosen, index) for _ in range(2))
    assert one.signal.tobytes() == other.signal.tobytes()
    assert (one.codes, one.age, one.sex) == (other.codes, other.age, other.sex)


def test_a_recording_does_not_depend_on_the_size_of_the_cohort_or_on_where_one_starts() -> None:
    small = CohortSettings(n_recordings=4, seed=3, fs=100)
    large = CohortSettings(n_recordings=400, seed=3, fs=100)
    from_small = list(simulate_cohort(small, start=2))
    from_large = list(islice(simulate_cohort(large), 4))[2:]
    assert [one.record_id for one in from_small] == ["SIM000002", "SIM000003"]
    for one, other in zip(from_small, from_large, strict=True):
        assert one.record_id == other.record_id
        assert one.signal.tobytes() == other.signal.tobytes()


def test_another_seed_and_another_index_give_another_recording() -> None:
    one, two = (CohortSettings(n_recordings=2, seed=seed, fs=100) for seed in (0, 1))
    signals = [simulate_recording(one, 0), simulate_recording(one, 1), simulate_recording(two, 0)]
    assert len({recording.signal.tobytes() for recording in signals}) == 3


def test_noise_changes_the_signal_and_nothing_else() -> None:
    clean = CohortSettings(n_recordings=9, seed=5, fs=250, noise="none")
    noisy = CohortSettings(n_recordings=9, seed=5, fs=250)
    for index in range(9):
        one, other = simulate_recording(clean, index), simulate_recording(noisy, index)
        assert (one.codes, one.age, one.sex) == (other.codes, other.age, other.sex)
        deviation = np.std(other.signal - one.signal, axis=1)
        assert np.all((deviation > 0.003) & (deviation < 1.0))


@pytest.mark.parametrize("noise", ["default", "none"])
@pytest.mark.parametrize("fs", [50.0, 100.0, 257.0, 500.0])
def test_the_limb_lead_equations_hold_to_float32_rounding(noise: str, fs: float) -> None:
    chosen = CohortSettings.model_validate({"n_recordings": 6, "fs": fs, "noise": noise})
    for recording in simulate_cohort(chosen):
        assert limb_lead_residual(recording.signal) < 1e-6


@pytest.mark.parametrize(("fs", "duration"), [(50.0, 10.0), (100.0, 7.3), (257.0, 5.0), (1000, 60)])
def test_recordings_are_twelve_leads_in_millivolts_of_the_length_asked_for(
    fs: float, duration: float
) -> None:
    chosen = CohortSettings(n_recordings=1, seed=7, fs=fs, duration=duration)
    recording = simulate_recording(chosen, 0)
    assert recording.signal.shape == (12, round(fs * duration))
    assert recording.signal.dtype == np.float32
    assert recording.leads == STANDARD_LEADS
    assert (recording.units, recording.source) == ("mV", "simulated")
    assert recording.patient == recording.record_id
    assert 18 <= (recording.age or 0) <= 90
    assert np.isfinite(recording.signal).all()
    assert 0.3 < np.ptp(recording.signal, axis=1).max() < 12.0


def test_the_same_recording_at_two_rates_is_the_same_ecg() -> None:
    for index in range(6):
        fast, slow = (
            simulate_recording(
                CohortSettings(n_recordings=6, seed=11, fs=fs, noise="none"), index
            ).signal
            for fs in (500.0, 250.0)
        )
        spread = np.std(fast[:, ::2] - slow, axis=1).max()
        assert spread < 0.04 * np.std(fast, axis=1).max() + 0.002


def test_a_slow_recording_is_the_fast_one_without_what_it_cannot_carry() -> None:
    for index in range(6):
        fast, slow = (
            simulate_recording(CohortSettings(n_recordings=6, seed=11, fs=fs, noise="none"), index)
            for fs in (500.0, 50.0)
        )
        expected = resample(fast, 50.0).signal[:, 10:-10]
        assert np.std(expected - slow.signal[:, 10:-10]) < 0.035 * np.std(expected)


def test_without_noise_the_signal_is_smooth() -> None:
    chosen = CohortSettings(n_recordings=40, seed=2, fs=500, noise="none")
    paced = codes_of({"PR"})[0]
    for recording in simulate_cohort(chosen):
        if paced in (recording.codes or ()):
            continue  # a pacing spike is not smooth
        power = np.abs(np.fft.rfft(recording.signal[:, 500:4500] * np.hanning(4000), axis=1)) ** 2
        frequency = np.fft.rfftfreq(4000, 1 / 500)
        assert power[:, frequency > 150].sum() < 1e-5 * power.sum()


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_recordings": 0},
        {"n_recordings": 1, "fs": 20},
        {"n_recordings": 1, "duration": 2},
        {"n_recordings": 1, "noise": "much"},
        {"n_recordings": 1, "cohort": "hard"},
        {"n_recordings": 1, "sampling_rate": 100},
    ],
)
def test_wrong_settings_are_refused_and_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=list(wrong)[-1]):
        CohortSettings.model_validate(wrong)


def test_settings_cannot_be_changed() -> None:
    chosen = CohortSettings(n_recordings=1)
    with pytest.raises(ValidationError, match="frozen"):
        chosen.seed = 3  # type: ignore[misc]


def test_every_diagnosis_is_in_at_least_four_percent_of_a_balanced_cohort(
    balanced: list[Case],
) -> None:
    counts = Counter(code for case in balanced for code in case.codes)
    rare = [d.abbreviation for d in diagnoses() if counts[d.code] < 0.04 * len(balanced)]
    assert rare == []
    assert set(counts) == set(scored_codes())


def test_a_challenge_cohort_has_the_prevalences_of_the_challenge() -> None:
    chosen = CohortSettings(cohort="challenge", n_recordings=1500, seed=4)
    cases = [draw_case(chosen, index) for index in range(1500)]
    counts = Counter(code for case in cases for code in case.codes)
    published = {d.abbreviation: (d.code, d.count / 88_253) for d in diagnoses()}
    for name in ("NSR", "SB", "STach", "AF", "AFL", "SA", "TAb", "LAD", "IAVB", "TInv"):
        code, expected = published[name]
        assert 0.6 * expected < counts[code] / 1500 < 1.5 * expected, name


def test_codes_are_known_unique_and_sorted_as_text(balanced: list[Case]) -> None:
    for case in balanced:
        assert list(case.codes) == sorted(set(case.codes))
        assert set(case.codes) <= set(scored_codes())


def test_forbidden_pairs_never_occur(balanced: list[Case]) -> None:
    for one, other in FORBIDDEN_LABELS:
        pair = set(codes_of({one, other}))
        assert not any(pair <= set(case.codes) for case in balanced), (one, other)


@pytest.mark.parametrize(
    ("name", "other"),
    [("RBBB", "CRBBB"), ("LBBB", "CLBBB"), ("PAC", "SVPB"), ("PVC", "VPB"), ("IAVB", "LPR")],
)
def test_synonyms_go_together(balanced: list[Case], name: str, other: str) -> None:
    pair = set(codes_of({name, other}))
    assert all(len(pair & set(case.codes)) in (0, 2) for case in balanced)


@pytest.mark.parametrize(
    ("name", "implied"),
    [("SB", "Brady"), ("LAnFB", "LAD"), ("TInv", "TAb"), ("RBBB", "BBB"), ("LBBB", "BBB")],
)
def test_a_diagnosis_brings_what_it_implies(balanced: list[Case], name: str, implied: str) -> None:
    (code,), (other,) = codes_of({name}), codes_of({implied})
    assert all(other in case.codes for case in balanced if code in case.codes)


def test_every_recording_has_a_rhythm_and_at_most_three_findings(balanced: list[Case]) -> None:
    rhythms = set(codes_of({"NSR", "SB", "STach", "SA", "AF", "AFL", "PR"}))
    assert all(rhythms & set(case.codes) for case in balanced)
    assert max(len(case.plan.findings) for case in balanced) == 3
