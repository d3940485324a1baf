"""The training loop on a small simulated cohort."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from leadlens.data.batches import Dataset
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.store import Store
from leadlens.ecg.leads import STANDARD_LEADS, lead_set
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, TrainingError
from leadlens.models.losses import BatchLoss, double_soft_f1
from leadlens.models.registry import build_loss, build_model, seconds_seen
from leadlens.simulate import CohortSettings, simulate_recording
from leadlens.training.feed import HostFeed
from leadlens.training.fit import History, fit, monitored_loss, predict
from leadlens.training.settings import TrainingSettings

CPU = torch.device("cpu")
CLASSES = ("164889003", "426177001", "426783006", "59118001")  # AF, SB, NSR, RBBB
TINY = {"name": "inception_time", "depth": 1, "n_filters": 2, "kernels": (9, 5)}


def tiny(**changes: Any) -> TrainingSettings:
    values = {"model": TINY, "epochs": 4, "batch_size": 32, "precision": "float32", **changes}
    return TrainingSettings.model_validate(values)


def part(store: Store, first: int, stop: int, settings: TrainingSettings) -> Dataset:
    leads = lead_set(settings.lead_set)
    return Dataset(store, np.arange(first, stop), leads, settings.normalisation, CLASSES)


def train(store: Store, settings: TrainingSettings, **others: Any) -> tuple[nn.Module, History]:
    return fit(part(store, 0, 64, settings), settings, CPU, **others)


def without_clock(history: History) -> History:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in history]


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    others = second.state_dict()
    return all(torch.equal(value, others[name]) for name, value in first.state_dict().items())


def test_the_same_seed_gives_the_same_training_bit_for_bit(small_store: Store) -> None:
    torch.manual_seed(1)
    first, history = train(small_store, tiny())
    torch.manual_seed(2)
    again, same_history = train(small_store, tiny())
    assert without_clock(history) == without_clock(same_history)
    assert same_weights(first, again)


def test_what_dropout_drops_follows_from_the_seed(small_store: Store) -> None:
    settings = tiny(model={"name": "resnet", "n_filters": (4, 4), "dropout": 0.5})
    torch.manual_seed(1)
    first, _ = train(small_store, settings)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again, _ = train(small_store, settings)
    assert same_weights(first, again)
    assert torch.equal(torch.get_rng_state(), before)


def test_another_seed_gives_another_training(small_store: Store) -> None:
    _, history = train(small_store, tiny())
    _, other = train(small_store, tiny(seed=1))
    assert history[-1]["loss"] != other[-1]["loss"]


@pytest.mark.parametrize(
    "model",
    [
        {"name": "paper_inception", "n_filters": 2, "join": "channels"},
        {"name": "inception_time", "depth": 1, "n_filters": 2, "squeeze": 2},
        {"name": "xresnet1d", "depth": 18, "n_filters": (2, 2, 2, 2)},
        {"name": "state_space", "depth": 1, "n_filters": 2, "n_states": 2},
        {"name": "own_network:OwnNetwork", "arguments": {"n_filters": 2}},
    ],
    ids=lambda model: model["name"],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_kind_of_network_is_trained(
    small_store: Store, model: dict[str, Any], precision: str
) -> None:
    settings = tiny(model=model, epochs=1, precision=precision)
    network, (record,) = train(small_store, settings)
    assert np.isfinite(record["loss"])
    assert not same_weights(network, build_model(settings.model, 12, 4, fs=small_store.fs))


def test_a_field_in_seconds_is_met_at_the_rate_of_the_store(small_store: Store) -> None:
    network, _ = train(small_store, tiny(model={**TINY, "receptive_field": 0.5}, epochs=1))
    assert abs(seconds_seen(network, small_store.fs) - 0.5) <= 1 / small_store.fs


class KilledError(Exception):
    """Stands for a kill."""


DROPPING = {"name": "resnet", "n_filters": (4, 4), "dropout": 0.5}


@pytest.mark.parametrize(
    ("model", "schedule", "loss", "n_done"),
    [
        (TINY, "one_cycle", "bce", 1),
        (TINY, "published_plateau", "bce", 3),
        (TINY, "one_cycle", {"name": "double_soft_f1", "memory": 0.9}, 3),
        (TINY, "published_plateau", {"name": "double_soft_f1", "memory": 0.9}, 1),
        (DROPPING, "one_cycle", "bce", 3),
    ],
)
def test_a_resumed_training_ends_as_the_uninterrupted_one(
    small_store: Store, tmp_path: Path, model: object, schedule: str, loss: object, n_done: int
) -> None:
    settings = tiny(model=model, schedule=schedule, loss=loss)
    monitor = part(small_store, 64, 96, settings) if schedule == "published_plateau" else None
    whole, history = train(small_store, settings, monitor=monitor)

    def kill(record: dict[str, float]) -> None:
        if record["epoch"] == n_done - 1:
            raise KilledError

    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KilledError):
        train(small_store, settings, checkpoint=checkpoint, monitor=monitor, on_epoch=kill)
    trained: list[float] = []
    resumed, same_history = train(
        small_store,
        settings,
        checkpoint=checkpoint,
        monitor=monitor,
        on_epoch=lambda record: trained.append(record["epoch"]),
    )
    assert trained == list(range(n_done, 4))
    assert without_clock(history) == without_clock(same_history)
    assert same_weights(whole, resumed)


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def damage_header(path: Path) -> None:
    path.write_bytes(b"\xff" * 16 + path.read_bytes()[16:])


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_cut, damage_header, damage_empty])
def test_a_damaged_checkpoint_is_refused_by_name(
    small_store: Store, tmp_path: Path, damage: Any
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    train(small_store, tiny(epochs=1), checkpoint=checkpoint)
    damage(checkpoint)
    with pytest.raises(TrainingError, match=r"checkpoint\.safetensors is damaged"):
        train(small_store, tiny(epochs=2), checkpoint=checkpoint)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {**TINY, "n_filters": 3}},
        {"loss": "soft_f1"},
        {"loss": {"name": "soft_f1", "memory": 0.5}},
        {"learning_rate": 1e-3},
    ],
)
def test_a_checkpoint_of_another_training_is_refused_by_name(
    small_store: Store, tmp_path: Path, changes: dict[str, Any]
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    train(small_store, tiny(), checkpoint=checkpoint)
    with pytest.raises(
        TrainingError, match=r"checkpoint\.safetensors .*(other settings|another network)"
    ):
        train(small_store, tiny(**changes), checkpoint=checkpoint)


def test_a_checkpoint_of_other_recordings_is_refused(small_store: Store, tmp_path: Path) -> None:
    settings = tiny(epochs=1)
    checkpoint = tmp_path / "checkpoint.safetensors"
    fit(part(small_store, 0, 64, settings), settings, CPU, checkpoint)
    with pytest.raises(TrainingError, match="other settings or recordings"):
        fit(part(small_store, 1, 65, settings), settings, CPU, checkpoint)


def test_a_loss_that_is_not_a_number_stops_training_and_names_recordings(
    small_store: Store, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    wild = tiny(learning_rate=1e30, schedule="constant")
    with pytest.raises(TrainingError, match=r"the loss became .* in epoch") as caught:
        train(small_store, wild, checkpoint=checkpoint)
    named = [key for key in small_store.keys[:64] if key in str(caught.value)]
    assert len(named) == wild.batch_size


def test_a_loss_that_is_not_a_number_is_never_put_into_a_checkpoint(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = BatchLoss(lambda logits, _labels, _mask: logits.sum() * float("nan"))
    monkeypatch.setattr("leadlens.training.fit.build_loss", lambda *_: broken)
    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(TrainingError, match="in epoch 0"):
        train(small_store, tiny(), checkpoint=checkpoint)
    assert not checkpoint.exists()


@pytest.mark.parametrize(
    "loss",
    [
        "bce",
        "focal",
        "asymmetric",
        "soft_f1",
        "double_soft_f1",
        {"name": "double_soft_f1", "memory": 0.9},
        "bce_soft_f1",
        "challenge",
    ],
)
def test_the_loss_falls(small_store: Store, loss: object) -> None:
    settings = tiny(loss=loss, epochs=12, learning_rate=2e-2, batch_size=16)
    _, history = train(small_store, settings)
    # The cost of a class that no batch shows cannot fall, so the mean of soft F1 falls least.
    assert history[-1]["loss"] < 0.97 * history[0]["loss"]


def test_a_network_ranks_the_recordings_it_was_trained_on_by_their_labels(
    small_store: Store,
) -> None:
    model = {**TINY, "n_filters": 6, "kernels": (25, 9)}
    settings = tiny(model=model, epochs=25, learning_rate=2e-2, batch_size=16)
    data = part(small_store, 0, 96, settings)
    trained, _ = fit(data, settings, CPU)
    assert roc_auc_score(data.labels[0], predict(trained, data, CPU)) > 0.75


def test_the_history_tells_epoch_loss_and_learning_rate(small_store: Store) -> None:
    told: History = []
    _, history = train(small_store, tiny(schedule="constant"), on_epoch=told.append)
    assert told == history
    assert [record["epoch"] for record in history] == [0.0, 1.0, 2.0, 3.0]
    assert {record["learning_rate"] for record in history} == {3e-3}
    assert "monitored_loss" not in history[0]


def test_bfloat16_changes_the_training_a_little(small_store: Store) -> None:
    _, exact = train(small_store, tiny(epochs=2))
    _, rounded = train(small_store, tiny(epochs=2, precision="bfloat16"))
    assert exact[-1]["loss"] != rounded[-1]["loss"]
    assert rounded[-1]["loss"] == pytest.approx(exact[-1]["loss"], rel=0.03)


def test_the_monitored_loss_is_that_of_the_monitored_recordings(small_store: Store) -> None:
    settings = tiny(epochs=1, loss="double_soft_f1", batch_size=64)
    monitor = part(small_store, 64, 96, settings)
    model, history = train(small_store, settings, monitor=monitor)
    (batch,) = monitor.all_windows(64)
    with torch.inference_mode():
        logits = model(torch.from_numpy(batch.signal))
    expected = double_soft_f1(
        logits, torch.from_numpy(batch.labels), torch.from_numpy(batch.label_mask)
    )
    assert history[0]["monitored_loss"] == pytest.approx(float(expected), rel=1e-5)


def test_the_monitored_loss_weighs_batches_by_their_size(small_store: Store) -> None:
    settings = tiny(batch_size=20)
    monitor = part(small_store, 0, 32, settings)
    model = build_model(settings.model, 12, 4).eval()
    loss = build_loss(settings.loss, CLASSES)
    pieces = [
        monitored_loss(model, HostFeed(part(small_store, *ends, settings)), loss, settings)
        for ends in ((0, 20), (20, 32))
    ]
    whole = monitored_loss(model, HostFeed(monitor), loss, settings)
    assert whole == pytest.approx((20 * pieces[0] + 12 * pieces[1]) / 32, rel=1e-6)


def test_what_is_monitored_is_not_remembered_by_the_loss(small_store: Store) -> None:
    settings = tiny(loss={"name": "soft_f1", "memory": 0.9})
    alone, history = train(small_store, settings)
    monitor = part(small_store, 64, 96, settings)
    watched, _ = train(small_store, settings, monitor=monitor)
    assert same_weights(alone, watched)
    _, plain = train(small_store, tiny(loss="soft_f1"))
    assert history[-1]["loss"] != plain[-1]["loss"]


def test_a_loss_that_is_not_defined_for_the_diagnoses_is_refused(small_store: Store) -> None:
    settings = tiny(loss="challenge")
    leads = lead_set("12")
    data = Dataset(small_store, np.arange(64), leads, settings.normalisation, CLASSES[:2])
    with pytest.raises(ConfigError, match="'challenge' is measured from"):
        fit(data, settings, CPU)


def test_only_the_plateau_schedule_looks_at_what_is_monitored(small_store: Store) -> None:
    settings = tiny()
    alone, _ = train(small_store, settings)
    watched, _ = train(small_store, settings, monitor=part(small_store, 64, 96, settings))
    assert same_weights(alone, watched)


def test_the_plateau_schedule_without_recordings_to_monitor_is_refused(small_store: Store) -> None:
    with pytest.raises(ConfigError, match="'published_plateau' needs recordings"):
        train(small_store, tiny(schedule="published_plateau"))


def test_data_of_other_leads_than_the_settings_are_refused(small_store: Store) -> None:
    data = part(small_store, 0, 64, tiny(lead_set="2"))
    with pytest.raises(ConfigError, match="the settings 12"):
        fit(data, tiny(), CPU)


def test_windows_too_short_for_the_network_are_refused(tmp_path: Path, small_store: Store) -> None:
    from leadlens.data.derive import derive_store

    short = derive_store(small_store, 0.2, tmp_path / "slow")
    with pytest.raises(ConfigError, match="2 samples are too short for paper_inception"):
        train(short, tiny(model={"name": "paper_inception", "n_filters": 2}))


def test_a_last_batch_of_one_recording_does_not_stop_training(small_store: Store) -> None:
    settings = tiny(epochs=1, batch_size=32)
    _, history = fit(part(small_store, 0, 65, settings), settings, CPU)
    assert np.isfinite(history[0]["loss"])


@pytest.mark.parametrize("n_recordings", [64, 65, 66, 33])
def test_one_cycle_ends_at_its_lowest_rate_whatever_the_last_batch(
    small_store: Store, n_recordings: int
) -> None:
    settings = tiny(epochs=2, batch_size=32)
    _, history = fit(part(small_store, 0, n_recordings, settings), settings, CPU)
    assert history[-1]["learning_rate"] == pytest.approx(3e-3 * 1e-4)


@dataclass(frozen=True)
class MixedSource:
    """Simulated recordings of 10, 35 and 20 s."""

    def __len__(self) -> int:
        return 3

    def name(self, position: int) -> str:
        """Return a name."""
        return f"recording {position}"

    def load(self, position: int) -> Recording:
        """Return a recording."""
        duration = (10, 35, 20)[position]
        return simulate_recording(
            CohortSettings(n_recordings=3, fs=50, duration=duration), position
        )

    def describe(self) -> dict[str, object]:
        """Return the kind."""
        return {"kind": "mixed"}


def test_a_recordings_probabilities_are_the_mean_over_its_windows(tmp_path: Path) -> None:
    store = ingest(MixedSource(), tmp_path / "mixed", IngestSettings(fs=50))
    chosen = np.array([2, 0, 1])
    data = Dataset(store, chosen, STANDARD_LEADS, "millivolt", CLASSES)
    model = build_model(tiny().model, 12, 4).eval()
    # A batch ends in the middle of a recording.
    said = predict(model, data, CPU, batch_size=3)
    for row, recording in enumerate(chosen):
        windows = store.windows_of[recording]
        assert len(windows) == (1, 4, 2)[recording]
        with torch.inference_mode():
            logits = model(torch.from_numpy(store.signal(windows))).double().numpy()
        expected = (1 / (1 + np.exp(-logits))).mean(axis=0)
        np.testing.assert_allclose(said[row], expected, rtol=1e-5)
    assert said.std(axis=0).min() > 1e-4


def test_prediction_does_not_depend_on_the_batch_size(small_store: Store) -> None:
    data = part(small_store, 0, 20, tiny())
    model = build_model(tiny().model, 12, 4)
    whole, pieces = (predict(model, data, CPU, size) for size in (256, 7))
    np.testing.assert_allclose(whole, pieces, rtol=1e-5)


def test_data_of_other_crops_than_the_settings_are_refused(small_store: Store) -> None:
    with pytest.raises(ConfigError, match=r"crops of None s, the settings of 2\.5"):
        train(small_store, tiny(crop=2.5))
