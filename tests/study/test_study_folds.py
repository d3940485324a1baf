"""Studies whose folds are the sources, the data set's own, or the user's."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from recordings import ListSource, make_recording

from leadlens.data.folds import FoldSettings, load_folds, make_folds, save_folds
from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.store import Store, open_store
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.report.study_report import write_report
from leadlens.study.cell import load_predictions
from leadlens.study.data import describe_data
from leadlens.study.plan import plan_cells
from leadlens.study.run import finished_study, run_study
from leadlens.study.settings import StudySettings, read_study

CLASSES = ("426783006", "164889003")
FLUTTER = "164890007"


def recording(record_id: str, source: str, seed: int, **known: object) -> Recording:
    named = {"record_id": record_id, "source": source, "codes": (CLASSES[seed % 2],), **known}
    return replace(make_recording(50, 5.0, seed), **named)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Ten recordings of each of two sources, three of one, of which one is a copy from another.

    PTB-XL's have folds 8 to 10; atrial flutter is in the smallest source only.
    """
    made = [recording(f"E{i:05d}", "georgia", i) for i in range(10)]
    made += [
        recording(f"HR{i:05d}", "ptb-xl", 10 + i, fold=8 + i % 3, patient=f"P{i}")
        for i in range(10)
    ]
    made += [replace(made[4], record_id="N1", source="ningbo"), recording("N2", "ningbo", 50)]
    made += [recording("N3", "ningbo", 51, codes=(*CLASSES, FLUTTER))]
    path = tmp_path_factory.mktemp("sources") / "store"
    return ingest(ListSource(tuple(made)), path, IngestSettings(fs=50, duration=5))


def study_of(tmp_path: Path, store: Store, **values: Any) -> StudySettings:
    settings: dict[str, Any] = {
        "name": "sources",
        "question": "Does it travel?",
        "data": {"store": str(store.path)},
        "preset": "small",
        "training": {
            "model": {"name": "inception_time", "depth": 1, "n_filters": 2, "kernels": [5]},
            "epochs": 1,
        },
        "axes": {"fs": [50]},
        **values,
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(settings))
    return read_study(path)


@pytest.fixture
def by_source(tmp_path: Path, store: Store) -> StudySettings:
    return study_of(tmp_path, store, folds={"method": "by_source"})


def test_the_plan_has_a_cell_for_each_source_and_writes_nothing(
    by_source: StudySettings, tmp_path: Path
) -> None:
    cells = plan_cells(by_source, tmp_path / "study")
    assert [(cell.folder.name, cell.tested) for cell in cells] == [
        ("fold-0", "georgia"), ("fold-1", "ningbo"), ("fold-2", "ptb-xl")
    ]  # fmt: skip
    assert not (tmp_path / "study").exists()


