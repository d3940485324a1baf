"""How much better a condition is than the first, fold by fold."""

import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_studies import small_study

from leadlens.data.store import Store
from leadlens.evaluation.comparison import corrected_t_test
from leadlens.report.study_report import write_report
from leadlens.study.comparisons import compare
from leadlens.study.contrasts import contrasts, read_contrast
from leadlens.study.plan import DONE
from leadlens.study.results import Results, collect
from leadlens.study.run import finished_study, run_study
from leadlens.study.settings import StudySettings
from leadlens.study.summary import write_results


def results_of(store: Store, folder: Path, **changes: Any) -> tuple[Results, StudySettings]:
    axes = {"batch_size": [8, 16], "fs": [50], "seed": [0, 100]}
    study = small_study(store, **{"folds": {"k": 3}, "axes": axes, **changes})
    run_study(study, folder, device="cpu")
    return finished(folder)


def finished(folder: Path) -> tuple[Results, StudySettings]:
    study, data, tasks = finished_study(folder)
    return collect([task.cell for task in tasks], data.classes), study


@pytest.fixture(scope="module")
def folder(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of two batch sizes and two seeds on three folds."""
    path = tmp_path_factory.mktemp("contrasts") / "study"
    results_of(small_store, path)
    return path


def test_seeds_are_averaged_on_each_fold_and_folds_compared_with_the_first_condition(
    folder: Path,
) -> None:
    results, study = finished(folder)
    (found,) = contrasts(results, study)
    assert (found.name, found.baseline) == ("batch_size=16,fs=50", "batch_size=8,fs=50")
    assert found.n_seeds == 2
    values = np.array([condition.values("auroc") for condition in results.conditions])
    less = values[2:].mean(axis=0) - values[:2].mean(axis=0)
    share = np.mean([fold.test_share for fold in results.conditions[0].folds])
    assert share == pytest.approx(0.5, abs=0.05)
    assert found.differences["auroc"] == corrected_t_test(less, float(share))

    (kept,) = write_results(results, folder, compare(results, study))["contrasts"]
    assert kept["differences"]["auroc"]["mean"] == pytest.approx(less.mean())


def test_contrasts_are_told_in_the_report_and_on_the_terminal(folder: Path) -> None:
    (found,) = contrasts(*finished(folder))
    said = found.differences["auroc"]
    words = f"{said.mean:+.3f} [{said.low:+.3f}, {said.high:+.3f}]"
    shown = subprocess.check_output(
        [sys.executable, "-m", "leadlens", "report", str(folder)],
        text=True, env={**os.environ, "COLUMNS": "160"},
    )  # fmt: skip
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "Less batch_size=8, fs=50, on the same folds" in report
    assert f"<th>batch_size=16, fs=50</th><td>2</td><td>{words}" in report
    assert "less batch_size=8, fs=50, on the same folds" in shown
    assert words in shown


def test_two_folds_are_too_few_to_compare(small_store: Store, tmp_path: Path) -> None:
    assert contrasts(*results_of(small_store, tmp_path, folds={"k": 2})) == []
    write_report(tmp_path)
    assert "on the same folds" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_condition_with_an_unfinished_fold_is_not_compared(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    results, _ = finished(tmp_path)
    last = results.conditions[-1].folds[-1].cell
    (last.folder / DONE).unlink()
    assert contrasts(*finished(tmp_path)) == []


def test_p_values_are_adjusted_for_the_number_of_comparisons(
    small_store: Store, tmp_path: Path
) -> None:
    few = results_of(small_store, tmp_path, axes={"batch_size": [8, 16], "fs": [50]})
    more = results_of(small_store, tmp_path, axes={"batch_size": [8, 16, 4], "fs": [50]})
    (alone,), beside = contrasts(*few), contrasts(*more)[0]
    assert alone.differences["auroc"].mean == beside.differences["auroc"].mean
    assert beside.differences["auroc"].p >= alone.differences["auroc"].p
    assert len(contrasts(*more)) == 2


def test_a_baseline_is_compared_with_what_is_otherwise_the_same(
    small_store: Store, tmp_path: Path
) -> None:
    axes = {"fs": [25, 50], "batch_size": [8, 16]}
    baselines = [{"fs": 25}, {"batch_size": 8}]
    results, study = results_of(small_store, tmp_path, axes=axes, baselines=baselines)
    found = contrasts(results, study)
    assert [(each.family, each.name, each.baseline) for each in found] == [
        ("fs=25", "fs=50,batch_size=8", "fs=25,batch_size=8"),
        ("fs=25", "fs=50,batch_size=16", "fs=25,batch_size=16"),
        ("batch_size=8", "fs=25,batch_size=16", "fs=25,batch_size=8"),
        ("batch_size=8", "fs=50,batch_size=16", "fs=50,batch_size=8"),
    ]
    assert read_contrast(asdict(found[0])) == found[0]
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert page.count("on the same folds</h3>") == 2
