"""From training recordings to a model that decides."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from leadlens.bundle import load_bundle
from leadlens.data.batches import Dataset
from leadlens.data.folds import groups_of
from leadlens.data.store import Store
from leadlens.ecg.leads import lead_set
from leadlens.errors import ConfigError, LeakError
from leadlens.evaluation.calibration import Calibration
from leadlens.models.ensemble import Ensemble
from leadlens.training import recipe
from leadlens.training.fit import fit, predict
from leadlens.training.inner import inner_splits
from leadlens.training.settings import TrainingSettings
from leadlens.training.start import starting_weights

CPU = torch.device("cpu")
CLASSES = ("164889003", "426177001", "426783006", "59118001")  # AF, SB, NSR, RBBB
TINY = {"name": "inception_time", "depth": 1, "n_filters": 2, "kernels": (9, 5)}


def tiny(**changes: Any) -> TrainingSettings:
    values = {"model": TINY, "epochs": 3, "batch_size": 32, "precision": "float32", **changes}
    return TrainingSettings.model_validate(values)


def data_of(store: Store, settings: TrainingSettings, n: int = 96) -> Dataset:
    leads = lead_set(settings.lead_set)
    return Dataset(store, np.arange(n), leads, settings.normalisation, CLASSES)


def train(store: Store, place: Path, settings: TrainingSettings) -> recipe.Trained:
    return recipe.train(data_of(store, settings), settings, CPU, place)


@pytest.mark.parametrize(
    "changes",
    [
        {"patience": 2}, {"thresholds": "f1"}, {"thresholds": "challenge"},
        {"is_calibrated": True}, {"schedule": "plateau"},
    ],
)  # fmt: skip
def test_what_is_chosen_by_scores_needs_recordings_that_are_set_aside(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match=r"give inner, such as 0\.15"):
        tiny(**changes)
    tiny(inner=0.2, **changes)


def test_the_inner_recordings_are_apart_from_what_is_learned_and_share_no_group(
    small_store: Store,
) -> None:
    data = data_of(small_store, tiny())
    groups = groups_of(small_store)
    splits = inner_splits(data, 0.2, 5, seed=1)
    for learned, inner in splits:
        assert inner is not None
        assert 10 <= inner.n_recordings <= 30
        assert set(learned.recordings) | set(inner.recordings) == set(data.recordings)
        assert not set(groups[learned.recordings]) & set(groups[inner.recordings])
    aside = np.concatenate([inner.recordings for _, inner in splits if inner is not None])
    assert sorted(aside) == sorted(data.recordings)


def test_too_few_recordings_to_set_any_aside_are_refused(small_store: Store) -> None:
    with pytest.raises(ConfigError, match="at least 5 groups are needed"):
        inner_splits(data_of(small_store, tiny(), n=4), 0.2, 1, seed=0)


def test_training_on_an_inner_recording_is_refused(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaky(data: Dataset, *_: Any) -> list[tuple[Dataset, Dataset]]:
        return [(data, data)]

    def no_training(*_: Any) -> None:
        raise AssertionError("it trains before it looks")

    monkeypatch.setattr(recipe, "inner_splits", leaky)
    monkeypatch.setattr(recipe, "fit", no_training)
    with pytest.raises(LeakError, match="learned from"):
        train(small_store, tmp_path, tiny(inner=0.2))


def test_challenge_thresholds_without_sinus_rhythm_are_refused_before_training(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "fit", None)
    settings = tiny(inner=0.25, thresholds="challenge")
    data = replace(data_of(small_store, settings), classes=CLASSES[:2])
    with pytest.raises(ConfigError, match="need sinus rhythm"):
        recipe.train(data, settings, CPU, tmp_path)


def test_early_stopping_keeps_the_weights_of_the_best_epoch(small_store: Store) -> None:
    settings = tiny(epochs=12, patience=2, inner=0.2, learning_rate=0.1, schedule="constant")
    learned, inner = inner_splits(data_of(small_store, settings), 0.2, 1, settings.seed)[0]
    network, history = fit(learned, settings, CPU, monitor=inner)
    losses = [record["monitored_loss"] for record in history]
    best = losses.index(min(losses))
    assert len(losses) == min(best + 3, 12)
    until_best, _ = fit(
        learned, settings.model_copy(update={"epochs": best + 1}), CPU, monitor=inner
    )
    expected = until_best.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in network.state_dict().items())


class KilledError(Exception):
    """Stands for a kill."""


def test_a_killed_recipe_ends_as_one_that_was_not(small_store: Store, tmp_path: Path) -> None:
    settings = tiny(
        epochs=4, inner=0.25, members=2, average="ema", optimizer="adamw", patience=3,
        augment="best", thresholds="f1", is_calibrated=True,
        loss={"name": "double_soft_f1", "memory": 0.5},
    )  # fmt: skip
    data = data_of(small_store, settings)
    whole = recipe.train(data, settings, CPU, tmp_path / "whole")

    for killed_at in (1, 5):

        def kill(record: dict[str, float], at: int = killed_at) -> None:
            if record["epoch"] == at:
                raise KilledError

        with pytest.raises(KilledError):
            recipe.train(data, settings, CPU, tmp_path / "killed", on_epoch=kill)
    again = recipe.train(data, settings, CPU, tmp_path / "killed")
    assert again.thresholds == whole.thresholds
    assert (predict(again.network, data, CPU) == predict(whole.network, data, CPU)).all()
    recipe.forget(tmp_path / "killed")
    assert list((tmp_path / "killed").iterdir()) == []


def test_an_ensemble_says_the_mean_of_its_members_probabilities() -> None:
    members = [nn.Sequential(nn.Flatten(), nn.Linear(6, 2)) for _ in range(3)]
    with torch.no_grad():
        members[0][1].bias.fill_(200.0)  # so sure that it is 1 in single precision
    signal = torch.randn(5, 2, 3)
    said = torch.sigmoid(Ensemble(members)(signal))
    expected = torch.stack([torch.sigmoid(member(signal)) for member in members]).mean(dim=0)
    torch.testing.assert_close(said, expected)


def test_calibration_is_folded_into_the_logits() -> None:
    network = nn.Module()
    network.head = nn.Linear(3, 2)
    features = torch.randn(4, 3)
    before = network.head(features)
    recipe.calibrate(network, Calibration(slopes=(0.5, 2.0), offsets=(1.0, -1.0)))
    expected = before * torch.tensor([0.5, 2.0]) + torch.tensor([1.0, -1.0])
    torch.testing.assert_close(network.head(features), expected)


def test_a_network_without_a_last_layer_cannot_be_calibrated() -> None:
    with pytest.raises(ConfigError, match="set is_calibrated=false"):
        recipe.calibrate(nn.Linear(3, 2), Calibration(slopes=(1.0,), offsets=(0.0,)))


def test_no_epochs_leave_a_model_that_is_started_from_as_it_is(
    small_store: Store, tiny_bundle: Path, tmp_path: Path
) -> None:
    bundle = load_bundle(tiny_bundle)
    classes = bundle.config.classes[::-1][:3]
    settings = TrainingSettings.model_validate(
        {**bundle.config.training, "start": str(tiny_bundle), "epochs": 0}
    )
    leads = lead_set("12")
    data = Dataset(small_store, np.arange(40), leads, settings.normalisation, classes)
    trained = recipe.train(data, settings, CPU, tmp_path, tiny_bundle)
    whole = Dataset(small_store, np.arange(40), leads, "millivolt", bundle.config.classes)
    expected = predict(bundle.model, whole, CPU)
    columns = [bundle.config.classes.index(code) for code in classes]
    np.testing.assert_allclose(predict(trained.network, data, CPU), expected[:, columns], atol=1e-6)


def test_a_model_that_does_not_know_a_diagnosis_cannot_be_taken_as_it_is(
    small_store: Store, tiny_bundle: Path
) -> None:
    known = load_bundle(tiny_bundle).config.classes
    classes = (*known[:2], "713422000")  # atrial tachycardia, which no cohort has
    data = Dataset(small_store, np.arange(40), lead_set("12"), "millivolt", classes)
    with pytest.raises(ConfigError, match=r"does not know 713422000, and epochs=0"):
        starting_weights(tiny_bundle, data, tiny(start="model", epochs=0))
    weights = starting_weights(tiny_bundle, data, tiny())
    assert weights is not None
    assert not any(name.startswith("head.") for name in weights)


def test_a_model_with_another_scale_or_of_another_size_is_no_start(
    small_store: Store, tiny_bundle: Path, tmp_path: Path
) -> None:
    other_scale = data_of(small_store, tiny(normalisation="lead_zscore"))
    with pytest.raises(ConfigError, match="start from a model with the same"):
        starting_weights(tiny_bundle, other_scale, tiny())
    other_size = tiny(model={**TINY, "depth": 2})
    with pytest.raises(ConfigError, match="weights of another network"):
        recipe.train(data_of(small_store, other_size), other_size, CPU, tmp_path, tiny_bundle)
