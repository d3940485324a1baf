"""Every rule's thresholds, from one training."""

from pathlib import Path

import numpy as np
import pytest
from small_studies import small_study

from leadlens.data.store import Store
from leadlens.evaluation.comparison import corrected_t_test
from leadlens.report.study_report import write_report
from leadlens.study.cell import load_predictions
from leadlens.study.results import Results, collect
from leadlens.study.rules import ruled
from leadlens.study.run import finished_study, run_study


def results_of(folder: Path) -> Results:
    _, data, tasks = finished_study(folder)
    return collect([task.cell for task in tasks], data.classes)


def test_a_training_keeps_what_trainings_with_other_rules_would_decide(
    small_store: Store, tmp_path: Path
) -> None:
    training = small_study(small_store).training | {"inner": 0.3}
    axes = {"thresholds": ["fixed", "f1", "challenge"], "fs": [50]}
    study = small_study(small_store, training=training, axes=axes, folds={"k": 3})
    run_study(study, tmp_path, device="cpu")
    results = results_of(tmp_path)
    fixed = results.conditions[0]
    for condition in results.conditions[1:]:
        rule = condition.condition["thresholds"]
        for one, other in zip(fixed.folds, condition.folds, strict=True):
            np.testing.assert_array_equal(one.said.probabilities, other.said.probabilities)
            np.testing.assert_array_equal(one.said.decided_by(rule), other.said.decisions)
    found = {(each.name, each.rule): each for each in ruled(results)}
    assert len(found) == 9
    for condition in results.conditions:
        rule = condition.condition["thresholds"]
        for metric in ("f1", "challenge"):
            kept = found[fixed.name, rule].values[metric]
            assert kept == pytest.approx(condition.values(metric))
    less = np.array(results.conditions[1].values("f1")) - np.array(fixed.values("f1"))
    share = float(np.mean([fold.test_share for fold in fixed.folds]))
    said = found[fixed.name, "f1"].less_first["f1"]
    assert said.mean == pytest.approx(corrected_t_test(less, share).mean)
    assert said.p >= corrected_t_test(less, share).p

    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "Loss and threshold" in page
    assert "chosen for the challenge score" in page
    assert len((tmp_path / "figures" / "rules-f1.csv").read_text().splitlines()) == 1 + 27


def test_without_inner_recordings_there_is_one_rule_and_no_table(
    small_store: Store, tmp_path: Path
) -> None:
    run_study(small_study(small_store), tmp_path, device="cpu")
    results = results_of(tmp_path)
    assert list(load_predictions(results.conditions[0].folds[0].cell).rules) == ["fixed"]
    assert ruled(results) == []
    assert "Loss and threshold" not in write_report(tmp_path).read_text(encoding="utf-8")
