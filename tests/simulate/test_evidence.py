"""Evidence: there for every label and only for labels, exactly where twins differ."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from programmes import NAMES, Table, batch_of, has

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.simulate import (
    Batch,
    CohortSettings,
    Evidence,
    evidence,
    evidence_for,
    programme_batch,
    render_all,
)
from leadlens.simulate.conditions import RHYTHMS
from leadlens.simulate.evidence import KINDS, twin_programme
from leadlens.simulate.heart import fiducials, reaching_fiducials
from leadlens.simulate.programme import truth
from leadlens.simulate.rhythm import BeatKind

FS, N, DURATION = 250.0, 2500, 10.0
SECONDARY = {"RBBB", "CRBBB", "LBBB", "CLBBB", "BBB", "PR", "PVC", "VPB"}


@cache
def covering() -> dict[int, tuple[Evidence, ...]]:
    """Return the evidence of recordings that between them have every diagnosis."""
    batch, count = batch_of(250, fs=FS), Counter[str]()
    is_odd = batch.programme.plan.has("EAR")
    found: dict[int, tuple[Evidence, ...]] = {}
    for row in np.flatnonzero(~is_odd).tolist():
        names = batch.truth.names[row]
        if any(not count[name] for name in names):
            count.update(names)
            found[row] = evidence(batch, row)
    assert set(count) == set(NAMES)
    return found


def test_every_label_has_evidence_and_a_rule_within_the_recording() -> None:
    batch = batch_of(250, fs=FS)
    for row, found in covering().items():
        assert [one.diagnosis for one in found] == sorted(batch.truth.names[row])
        for one in found:
            for part in (one.difference, one.mask, one.rule, one.secondary):
                assert part.shape == (12, N)
            assert one.mask.any(), one.diagnosis
            assert one.rule.any(), one.diagnosis
            assert one.difference.min() >= 0
            assert 0.5 < one.difference.max() <= 1
            assert one.scale >= 0.05


def test_kinds_are_known_for_every_diagnosis_and_the_same_for_synonyms() -> None:
    assert set(KINDS) == set(NAMES)
    for one, other in (("RBBB", "CRBBB"), ("LBBB", "CLBBB"), ("PAC", "SVPB"), ("PVC", "VPB"),
                       ("IAVB", "LPR")):  # fmt: skip
        assert KINDS[one] == KINDS[other]
    for found in covering().values():
        assert all(one.kinds == KINDS[one.diagnosis] for one in found)


def test_the_mask_holds_what_is_large_and_the_secondary_part_is_within_it() -> None:
    for found in covering().values():
        for one in found:
            size = one.difference.astype(float) * one.scale
            assert one.mask[size >= size.max() - 1e-3].all()
            assert size[~one.mask].max() < 0.5 * size.max()
            assert size[one.mask].sum() > 0.5 * size.sum(), one.diagnosis
            assert np.median(size[one.mask]) > 3 * np.median(size[~one.mask])
            assert not (one.secondary & ~one.mask).any()
            assert one.secondary.any() == (one.diagnosis in SECONDARY), one.diagnosis


def test_clinicians_rules_meet_the_differences() -> None:
    shares = [(one.rule & one.mask).any() for found in covering().values() for one in found]
    assert np.mean(shares) > 0.95


def test_a_diagnosis_that_is_absent_has_empty_evidence() -> None:
    batch = batch_of(250, fs=FS)
    for name in NAMES:
        row = next(r for r in range(250) if name not in batch.truth.names[r])
        found = evidence_for(batch, row, name)
        assert (found.diagnosis, found.kinds) == (name, KINDS[name])
        for part in (found.difference, found.mask, found.rule, found.secondary):
            assert part.shape == (12, N)
            assert not part.any()


def test_evidence_does_not_depend_on_the_batch_or_on_what_else_is_asked_for() -> None:
    row, expected = next(iter(covering().items()))
    alone = programme_batch(CohortSettings(n_recordings=250, seed=77, fs=FS), np.array([row]))
    for one in expected[:2]:
        found = evidence_for(alone, 0, one.diagnosis)
        assert found.difference.tobytes() == one.difference.tobytes()
        assert found.mask.tobytes() == one.mask.tobytes()


def recorded(batch: Batch) -> np.ndarray:
    """Return the signals behind the low-pass, but not behind a high-pass: it spreads changes."""
    devices = replace(batch.devices, high_pass=np.full(len(batch), 0.01))
    return render_all(replace(batch, devices=devices)).astype(float)


@pytest.mark.parametrize("name", ["RBBB", "LBBB", "IRBBB", "LAnFB", "NSIVCB", "QAb", "PRWP", "TAb",
                                  "TInv", "LAD", "RAD", "LQRSV", "SB", "STach", "SA"])  # fmt: skip
@pytest.mark.parametrize("device", ["cpsc_2018", "ptb-xl"])
def test_the_difference_is_that_of_the_recorded_twins(name: str, device: str) -> None:
    settings = {"cohort": "pairs", "diagnosis": name, "device": device, "noise": "none", "fs": FS}
    batch = batch_of(4, **settings)
    signals = recorded(batch)
    for row in (0, 2):
        found = evidence_for(batch, row, name)
        apart = np.abs(signals[row] - signals[row + 1])
        expected = np.minimum(apart / found.scale, 1.0)
        np.testing.assert_allclose(found.difference, expected, atol=2e-3)


@pytest.mark.parametrize("name", ["PVC", "PAC", "IAVB", "LQT"])
def test_the_difference_of_what_moves_waves_is_that_of_the_twins_where_it_counts(name: str) -> None:
    settings = {"cohort": "pairs", "diagnosis": name, "noise": "none", "fs": FS}
    batch = batch_of(12, **settings)
    signals = recorded(batch)
    for row in range(0, 12, 2):
        if batch.programme.plan.has("EAR")[row]:
            continue
        found = evidence_for(batch, row, name)
        expected = np.minimum(np.abs(signals[row] - signals[row + 1]) / found.scale, 1.0)
        counts = found.difference.any(axis=0)
        assert 0.01 < counts.mean() < 0.98
        np.testing.assert_allclose(found.difference[:, counts], expected[:, counts], atol=2e-3)


def test_premature_beats_are_shown_between_their_neighbours() -> None:
    batch = batch_of(250, fs=FS)
    times_of = {"PVC": BeatKind.VENTRICULAR_PREMATURE, "PAC": BeatKind.ATRIAL_PREMATURE}
    for row, found in covering().items():
        for one in found:
            if one.diagnosis in times_of:
                times = fiducials(batch.programme, row)
                early = np.flatnonzero(times.kind == times_of[one.diagnosis])
                inside = np.zeros(N, dtype=bool)
                for beat in early:
                    begin = times.qrs_offset[beat - 1] if beat else 0.0
                    end = times.qrs_onset[beat + 1] if beat + 1 < len(times.kind) else 10.0
                    inside[max(int(begin * FS) - 6, 0) : int(end * FS) + 7] = True
                    middle = int((times.qrs_onset[beat] + 0.05) * FS)
                    assert one.rule[:, middle].any()
                assert not one.mask[:, ~inside].any()


def test_electrode_faults_move_the_rule_and_blank_dead_leads() -> None:
    names = ("QAb", "LAD", "RBBB", "PRWP", "NSR", "TInv", "LBBB", "RAD")
    faulty, right = (batch_of(90, fs=FS, faults=f, device="ptb-xl") for f in (1.0, 0.0))
    seen: set[str] = set()
    place = STANDARD_LEADS.index
    exchanged = {
        "RA-LA swap": (("II", "III"), ("aVR", "aVL")), "LA-LL swap": (("I", "II"), ("aVL", "aVF")),
        "V1-V2 swap": (("V1", "V2"),), "V4-V5 swap": (("V4", "V5"),), "lead off": (),
    }  # fmt: skip
    for row in range(90):
        fault = faulty.devices.fault_name(row)
        name = next((n for n in names if n in right.truth.names[row]), None)
        if name is None or fault in seen:
            continue
        seen.add(fault)
        found, usual = evidence_for(faulty, row, name), evidence_for(right, row, name)
        order = np.arange(12)
        for one, other in exchanged[fault]:
            order[[place(one), place(other)]] = place(other), place(one)
        expected = usual.rule[order]
        if fault == "lead off":
            dead = 6 + int(faulty.devices.lead_off[row])
            expected[dead] = False
            for part in (found.difference, found.mask, found.secondary):
                assert not part[dead].any()
        assert np.array_equal(found.rule, expected), fault
        chest = [9, 11] if fault == "V1-V2 swap" else [11]
        if fault != "lead off":
            sizes = [one.difference[chest] * one.scale for one in (found, usual)]
            np.testing.assert_allclose(*sizes, atol=2e-3)
    assert seen == set(exchanged)


def test_fibrillation_is_slow_only_where_it_is_planned_so_that_its_twin_is_not(
    tables: dict[str, Table],
) -> None:
    slow = tables["factorial"]["labels"][:, NAMES.index("Brady")]
    assert not (slow & (tables["factorial"]["rhythm"] == RHYTHMS.index("AF"))).any()
    batch = batch_of(400)
    has = [row for row in range(400) if {"AF", "Brady"} <= batch.truth.names[row]]
    assert has
    assert all(evidence_for(batch, row, "Brady").mask.any() for row in has)


@pytest.mark.parametrize("duration", [5.0, 10.0])
@pytest.mark.parametrize("cohort", ["balanced", "factorial"])
def test_without_a_diagnosis_the_twin_does_not_have_it_either(cohort: str, duration: float) -> None:
    batch = batch_of(1500, cohort=cohort, duration=duration)
    for name in sorted(set(NAMES) - {"NSR"}):  # what makes sinus rhythm normal is no finding
        without = truth(twin_programme(batch.programme, name)).names
        left = [row for row in np.flatnonzero(has(batch, name)) if name in without[row]]
        assert not left, (name, left)


def test_waves_of_beats_that_begin_before_or_end_after_the_recording_are_in_mask_and_rule() -> None:
    batch, n_found = batch_of(600, fs=FS, device="ptb-xl"), Counter[str]()
    for row in range(len(batch)):
        names, programme = batch.truth.names[row], batch.programme
        times, own = reaching_fiducials(programme, row), fiducials(programme, row)
        if "LQT" in names and times.t_offset[0] > 0.15 and times.qrs_onset[0] < 0:
            found = evidence_for(batch, row, "LQT")
            begin = round(FS * float(np.nanmin(own.qrs_onset)))
            end = min(round(FS * float(times.t_offset[0])), begin)
            assert found.rule[:, : end - 1].any()
            assert found.mask[:, : end + 4].any()
            n_found["LQT"] += 1
        last = np.nanmax(own.qrs_onset)
        is_late = (times.qrs_onset >= DURATION) & (times.p_onset < DURATION - 0.05)
        if "IAVB" in names and is_late.any() and times.kind[-1] != BeatKind.DROPPED:
            found = evidence_for(batch, row, "IAVB")
            first = round(FS * max(float(times.p_onset[is_late][0]), float(last)))
            assert found.rule[:, first + 1 :].any()
            n_found["IAVB"] += 1
    assert min(n_found["LQT"], n_found["IAVB"]) >= 5
