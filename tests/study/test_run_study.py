"""A small study: run, resumed for free, refused where it does not fit, scored."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from leadlens.bundle import load_bundle
from leadlens.data.folds import fold_numbers, groups_of, load_folds
from leadlens.data.store import open_store
from leadlens.ecg.diagnoses import scored_codes
from leadlens.engines.local import LocalEngine
from leadlens.errors import ConfigError, LeadlensError, StoreError
from leadlens.evaluation.bootstrap import interval, redraw, symmetric_interval
from leadlens.evaluation.metrics import score
from leadlens.study.cell import CellTask
from leadlens.study.data import describe_data
from leadlens.study.explaining import load_explanations
from leadlens.study.ledger import costs
from leadlens.study.plan import Cell, explained_cells, plan_cells
from leadlens.study.results import collect
from leadlens.study.run import finished_study, run_study
from leadlens.study.settings import StudySettings, read_study
from leadlens.study.subgroups import age_band, subgroups
from leadlens.study.summary import write_results
from leadlens.training import recipe


@pytest.fixture
def study(study_file: Path) -> StudySettings:
    return read_study(study_file)


@pytest.fixture
def copy(tiny_study: Path, tmp_path: Path) -> Path:
    """A copy of the finished study that may be changed."""
    return Path(shutil.copytree(tiny_study, tmp_path / "copy"))


def changed(study_file: Path, *changes: str) -> StudySettings:
    return read_study(study_file, changes)


def cells_of(study: StudySettings, folder: Path) -> list[Cell]:
    return plan_cells(study, folder)


def kept(cell: Cell) -> dict[str, np.ndarray]:
    with np.load(cell.folder / "predictions.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def done_files(folder: Path) -> dict[Path, tuple[int, bytes]]:
    files = [*folder.rglob("DONE"), *folder.rglob("part-*.npz")]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_every_cell_is_done_and_keeps_metrics_predictions_and_model(
    study: StudySettings, tiny_study: Path
) -> None:
    cells = cells_of(study, tiny_study)
    assert len(cells) == 4
    for cell in cells:
        assert cell.is_done
        lines = (cell.folder / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == [0.0, 1.0]
        assert (
            load_bundle(cell.folder / "bundle").config.training["loss"] == cell.training.loss.name
        )
        assert not list(cell.folder.glob("checkpoint*"))


def test_every_recording_is_predicted_once_in_the_fold_that_tests_it(
    study: StudySettings, tiny_study: Path
) -> None:
    store = open_store(tiny_study / "store")
    folds = fold_numbers(load_folds(tiny_study / "folds.json", store), store)
    number = {key: i for i, key in enumerate(store.keys)}
    for loss in ("bce", "double_soft_f1"):
        said: list[str] = []
        for cell in cells_of(study, tiny_study):
            if cell.training.loss.name == loss:
                keys = kept(cell)["keys"].tolist()
                assert {int(folds[number[key]]) for key in keys} == {cell.fold}
                said += keys
        assert sorted(said) == sorted(store.keys)


def test_no_group_is_on_both_sides_of_a_fold(tiny_study: Path) -> None:
    store = open_store(tiny_study / "store")
    folds = fold_numbers(load_folds(tiny_study / "folds.json", store), store)
    sides: dict[int, set[int]] = {}
    for group, fold in zip(groups_of(store), folds, strict=True):
        sides.setdefault(int(group), set()).add(int(fold))
    assert all(len(side) == 1 for side in sides.values())


def test_a_finished_study_is_run_again_for_free(
    study: StudySettings, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_training(*_args: Any, **_kwargs: Any) -> None:
        pytest.fail("a finished cell was trained again")

    monkeypatch.setattr(recipe, "fit", no_training)
    before = done_files(copy)
    run_study(study, copy, device="cpu")
    assert done_files(copy) == before
    assert len(before) > 4  # four cells, and the parts of the explanations


def test_a_cell_that_is_missing_is_trained_again_and_is_the_same(
    study: StudySettings, copy: Path, tiny_study: Path
) -> None:
    cell, *others = cells_of(study, copy)
    before = {other.folder: (other.folder / "DONE").stat().st_mtime_ns for other in others}
    shutil.rmtree(cell.folder)
    run_study(study, copy, device="cpu")
    again, first = kept(cell), kept(cells_of(study, tiny_study)[0])
    for name, values in first.items():
        np.testing.assert_array_equal(again[name], values)
    assert before == {o.folder: (o.folder / "DONE").stat().st_mtime_ns for o in others}


def test_thin_diagnoses_are_noted_once_while_there_is_something_to_train(
    study_file: Path, tiny_study: Path, tmp_path: Path
) -> None:
    small = changed(
        study_file,
        "data.simulate=null",
        f"data.store={tiny_study / 'store'}",
        "axes.loss=[bce, soft_f1]",
        "explain=null",
        "training.epochs=1",
        "training.batch_size=2",
    )
    notes: list[str] = []
    run_study(small, tmp_path, device="cpu", on_note=notes.append)
    assert len(notes) == 1
    assert notes[0].startswith("soft_f1 in batches of 2: less than one positive a batch")
    run_study(small, tmp_path, device="cpu", on_note=notes.append)
    assert len(notes) == 1


@pytest.mark.slow
def test_two_processes_compute_what_one_does(study_file: Path, tmp_path: Path) -> None:
    small = changed(study_file, "axes.loss=[bce]", "explain=null", "training.epochs=1")
    results = []
    for n_workers in (1, 2):
        folder = tmp_path / str(n_workers)
        run_study(small, folder, LocalEngine(n_workers), "cpu")
        results.append([kept(cell)["probabilities"] for cell in cells_of(small, folder)])
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_results_are_what_scikit_learn_makes_of_the_kept_predictions(tiny_study: Path) -> None:
    _, data, tasks = finished_study(tiny_study)
    results = collect([task.cell for task in tasks], data.classes)
    for condition in results.conditions:
        for fold in condition.folds:
            said = kept(fold.cell)
            labels, p = said["labels"], said["probabilities"]
            assert said["label_mask"].all()
            present = [c for c in range(labels.shape[1]) if labels[:, c].any()]
            decisions = p > 0.5
            per_class = fold.scores.per_class
            for c in present:
                truth, given = labels[:, c], decisions[:, c]
                expected = {
                    "auroc": roc_auc_score(truth, p[:, c]),
                    "auprc": average_precision_score(truth, p[:, c]),
                    "f1": f1_score(truth, given, zero_division=0.0),
                    "accuracy": accuracy_score(truth, given),
                    "sensitivity_at_95": max(
                        (p[truth, c] > cut).mean()
                        for cut in [-1.0, *p[:, c]]
                        if (p[~truth, c] <= cut).mean() >= 0.95
                    ),
                }
                assert {k: per_class[k][c] for k in expected} == pytest.approx(expected)
            macro = fold.scores.macro
            assert macro["auroc"] == pytest.approx(roc_auc_score(labels, p))
            assert macro["f1"] == pytest.approx(
                f1_score(labels, decisions, average="macro", zero_division=0.0)
            )
            assert macro["subset_accuracy"] == pytest.approx(accuracy_score(labels, decisions))


def test_results_json_has_mean_and_sample_standard_deviation_over_folds(
    tiny_study: Path, tmp_path: Path
) -> None:
    _, data, tasks = finished_study(tiny_study)
    results = collect([task.cell for task in tasks], data.classes)
    summary = write_results(results, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == summary
    assert (summary["n_cells"], summary["n_done"]) == (4, 4)
    for condition, said in zip(results.conditions, summary["conditions"], strict=True):
        values = [fold.scores.macro["auroc"] for fold in condition.folds]
        assert said["mean"]["auroc"] == pytest.approx(np.mean(values), abs=1e-6)
        assert said["sd"]["auroc"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)


def test_results_json_has_the_bootstrap_intervals_of_macro_scores(
    tiny_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadlens.evaluation.bootstrap.MIN_MEAN_POSITIVES", 1)
    _, data, tasks = finished_study(tiny_study)
    results = collect([task.cell for task in tasks], data.classes)
    summary = write_results(results, tmp_path)
    for condition, said in zip(results.conditions, summary["conditions"], strict=True):
        draws = []
        for fold in condition.folds:
            p = fold.said
            parts = p.labels, p.label_mask, p.probabilities, p.decisions
            draws.append(
                redraw(*parts, data.classes, np.arange(len(p.keys)), seed=fold.cell.fold).macro
            )
        for metric in ("auroc", "f1", "accuracy", "challenge"):
            mean = np.mean([each[metric] for each in draws], axis=0)
            find = symmetric_interval if metric == "challenge" else interval
            expected = find(condition.mean(metric), mean)
            assert condition.interval(metric) == pytest.approx(expected)
            assert said["interval"][metric] == pytest.approx(expected, abs=1e-5)
        assert [one["code"] for one in said["classes"]] == list(data.classes)
        # Nobody has fifty: AUROC's interval is Newcombe's, F1 has none.
        assert all(one["f1_interval"] is None for one in said["classes"])
        assert said["classes"][0]["auroc_interval"] == pytest.approx(
            condition.class_interval(0), abs=1e-6
        )


def test_recordings_of_a_patient_are_drawn_together(
    tiny_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadlens.evaluation.bootstrap.MIN_MEAN_POSITIVES", 1)
    _, data, tasks = finished_study(tiny_study)
    cells = [task.cell for task in tasks]
    alone = collect(cells, data.classes).conditions[0]
    pairs = {key: number // 2 for number, key in enumerate(sorted(data.store.keys))}
    together = collect(cells, data.classes, pairs).conditions[0]
    assert alone.mean("auroc") == together.mean("auroc")
    assert not np.isnan(alone.interval("auroc")).any()
    assert alone.interval("auroc") != together.interval("auroc")


def test_a_macro_score_of_rare_diagnoses_has_no_interval(
    tiny_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadlens.evaluation.bootstrap.MIN_MEAN_POSITIVES", 1000)
    _, data, tasks = finished_study(tiny_study)
    condition = collect([task.cell for task in tasks], data.classes).conditions[0]
    assert np.isnan(condition.interval("auroc")).all()
    rows = dict(zip(data.store.keys, data.store.first_rows, strict=True))
    found = subgroups(condition, rows)
    assert found
    assert all(np.isnan(one.scores["auroc"][1]) for one in found)


def test_subgroups_have_the_scores_of_their_own_recordings(tiny_study: Path) -> None:
    _, data, tasks = finished_study(tiny_study)
    condition = collect([task.cell for task in tasks], data.classes).conditions[0]
    rows = dict(zip(data.store.keys, data.store.first_rows, strict=True))
    found = {(one.kind, one.name): one for one in subgroups(condition, rows)}
    assert not any(kind == "source" for kind, _ in found)  # there is one only
    for kind in ("sex", "age"):
        assert sum(one.n_recordings for (k, _), one in found.items() if k == kind) == 60
    values = []
    for fold in condition.folds:
        said = fold.said
        chosen = np.array([rows[key].sex == "female" for key in said.keys])
        parts = (said.labels, said.label_mask, said.probabilities, said.decisions)
        values.append(score(*(part[chosen] for part in parts)).macro["f1"])
    assert found["sex", "female"].scores["f1"][0] == pytest.approx(np.mean(values))


def test_ages_fall_into_bands_and_unknown_ones_into_none(tiny_study: Path) -> None:
    _, data, _ = finished_study(tiny_study)
    row = data.store.first_rows[0]
    bands = {age: age_band(replace(row, age=age)) for age in ("39", "40", "79.5", "80", "")}
    assert list(bands.values()) == ["under 40", "40 to 59", "60 to 79", "80 and over", "unknown"]


def test_every_cell_keeps_what_it_took_and_the_ledger_lists_it(
    tiny_study: Path, tmp_path: Path
) -> None:
    _, data, tasks = finished_study(tiny_study)
    results = collect([task.cell for task in tasks], data.classes)
    write_results(results, tmp_path)
    with (tmp_path / "ledger.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for row in rows:
        assert 0 < float(row["training_s"]) <= float(row["wall_s"]) + 0.01
        assert float(row["cpu_s"]) > 0
        assert float(row["gpu_s"]) == 0
        assert 50 < float(row["peak_mb"]) < 20_000
        assert float(row["shown"]) == 60  # 30 recordings, 2 epochs
        expected = float(row["shown"]) / float(row["training_s"])
        assert float(row["shown_per_s"]) == pytest.approx(expected, rel=0.01)


def test_a_condition_is_worth_its_cost_unless_a_cheaper_one_is_better(tiny_study: Path) -> None:
    _, data, tasks = finished_study(tiny_study)
    results = collect([task.cell for task in tasks], data.classes)
    found = costs(results)
    for one in found:
        better = [o for o in found if o.auroc > one.auroc and o.cpu_s <= one.cpu_s]
        assert one.is_worth_it == (not better)
    assert any(one.is_worth_it for one in found)


def test_results_csv_has_every_fold_metric_and_class(tiny_study: Path, tmp_path: Path) -> None:
    _, data, tasks = finished_study(tiny_study)
    write_results(collect([task.cell for task in tasks], data.classes), tmp_path)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    n_cells, n_classes = 4, len(data.classes)
    assert len(rows) == n_cells * (8 + 6 * n_classes)
    macro = [row for row in rows if row["metric"] == "auroc" and row["class"] == ""]
    for row in macro:
        own = [
            float(r["value"])
            for r in rows
            if r["class"] and all(r[k] == row[k] for k in ("condition", "fold", "metric"))
        ]
        assert float(row["value"]) == pytest.approx(np.nanmean(own))


def test_the_floors_are_what_guessing_scores(tiny_study: Path) -> None:
    _, data, tasks = finished_study(tiny_study)
    results = collect([task.cell for task in tasks], data.classes)
    condition = results.conditions[0]
    labels = [kept(fold.cell)["labels"] for fold in condition.folds]
    nothing = np.mean([1 - part.mean() for part in labels])
    assert condition.floor("all-zeros", "accuracy") == pytest.approx(nothing)
    assert condition.floor("all-zeros", "f1") == 0.0
    everything = [
        f1_score(part, np.ones_like(part), average="macro", zero_division=0.0) for part in labels
    ]
    assert condition.floor("all-positive", "f1") == pytest.approx(np.mean(everything))
    assert condition.floor("prevalence", "auroc") == 0.5


def test_diagnoses_with_too_few_recordings_are_absent_everywhere(
    tiny_study: Path, tmp_path: Path
) -> None:
    _, data, tasks = finished_study(tiny_study)
    codes = [code for row in data.store.first_rows for code in row.codes.split()]
    counts = {code: codes.count(code) for code in scored_codes()}
    thin = {code: n for code, n in counts.items() if n < 6}
    assert thin
    assert data.absent == thin
    assert set(data.classes) == set(counts) - set(thin)
    results = collect([task.cell for task in tasks], data.classes)
    assert results.classes == data.classes
    summary = json.dumps(write_results(results, tmp_path))
    assert not any(code in summary for code in thin)


def test_a_class_without_positives_in_a_fold_is_absent_from_its_mean_never_0(
    study: StudySettings, copy: Path
) -> None:
    cell = cells_of(study, copy)[0]
    said = kept(cell)
    said["labels"][:, 0] = False
    np.savez(cell.folder / "predictions.npz", **said)
    _, data, tasks = finished_study(copy)
    scores = collect([task.cell for task in tasks], data.classes).conditions[0].folds[0].scores
    assert np.isnan(scores.per_class["f1"][0])
    rest = [
        f1_score(said["labels"][:, c], said["probabilities"][:, c] > 0.5, zero_division=0.0)
        for c in range(1, len(data.classes))
        if said["labels"][:, c].any()
    ]
    assert scores.macro["f1"] == pytest.approx(np.mean(rest))


@pytest.mark.parametrize(
    "change",
    ["data.simulate.seed=4", "data.min_positives=7", "folds.k=3", "data.resampling=fft"],
)
def test_other_data_or_folds_in_the_same_folder_are_refused(
    study_file: Path, copy: Path, change: str
) -> None:
    before = done_files(copy)
    with pytest.raises(ConfigError, match="other data or folds: choose another --out"):
        run_study(changed(study_file, change), copy, device="cpu")
    assert done_files(copy) == before


@pytest.mark.parametrize(
    "change", ["training.epochs=3", "training.batch_size=16", "training.threshold=0.4"]
)
def test_a_cell_computed_with_other_training_settings_is_refused_by_name(
    study_file: Path, copy: Path, change: str
) -> None:
    with pytest.raises(ConfigError, match=r"fold-0 was computed with other settings"):
        run_study(changed(study_file, change), copy, device="cpu")


def test_an_axis_may_grow_and_what_is_done_stays(study_file: Path, copy: Path) -> None:
    before = done_files(copy / "cells")
    larger = changed(study_file, "axes.loss=[bce, double_soft_f1, soft_f1]")
    run_study(larger, copy, device="cpu")
    after = done_files(copy / "cells")
    assert len(after) == 6
    assert {path: after[path] for path in before} == before


def test_two_runs_in_one_folder_are_refused(study: StudySettings, copy: Path) -> None:
    with (
        FileLock(copy / ".lock"),
        pytest.raises(ConfigError, match="is being computed by another run"),
    ):
        run_study(study, copy, device="cpu")


def test_a_rate_above_the_stores_is_refused_by_value(study_file: Path, tmp_path: Path) -> None:
    faster = changed(study_file, "axes.fs=[100]", "explain=null")
    with pytest.raises(ConfigError, match=r"asks for 100 Hz, but .*store holds 50 Hz"):
        run_study(faster, tmp_path, device="cpu")


def test_a_study_without_any_diagnosis_to_train_is_refused(
    study_file: Path, tmp_path: Path, tiny_study: Path
) -> None:
    none = changed(
        study_file,
        "data.simulate=null",
        f"data.store={tiny_study / 'store'}",
        "data.min_positives=61",
    )
    with pytest.raises(ConfigError, match="no diagnosis has 61 recordings"):
        run_study(none, tmp_path, device="cpu")


def test_a_store_may_be_given_instead_of_a_simulation(
    study_file: Path, tiny_study: Path, tmp_path: Path
) -> None:
    given = changed(
        study_file,
        "data.simulate=null",
        f"data.store={tiny_study / 'store'}",
        "axes.loss=[bce]",
        "axes.fs=[25]",
        "explain=null",
    )
    data = run_study(given, tmp_path, device="cpu")
    assert data.store.path == tiny_study / "store"
    assert not (tmp_path / "store").exists()
    assert load_bundle(cells_of(given, tmp_path)[0].folder / "bundle").config.fs == 25.0


def test_a_changed_fold_file_is_refused(study: StudySettings, copy: Path) -> None:
    path = copy / "folds.json"
    folds = json.loads(path.read_text())
    key = next(iter(folds["assignment"]))
    folds["assignment"][key] = 1 - folds["assignment"][key]
    path.write_text(json.dumps(folds))
    with pytest.raises(StoreError, match=r"folds\.json was changed"):
        run_study(study, copy, device="cpu")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not a zip"])
def test_damaged_predictions_are_refused_by_name(
    study: StudySettings, copy: Path, content: bytes
) -> None:
    path = cells_of(study, copy)[0].folder / "predictions.npz"
    path.write_bytes(content)
    _, data, tasks = finished_study(copy)
    with pytest.raises(StoreError, match=r"predictions\.npz is damaged"):
        collect([task.cell for task in tasks], data.classes)


def test_a_half_written_cell_does_not_count_as_done(study: StudySettings, copy: Path) -> None:
    cell = cells_of(study, copy)[0]
    (cell.folder / "DONE").unlink()
    _, data, tasks = finished_study(copy)
    results = collect([task.cell for task in tasks], data.classes)
    assert (results.n_cells, results.n_done) == (4, 3)


def test_a_folder_without_a_study_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LeadlensError, match="holds no study"):
        finished_study(tmp_path)


def explained_tasks(study: StudySettings, folder: Path) -> list[CellTask]:
    _, _, tasks = finished_study(folder)
    cells = explained_cells(study, [task.cell for task in tasks])
    return [task for task in tasks if task.cell in cells]


def test_every_tested_fold_is_explained_by_the_model_that_had_not_seen_it(
    study: StudySettings, tiny_study: Path
) -> None:
    assert study.explain is not None
    tasks = explained_tasks(study, tiny_study)
    assert [task.cell.fold for task in tasks] == [0, 1]
    said = load_explanations(tasks, study.explain, tiny_study / "explanations")
    lead, n_per_class = said.maps["lead"], study.explain.n_per_class
    rows: list[list[np.ndarray]] = []
    counted = np.zeros(len(lead.classes), int)
    for task, fold in zip(tasks, said.folds, strict=True):
        cell, keys = kept(task.cell), fold.predictions.keys
        assert set(keys) <= set(cell["keys"].tolist())
        assert len(set(keys)) == len(keys)
        assert fold.surveyed.survey.bundle == task.cell.folder / "bundle"
        has = (cell["labels"] & cell["label_mask"]).sum(axis=0)
        counted += np.minimum(has, n_per_class)
        has_it = (fold.predictions.labels & fold.predictions.label_mask)[:, 0]
        assert 0 < has[0] <= n_per_class
        rows.append([each.sums["lead"].values[0] for n, each in fold.surveyed if has_it[n]])
    cells = lead.all_with
    np.testing.assert_array_equal(cells.n_recordings, counted)
    parts = [lead.by_verdict[verdict].n_recordings for verdict in ("true positives", "misses")]
    np.testing.assert_array_equal(sum(parts), counted)
    # A diagnosis of which every recording was explained: its row is their mean.
    np.testing.assert_allclose(cells.values[0], np.mean([*rows[0], *rows[1]], axis=0))
    # Of two values the 95 % interval has a half width of 12.7 standard errors.
    first, second = (np.mean(of, axis=0) for of in rows)
    np.testing.assert_allclose(
        cells.fold_half_width[0], 12.7062 * np.abs(first - second) / 2, rtol=1e-4
    )


def test_skill_over_folds_compares_within_folds_only(study: StudySettings, copy: Path) -> None:
    assert study.explain is not None
    tasks = explained_tasks(study, copy)
    for task in tasks:
        said = kept(task.cell)
        # Told perfectly in each fold, but the second fold's model is far surer of everything.
        said["probabilities"] = (said["labels"] * 0.1 + 0.8 * task.cell.fold).astype(np.float32)
        np.savez(task.cell.folder / "predictions.npz", **said)
    run_study(study, copy, device="cpu")
    withheld = load_explanations(tasks, study.explain, copy / "explanations").withheld
    assert not [why for why in withheld.values() if "AUROC" in why]


def test_one_fold_may_be_explained_alone(study_file: Path, copy: Path) -> None:
    alone = changed(study_file, "explain.fold=1")
    assert alone.explain is not None
    run_study(alone, copy, device="cpu")
    tasks = explained_tasks(alone, copy)
    assert [task.cell.fold for task in tasks] == [1]
    said = load_explanations(tasks, alone.explain, copy / "explanations")
    assert np.isnan(said.maps["lead"].all_with.fold_half_width).all()


def test_explanations_made_with_other_settings_are_refused(
    study_file: Path, tiny_study: Path
) -> None:
    other = changed(study_file, "explain.settings.n_segments=3")
    assert other.explain is not None
    tasks = explained_tasks(other, tiny_study)
    with pytest.raises(StoreError, match="does not hold this study's explanations"):
        load_explanations(tasks, other.explain, tiny_study / "explanations")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not a zip"])
def test_damaged_explanations_are_refused_and_made_again_by_the_next_run(
    study: StudySettings, copy: Path, tiny_study: Path, content: bytes
) -> None:
    assert study.explain is not None
    folder = copy / "explanations"
    tasks = explained_tasks(study, copy)
    next(iter(sorted(folder.rglob("part-*.npz")))).write_bytes(content)
    with pytest.raises(StoreError, match="does not hold this study's explanations"):
        load_explanations(tasks, study.explain, folder)
    run_study(study, copy, device="cpu")
    again = load_explanations(tasks, study.explain, folder)
    first = load_explanations(tasks, study.explain, tiny_study / "explanations")
    values, expected = (each.maps["lead"].all_with.values for each in (again, first))
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_a_cells_model_knows_its_skill_on_the_fold_that_it_was_tested_on(
    study: StudySettings, tiny_study: Path
) -> None:
    for cell in cells_of(study, tiny_study):
        said, config = kept(cell), load_bundle(cell.folder / "bundle").config
        assert config.held_out is not None
        assert config.held_out.on == f"{len(said['keys'])} recordings of tested fold {cell.fold}"
        for column, skill in enumerate(config.held_out.skills):
            truth = said["labels"][:, column]
            assert (skill.n_positive, skill.n_negative) == (truth.sum(), (~truth).sum())
            if truth.any() and not truth.all():
                expected = roc_auc_score(truth, said["probabilities"][:, column])
                assert skill.auroc == pytest.approx(expected)


def test_the_data_are_described_by_counts(tiny_study: Path) -> None:
    _, data, _ = finished_study(tiny_study)
    said = describe_data(data)
    assert (said["recordings"], said["windows"], said["sources"]) == (60, 60, {"simulated": 60})
    codes = [code for row in data.store.first_rows for code in row.codes.split()]
    assert said["diagnoses"]["NSR"] == codes.count("426783006")


def test_only_recordings_of_the_exact_duration_take_part_where_asked(
    study_file: Path, tmp_path: Path
) -> None:
    from leadlens.data.ingest import IngestSettings, ingest
    from leadlens.data.sources import CohortSource
    from leadlens.simulate import CohortSettings

    cohort = CohortSettings(n_recordings=8, fs=50, duration=12)
    path = tmp_path / "longer"
    ingest(CohortSource(cohort), path, IngestSettings(fs=50))
    exact = changed(
        study_file,
        "data.simulate=null",
        f"data.store={path}",
        "data.exact_duration_only=true",
        "data.min_positives=1",
    )
    with pytest.raises(ConfigError, match=r"no recording of .* lasts exactly 10 s"):
        run_study(exact, tmp_path / "study", device="cpu")


def test_the_leaking_schedule_watches_the_tested_fold(
    study_file: Path, tiny_study: Path, tmp_path: Path
) -> None:
    leaking = changed(
        study_file,
        "data.simulate=null",
        f"data.store={tiny_study / 'store'}",
        "axes.loss=[bce]",
        "explain=null",
        "training.schedule=published_plateau",
        "folds.method=label_combination",
    )
    run_study(leaking, tmp_path, device="cpu")
    for cell in cells_of(leaking, tmp_path):
        held_out = load_bundle(cell.folder / "bundle").config.held_out
        assert held_out is not None
        assert held_out.on.endswith("whose loss steered its learning rate")
        said = kept(cell)
        p = np.clip(said["probabilities"].astype(float), 1e-12, 1 - 1e-12)
        cost = -np.where(said["labels"], np.log(p), np.log(1 - p)).mean()
        last = json.loads((cell.folder / "metrics.jsonl").read_text().splitlines()[-1])
        assert last["monitored_loss"] == pytest.approx(cost, rel=1e-4)
