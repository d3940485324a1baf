"""The GPU runs the same code as the CPU; skipped where there is none."""

import numpy as np
import pytest
import torch

from leadlens.data.batches import Dataset
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.models.settings import InceptionTimeSettings
from leadlens.training.fit import fit, predict
from leadlens.training.settings import TrainingSettings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def _dataset(store: Store) -> Dataset:
    everyone = np.arange(len(store.keys))
    return Dataset(store, everyone, STANDARD_LEADS, "millivolt", scored_codes())


def _settings(precision: str) -> TrainingSettings:
    model = InceptionTimeSettings(depth=3, n_filters=8, kernels=(39, 19, 9))
    return TrainingSettings(model=model, epochs=3, batch_size=32, precision=precision)  # type: ignore[arg-type]


def test_a_gpu_follows_the_loss_curve_of_the_cpu_in_float32(small_store: Store) -> None:
    data = _dataset(small_store)
    curves = [
        [record["loss"] for record in fit(data, _settings("float32"), torch.device(name))[1]]
        for name in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-2)


def test_bfloat16_on_a_gpu_stays_close_to_float32(small_store: Store) -> None:
    data, device = _dataset(small_store), torch.device("cuda")
    exact, rough = (
        predict(fit(data, _settings(p), device)[0], data, device) for p in ("float32", "bfloat16")
    )
    assert np.abs(exact - rough).mean() < 0.05
