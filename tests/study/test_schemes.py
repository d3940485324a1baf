"""Studies that deal their recordings in two ways, and what is lost in an unknown hospital."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_studies import TINY, small_study

from leadlens.data.folds import groups_of
from leadlens.data.store import Store
from leadlens.report.study_report import write_report
from leadlens.study.cell import cell_datasets, load_predictions
from leadlens.study.comparisons import Comparisons, compare
from leadlens.study.data import StudyData
from leadlens.study.gaps import gaps
from leadlens.study.plan import plan_cells
from leadlens.study.results import FoldResult, Results, collect
from leadlens.study.run import finished_study, run_study
from leadlens.study.settings import StudySettings

HOSPITALS = {
    "north": {"n_recordings": 60, "seed": 1, "fs": 50, "device": "ptb-xl", "labels": "annotator"},
    "south": {"n_recordings": 60, "seed": 2, "fs": 50, "device": "ningbo"},
    "west": {"n_recordings": 60, "seed": 3, "fs": 50, "device": "georgia"},
}
SCHEMES = {"kfold": {"k": 2}, "unseen": {"method": "by_source"}}


def study_of(**changes: Any) -> StudySettings:
    return StudySettings.model_validate({
        "name": "two-ways",
        "question": "What does a new hospital lose?",
        "data": {"hospitals": HOSPITALS, "min_positives": 8},
        "schemes": SCHEMES,
        "preset": "small",
        "training": {"model": TINY, "epochs": 1},
        "axes": {"scheme": ["kfold", "unseen"], "fs": [50]},
        **changes,
    })  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("two") / "study"
    run_study(study_of(), path, device="cpu")
    return path


def results_of(folder: Path) -> tuple[StudySettings, StudyData, Results]:
    study, data, tasks = finished_study(folder)
    groups = dict(zip(data.store.keys, groups_of(data.store).tolist(), strict=True))
    return study, data, collect([task.cell for task in tasks], data.classes, groups)


def test_each_scheme_has_its_cells_and_all_test_the_same_recordings(folder: Path) -> None:
    cells = plan_cells(study_of(), folder)
    assert [(cell.scheme, cell.tested) for cell in cells] == [
        ("kfold", "0"), ("kfold", "1"), ("unseen", "north"), ("unseen", "south"), ("unseen", "west")
    ]  # fmt: skip
    assert plan_cells(study_of(), folder.parent / "nowhere") == [
        replace(cell, folder=Path(str(cell.folder).replace("study", "nowhere"))) for cell in cells
    ]
    tested = [load_predictions(cell).keys for cell in cells]
    both = sorted(sum(tested[:2], ())), sorted(sum(tested[2:], ()))
    assert both[0] == both[1]
    for cell, keys in zip(cells[2:], tested[2:], strict=True):
        assert {key.split("/")[0] for key in keys} == {cell.tested}
    assert (folder / "folds-kfold.json").exists()
    assert not (folder / "folds.json").exists()


def test_simulated_hospitals_have_their_own_patients_and_devices(folder: Path) -> None:
    _, data, _ = finished_study(folder)
    rows = data.store.first_rows
    assert [row.source for row in rows[::60]] == ["north", "south", "west"]
    assert len(set(groups_of(data.store).tolist())) == 180
    unknown = {row.source for row in rows if row.not_annotated}
    assert unknown == {"north"}


def test_the_same_command_computes_nothing_again(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.glob("cells/*/*/DONE")}
    assert len(before) == 5
    run_study(study_of(), folder, device="cpu")
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_report_shows_both_ways_and_the_gap(folder: Path) -> None:
    page = write_report(folder).read_text(encoding="utf-8")
    assert "Known and unknown hospitals" in page
    assert "kfold: 2, stratified, seed 42; unseen: 3 sources" in page
    (kept,) = json.loads((folder / "results.json").read_text())["gaps"]
    assert kept["name"] == "fs=50"
    numbers = (folder / "figures" / "gap-0.csv").read_text().splitlines()
    assert numbers[0].startswith("diagnosis,source_known,source_left_out")
    assert len(numbers) == 1 + sum(row["kfold"] is not None for row in kept["classes"])


def with_said(fold: FoldResult, said: np.ndarray) -> FoldResult:
    return replace(fold, said=replace(fold.said, probabilities=said.astype(np.float32)))


def test_a_gap_is_what_unseen_sources_lose_on_the_same_pairs_of_recordings(folder: Path) -> None:
    _, data, results = results_of(folder)
    known, unseen = results.conditions
    rng = np.random.default_rng(0)

    def noisy(fold: FoldResult, noise: float) -> FoldResult:
        drawn = rng.normal(0, noise, fold.said.labels.shape)
        # What a network calls probable is nothing that a gap may see.
        return with_said(fold, fold.said.labels + drawn + rng.normal(0, 5))

    planted = replace(
        results,
        conditions=(
            replace(known, folds=tuple(noisy(fold, 0.01) for fold in known.folds)),
            replace(unseen, folds=tuple(noisy(fold, 1.0) for fold in unseen.folds)),
        ),
    )
    (gap,) = gaps(planted)
    assert gap.kfold[np.isfinite(gap.kfold)] == pytest.approx(1.0)
    # Two values whose means are one standard deviation apart: AUROC 0.76.
    assert gap.macro[0] == pytest.approx(1 - 0.76, abs=0.05)
    assert gap.macro[1] < 1 - 0.76 < gap.macro[2]
    common = gap.n_positive >= 50
    assert np.isfinite(gap.low[common]).all()
    assert np.isnan(gap.low[~common]).all()
    (same,) = gaps(replace(results, conditions=(known, as_if_unseen(known, unseen))))
    assert same.macro[0] == 0.0
    assert len(data.classes) == len(gap.kfold)


def as_if_unseen(known: Any, unseen: Any) -> Any:
    """Return the folds of `unseen` with what `known` said of each recording."""
    said = {
        key: fold.said.probabilities[row]
        for fold in known.folds
        for row, key in enumerate(fold.said.keys)
    }
    folds = [with_said(f, np.stack([said[key] for key in f.said.keys])) for f in unseen.folds]
    return replace(unseen, folds=tuple(folds))


def test_few_sources_are_not_ranked_and_many_are(folder: Path) -> None:
    study, _, results = results_of(folder)
    assert compare(results, study).rankings == ()
    unseen = results.conditions[1]
    many = tuple(
        replace(fold, cell=replace(fold.cell, fold=3 * turn + fold.cell.fold, source=f"s{turn}{i}"))
        for turn in range(2)
        for i, fold in enumerate(unseen.folds)
    )
    better = tuple(with_said(fold, fold.said.labels.astype(float)) for fold in many)
    rescored = tuple(
        replace(fold, scores=replace(fold.scores, macro={**fold.scores.macro, "auroc": 1.0}))
        for fold in better
    )
    other = {**unseen.condition, "batch_size": 8}
    two = (
        replace(unseen, folds=many),
        replace(unseen, condition=other, name="better", folds=rescored),
    )
    (ranking,) = compare(replace(results, conditions=two), study).rankings
    assert ranking.ranks["auroc"].mean == (2.0, 1.0)
    assert ranking.ranks["auroc"].p[0, 1] == pytest.approx(2 / 2**6)
    assert len(ranking.sources) == 6


def test_a_share_of_the_training_recordings_is_whole_patients_and_part_of_a_larger_share(
    small_store: Store, tmp_path: Path
) -> None:
    axes = {"fs": [50], "train_share": [0.25, 0.5, 1]}
    study = small_study(small_store, axes=axes)
    run_study(study, tmp_path, device="cpu")
    _, _, tasks = finished_study(tmp_path)
    first = [task for task in tasks if task.cell.fold == 0]
    learned = [set(cell_datasets(task, small_store)[0].keys) for task in first]
    assert learned[0] < learned[1] < learned[2]
    assert [len(each) for each in learned] == [12, 24, 48]
    tested = [load_predictions(task.cell).keys for task in first]
    assert tested[0] == tested[1] == tested[2]
    results = collect([task.cell for task in tasks], tasks[0].classes)
    shares = [condition.folds[0].test_share for condition in results.conditions]
    assert shares == pytest.approx([4.0, 2.0, 1.0])


def test_a_study_of_one_scheme_has_no_gap(small_store: Store, tmp_path: Path) -> None:
    study = small_study(small_store)
    run_study(study, tmp_path, device="cpu")
    _, data, tasks = finished_study(tmp_path)
    found = compare(collect([task.cell for task in tasks], data.classes), study)
    assert isinstance(found, Comparisons)
    assert (found.gaps, found.rankings, found.rules) == ((), (), ())
