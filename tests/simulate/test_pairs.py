"""Pairs: twins with and without one diagnosis differ in it, where it is, and in nothing else."""

from dataclasses import fields
from functools import cache

import numpy as np
import pytest
from programmes import batch_of

from leadlens.simulate import Batch, CohortSettings, programme_batch, render_all, simulate_recording
from leadlens.simulate.cohort import PAIRED, clean_leads, pair_target
from leadlens.simulate.conditions import FINDINGS, RHYTHMS, codes_of, implied, planned_as
from leadlens.simulate.heart import fiducials
from leadlens.simulate.torso import twelve_leads

FS, N_EACH = 500, 6
RATES = {"NSR", "SB", "STach", "SA", "Brady"}


@cache
def pairs_of(name: str) -> Batch:
    return batch_of(2 * N_EACH, cohort="pairs", diagnosis=name, device="ptb-xl")


def with_plan(batch: Batch, *without: str) -> list[int]:
    """Return the pairs (rows of the first of two) whose plan has none of some conditions."""
    excluded = batch.programme.plan.has(*without) if without else np.zeros(len(batch), dtype=bool)
    return [row for row in range(0, len(batch), 2) if not excluded[row]]


def change(batch: Batch, row: int) -> np.ndarray:
    """Return (12, time): |clean recording - its clean twin| in mV."""
    one, other = (clean_leads(batch, batch.programme, r) for r in (row, row + 1))
    return np.abs(twelve_leads(one - other))


