"""What an explanation is by default, and that methods can do what they are asked by default."""

import numpy as np
import pytest
from judged_models import DURATION, FS, bundle_of, resnet

from leadlens.data.sources import CohortSource
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import SignalError
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import explain_ecg
from leadlens.simulate import CohortSettings

METHODS = (
    "lime", "shapley", "kernel_shap", "exact_shapley", "occlusion", "integrated_gradients",
    "deeplift", "grad_cam",
)  # fmt: skip


@pytest.fixture(scope="module")
def beating_ecg() -> Recording:
    settings = CohortSettings(n_recordings=1, seed=3, fs=FS)
    return CohortSource(settings).load(0)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_explains_an_ecg_by_its_defaults(method: str, beating_ecg: Recording) -> None:
    said = explain_ecg(bundle_of(resnet()), beating_ecg, ExplainSettings(method=method))
    assert np.isfinite(said.values).all()
    has_timing = method in ("lime", "shapley", "kernel_shap", "exact_shapley", "occlusion")
    assert bool(said.players.timing) == has_timing
    assert len(said.players.pieces) == (1 if method == "exact_shapley" else 6)


def test_what_is_asked_for_comes_before_a_methods_defaults() -> None:
    assert ExplainSettings(method="exact_shapley").pieces == "whole"
    assert ExplainSettings(method="exact_shapley", pieces="waves").pieces == "waves"
    assert ExplainSettings(method="deeplift", timing=True).timing
    assert ExplainSettings(method="mine:explain").timing
    said = ExplainSettings(method="paper_lime")
    assert (said.pieces, said.replacement, said.timing) == ("whole", "isoelectric", False)
    assert ExplainSettings.model_validate(said.model_dump()) == said


def test_an_ecg_without_beats_is_refused_with_the_settings_that_explain_it() -> None:
    flat = Recording(
        np.zeros((12, round(FS * DURATION)), np.float32), FS,
        STANDARD_LEADS, "flat", "test",
    )  # fmt: skip
    with pytest.raises(SignalError, match="'pieces: segments', 'timing: false'"):
        explain_ecg(bundle_of(resnet()), flat, ExplainSettings())
    plain = ExplainSettings(pieces="segments", timing=False, replacement="isoelectric")
    assert explain_ecg(bundle_of(resnet()), flat, plain).values.shape[1] == 70
