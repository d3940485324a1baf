"""Gates: what is shown, what is withheld, and what is said of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leadlens.bundle import Bundle, BundleConfig
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.explain.attribution import Attribution
from leadlens.explain.gates import attribution_gate, class_gate, skill_gate
from leadlens.explain.players import make_players
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import explain_ecg
from leadlens.models.registry import build_model
from leadlens.models.settings import InceptionTimeSettings, ResNetSettings

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


def test_skill_needs_no_explanations() -> None:
    assert skill_gate(LABELS, KNOWN, PERFECT) is None
    assert skill_gate(LABELS, KNOWN, np.full(60, 0.3)) is not None


def test_a_model_that_surely_but_hardly_tells_the_diagnosis_is_withheld() -> None:
    labels, known = np.arange(3000) < 1000, np.ones(3000, bool)
    noise = np.random.default_rng(0).normal(size=3000)
    said = skill_gate(labels, known, noise + 0.5 * labels)
    assert said is not None
    assert said.startswith("the model hardly tells it (AUROC 0.6")
    assert skill_gate(labels, known, noise + labels) is None


def said_with(values: np.ndarray, r2: np.ndarray) -> Attribution:
    players = make_players(STANDARD_LEADS, 60, "mV", ExplainSettings(pieces="whole"))
    zeros = np.zeros_like(values)
    return Attribution(("a", "b"), players, values, zeros, {}, r2, np.zeros(2), 16)


@pytest.mark.parametrize(("r2", "is_shown"), [(-0.2, False), (0.49, False), (0.5, True)])
def test_a_surrogate_that_gives_less_than_half_is_withheld(r2: float, is_shown: bool) -> None:
    one = said_with(np.ones((2, 7)), np.array([0.99, r2]))
    assert attribution_gate(one, 0) is None
    for said in (attribution_gate(one, 1), class_gate(LABELS, KNOWN, PERFECT, 20, r2)):
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
    settings = ExplainSettings.model_validate({"pieces": pieces, "n_segments": 3})
    said = explain_ecg(
        Bundle(Path("nowhere"), config, network), make_ecg(fs=100.0, duration=5.0), settings
    )
    for column in range(5):
        reason = attribution_gate(said, column)
        assert reason is not None
        assert "move its logit by 0" in reason
