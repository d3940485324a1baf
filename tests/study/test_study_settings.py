"""A study as written in YAML, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from leadlens.errors import ConfigError
from leadlens.study.published import published_study
from leadlens.study.settings import StudySettings, read_study, training_settings

MINIMAL: dict[str, Any] = {
    "name": "mini",
    "question": "Why?",
    "data": {"simulate": {"n_recordings": 10, "fs": 50}},
    "axes": {"fs": [50]},
}
ONE = {"n_recordings": 10, "fs": 50}


def read(tmp_path: Path, changes: tuple[str, ...] = (), **values: Any) -> StudySettings:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**MINIMAL, **values}))
    return read_study(path, changes)


@pytest.mark.parametrize("file", sorted(Path(__file__).parents[2].glob("studies/*.yaml")), ids=str)
def test_every_study_that_comes_with_leadlens_can_be_read(file: Path) -> None:
    study = read_study(file)
    assert all(published_study(name).rows for name in study.compare)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"axes": {"fs": [50], "rate": [1, 2]}}, "unknown axis 'rate'"),
        ({"axes": {"loss": ["bce"]}}, "the axis 'fs' .* is missing"),
        ({"axes": {"fs": []}}, "axis 'fs' needs values"),
        ({"axes": {"fs": [50, 50]}}, r"axis 'fs' needs values, each once: \[50, 50\]"),
        ({"data": {**MINIMAL["data"], "store": "x"}}, "either 'store', 'simulate' or"),
        ({"data": {}}, "either 'store', 'simulate' or"),
        ({"data": {"hospitals": {"a": ONE, "b": ONE}}}, "seeds of their own"),
        ({"data": {"hospitals": {"a": ONE, "b": {**ONE, "fs": 100}}}}, "one fs and one duration"),
        ({"data": {"hospitals": {"georgia": ONE}}}, "'georgia' is simulated"),
        (
            {"data": {"hospitals": {"a": ONE}}, "folds": {"method": "given"}},
            "simulated hospitals have no folds of their own",
        ),
        ({"axes": {"fs": [50], "scheme": ["five"]}}, "scheme 'five' is not described"),
        (
            {"axes": {"fs": [50], "scheme": ["a"]}, "schemes": {"a": {}}, "folds": {"k": 3}},
            "the axis 'scheme' says how",
        ),
        ({"axes": {"fs": [50], "train_share": [0]}}, "'train_share' holds 0: a share"),
        ({"baselines": [{"fs": 100}]}, "baselines: fs=100 is not a value of an axis"),
        ({"without": [{"fs": 100}]}, "without: fs=100 is not a value of an axis"),
        ({"without": [{"fs": 50}]}, "without leaves no combination"),
        (
            {"axes": {"fs": [50], "seed": [1]}, "baselines": [{"seed": 1}]},
            "baselines: seed=1: seeds are averaged",
        ),
        ({"name": "../escape"}, r"name: .*'\.\./escape'"),
        ({"colour": "red"}, "colour: .*'red'"),
        ({"folds": {"k": 1}}, r"folds\.k: .*given: 1"),
        ({"folds": {"method": "random"}}, r"folds\.method: .*'random'"),
        ({"data": {"simulate": {"n_recordings": 10, "fs": 5}}}, r"fs: .*given: 5"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(
    tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read(tmp_path, **values)
    assert "study.yaml" in str(caught.value)


def test_a_change_on_the_command_line_replaces_the_files_setting(tmp_path: Path) -> None:
    study = read(tmp_path, ("training.epochs=3", "folds.k=4", "axes.fs=[25, 50]"))
    assert (study.training, study.folds.k, study.axes["fs"]) == ({"epochs": 3}, 4, (25, 50))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("epochs", "'epochs': write it as key=value"),
        ("=3", "'=3': write it as key=value"),
        ("name.first=x", "'name' holds a value"),
        ("name=[", "is not a YAML value"),
    ],
)
def test_a_change_of_another_form_is_refused(tmp_path: Path, change: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, (change,))


@pytest.mark.parametrize("content", ["[1, 2]", "", "a: [", "\x00"])
def test_a_file_that_holds_no_settings_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        read_study(path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        read_study(tmp_path / "none.yaml")


def test_a_conditions_value_goes_before_the_studys_and_the_presets(tmp_path: Path) -> None:
    study = read(
        tmp_path,
        preset="paper",
        training={"loss": "bce", "epochs": 7},
        axes={"loss": ["soft_f1"], "fs": [50]},
    )
    settings = training_settings(study, {"loss": "soft_f1", "fs": 50})
    assert (settings.loss.name, settings.epochs, settings.batch_size) == ("soft_f1", 7, 30)


def test_a_published_study_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"'nobody_2030'.*singstad_muten_2025"):
        published_study("nobody_2030")


def test_the_published_figures_are_those_of_the_paper() -> None:
    published = published_study("singstad_muten_2025")
    means = {name: figure.mean for name, figure in published.rows[0].metrics.items()}
    assert means == {"f1": 0.420, "auroc": 0.832, "accuracy": 0.954, "challenge": 0.548}
    leads = {row.condition["lead_set"]: row.metrics["challenge"].mean for row in published.rows}
    assert leads == {"12": 0.548, "6": 0.528, "4": 0.533, "3": 0.533, "2": 0.520}
    assert published.challenge_by_rate[75] == 0.550
    assert sorted(published.challenge_by_rate) == [25, 50, 75, 100, 200, 300, 400, 500]


def test_combinations_that_cannot_exist_are_left_out(tmp_path: Path) -> None:
    axes = {"fs": [25, 50], "loss": ["bce", {"name": "focal", "gamma": 1}], "lowpass": [None, 20]}
    study = read(tmp_path, axes=axes, without=[{"fs": 25, "lowpass": 20}, {"loss": "bce"}])
    focal = {"name": "focal", "gamma": 1}
    assert study.conditions == [
        {"fs": 25, "loss": focal, "lowpass": None},
        {"fs": 50, "loss": focal, "lowpass": None},
        {"fs": 50, "loss": focal, "lowpass": 20},
    ]
