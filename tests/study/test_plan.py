"""The plan of a study: its cells."""

from pathlib import Path
from typing import Any

import pytest

from leadlens.errors import ConfigError
from leadlens.settings import checked
from leadlens.study.plan import axis_text, condition_name, n_epochs_done, plan_cells
from leadlens.study.published import published_study
from leadlens.study.settings import StudySettings

FOLDER = Path("somewhere")


def study(**values: Any) -> StudySettings:
    base = {
        "name": "mini",
        "question": "Why?",
        "data": {"simulate": {"n_recordings": 10, "fs": 50}},
        "folds": {"k": 3},
        "axes": {"loss": ["bce", "soft_f1"], "fs": [25, 50]},
    }
    return checked(StudySettings, {**base, **values}, "test")


def test_the_cells_are_every_combination_of_the_axes_in_every_fold() -> None:
    cells = plan_cells(study(), FOLDER)
    found = {(cell.condition["loss"], cell.fs, cell.fold) for cell in cells}
    expected = {(a, b, c) for a in ("bce", "soft_f1") for b in (25.0, 50.0) for c in range(3)}
    assert found == expected
    assert len(cells) == 12


def test_every_cell_has_a_folder_of_its_own_inside_the_studys() -> None:
    models = [
        {"name": "inception_time", "depth": depth, "n_filters": 2, "kernels": (5,)}
        for depth in (1, 2)
    ]
    axes = {"model": models, "seed": [0, 1], "learning_rate": [0.001, 0.01], "fs": [25, 50]}
    cells = plan_cells(study(axes=axes), FOLDER)
    folders = {cell.folder for cell in cells}
    assert len(folders) == len(cells) == 2 * 2 * 2 * 2 * 3
    assert all(folder.resolve().is_relative_to(FOLDER.resolve()) for folder in folders)


def test_a_cells_training_has_its_conditions_values_and_its_folds_seed() -> None:
    for cell in plan_cells(study(training={"seed": 10}), FOLDER):
        assert cell.training.loss.name == cell.condition["loss"]
        assert cell.training.seed == 10 + cell.fold


def test_a_loss_with_values_of_its_own_is_a_condition_beside_the_bare_names() -> None:
    losses = ["bce", "focal", {"name": "focal", "gamma": 1}, {"name": "focal", "gamma": 3}]
    cells = plan_cells(study(axes={"loss": losses, "fs": [50]}), FOLDER)
    first = [cell for cell in cells if cell.fold == 0]
    folders = [cell.folder.parent.name for cell in first]
    assert folders[:2] == ["loss=bce,fs=50", "loss=focal,fs=50"]
    assert len(set(folders)) == 4
    assert [axis_text(cell.condition["loss"]) for cell in first] == [
        "bce", "focal", "focal (gamma 1)", "focal (gamma 3)"
    ]  # fmt: skip
    gammas = [getattr(cell.training.loss, "gamma", None) for cell in first]
    assert gammas == [None, 2.0, 1.0, 3.0]


def test_a_plan_does_not_write_anything(tmp_path: Path) -> None:
    plan_cells(study(), tmp_path / "study")
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("fs", ["fast", 0, -50, 20_000, None, [50]])
def test_a_rate_that_is_no_rate_is_refused_by_value(fs: object) -> None:
    with pytest.raises(ConfigError, match="axis 'fs' holds"):
        plan_cells(study(axes={"fs": [fs]}), FOLDER)


def test_a_value_that_training_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"loss: .*'vocal'"):
        plan_cells(study(axes={"loss": ["vocal"], "fs": [50]}), FOLDER)


@pytest.mark.parametrize(
    ("explain", "said"),
    [
        ({"condition": {"loss": "bce", "fs": 75}}, "'fs': 75"),
        ({"condition": {"fs": 50}}, "explains {'fs': 50}"),
        ({"condition": {"loss": "bce", "fs": 50}, "fold": 3}, "fold 3"),
    ],
)
def test_an_explained_condition_that_is_no_cell_is_refused_by_value(
    explain: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=f"{said}.*none of its cells"):
        plan_cells(study(explain=explain), FOLDER)


def test_a_study_that_asks_for_twins_is_refused_before_it_trains() -> None:
    explain = {
        "condition": {"loss": "bce", "fs": 50},
        "settings": {"replacement": "healthy_twin"},
    }
    with pytest.raises(ConfigError, match="needs the ECG without the diagnosis"):
        plan_cells(study(explain=explain), FOLDER)