def outside(batch: Batch, row: int, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return (12, time): the change where no beat is within its interval (s)."""
    found = change(batch, row)
    for first, last in zip(begin, end, strict=True):
        found[:, max(round(first * FS), 0) : max(round(last * FS), 0)] = 0.0
    # of beats that begin before or after the recording nothing is known here
    return found[:, round(0.8 * FS) : round(9.2 * FS)]


@pytest.mark.parametrize("name", PAIRED)
def test_labels_of_twins_differ_by_the_target_and_what_it_implies_or_replaces(name: str) -> None:
    batch = pairs_of(name)
    gone = implied({name, *(n for n in planned_as(name) if n in (*RHYTHMS, *FINDINGS))})
    for row in range(0, len(batch), 2):
        with_, without = batch.truth.names[row : row + 2]
        assert name in with_
        assert name not in without
        assert gone & without <= (implied({"LAD"}) if "LAnFB" in gone and name != "LAD" else set())
        if set(planned_as(name)) & {*RHYTHMS, "Brady"}:
            assert without - with_ <= {"NSR"}
            assert with_ - without <= RATES | gone
            assert without & {"NSR", "SA", "SB", "STach"}
        else:
            assert without < with_
            assert with_ - without <= gone


@pytest.mark.parametrize(
    "name",
    PAIRED,
)
def test_twins_share_every_draw_that_is_not_the_diagnosis(name: str) -> None:
    batch = pairs_of(name)
    programme, first, second = batch.programme, slice(0, None, 2), slice(1, None, 2)

    def same(values: np.ndarray) -> None:
        np.testing.assert_array_equal(values[first], values[second])

    same(programme.age)
    same(programme.is_male)
    same(programme.plan.lookalike)
    if name != "LQRSV":  # the torso lowers what no dipole explains, too
        same(programme.beats.residual[0])
    same(programme.atria.lead_field)
    same(programme.atria.p_duration)
    for part in (batch.noise, batch.devices):
        for item in fields(part):
            same(getattr(part, item.name))
    names = set(planned_as(name))
    is_rhythm = bool(names & {*RHYTHMS, "Brady"})
    # low voltage is set on the leads, so a twin with another QRS gets another factor
    if not programme.plan.has("LQRSV").any():
        same(programme.beats.lead_field)
    if not is_rhythm:
        same(programme.plan.rhythm)
        same(programme.atria.p_vector)
        same(programme.rhythm.rate)
        same(programme.atria.pattern)
        if not names & {"PAC", "PVC"}:
            same(programme.rhythm.onset)
            same(programme.rhythm.kind)
            same(programme.gain)
            if "IAVB" not in names:
                same(programme.rhythm.pr)
    if (is_rhythm and "PR" not in names) or names & {"PAC", "PVC", "IAVB", "LQT", "TAb", "TInv"}:
        same(programme.beats.qrs_vector)
        same(programme.beats.qrs_centre)
        same(programme.beats.qrs_duration)
    if not names & {"RBBB", "LBBB", "IRBBB", "NSIVCB", "LQT", "PR", "LAnFB"}:
        same(programme.beats.after_qrs.qtc)
    if (is_rhythm and "PR" not in names) or names & {"PAC", "PVC", "IAVB", "LQT"}:
        same(programme.beats.after_qrs.t_vector)


def test_twins_with_low_voltage_have_one_lead_field() -> None:
    settings = {"cohort": "pairs", "diagnosis": "LAD", "device": "ptb-xl"}
    programme = batch_of(200, **settings).programme
    rows = programme.plan.rows("LQRSV")
    assert len(rows) > 4
    fields_ = programme.beats.lead_field[rows]
    np.testing.assert_array_equal(fields_[::2], fields_[1::2])


@pytest.mark.parametrize("name", ["RBBB", "AF", "PVC", "LQT"])
@pytest.mark.parametrize("noise", ["bank", "fresh"])
def test_the_noise_of_twins_is_the_same(name: str, noise: str) -> None:
    settings = {"cohort": "pairs", "diagnosis": name, "device": "ptb-xl"}
    noisy = render_all(batch_of(8, noise=noise, **settings)).astype(float)
    found = noisy - render_all(batch_of(8, noise="none", **settings))
    # each is rounded to the converter's step of 1 uV
    np.testing.assert_allclose(found[::2], found[1::2], atol=0.00101)
    assert found.std() > 0.005


@pytest.mark.parametrize("name", ["PVC", "PAC"])
def test_a_premature_beat_changes_nothing_before_the_beat_that_it_follows(name: str) -> None:
    batch = pairs_of(name)
    for row in with_plan(batch):
        times = fiducials(batch.programme, row)
        early = np.flatnonzero(times.kind == (2 if name == "PVC" else 1))[0]
        found = change(batch, row)
        assert found.max() > 0.05
        if early > 0:
            until = times.qrs_offset[early - 1]
            assert found[:, : max(round((until - 0.01) * FS), 0)].max(initial=0) < 0.003


def test_first_degree_block_moves_the_atrial_waves_and_nothing_else() -> None:
    batch = pairs_of("IAVB")
    for row in with_plan(batch, "EAR"):
        one, other = (fiducials(batch.programme, r) for r in (row, row + 1))
        # the atria repolarise for 0.4 s, low and under the QRS
        assert outside(batch, row, one.p_onset - 0.03, other.p_offset + 0.05).max() < 0.06
        assert outside(batch, row, one.p_onset - 0.03, other.p_onset + 0.55).max() < 0.003
        assert change(batch, row).max() > 0.03
        moved = other.p_onset - one.p_onset
        assert ((moved > 0.005) & (moved < 0.25)).all()


def test_long_qt_changes_what_lies_between_the_qrs_and_the_end_of_t() -> None:
    batch = pairs_of("LQT")
    for row in with_plan(batch):
        times = fiducials(batch.programme, row)
        found = outside(batch, row, times.qrs_offset - 0.03, times.t_offset + 0.09)
        assert found.max() < 0.02
        assert change(batch, row).max() > 0.04


@pytest.mark.parametrize("name", ["TAb", "TInv"])
def test_t_findings_change_what_lies_between_the_qrs_and_the_end_of_t(name: str) -> None:
    batch = pairs_of(name)
    for row in with_plan(batch):
        times = fiducials(batch.programme, row)
        # tails of T and of a shifted ST reach into the end of the QRS
        found = outside(batch, row, times.qrs_offset - 0.03, times.t_offset + 0.09)
        assert found.max() < 0.03
        assert change(batch, row).max() > 0.08


@pytest.mark.parametrize("name", ["QAb", "PRWP"])
def test_q_waves_and_poor_progression_change_the_qrs_alone(name: str) -> None:
    batch = pairs_of(name)
    # an abnormal T or a shifted ST is turned against the QRS, and moves with it
    for row in with_plan(batch, "TAb", "TInv", "STD"):
        times = fiducials(batch.programme, row)
        found = outside(batch, row, times.qrs_onset - 0.02, times.qrs_offset + 0.02)
        assert found.max() < 0.02
        assert change(batch, row).max() > 0.08


@pytest.mark.parametrize("name", ["LAD", "RAD", "LAnFB", "NSIVCB", "IRBBB", "RBBB", "LBBB"])
def test_conduction_and_axis_change_no_p_wave(name: str) -> None:
    batch = pairs_of(name)
    for row in with_plan(batch, "AF", "AFL", "PVC", "PAC", "STach", "STD", "STE", "TAb", "U"):
        times = fiducials(batch.programme, row)
        found = outside(batch, row, times.qrs_onset - 0.04, times.t_offset + 0.15)
        assert found.max() < 0.01


def test_pairs_take_every_diagnosis_in_turn_or_the_one_asked_for() -> None:
    chosen = CohortSettings(cohort="pairs", n_recordings=2 * len(PAIRED), seed=1, fs=100)
    batch = programme_batch(chosen, np.arange(chosen.n_recordings))
    targets = [pair_target(chosen, pair) for pair in range(len(PAIRED))]
    assert sorted(targets) == sorted(PAIRED)
    for pair, name in enumerate(targets):
        assert name in batch.truth.names[2 * pair]
        assert name not in batch.truth.names[2 * pair + 1]
    assert pair_target(chosen.model_copy(update={"diagnosis": "AF"}), 17) == "AF"


def test_twins_are_one_patient_with_two_recordings() -> None:
    chosen = CohortSettings(cohort="pairs", n_recordings=4, seed=1, fs=100, diagnosis="TInv")
    one, other, next_ = (simulate_recording(chosen, index) for index in range(3))
    assert (one.record_id, other.record_id) == ("SIM000000", "SIM000001")
    assert one.patient == other.patient == "SIM000000"
    assert next_.patient == "SIM000001"
    assert (one.age, one.sex) == (other.age, other.sex)
    lost = set(one.codes or ()) - set(other.codes or ())
    assert lost == set(codes_of({"TInv", "TAb"}))
