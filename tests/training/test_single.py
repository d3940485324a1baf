"""One model trained on a store; a saved model scored on another store."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recordings import ListSource
from sklearn.metrics import roc_auc_score

from leadlens.bundle import Bundle, load_bundle
from leadlens.data import order
from leadlens.data.batches import Dataset
from leadlens.data.folds import groups_of
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, StoreError
from leadlens.simulate import CohortSettings, simulate_cohort
from leadlens.training import recipe, single
from leadlens.training.fit import predict
from leadlens.training.single import evaluate_bundle, train_single

TINY = {
    "model": {"name": "inception_time", "depth": 1, "n_filters": 2, "kernels": (5,)},
    "epochs": 2,
}


def simulated(n: int, seed: int = 5, duration: float = 10.0) -> list[Recording]:
    return list(
        simulate_cohort(CohortSettings(n_recordings=n, seed=seed, fs=50, duration=duration))
    )


@pytest.fixture
def store_of(tmp_path: Path) -> Callable[..., Store]:
    """Return a function that makes a store of recordings."""

    def make(recordings: list[Recording], duration: float = 10.0) -> Store:
        settings = IngestSettings(fs=recordings[0].fs, duration=duration)
        return ingest(ListSource(tuple(recordings)), tmp_path / "other", settings)

    return make


def train(store: Store, out: Path, changes: dict[str, Any] | None = None, **others: Any) -> Any:
    values = {**TINY, **(changes or {})}
    return train_single(
        store.path, out, "small", values, **{"min_positives": 12, "device": "cpu", **others}
    )


def test_recordings_of_one_patient_are_all_trained_on_or_all_held_out(
    store_of: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = [
        replace(r, patient=f"patient {number // 3}") for number, r in enumerate(simulated(45))
    ]
    store = store_of(recordings)
    seen: dict[str, np.ndarray] = {}
    whole_fit, whole_predict = recipe.fit, single.predict

    def spy_fit(data: Any, *args: Any, **kwargs: Any) -> Any:
        seen["train"] = data.recordings
        return whole_fit(data, *args, **kwargs)

    def spy_predict(network: Any, data: Any, *args: Any) -> Any:
        seen["test"] = data.recordings
        return whole_predict(network, data, *args)

    monkeypatch.setattr(recipe, "fit", spy_fit)
    monkeypatch.setattr(single, "predict", spy_predict)
    train(store, tmp_path / "model", min_positives=5)
    groups = groups_of(store)
    assert len(set(groups)) == 15
    assert not set(groups[seen["train"]]) & set(groups[seen["test"]])
    assert sorted([*seen["train"], *seen["test"]]) == list(range(45))
    assert len(seen["test"]) == pytest.approx(45 * 0.2, abs=3)


def test_what_was_held_out_scores_as_scikit_learn_says(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = np.array([], int)
    whole_predict = single.predict

    def spy(network: Any, data: Any, *args: Any) -> Any:
        nonlocal held_out
        held_out = data.recordings
        return whole_predict(network, data, *args)

    monkeypatch.setattr(single, "predict", spy)
    result = train(small_store, tmp_path / "model", hold_out=0.5)
    bundle = load_bundle(tmp_path / "model")
    scored = {item["code"]: item for item in result["classes"]}
    # The same recordings again, through the saved model.
    classes = bundle.config.classes
    labels, _ = small_store.labels(classes)
    logits = bundle.logits(
        small_store.signal(np.concatenate([small_store.windows_of[i] for i in held_out]))
    )
    assert result["recordings"] == len(held_out)
    for column, code in enumerate(classes):
        expected = roc_auc_score(labels[held_out, column], logits[:, column])
        # Batches of another size may swap two recordings that are all but tied.
        assert scored[code]["auroc"] == pytest.approx(expected, abs=2e-3)
    mean = np.mean([item["auroc"] for item in result["classes"]])
    assert result["macro"]["auroc"] == pytest.approx(mean)
    kept = bundle.config.held_out
    assert kept is not None
    assert kept.on == f"{len(held_out)} recordings held out of the training store"
    for column, code in enumerate(classes):
        assert kept.skills[column].auroc == pytest.approx(scored[code]["auroc"])
        assert kept.skills[column].n_positive == labels[held_out, column].sum()


@pytest.mark.parametrize("hold_out", [0.1, 0.3, 0.4])
def test_the_share_held_out_is_the_share_asked_for(
    small_store: Store, tmp_path: Path, hold_out: float
) -> None:
    result = train(small_store, tmp_path / "model", hold_out=hold_out)
    assert result["recordings"] == pytest.approx(hold_out * 96, abs=3)


def test_only_diagnoses_with_enough_recordings_are_trained(
    small_store: Store, tmp_path: Path
) -> None:
    train(small_store, tmp_path / "model", min_positives=15)
    known = load_bundle(tmp_path / "model").config.classes
    codes = [code for row in small_store.first_rows for code in row.codes.split()]
    assert known
    assert all(codes.count(code) >= 15 for code in known)


def test_no_diagnosis_with_enough_recordings_is_refused(small_store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no diagnosis has 1000 recordings"):
        train(small_store, tmp_path / "model", min_positives=1000)


def test_nothing_held_out_means_nothing_scored_and_all_trained_on(
    small_store: Store, tmp_path: Path
) -> None:
    assert train(small_store, tmp_path / "model", hold_out=0.0) == {}
    config = load_bundle(tmp_path / "model").config
    assert config.trained_on["recordings"] == len(small_store.keys)
    assert config.held_out is None


def test_an_interrupted_training_goes_on_and_ends_the_same(
    small_store: Store, tmp_path: Path
) -> None:
    def kill(done: int, _total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small_store, tmp_path / "killed", on_epoch=kill)
    done: list[int] = []
    train(small_store, tmp_path / "killed", on_epoch=lambda n, _total: done.append(n))
    train(small_store, tmp_path / "whole")
    assert done == [2]
    first, second = (tmp_path / name / "model.safetensors" for name in ("killed", "whole"))
    assert first.read_bytes() == second.read_bytes()


def test_training_leaves_its_history_and_no_checkpoint(small_store: Store, tmp_path: Path) -> None:
    train(small_store, tmp_path / "model")
    kept = json.loads((tmp_path / "model" / "training.json").read_text())
    assert [record["epoch"] for record in kept["history"]] == [0.0, 1.0]
    assert kept["held_out"]["recordings"] > 0
    assert not list((tmp_path / "model").glob("checkpoint*"))


def test_a_model_may_be_trained_below_the_stores_rate(small_store: Store, tmp_path: Path) -> None:
    train(small_store, tmp_path / "model", fs=25.0)
    assert load_bundle(tmp_path / "model").config.fs == 25.0
    # The store at that rate was needed for the training alone.
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert not list((tmp_path / "model").rglob("*.npy"))


def test_the_leaking_schedule_is_refused_outside_a_study(
    small_store: Store, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="published_plateau"):
        train(small_store, tmp_path / "model", {"schedule": "published_plateau"})


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


def test_diagnoses_that_nobody_looked_for_are_left_out_and_named(
    bundle: Bundle, store_of: Callable[..., Store], tmp_path: Path
) -> None:
    unknown = bundle.config.classes[0]
    recordings = [
        replace(
            r,
            codes=tuple(c for c in r.codes or () if c != unknown),
            not_annotated=(unknown,),
        )
        for r in simulated(40)
    ]
    result = evaluate_bundle(bundle, store_of(recordings), tmp_path)
    assert result["unknown_here"] == [diagnosis(unknown).abbreviation]
    assert [item["code"] for item in result["classes"]] == list(bundle.config.classes[1:])


def test_a_saved_model_scores_as_scikit_learn_says(
    bundle: Bundle, store_of: Callable[..., Store], tmp_path: Path
) -> None:
    recordings = simulated(40)
    store = store_of(recordings)
    result = evaluate_bundle(bundle, store, tmp_path)
    labels, _ = store.labels(bundle.config.classes)
    said = np.stack([bundle.predict(r).probabilities for r in recordings])
    for column, item in enumerate(result["classes"]):
        if labels[:, column].any():
            expected = roc_auc_score(labels[:, column], said[:, column])
            # The store rounds to 1 uV, which may swap two recordings that are all but tied.
            assert item["auroc"] == pytest.approx(expected, abs=0.02)


def test_a_store_of_another_duration_is_refused(
    bundle: Bundle, store_of: Callable[..., Store], tmp_path: Path
) -> None:
    store = store_of(simulated(3), duration=5.0)
    with pytest.raises(StoreError, match=r"windows of 5 s.*--duration 10"):
        evaluate_bundle(bundle, store, tmp_path)


def test_a_store_that_is_not_annotated_at_all_is_refused(
    bundle: Bundle, store_of: Callable[..., Store], tmp_path: Path
) -> None:
    store = store_of([replace(r, codes=None) for r in simulated(3)])
    with pytest.raises(StoreError, match=r"no recording .* is annotated"):
        evaluate_bundle(bundle, store, tmp_path)


def test_a_store_without_millivolts_is_refused(
    bundle: Bundle, store_of: Callable[..., Store], tmp_path: Path
) -> None:
    store = store_of([replace(r, units="relative") for r in simulated(3)])
    with pytest.raises(ConfigError, match="'millivolt' needs millivolts"):
        evaluate_bundle(bundle, store, tmp_path)


def test_a_store_below_the_models_rate_is_refused(
    tiny_bundle: Path, small_store: Store, tmp_path: Path
) -> None:
    faster = load_bundle(tiny_bundle)
    config = faster.config.model_copy(update={"fs": 100.0})
    with pytest.raises(ConfigError, match="100 Hz is above the 50 Hz"):
        evaluate_bundle(replace(faster, config=config), small_store, tmp_path)


def test_decisions_follow_the_saved_thresholds(
    bundle: Bundle, store_of: Callable[..., Store], tmp_path: Path
) -> None:
    store = store_of(simulated(40))
    n = len(bundle.config.classes)
    always = bundle.config.model_copy(update={"thresholds": (1e-9,) * n})
    result = evaluate_bundle(replace(bundle, config=always), store, tmp_path)
    for item in result["classes"]:
        share = item["n_positive"] / item["n_known"]
        assert item["accuracy"] == pytest.approx(share)


def test_scores_do_not_depend_on_the_number_of_threads(bundle: Bundle, small_store: Store) -> None:
    windows = small_store.signal(np.arange(8))
    n_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = bundle.logits(windows)
        torch.set_num_threads(2)
        two = bundle.logits(windows)
    finally:
        torch.set_num_threads(n_threads)
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_a_model_of_crops_says_the_same_of_a_stored_and_of_a_read_recording(
    small_store: Store, tmp_path: Path
) -> None:
    train(small_store, tmp_path / "m", {"crop": 2.5, "order": "streaming"})
    bundle = load_bundle(tmp_path / "m")
    assert bundle.config.duration == 2.5
    data = Dataset(
        small_store, np.array([3, 4]), STANDARD_LEADS, "millivolt", bundle.config.classes, 2.5
    )
    stored = predict(bundle.model, data, torch.device("cpu"))
    for number, probabilities in zip((3, 4), stored, strict=True):
        signal = small_store.signal(small_store.windows_of[number])[0]
        read = Recording(signal, small_store.fs, STANDARD_LEADS, "r")
        np.testing.assert_allclose(bundle.predict(read).probabilities, probabilities, atol=1e-5)
    found = evaluate_bundle(bundle, small_store, tmp_path / "scratch")
    assert found["recordings"] == len(small_store.keys)


def test_order_and_crop_change_the_training(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "BLOCK", 8)
    monkeypatch.setattr(order, "N_OPEN", 2)
    losses = set()
    for name, changes in {"w": {}, "c": {"crop": 5.0}, "s": {"order": "streaming"}}.items():
        train(small_store, tmp_path / name, changes)
        kept = json.loads((tmp_path / name / "training.json").read_text())
        losses.add(kept["history"][-1]["loss"])
    assert len(losses) == 3
