"""Labels against the noise-free signal, by rules that share no code with the generator."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy.signal import find_peaks

from leadlens.ecg.recording import Recording
from leadlens.simulate import CohortSettings, simulate_recording
from leadlens.simulate.cohort import Case
from leadlens.simulate.conditions import codes_of

FS = 500
SINUS = ("NSR", "SB", "STach", "SA")
CLEAN = CohortSettings(n_recordings=1500, seed=1, fs=FS, noise="none")
Pair = tuple[Case, Recording]


def has(case: Case, name: str) -> bool:
    return codes_of({name})[0] in case.codes


def is_plain(case: Case) -> bool:
    """Return whether the recording is sinus rhythm and nothing else."""
    return case.plan.rhythm == "NSR" and not case.plan.findings


def some(cases: list[Case], want: Callable[[Case], bool], n: int = 25) -> Iterator[Pair]:
    chosen = [index for index, case in enumerate(cases) if want(case)][:n]
    assert len(chosen) >= 10
    for index in chosen:
        yield cases[index], simulate_recording(CLEAN, index)


def beats_found(recording: Recording) -> np.ndarray:
    """R peak times in s, found in the signal: maxima of the slope over all leads."""
    slope = np.abs(np.diff(recording.signal, axis=1)).sum(axis=0)
    smooth = np.convolve(slope, np.hanning(51) / 25, mode="same")
    peaks, _ = find_peaks(smooth, height=0.35 * np.sort(smooth)[-50], distance=int(0.27 * FS))
    return peaks / FS


def qrs_of(case: Case, recording: Recording) -> np.ndarray:
    """The QRS of a beat in the middle, (lead, time), its level at the onset taken off."""
    middle = case.rhythm.onset[(case.rhythm.onset > 3.0) & (case.rhythm.kind == 0)][0]
    first = int((middle - 0.12 * case.beat.qrs_duration) * FS)
    last = int((middle + 1.1 * case.beat.qrs_duration) * FS)
    return recording.signal[:, first:last] - recording.signal[:, first : first + 1]


def axis_in_degrees(qrs: np.ndarray) -> float:
    """Lead II is left out on purpose: III and I give the same frontal vector."""
    lead_i, lead_iii = qrs[0].sum(), qrs[2].sum()
    return float(np.degrees(np.arctan2((lead_i + 2 * lead_iii) / np.sqrt(3), lead_i)))


@pytest.mark.parametrize(
    ("rhythm", "low", "high"), [("NSR", 60, 100), ("SB", 30, 60), ("STach", 100, 155)]
)
def test_the_heart_rate_in_the_signal_meets_the_rhythm_criterion(
    balanced: list[Case], rhythm: str, low: int, high: int
) -> None:
    plain = {"PAC", "PVC", "LBBB", "LQRSV", "NSIVCB"}
    chosen = some(balanced, lambda c: c.plan.rhythm == rhythm and not c.plan.findings & plain)
    for _, recording in chosen:
        gaps = np.diff(beats_found(recording))
        assert low <= 60 / gaps.mean() <= high
        assert np.ptp(gaps) < 0.12


def test_atrial_fibrillation_is_irregular_and_sinus_arrhythmia_varies(
    balanced: list[Case],
) -> None:
    for _, recording in some(balanced, lambda c: c.plan.rhythm == "AF" and not c.plan.findings):
        gaps = np.diff(beats_found(recording))
        assert gaps.std() / gaps.mean() > 0.08
    for _, recording in some(balanced, lambda c: c.plan.rhythm == "SA" and not c.plan.findings):
        assert np.ptp(np.diff(beats_found(recording))) > 0.12


def test_p_waves_come_before_sinus_beats_and_not_in_fibrillation(balanced: list[Case]) -> None:
    def mean_before_qrs(case: Case, recording: Recording) -> float:
        """Largest mean of lead II from 240 to 40 ms before QRS onset, less its median."""
        onsets = [t for t in case.rhythm.onset if 0.5 < t < 9.0]
        rows = [recording.signal[1, int((t - 0.24) * FS) : int((t - 0.04) * FS)] for t in onsets]
        mean = np.mean([row[:100] for row in rows], axis=0)
        return float(np.max(mean) - np.median(mean))

    sinus = [mean_before_qrs(*pair) for pair in some(balanced, is_plain)]
    fibrillating = [
        mean_before_qrs(*pair)
        for pair in some(balanced, lambda c: c.plan.rhythm == "AF" and c.rhythm.rate < 90, n=15)
    ]
    assert np.median(sinus) > 0.06
    assert np.median(fibrillating) < 0.5 * np.median(sinus)


@pytest.mark.parametrize(("name", "low", "high"), [("LAD", -100, -28), ("RAD", 88, 150)])
def test_axis_deviation_is_in_the_limb_leads(
    balanced: list[Case], name: str, low: int, high: int
) -> None:
    chosen = some(balanced, lambda c: has(c, name) and c.plan.rhythm in SINUS)
    for case, recording in chosen:
        assert low <= axis_in_degrees(qrs_of(case, recording)) <= high


def test_without_axis_deviation_the_axis_is_normal(balanced: list[Case]) -> None:
    chosen = some(
        balanced,
        lambda c: c.plan.rhythm in SINUS and not has(c, "LAD") and not has(c, "RAD"),
        n=60,
    )
    for case, recording in chosen:
        assert -32 <= axis_in_degrees(qrs_of(case, recording)) <= 92


def test_low_voltage_is_in_the_limb_or_the_chest_leads_and_only_where_labelled(
    balanced: list[Case],
) -> None:
    def is_low(pair: Pair) -> bool:
        span = np.ptp(qrs_of(*pair), axis=1)
        return bool(span[:6].max() < 0.5 * 1.06 or span[6:].max() < 1.06)

    low = some(balanced, lambda c: c.plan.rhythm in SINUS and has(c, "LQRSV"))
    usual = some(balanced, lambda c: c.plan.rhythm in SINUS and not has(c, "LQRSV"), n=60)
    assert all(is_low(pair) for pair in low)
    assert not any(is_low(pair) for pair in usual)


def test_the_qrs_is_wide_in_bundle_branch_block_only(balanced: list[Case]) -> None:
    def width(pair: Pair) -> float:
        """Time in s during which the leads change at 12 % or more of their fastest rate."""
        case, recording = pair
        onset = case.rhythm.onset[(case.rhythm.onset > 3.0) & (case.rhythm.kind == 0)][0]
        first = int((onset - 0.03) * FS)
        speed = np.linalg.norm(np.diff(recording.signal[:, first : first + 130], axis=1), axis=0)
        fast = np.flatnonzero(speed > 0.12 * speed.max())
        return float(fast[-1] - fast[0]) / FS

    sinus = {
        name: np.median([width(p) for p in some(balanced, lambda c, n=name: c.plan.has(n))])
        for name in ("RBBB", "LBBB")
    }
    normal = np.median([width(p) for p in some(balanced, is_plain)])
    assert min(sinus.values()) > 0.105
    assert normal < 0.095


def test_poor_r_wave_progression_is_a_small_r_in_v3(balanced: list[Case]) -> None:
    for case, recording in some(balanced, lambda c: has(c, "PRWP") and c.plan.rhythm in SINUS):
        assert qrs_of(case, recording)[8].max() < 0.36
    plain = some(balanced, is_plain)
    assert all(qrs_of(case, recording)[8].max() > 0.36 for case, recording in plain)


def test_inverted_t_waves_are_inverted_in_two_leads(balanced: list[Case]) -> None:
    for case, recording in some(balanced, lambda c: has(c, "TInv") and c.plan.rhythm == "NSR"):
        onset = case.rhythm.onset[(case.rhythm.onset > 3.0) & (case.rhythm.kind == 0)][0]
        qt = case.beat.qtc * np.cbrt(60 / case.rhythm.rate)
        segment = recording.signal[:, int((onset + 0.5 * qt) * FS) : int((onset + qt) * FS)]
        level = recording.signal[:, int((onset - 0.03) * FS)][:, None]
        lowest = (segment - level).min(axis=1)
        assert (lowest[[0, 1, 4, 5, 7, 8, 9, 10, 11]] < -0.07).sum() >= 2


def test_abnormal_q_waves_are_long_and_deep_in_two_leads(balanced: list[Case]) -> None:
    def n_leads_with_q(pair: Pair, duration: float, depth: float) -> int:
        qrs = qrs_of(*pair)[[0, 1, 4, 5, 7, 8, 9, 10, 11]]
        before_r = np.cumsum(qrs > 0.04, axis=1) == 0
        is_long = (before_r & (qrs < -0.01)).sum(axis=1) / FS >= duration
        return int((is_long & (np.where(before_r, -qrs, 0).max(axis=1) > depth)).sum())

    abnormal = some(balanced, lambda c: has(c, "QAb") and c.plan.rhythm in SINUS)
    assert all(n_leads_with_q(pair, 0.019, 0.08) >= 2 for pair in abnormal)
    assert all(n_leads_with_q(pair, 0.031, 0.11) < 2 for pair in some(balanced, is_plain))


def test_bundle_branch_blocks_have_their_shape_in_v1_and_v6(balanced: list[Case]) -> None:
    for name in ("RBBB", "IRBBB"):
        for case, recording in some(balanced, lambda c, n=name: c.plan.has(n)):
            qrs = qrs_of(case, recording)
            assert qrs[6, qrs.shape[1] // 2 :].max() > 0.05
    for case, recording in some(balanced, lambda c: c.plan.has("LBBB")):
        qrs = qrs_of(case, recording)
        assert qrs[6].sum() < 0 < qrs[11].sum()


def test_left_anterior_fascicular_block_has_a_small_r_and_a_deep_s_below(
    balanced: list[Case],
) -> None:
    def want(case: Case) -> bool:
        return case.plan.findings == {"LAnFB"} and case.plan.rhythm in SINUS

    for case, recording in some(balanced, want, n=15):
        qrs = qrs_of(case, recording)
        assert -qrs[2].min() > 2 * qrs[2].max()
        assert qrs[5, : np.argmin(qrs[5])].max() > 0.02
        assert -95 < axis_in_degrees(qrs) < -43


def test_abnormal_t_waves_are_lower_and_long_qt_puts_t_later(balanced: list[Case]) -> None:
    def t_peak(pair: Pair) -> tuple[float, float]:
        """Height of T in V5, mV, and its time after QRS onset over the root of RR."""
        case, recording = pair
        onset = case.rhythm.onset[(case.rhythm.onset > 3.0) & (case.rhythm.kind == 0)][0]
        qt = 0.60 * np.sqrt(60 / case.rhythm.rate)
        first = int((onset + case.beat.qrs_duration + 0.06) * FS)
        segment = recording.signal[10, first : int((onset + qt) * FS)]
        level = recording.signal[10, int((onset - 0.03) * FS)]
        late = (np.argmax(segment) + first) / FS - onset
        return float(segment.max() - level), float(late / np.cbrt(60 / case.rhythm.rate))

    def of(name: str) -> list[tuple[float, float]]:
        others = {"PAC", "PVC", "LQRSV", "QAb", "LQT", "TAb", "TInv"} - {name}
        chosen = some(
            balanced,
            lambda c: c.plan.rhythm in SINUS and c.plan.has(name) and not c.plan.has(*others),
        )
        return [t_peak(pair) for pair in chosen]

    plain = [t_peak(pair) for pair in some(balanced, is_plain)]
    assert np.median(of("TAb"), axis=0)[0] < 0.4 * np.median(plain, axis=0)[0]
    assert np.median(of("LQT"), axis=0)[1] > np.median(plain, axis=0)[1] + 0.05


def test_premature_beats_come_early_and_ventricular_ones_are_wide(balanced: list[Case]) -> None:
    for name, kind in (("PAC", 1), ("PVC", 2)):
        for case, recording in some(
            balanced, lambda c, n=name: c.plan.has(n) and c.plan.rhythm == "NSR"
        ):
            gaps = np.diff(case.rhythm.onset)
            early = np.flatnonzero(case.rhythm.kind == kind)
            assert np.all(gaps[early - 1] < 0.86 * 60 / case.rhythm.rate)
            onset = case.rhythm.onset[early[0]]
            if kind == 2:
                wide = recording.signal[:, int((onset + 0.09) * FS) : int((onset + 0.14) * FS)]
                assert np.ptp(wide, axis=1).max() > 0.15


def test_paced_beats_begin_with_a_spike_in_most_recordings(balanced: list[Case]) -> None:
    def steepest_at_onset(pair: Pair) -> bool:
        case, recording = pair
        onset = case.rhythm.onset[case.rhythm.onset > 3.0][0]
        first = int((onset - 0.03) * FS)
        speed = np.abs(np.diff(recording.signal[:, first : first + 150], axis=1)).max(axis=0)
        return bool(9 <= np.argmax(speed) <= 14)

    spikes = [steepest_at_onset(pair) for pair in some(balanced, lambda c: has(c, "PR"))]
    assert np.mean(spikes) > 0.6


def test_programmed_intervals_meet_their_criteria(balanced: list[Case]) -> None:
    for case in balanced:
        pr = case.rhythm.pr[case.rhythm.kind == 0]
        if case.plan.rhythm in SINUS:
            assert np.all(pr > 0.200 if has(case, "IAVB") else pr < 0.186)
        if case.beat.qrs_duration < 0.120 and case.plan.rhythm != "PR":
            limit = 0.450 if case.sex == "male" else 0.460
            assert (case.beat.qtc >= limit) == has(case, "LQT")
        assert (case.beat.qrs_duration >= 0.120 and not has(case, "PR")) >= has(case, "BBB")
        assert (0.110 <= case.beat.qrs_duration < 0.120) >= has(case, "IRBBB")
        assert (case.rhythm.rate < 60) == has(case, "Brady")


def test_the_labels_follow_the_beats(balanced: list[Case]) -> None:
    for case in balanced:
        inside = case.rhythm.kind[(case.rhythm.onset > 0) & (case.rhythm.onset < 10)]
        assert has(case, "PAC") == (inside == 1).any()
        assert has(case, "PVC") == (inside == 2).any()
        assert has(case, "PR") == (inside == 3).any()


def test_sinus_intervals_vary_by_more_than_120_ms_in_sinus_arrhythmia_only(
    balanced: list[Case],
) -> None:
    for case in balanced:
        if case.plan.rhythm in SINUS and not case.plan.has("PAC", "PVC"):
            onset = case.rhythm.onset
            spread = np.ptp(np.diff(onset[(onset >= 0) & (onset < 10)]))
            assert spread > 0.120 if has(case, "SA") else spread < 0.100
