"""Diagnoses that most batches do not show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.ecg.diagnoses import scored_codes
from leadlens.training.settings import TrainingSettings
from leadlens.training.thin import thin_in_batches, thin_note

CODES = ("426783006", "164889003", "59118001", "426177001")  # NSR, AF, RBBB, SB


def columns(n: int, *counts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels with that many positives, all known."""
    labels = np.arange(n)[:, None] < np.array(counts)[None]
    return labels, np.ones_like(labels)


@given(st.integers(0, 1000), st.sampled_from([2, 5, 16, 40, 64]))
@settings(max_examples=20, deadline=None)
def test_what_is_expected_is_what_batches_drawn_from_the_recordings_show(
    seed: int, batch_size: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random((640, 4)) < rng.choice([0.002, 0.02, 0.3], 4)
    known = rng.random((640, 4)) < 0.8
    shown = rng.permutation(labels & known).reshape(-1, batch_size, 4).sum(axis=1).mean(axis=0)
    expected = {code: n for code, n in zip(CODES, shown, strict=True) if n < 1}
    assert dict(thin_in_batches(labels, known, batch_size, CODES)) == pytest.approx(expected)


def test_diagnoses_with_less_than_one_positive_a_batch_are_listed_thinnest_first() -> None:
    labels, known = columns(100, 10, 9, 0, 50)
    assert thin_in_batches(labels, known, 10, CODES) == [(CODES[2], 0.0), (CODES[1], 0.9)]
    assert thin_in_batches(labels, known, 12, CODES) == [(CODES[2], 0.0)]


def test_an_unknown_label_is_no_positive() -> None:
    labels, known = columns(100, 10, 10, 10, 10)
    known[:5, 3] = False
    assert thin_in_batches(labels, known, 10, CODES) == [(CODES[3], 0.5)]


def test_a_batch_is_no_larger_than_the_data() -> None:
    labels, known = columns(20, 1, 0, 20, 20)
    assert thin_in_batches(labels, known, 64, CODES) == [(CODES[1], 0.0)]


@pytest.mark.parametrize("loss", ["soft_f1", "double_soft_f1", "bce_soft_f1"])
def test_a_soft_f1_loss_without_memory_is_warned_of_thin_diagnoses(loss: str) -> None:
    shown = columns(100, 10, 3, 50, 50)
    plain = TrainingSettings.model_validate({"loss": loss, "batch_size": 10})
    note = thin_note(*shown, plain, CODES)
    assert note.startswith(f"{loss} in batches of 10: ")
    assert "AF (0.3);" in note
    assert "NSR" not in note
    remembering = TrainingSettings.model_validate(
        {"loss": {"name": loss, "memory": 0.9}, "batch_size": 10}
    )
    assert thin_note(*shown, remembering, CODES) == ""
    larger = TrainingSettings.model_validate({"loss": loss, "batch_size": 40})
    assert thin_note(*shown, larger, CODES) == ""


@pytest.mark.parametrize("loss", ["bce", "focal", "asymmetric", "challenge"])
def test_other_losses_are_not_warned(loss: str) -> None:
    settings = TrainingSettings.model_validate({"loss": loss, "batch_size": 10})
    assert thin_note(*columns(100, 0, 0, 0, 0), settings, CODES) == ""


def test_at_most_eight_diagnoses_are_named() -> None:
    labels, known = columns(100, *range(30))
    settings = TrainingSettings.model_validate({"loss": "soft_f1", "batch_size": 4})
    note = thin_note(labels, known, settings, scored_codes())
    assert note.count("(0") == 8
    assert ", 17 more; a batch without" in note
