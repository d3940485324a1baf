"""A study explained by the published recipe: around its own training ECGs, true diagnoses alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from leadlens.data.store import open_store
from leadlens.explain.background import load_background
from leadlens.study.cell import BACKGROUND, CellTask, cell_datasets
from leadlens.study.explaining import Explanations, load_explanations
from leadlens.study.plan import explained_cells, plan_cells
from leadlens.study.run import EXPLANATIONS, finished_study, run_study
from leadlens.study.settings import StudySettings, read_study

CHANGES = (
    "axes.fs=[25]",
    "axes.loss=[bce]",
    "data.min_positives=12",
    "explain.condition.fs=25",
    "explain.fold=0",
    "explain.n_per_class=1",
    "explain.settings={method: paper_lime, pieces: whole, timing: false, "
    "replacement: isoelectric, kernel_width: 0.25}",
)


@pytest.fixture(scope="module")
def explained(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study whose explainer is the published one."""
    folder = tmp_path_factory.mktemp("published") / "study"
    run_study(read_study(study_file, CHANGES), folder, device="cpu")
    return folder


def loaded(folder: Path) -> tuple[StudySettings, CellTask, Explanations]:
    study, _, tasks = finished_study(folder)
    cells = plan_cells(study, folder)
    (cell,) = explained_cells(study, cells)
    assert study.explain is not None
    task = tasks[cells.index(cell)]
    return study, task, load_explanations([task], study.explain, folder / EXPLANATIONS)


def test_draws_lie_around_the_cells_training_recordings(explained: Path) -> None:
    _, task, _ = loaded(explained)
    background = load_background(task.cell.folder / BACKGROUND)
    train, test = cell_datasets(task, open_store(task.store))
    labels, known = train.labels
    assert background.n_with.tolist() == (labels & known).sum(axis=0).tolist()
    assert not np.array_equal(background.n_with, (test.labels[0] & test.labels[1]).sum(axis=0))


def test_each_recording_is_explained_for_the_diagnoses_in_whose_rows_it_counts(
    explained: Path,
) -> None:
    _, _, found = loaded(explained)
    (fold,) = found.folds
    asked = fold.surveyed.survey.asked
    assert asked is not None
    n_rows = 0
    for number, said in fold.surveyed:
        is_asked = np.isin(said.classes, asked[number])
        assert is_asked.any()
        assert not is_asked.all()
        np.testing.assert_array_equal(np.isfinite(said.values).all(axis=1), is_asked)
        np.testing.assert_array_equal(np.isnan(said.values).all(axis=1), ~is_asked)
        n_rows += int(is_asked.sum())
    cells = found.maps["lead"].by_verdict
    assert n_rows == sum(int(cells[kind].n_recordings.sum())
                         for kind in ("with it", "false positives"))  # fmt: skip


def test_the_map_has_the_twelve_leads(explained: Path) -> None:
    _, task, found = loaded(explained)
    shown = found.maps["lead"]
    assert shown.names == cell_datasets(task, open_store(task.store))[0].leads
    is_there = shown.all_with.n_recordings > 0
    assert is_there.any()
    assert np.isfinite(shown.all_with.values[is_there]).all()
    assert (shown.all_with.values[is_there].sum(axis=1) > 0).all()


def test_explanations_are_made_once_and_go_with_a_study_that_is_moved(
    explained: Path, study_file: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(explained, tmp_path / "moved"))
    before = {path: path.stat().st_mtime_ns for path in moved.rglob("part-*.npz")}
    run_study(read_study(study_file, CHANGES), moved, device="cpu")
    assert before
    assert {path: path.stat().st_mtime_ns for path in moved.rglob("part-*.npz")} == before