def test_progress_is_counted_in_epochs(tmp_path: Path) -> None:
    cell = plan_cells(study(training={"epochs": 9}), tmp_path)[0]
    assert n_epochs_done(cell) == 0
    cell.folder.mkdir(parents=True)
    (cell.folder / "metrics.jsonl").write_text('{"epoch": 0}\n{"epoch": 1}\n')
    assert (n_epochs_done(cell), cell.is_done) == (2, False)
    (cell.folder / "DONE").write_text("{}")
    assert (n_epochs_done(cell), cell.is_done) == (9, True)


def test_a_part_of_a_networks_settings_is_an_axis() -> None:
    axes = {
        "model.receptive_field": [None, 1.0],
        "model": ["inception_time", "paper_inception"],
        "fs": [50],
    }
    networks = {
        (cell.training.model.name, cell.training.model.receptive_field)  # type: ignore[union-attr]
        for cell in plan_cells(study(axes=axes), FOLDER)
    }
    assert networks == {
        (name, field) for name in ("inception_time", "paper_inception") for field in (None, 1.0)
    }


def test_a_part_of_a_loss_is_an_axis_and_keeps_what_the_study_says_of_the_rest() -> None:
    base = {"loss": {"name": "focal", "alpha": 0.3}}
    cells = plan_cells(study(training=base, axes={"loss.gamma": [1.0, 3.0], "fs": [50]}), FOLDER)
    losses = [cell.training.loss.model_dump() for cell in cells if cell.fold == 0]
    assert losses == [{"name": "focal", "alpha": 0.3, "gamma": gamma} for gamma in (1.0, 3.0)]


def test_how_recordings_are_shown_is_an_axis_that_leaves_the_training_alone() -> None:
    axes = {
        "resampling": ["polyphase", "fft"],
        "lowpass": [None, 20.0],
        "highpass": [0.5],
        "fs": [50],
    }
    cells = [cell for cell in plan_cells(study(axes=axes), FOLDER) if cell.fold == 0]
    assert {(c.shown.resampling, c.shown.band.lowpass) for c in cells} == {
        (method, limit) for method in ("polyphase", "fft") for limit in (None, 20.0)
    }
    assert all(cell.shown.band.highpass == 0.5 for cell in cells)
    assert len({cell.training.model_dump_json() for cell in cells}) == 1


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"lowpass": [30.0]}, "at 50 Hz a signal has frequencies below 25 Hz"),
        ({"highpass": [30.0], "lowpass": [20.0]}, "holds nothing"),
        ({"resampling": ["cubic"]}, "resampling method 'cubic'"),
        ({"model.width": [3]}, "width"),
        ({"lowpass": ["low"]}, "lowpass"),
    ],
)
def test_an_axis_that_cannot_work_is_refused_in_the_plan(
    axes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_cells(study(axes={**axes, "fs": [50]}), FOLDER)


@pytest.mark.parametrize(
    ("mean", "sd", "verdict"),
    [
        (0.42, 0.0, "within"), (0.45, 0.0, "within"), (0.46, 0.0, "above"), (0.38, 0.0, "below"),
        (0.46, 0.02, "within"), (0.46, float("nan"), "above"),
    ],
)  # fmt: skip
def test_a_figure_of_ours_is_within_a_published_one_by_the_spread_of_both(
    mean: float, sd: float, verdict: str
) -> None:
    published = published_study("singstad_muten_2025").rows[0].metrics["f1"]
    assert (published.mean, published.sd) == (0.42, 0.017)
    assert published.verdict(mean, sd) == verdict


def test_folders_are_called_by_what_they_hold_and_no_two_alike() -> None:
    focal = {"name": "focal", "gamma": 1}
    assert condition_name({"loss": focal, "fs": 50}) == "loss=focal+gamma=1,fs=50"
    nets = [
        {"name": "inception_time", "kernels": [39, 19, 9], "depth": depth, "n_filters": 8}
        for depth in (2, 3)
    ]
    names = [condition_name({"model": net, "fs": 50}) for net in nets]
    assert len(set(names)) == 2
    assert all(name.startswith("model=inception_time-") for name in names)
    assert condition_name({"model": {"name": "my.net:Network"}}) == "model=my.net_Network"
