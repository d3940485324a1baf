"""Gates: what is shown, what is withheld, and what is said of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from plain_settings import plain_settings

from leadlens.bundle import Bundle, BundleConfig
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.evaluation.skill import Skill, skills_of
from leadlens.explain.attribution import Attribution
from leadlens.explain.gates import (
    attribution_gate,
    class_gate,
    explanation_gate,
    held_out_gate,
    is_too_thin,
    skill_gate,
)
from leadlens.explain.players import make_players
from leadlens.explain.window import explain_ecg
from leadlens.models.registry import build_model
from leadlens.models.settings import InceptionTimeSettings, ResNetSettings

LABELS = np.arange(60) < 20
KNOWN = np.ones(60, bool)
PERFECT = LABELS.astype(float)


def skill_of(labels: np.ndarray, known: np.ndarray, probabilities: np.ndarray) -> Skill:
    (skill,) = skills_of(labels[:, None], known[:, None], probabilities[:, None])
    return skill


TOLD = skill_of(LABELS, KNOWN, PERFECT)


def test_a_model_that_tells_the_diagnosis_is_shown() -> None:
    assert class_gate(TOLD, n_explained=20, r2=0.9) is None
    assert skill_gate(TOLD) is None


def test_a_model_that_says_the_same_of_everyone_is_withheld() -> None:
    said = class_gate(skill_of(LABELS, KNOWN, np.full(60, 0.3)), 20, 0.9)
    assert said == "the model does not tell it from chance (AUROC 0.50)"


def test_a_model_that_says_the_opposite_is_withheld() -> None:
    said = class_gate(skill_of(LABELS, KNOWN, 1 - PERFECT), 20, 0.9)
    assert said is not None
    assert "AUROC 0.00" in said


def test_random_probabilities_pass_one_time_in_a_hundred() -> None:
    rng = np.random.default_rng(0)
    skills = [skill_of(LABELS, KNOWN, rng.random(60)) for _ in range(2000)]
    assert 0.004 < np.mean([skill_gate(skill) is None for skill in skills]) < 0.017


def test_recordings_that_nobody_labelled_do_not_speak() -> None:
    # Among the known ones the model is right; the unknown ones would drown it.
    known = np.arange(60) % 2 == 0
    probabilities = np.where(known, PERFECT, 1 - PERFECT)
    assert skill_gate(skill_of(LABELS, known, probabilities)) is None
    assert skill_gate(skill_of(LABELS, KNOWN, probabilities)) is not None


@pytest.mark.parametrize(("n", "is_shown"), [(0, False), (4, False), (5, True)])
def test_fewer_than_five_explained_recordings_are_withheld(n: int, is_shown: bool) -> None:
    said = class_gate(TOLD, n, 0.9)
    assert said == (None if is_shown else f"{n} recordings with it explained (needs 5)")


@pytest.mark.parametrize("labels", [np.zeros(60, bool), np.ones(60, bool)])
def test_a_diagnosis_without_recordings_to_compare_is_withheld(labels: np.ndarray) -> None:
    assert class_gate(skill_of(labels, KNOWN, PERFECT), 20, 0.9) == "no recordings to compare"


def test_a_model_that_surely_but_hardly_tells_the_diagnosis_is_withheld() -> None:
    labels, known = np.arange(3000) < 1000, np.ones(3000, bool)
    noise = np.random.default_rng(0).normal(size=3000)
    said = skill_gate(skill_of(labels, known, noise + 0.5 * labels))
    assert said is not None
    assert said.startswith("the model hardly tells it (AUROC 0.6")
    assert skill_gate(skill_of(labels, known, noise + labels)) is None


def few(n: int, rank: int = 100) -> Skill:
    """Return the skill of `n` with it, from the `rank`-th place of 200 without it upwards."""
    without = np.arange(200.0)
    said = np.concatenate([rank + 0.5 + np.arange(n), without])
    return skill_of(np.arange(200 + n) < n, np.ones(200 + n, bool), said)


UNTOLD = skill_of(LABELS, KNOWN, 1 - PERFECT)


@pytest.mark.parametrize(("n", "is_open"), [(1, True), (4, True), (5, False)])
def test_too_few_held_out_recordings_go_with_the_other_diagnoses(n: int, is_open: bool) -> None:
    assert is_too_thin(few(n)) == is_open
    assert (held_out_gate((few(n), TOLD, TOLD, UNTOLD), 0) is None) == is_open
    said = held_out_gate((few(n), TOLD, UNTOLD, UNTOLD), 0)
    assert said is not None
    if is_open:
        assert said == (
            f"too few unseen recordings test it ({n} with it, 200 without), "
            "and of the 3 diagnoses that could be tested the model tells 1"
        )


def test_few_recordings_that_are_told_very_well_are_enough() -> None:
    well = few(3, rank=199)
    assert not is_too_thin(well)
    assert held_out_gate((well, UNTOLD, UNTOLD), 0) is None


def test_where_no_diagnosis_could_be_tested_nothing_is_known_and_no_gate_closes() -> None:
    assert held_out_gate((few(2), few(3), few(0)), 2) is None


def test_one_ecg_is_withheld_for_want_of_skill_or_of_effect() -> None:
    fine = said_with(np.full((2, 7), 3.0), np.array([0.9, 0.2]))
    assert explanation_gate(fine, 0, None) is None
    assert explanation_gate(fine, 0, (TOLD, TOLD)) is None
    assert explanation_gate(fine, 0, (UNTOLD, TOLD)) == skill_gate(UNTOLD)
    assert explanation_gate(fine, 1, None) == attribution_gate(fine, 1) is not None
    assert explanation_gate(fine, 1, (TOLD, TOLD)) == attribution_gate(fine, 1)


def said_with(values: np.ndarray, r2: np.ndarray) -> Attribution:
    players = make_players(STANDARD_LEADS, 60, "mV", plain_settings(pieces="whole"))
    zeros = np.zeros_like(values)
    return Attribution(("a", "b"), players, values, zeros, {}, r2, np.zeros(2), 16)


@pytest.mark.parametrize(("r2", "is_shown"), [(-0.2, False), (0.49, False), (0.5, True)])
def test_a_surrogate_that_gives_less_than_half_is_withheld(r2: float, is_shown: bool) -> None:
    one = said_with(np.ones((2, 7)), np.array([0.99, r2]))
    assert attribution_gate(one, 0) is None
    for said in (attribution_gate(one, 1), class_gate(TOLD, 20, r2)):
        assert (said is None) == is_shown
        if said is not None:
            assert f"the surrogate gives {max(r2, 0):.0%}" in said


@pytest.mark.parametrize(
    ("summed", "shown_as"),
    [(0.0, "0"), (1.99, "1.9"), (-1.99, "1.9"), (2.0, None), (-2.0, None), (float("nan"), "nan")],
)
def test_an_answer_that_hardly_depends_on_the_ecg_is_withheld(
    summed: float, shown_as: str | None
) -> None:
    # Large values for and against that cancel do not make an answer.
    values = np.array([[5.0, -5.0, summed, 0, 0, 0, 0], [9.0, 0, 0, 0, 0, 0, 0]])
    one = said_with(values, np.ones(2))
    assert attribution_gate(one, 1) is None
    said = attribution_gate(one, 0)
    if shown_as is None:
        assert said is None
    else:
        assert said == f"all parts together move its logit by {shown_as} (needs 2)"


@pytest.mark.parametrize(
    "own_kind", [ResNetSettings(), InceptionTimeSettings(depth=3, n_filters=8)]
)
@pytest.mark.parametrize("pieces", ["waves", "segments"])
def test_maps_of_an_untrained_network_are_withheld(
    own_kind: ResNetSettings | InceptionTimeSettings,
    pieces: str,
    make_ecg: Callable[..., Recording],
) -> None:
    network = build_model(own_kind, 12, 5, seed=3).eval()
    config = BundleConfig(
        model=own_kind, leads=STANDARD_LEADS, fs=100.0, duration=5.0, resampling="polyphase",
        normalisation="millivolt", classes=("1", "2", "3", "4", "5"), thresholds=(0.5,) * 5,
        trained_on={}, training={}, weights_sha256="", leadlens_version="",
    )  # fmt: skip
    settings = plain_settings(**{"pieces": pieces, "n_segments": 3})
    said = explain_ecg(
        Bundle(Path("nowhere"), config, network), make_ecg(fs=100.0, duration=5.0), settings
    )
    for column in range(5):
        reason = attribution_gate(said, column)
        assert reason is not None
        assert "move its logit by 0" in reason
