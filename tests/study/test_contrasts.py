"""How much better a condition is than the first, fold by fold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadlens.data.store import Store
from leadlens.evaluation.comparison import corrected_t_test
from leadlens.report.tables import contrast_rows
from leadlens.study.contrasts import contrasts
from leadlens.study.plan import DONE
from leadlens.study.results import Results, collect
from leadlens.study.run import finished_study, run_study
from leadlens.study.settings import StudySettings
from leadlens.study.summary import write_results

TINY = {"name": "inception_time", "depth": 1, "n_filters": 2, "kernels": (9, 5)}


def results_of(store: Store, folder: Path, **changes: Any) -> Results:
    study = StudySettings.model_validate({
        "name": "contrasts",
        "question": "Which?",
        "data": {"store": str(store.path), "min_positives": 8},
        "folds": {"k": 3},
        "preset": "small",
        "training": {"model": TINY, "epochs": 1},
        "axes": {"batch_size": [8, 16], "fs": [50], "seed": [0, 100]},
        **changes,
    })  # fmt: skip
    run_study(study, folder, n_workers=1, device="cpu")
    _, data, tasks = finished_study(folder)
    return collect([task.cell for task in tasks], data.classes)


def test_seeds_are_averaged_on_each_fold_and_folds_compared_with_the_first_condition(
    small_store: Store, tmp_path: Path
) -> None:
    results = results_of(small_store, tmp_path)
    (found,) = contrasts(results)
    assert (found.name, found.baseline) == ("batch_size=16,fs=50", "batch_size=8,fs=50")
    assert found.n_seeds == 2
    values = np.array([condition.values("auroc") for condition in results.conditions])
    less = values[2:].mean(axis=0) - values[:2].mean(axis=0)
    share = np.mean([fold.test_share for fold in results.conditions[0].folds])
    assert share == pytest.approx(0.5, abs=0.05)
    assert found.differences["auroc"] == corrected_t_test(less, float(share))

    summary = write_results(results, tmp_path)
    (kept,) = summary["contrasts"]
    assert kept["differences"]["auroc"]["mean"] == pytest.approx(less.mean())
    baseline, (row,) = contrast_rows(results)
    assert (baseline, row.label) == ("batch_size=8, fs=50", "batch_size=16, fs=50")
    assert row.cells[0].startswith(f"{less.mean():+.3f} [")


def test_two_folds_are_too_few_to_compare(small_store: Store, tmp_path: Path) -> None:
    results = results_of(small_store, tmp_path, folds={"k": 2})
    assert contrasts(results) == []
    assert contrast_rows(results) == ("", [])


def test_a_condition_with_an_unfinished_fold_is_not_compared(
    small_store: Store, tmp_path: Path
) -> None:
    results = results_of(small_store, tmp_path)
    last = results.conditions[-1].folds[-1].cell
    (last.folder / DONE).unlink()
    _, data, tasks = finished_study(tmp_path)
    assert contrasts(collect([task.cell for task in tasks], data.classes)) == []


def test_p_values_are_adjusted_for_the_number_of_comparisons(
    small_store: Store, tmp_path: Path
) -> None:
    few = results_of(small_store, tmp_path / "few", axes={"batch_size": [8, 16], "fs": [50]})
    more = results_of(small_store, tmp_path / "more", axes={"batch_size": [8, 16, 4], "fs": [50]})
    (alone,), beside = contrasts(few), contrasts(more)[0]
    assert alone.differences["auroc"].mean == beside.differences["auroc"].mean
    assert beside.differences["auroc"].p >= alone.differences["auroc"].p
    assert len(contrasts(more)) == 2
