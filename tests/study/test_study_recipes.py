"""Studies that compare whole recipes, some of which start from simulated ECGs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_studies import small_study

from leadlens.bundle import load_bundle
from leadlens.data.store import Store
from leadlens.errors import ConfigError
from leadlens.study import pretraining as pretraining_module
from leadlens.study.cell import load_predictions
from leadlens.study.plan import Cell, plan_cells
from leadlens.study.pretraining import Pretraining, pretrain, pretraining_of, to_pretrain
from leadlens.study.results import collect
from leadlens.study.run import finished_study, run_study
from leadlens.study.settings import StudySettings, training_settings
from leadlens.study.summary import write_results


def study_of(store: Store, **changes: Any) -> StudySettings:
    parts = {
        "recipes": {
            "plain": {},
            "tuned": {"inner": 0.25, "thresholds": "f1", "is_calibrated": True},
            "started": {"start": "simulated", "epochs": 1},
            "simulated": {"start": "simulated", "epochs": 0},
        },
        "pretraining": {
            "simulated": {
                "simulate": {"n_recordings": 60, "seed": 9, "fs": 50},
                "training": {"epochs": 2},
            }
        },
        "axes": {"recipe": ["plain", "tuned", "started", "simulated"], "fs": [50]},
    }
    return small_study(store, **{**parts, **changes})


def cells_of(cells: list[Cell], recipe: str) -> list[Cell]:
    return [cell for cell in cells if cell.condition["recipe"] == recipe]


def test_a_recipe_is_a_preset_and_changes_which_the_axes_change_again(small_store: Store) -> None:
    study = study_of(
        small_store,
        recipes={"a": {"preset": "paper", "epochs": 3}, "b": {"loss": "soft_f1"}},
        training={},
        axes={"recipe": ["a", "b"], "fs": [50], "batch_size": [7]},
    )
    first, second = (
        training_settings(study, {"recipe": name, "fs": 50, "batch_size": 7}) for name in "ab"
    )
    assert (first.model.name, first.epochs, first.batch_size) == ("paper_inception", 3, 7)
    assert (second.model.name, second.loss.name) == ("inception_time", "soft_f1")


def test_a_recipe_that_is_not_described_is_refused(small_store: Store) -> None:
    with pytest.raises(ValueError, match="recipe 'other' is not described: recipes holds plain"):
        study_of(small_store, axes={"recipe": ["plain", "other"], "fs": [50]})


def test_a_start_that_is_no_pretraining_is_refused(small_store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none of the study's pre-trainings: it has none"):
        plan_cells(study_of(small_store, pretraining={}), tmp_path)


def test_a_pretraining_below_the_cells_rate_is_refused(small_store: Store, tmp_path: Path) -> None:
    study = study_of(small_store, axes={"recipe": ["started"], "fs": [100]})
    with pytest.raises(ConfigError, match="simulates at 50 Hz, but cells at 100 Hz"):
        pretraining_of(study, plan_cells(study, tmp_path)[0], tmp_path)


def test_folds_start_from_one_model_and_another_seed_from_another(
    small_store: Store, tmp_path: Path
) -> None:
    study = study_of(small_store, axes={"recipe": ["started"], "fs": [50], "seed": [0, 100]})
    starts = [pretraining_of(study, cell, tmp_path) for cell in plan_cells(study, tmp_path)]
    folders = [start.folder for start in starts if start is not None]
    assert len(folders) == 4
    assert folders[0] == folders[1] != folders[2] == folders[3]


def test_models_that_are_trained_first_are_told_with_how_far_they_are(
    small_store: Store, tmp_path: Path
) -> None:
    study = study_of(small_store, axes={"recipe": ["simulated"], "fs": [50]})
    told: list[tuple[int, list[int]]] = []

    def note(cells: list[Cell], starts: list[Pretraining]) -> None:
        told.append((len(cells), [start.n_epochs_done for start in starts]))

    (start,) = to_pretrain(study, plan_cells(study, tmp_path), tmp_path)
    run_study(study, tmp_path, device="cpu", on_training=note)
    assert (told, start.n_epochs_done) == ([(2, [0])], 2)

    run_study(study, tmp_path, device="cpu", on_training=note)
    assert told[1] == (2, [])


def test_an_unfinished_pretraining_counts_the_epochs_it_has_finished(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(small_store, axes={"recipe": ["simulated"], "fs": [50]})
    (start,) = to_pretrain(study, plan_cells(study, tmp_path), tmp_path)
    counted: list[int] = []
    told = pretraining_module.write_json

    def write(path: Path, value: Any) -> None:
        told(path, value)
        counted.append(start.n_epochs_done)

    monkeypatch.setattr(pretraining_module, "write_json", write)
    pretrain(start, "cpu")
    assert counted == [1, 2]


def test_recipes_run_and_their_thresholds_decide(small_store: Store, tmp_path: Path) -> None:
    study = study_of(small_store)
    run_study(study, tmp_path, device="cpu")
    _, data, tasks = finished_study(tmp_path)
    cells = [task.cell for task in tasks]
    assert all(cell.is_done for cell in cells)

    for cell in cells_of(cells, "tuned"):
        said, config = load_predictions(cell), load_bundle(cell.folder / "bundle").config
        assert len(set(said.thresholds.tolist())) > 1
        assert np.allclose(said.thresholds, config.thresholds)
        assert (said.decisions == (said.probabilities > said.thresholds)).all()

    (model,) = {
        start.model
        for cell in cells
        if (start := pretraining_of(study, cell, tmp_path)) is not None
    }
    start = load_bundle(model)
    for cell in cells_of(cells, "simulated"):
        own = load_bundle(cell.folder / "bundle")
        rows = [start.config.classes.index(code) for code in own.config.classes]
        weights = start.model.state_dict()["head.weight"][rows]
        assert (own.model.state_dict()["head.weight"] == weights).all()
    for cell in cells_of(cells, "started"):
        own = load_bundle(cell.folder / "bundle")
        assert not (own.model.state_dict()["head.weight"] == weights).all()

    summary = write_results(collect(cells, data.classes), tmp_path)
    assert [each["condition"]["recipe"] for each in summary["conditions"]] == list(study.recipes)
