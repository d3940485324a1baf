"""Annotators: how often each source leaves a diagnosis out, and by which name it calls it."""

from functools import cache

import numpy as np
import pytest
from programmes import batch_of

from leadlens.ecg.diagnoses import diagnoses, never_used
from leadlens.simulate import CohortSettings, programme_batch, recording_of
from leadlens.simulate.annotators import _OMITTED, ANNOTATORS, annotate, never_written
from leadlens.simulate.conditions import codes_of
from leadlens.simulate.devices import DEVICE_NAMES

N = 800
SOURCES = tuple(ANNOTATORS)
TRUE_NAMES = ("NSR", "SB", "STach", "SA", "AF", "AFL", "PR", "IAVB", "PAC", "PVC", "RBBB", "LBBB",
              "IRBBB", "LAnFB", "NSIVCB", "LAD", "RAD", "LQRSV", "QAb", "PRWP", "TAb", "TInv",
              "LQT")  # fmt: skip


@cache
def said(source: str) -> list[set[str]]:
    batch = batch_of(N, fs=100)
    return [annotate(batch.truth.names[row], batch.programme, row, source) for row in range(N)]


def words(source: str, name: str) -> set[str]:
    """Return every name by which the source may call a diagnosis."""
    called = ANNOTATORS[source].replaced.get(name, name)
    wording = ANNOTATORS[source].wording.get(called, {(called,): 1.0})
    return {word for together in wording for word in together}


def test_every_source_of_the_devices_has_an_annotator() -> None:
    assert set(SOURCES) == set(DEVICE_NAMES)


@pytest.mark.parametrize("source", SOURCES)
def test_diagnoses_are_left_out_as_often_as_the_source_leaves_them_out(source: str) -> None:
    true = batch_of(N, fs=100).truth.names
    for name in TRUE_NAMES:
        # TInv takes the place of TAb in some; Chapman adds NSIVCB in fibrillation
        hides = {"TAb": "TInv", "NSIVCB": "AF", "LAD": "LAnFB"}.get(name, "")
        rows = [row for row in range(N) if name in true[row] and hides not in true[row]]
        left_out = np.mean([not words(source, name) & said(source)[row] for row in rows])
        expected = ANNOTATORS[source].omitted.get(name, _OMITTED.get(name, 0.0))
        if words(source, name) <= never_written(source):
            expected = 1.0
        spread = np.sqrt(max(expected * (1 - expected), 0.0) / len(rows))
        assert len(rows) > 20
        assert abs(left_out - expected) <= 4 * spread + 0.01, (name, left_out, expected)


@pytest.mark.parametrize("source", SOURCES)
def test_labels_are_names_that_the_source_uses(source: str) -> None:
    used = {item.abbreviation for item in diagnoses() if item.counts[source] > 0}
    assert all(labels <= used for labels in said(source))


def test_a_source_that_writes_all_sinus_rhythms_is_silent_only_where_the_rhythm_has_no_name() -> (
    None
):
    is_ectopic = batch_of(N, fs=100).programme.plan.has("EAR")
    for source in ("ptb-xl", "ningbo"):
        assert all(labels or is_ectopic[row] for row, labels in enumerate(said(source)))
    assert not all(labels or is_ectopic[row] for row, labels in enumerate(said("cpsc_2018")))


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_not_there_is_hardly_ever_written_down(source: str) -> None:
    batch = batch_of(N, fs=100)
    never = {"AF", "STach", "PR", "PAC", "PVC", "RBBB", "LQRSV", "QAb", "TInv", "LQT", "IAVB"}
    for row, labels in enumerate(said(source)):
        invented = (labels & never) - batch.truth.names[row]
        assert not invented, (source, invented)


def test_each_source_has_its_own_words() -> None:
    for source, absent in {
        "ptb-xl": {"PVC", "VPB", "RBBB", "CLBBB", "BBB"}, "ningbo": {"AF", "CRBBB-"},
        "chapman_shaoxing": {"SA", "PVC", "LAnFB"}, "georgia": {"PVC", "PR"},
    }.items():  # fmt: skip
        assert not set().union(*said(source)) & absent, source
    for source, present in {
        "ptb-xl": {"CRBBB", "LPR", "SVPB", "NSR"}, "ningbo": {"AFL", "CRBBB", "CLBBB"},
        "chapman_shaoxing": {"VPB", "LBBB"}, "georgia": {"VPB", "BBB"},
        "cpsc_2018_extra": {"Brady"},
    }.items():  # fmt: skip
        assert present <= set().union(*said(source)), source


def test_ningbo_calls_fibrillation_flutter_and_ptb_xl_adds_sinus_rhythm() -> None:
    true = batch_of(N, fs=100).truth.names
    fibrillating = [row for row in range(N) if "AF" in true[row]]
    assert all("AFL" in said("ningbo")[row] for row in fibrillating)
    for name, share in ANNOTATORS["ptb-xl"].nsr_with.items():
        alone = {"SB", "SA", "STach"} - {name}
        rows = [row for row in range(N) if name in true[row] and not alone & true[row]]
        found = np.mean(["NSR" in said("ptb-xl")[row] for row in rows])
        assert abs(found - share) < 4 * np.sqrt(0.25 / len(rows)), name


@pytest.mark.parametrize("device", ["mixed", "ningbo"])
def test_recordings_carry_the_labels_of_their_own_source_and_the_truth_stays(device: str) -> None:
    settings = {"n_recordings": 60, "seed": 77, "fs": 100.0, "device": device}
    complete = programme_batch(CohortSettings.model_validate(settings), np.arange(60))
    chosen = CohortSettings.model_validate({**settings, "labels": "annotator"})
    batch = programme_batch(chosen, np.arange(60))
    assert batch.truth.names == complete.truth.names
    assert batch.truth.borderline == complete.truth.borderline
    n_changed = 0
    for row in range(60):
        source = DEVICE_NAMES[batch.devices.device[row]]
        names = annotate(batch.truth.names[row], batch.programme, row, source)
        is_ectopic = bool(batch.programme.plan.has("EAR")[row])
        one, other = recording_of(batch, row), recording_of(complete, row)
        assert one.codes == (codes_of(names, is_ectopic=is_ectopic) or None)
        assert one.not_annotated == (never_used(source) if one.codes else ())
        assert one.signal.tobytes() == other.signal.tobytes()
        n_changed += one.codes != other.codes
    assert n_changed > 15
