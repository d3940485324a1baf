"""Gates: what is shown, what is withheld, and what is said of it."""

import numpy as np
import pytest

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.explain.gates import attribution_gate, class_gate
from leadlens.explain.lime import Attribution
from leadlens.explain.players import make_players
from leadlens.explain.settings import ExplainSettings

LABELS = np.arange(60) < 20
KNOWN = np.ones(60, bool)
PERFECT = LABELS.astype(float)


def test_a_model_that_tells_the_diagnosis_is_shown() -> None:
    assert class_gate(LABELS, KNOWN, PERFECT, n_explained=20, r2=0.9) is None


def test_a_model_that_says_the_same_of_everyone_is_withheld() -> None:
    said = class_gate(LABELS, KNOWN, np.full(60, 0.3), 20, 0.9)
    assert said == "the model does not tell it from chance (AUROC 0.50)"


def test_a_model_that_says_the_opposite_is_withheld() -> None:
    said = class_gate(LABELS, KNOWN, 1 - PERFECT, 20, 0.9)
    assert said is not None
    assert "AUROC 0.00" in said


def test_random_probabilities_pass_one_time_in_a_hundred() -> None:
    rng = np.random.default_rng(0)
    shown = [class_gate(LABELS, KNOWN, rng.random(60), 20, 0.9) is None for _ in range(2000)]
    assert 0.004 < np.mean(shown) < 0.017


def test_recordings_that_nobody_labelled_do_not_speak() -> None:
    # Among the known ones the model is right; the unknown ones would drown it.
    known = np.arange(60) % 2 == 0
    probabilities = np.where(known, PERFECT, 1 - PERFECT)
    assert class_gate(LABELS, known, probabilities, 20, 0.9) is None
    assert class_gate(LABELS, KNOWN, probabilities, 20, 0.9) is not None


@pytest.mark.parametrize(("n", "is_shown"), [(0, False), (4, False), (5, True)])
def test_fewer_than_five_explained_recordings_are_withheld(n: int, is_shown: bool) -> None:
    said = class_gate(LABELS, KNOWN, PERFECT, n, 0.9)
    assert said == (None if is_shown else f"{n} recordings with it explained (needs 5)")


@pytest.mark.parametrize("labels", [np.zeros(60, bool), np.ones(60, bool)])
def test_a_diagnosis_without_recordings_to_compare_is_withheld(labels: np.ndarray) -> None:
    assert class_gate(labels, KNOWN, PERFECT, 20, 0.9) == "no recordings to compare"


@pytest.mark.parametrize(("r2", "is_shown"), [(-0.2, False), (0.49, False), (0.5, True)])
def test_a_surrogate_that_gives_less_than_half_is_withheld(r2: float, is_shown: bool) -> None:
    players = make_players(STANDARD_LEADS, 60, "mV", ExplainSettings(n_segments=1))
    zeros = np.zeros((2, 7))
    fits = np.array([0.99, r2])
    one = Attribution(("a", "b"), players, zeros, zeros, zeros, zeros, fits, np.zeros(2), 16)
    assert attribution_gate(one, 0) is None
    for said in (attribution_gate(one, 1), class_gate(LABELS, KNOWN, PERFECT, 20, r2)):
        assert (said is None) == is_shown
        if said is not None:
            assert f"the surrogate gives {max(r2, 0):.0%}" in said
