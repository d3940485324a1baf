"""Curves of a training, as TensorBoard reads them."""

import json
import sys
from pathlib import Path

import pytest
from small_studies import TINY, small_study
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leadlens.data.store import Store
from leadlens.errors import ConfigError, MissingExtraError
from leadlens.study.cell import METRICS
from leadlens.study.run import finished_study, run_study
from leadlens.training.curves import curves_in
from leadlens.training.single import train_single


def points(folder: Path, name: str) -> list[tuple[int, float]]:
    """Return what TensorBoard draws."""
    read = EventAccumulator(str(folder))
    read.Reload()
    return [(each.step, each.value) for each in read.Scalars(name)]


def record(epoch: int, loss: float) -> dict[str, float]:
    return {"epoch": float(epoch), "loss": loss, "learning_rate": 0.5}


def test_every_epoch_is_a_point_of_each_curve(tmp_path: Path) -> None:
    with curves_in(tmp_path) as draw:
        draw(record(0, 0.75))
        assert points(tmp_path, "loss") == [(1, 0.75)]
        draw(record(1, 0.25))
    assert points(tmp_path, "loss") == [(1, 0.75), (2, 0.25)]
    assert points(tmp_path, "learning rate") == [(1, 0.5), (2, 0.5)]


def test_a_training_that_goes_on_draws_no_epoch_twice(tmp_path: Path) -> None:
    with curves_in(tmp_path) as draw:
        for epoch in range(3):
            draw(record(epoch, 1.0))
    with curves_in(tmp_path) as draw:
        draw(record(2, 0.5))
    assert points(tmp_path, "loss") == [(1, 1.0), (2, 1.0), (3, 0.5)]


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    with curves_in(None) as draw:
        draw(record(0, 1.0))
    assert list(tmp_path.iterdir()) == []


def test_a_trained_model_has_its_losses_as_a_curve(small_store: Store, tmp_path: Path) -> None:
    changes = {"model": TINY, "epochs": 3}
    folder = tmp_path / "curves"
    train_single(small_store.path, tmp_path / "model", "small", changes, min_positives=8,
                 device="cpu", curves=folder)  # fmt: skip
    assert [step for step, _ in points(folder, "loss")] == [1, 2, 3]


def test_each_cell_of_a_study_has_its_curves(small_store: Store, tmp_path: Path) -> None:
    study = small_study(small_store, axes={"fs": [50], "batch_size": [8, 16]})
    folder = tmp_path / "curves"
    run_study(study, tmp_path / "study", device="cpu", curves=folder)
    _, _, tasks = finished_study(tmp_path / "study")
    assert len(tasks) == 4
    for task in tasks:
        drawn = points(folder / task.cell.name, "loss")
        logged = (task.cell.folder / METRICS).read_text().splitlines()
        assert [value for _, value in drawn] == pytest.approx(
            [json.loads(x)["loss"] for x in logged]
        )


def test_a_missing_tensorboard_is_named_before_anything_is_trained(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"leadlens\[curves\]"):
        train_single(small_store.path, tmp_path / "model", "small", {"model": TINY, "epochs": 1},
                     min_positives=8, device="cpu", curves=tmp_path / "curves")  # fmt: skip
    assert not list(tmp_path.rglob("checkpoint*"))


def test_a_folder_that_cannot_be_is_refused_before_anything_is_trained(
    small_store: Store, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    place = tmp_path / "file" / "curves"
    with pytest.raises(ConfigError, match=f"no curves can be written into {place}"):
        train_single(small_store.path, tmp_path / "model", "small", {"model": TINY, "epochs": 1},
                     min_positives=8, device="cpu", curves=place)  # fmt: skip
    with pytest.raises(ConfigError, match="give another folder"):
        run_study(small_study(small_store), tmp_path / "study", device="cpu", curves=place)
    assert not list(tmp_path.rglob("checkpoint*")) + list(tmp_path.rglob("metrics*"))