def test_each_source_is_tested_by_a_network_that_never_saw_it(
    by_source: StudySettings, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    data = run_study(by_source, folder, device="cpu")
    # Georgia keeps the waveform that is in Ningbo too: of equals, the first by name.
    assert len(data.recordings) == 22
    assert describe_data(data)["sources"] == {"georgia": 10, "ningbo": 2, "ptb-xl": 10}
    for cell in plan_cells(by_source, folder):
        said = load_predictions(cell)
        assert {key.split("/")[0] for key in said.keys} == {cell.tested}
    page = write_report(folder).read_text()
    assert "3 sources, each tested by networks that were trained on the others" in page
    assert "left out: 1 of a group that stays with another source" in page
    assert page.count("<td>ptb-xl</td>") == 1
    with (folder / "results.csv").open(newline="") as file:
        assert {row["fold"] for row in csv.DictReader(file)} == {"georgia", "ningbo", "ptb-xl"}
    assert json.loads((folder / "folds.json").read_text())["n_split_groups"] == 0


def test_the_folds_of_a_study_are_made_once(by_source: StudySettings, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    run_study(by_source, folder, device="cpu")
    before = (folder / "folds.json").read_bytes()
    run_study(by_source, folder, device="cpu")
    assert (folder / "folds.json").read_bytes() == before
    _, data, tasks = finished_study(folder)
    assert len(tasks) == 3
    assert all(task.cell.is_done for task in tasks)
    assert data.folds[""].names == ("georgia", "ningbo", "ptb-xl")


def test_one_of_the_data_sets_own_folds_is_tested_and_another_left_unused(
    tmp_path: Path, store: Store
) -> None:
    folds = {"method": "given", "tested": [10], "unused": [9]}
    study = study_of(tmp_path, store, folds=folds)
    data = run_study(study, tmp_path / "study", device="cpu")
    (cell,) = plan_cells(study, tmp_path / "study")
    assert cell.folder.name == "fold-10"
    said = load_predictions(cell)
    assert sorted(said.keys) == ["ptb-xl/HR00002", "ptb-xl/HR00005", "ptb-xl/HR00008"]
    assert len(data.recordings) == 7
    page = write_report(tmp_path / "study").read_text()
    assert "2, given by the data set: 8, 10; tested: 10" in page
    assert "left out: 13 without a fold" in page


def test_more_folds_may_be_tested_later(tmp_path: Path, store: Store) -> None:
    few = study_of(tmp_path, store, folds={"method": "given", "tested": [10]})
    run_study(few, tmp_path / "study", device="cpu")
    done = (tmp_path / "study" / "cells" / "fs=50" / "fold-10" / "DONE").stat().st_mtime_ns
    study = study_of(tmp_path, store, folds={"method": "given"})
    run_study(study, tmp_path / "study", device="cpu")
    cells = plan_cells(study, tmp_path / "study")
    assert [cell.fold for cell in cells if cell.is_done] == [8, 9, 10]
    assert (cells[2].folder / "DONE").stat().st_mtime_ns == done


def test_a_fold_file_serves_a_study_and_another_in_its_place_is_refused(
    tmp_path: Path, store: Store
) -> None:
    file = tmp_path / "mine.json"
    save_folds(make_folds(store, CLASSES, FoldSettings(k=2)), file)
    study = study_of(tmp_path, store, folds={"method": "given", "file": str(file)})
    run_study(study, tmp_path / "study", device="cpu")
    kept = load_folds(tmp_path / "study" / "folds.json", open_store(store.path))
    assert kept.assignment == make_folds(store, CLASSES, FoldSettings(k=2)).assignment
    save_folds(make_folds(store, CLASSES, FoldSettings(k=2, seed=1)), file)
    with pytest.raises(ConfigError, match=r"other folds than those of .*mine.json"):
        run_study(study, tmp_path / "study", device="cpu")
    file.unlink()
    run_study(study, tmp_path / "study", device="cpu")


def test_a_split_that_the_user_allows_is_a_warning_in_the_report(
    tmp_path: Path, store: Store
) -> None:
    lines = [f"{key},{number % 2}" for number, key in enumerate(store.keys)]
    lines[[key.endswith("/N1") for key in store.keys].index(True)] = "N1,1"
    (tmp_path / "mine.csv").write_text("\n".join(["record,fold", *lines]) + "\n")
    folds = {"method": "given", "file": str(tmp_path / "mine.csv")}
    with pytest.raises(ConfigError, match=r"georgia/E00004 \(fold 0\) and ningbo/N1 \(fold 1\)"):
        plan_cells(study_of(tmp_path, store, folds=folds), tmp_path / "study")
    study = study_of(tmp_path, store, folds={**folds, "allow_split": True})
    run_study(study, tmp_path / "study", device="cpu")
    page = write_report(tmp_path / "study").read_text()
    assert "1 groups of recordings that belong together" in page
    assert "may be too good" in page


def test_the_explained_fold_may_be_named_by_its_source(tmp_path: Path, store: Store) -> None:
    explain = {"condition": {"fs": 50}, "fold": "ptb-xl"}
    study = study_of(tmp_path, store, folds={"method": "by_source"}, explain=explain)
    plan_cells(study, tmp_path / "study")
    wrong = study_of(
        tmp_path, store, folds={"method": "by_source"}, explain={**explain, "fold": "cpsc"}
    )
    with pytest.raises(ConfigError, match=r"fold cpsc.*folds: georgia, ningbo, ptb-xl"):
        plan_cells(wrong, tmp_path / "study")


@pytest.mark.parametrize("method", ["by_source", "given"])
def test_a_simulated_cohort_has_no_sources_and_no_folds_of_its_own(
    tmp_path: Path, store: Store, method: str
) -> None:
    data = {"simulate": {"n_recordings": 10, "fs": 50}}
    with pytest.raises(ConfigError, match=f"folds '{method}' with data.simulate.*stratified"):
        study_of(tmp_path, store, data=data, folds={"method": method})


def test_a_tested_fold_that_is_not_there_is_refused_before_anything_is_made(
    tmp_path: Path, store: Store
) -> None:
    study = study_of(tmp_path, store, folds={"k": 3, "tested": [3]})
    with pytest.raises(ConfigError, match=r"names '3', which is no fold: there are 0, 1, 2"):
        run_study(study, tmp_path / "study", device="cpu")
    assert not (tmp_path / "study").exists()
