"""The folds command, and ingest at several rates."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from leadlens.data.folds import FoldSettings, load_folds, make_folds
from leadlens.data.store import Store, open_store
from leadlens.ecg.diagnoses import scored_codes

RUN = [sys.executable, "-c", "from leadlens.cli import main; main()"]


def run(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, without a terminal."""
    return subprocess.run(
        [*RUN, *map(str, words)], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "160"},
    )  # fmt: skip


def test_folds_are_made_and_shown_fold_by_fold(small_store: Store, tmp_path: Path) -> None:
    done = run(tmp_path, "folds", small_store.path, "--k", 4, "--out", "folds.json")
    assert done.returncode == 0, done.stderr
    made = load_folds(tmp_path / "folds.json", small_store)
    # The folds of a study with the same settings.
    assert made == make_folds(small_store, made.classes, FoldSettings(k=4))
    assert set(made.classes) <= set(scored_codes())
    assert "4 folds (stratified), 0 groups split" in done.stdout
    (sizes,) = [line.split() for line in done.stdout.splitlines() if "recordings  " in line]
    assert sum(map(int, sizes[1:5])) == int(sizes[5]) == 96
    assert done.stdout.splitlines()[-1] == "folds: folds.json"


def test_folds_are_told_to_machines(small_store: Store, tmp_path: Path) -> None:
    said = json.loads(run(tmp_path, "folds", small_store.path, "--k", 3, "--json").stdout)
    assert said["folds"] == ["0", "1", "2"]
    assert sum(said["recordings"]) == 96
    assert said["largest_deviation"] == max(said["deviation"].values())
    assert said["split_groups"] == 0
    assert all(len(counts) == 3 for counts in said["positives"].values())
    assert list(tmp_path.iterdir()) == []


def test_many_folds_are_shown_by_the_least_and_the_most(small_store: Store, tmp_path: Path) -> None:
    done = run(tmp_path, "folds", small_store.path, "--k", 20)
    assert "least" in done.stdout
    assert "20 folds" in done.stdout


def test_a_file_with_other_folds_is_kept_and_the_same_is_fine(
    small_store: Store, tmp_path: Path
) -> None:
    words = ("folds", small_store.path, "--k", 4, "--out", "folds.json")
    run(tmp_path, *words)
    before = (tmp_path / "folds.json").read_bytes()
    assert run(tmp_path, *words).returncode == 0
    refused = run(tmp_path, *words, "--seed", 7)
    assert refused.returncode == 2
    assert "holds other folds" in refused.stderr
    assert (tmp_path / "folds.json").read_bytes() == before


def test_folds_that_cannot_be_made_are_refused(small_store: Store, tmp_path: Path) -> None:
    for words, said in (
        (["--method", "by_source"], "two sources or more: there is simulated"),
        (["--method", "given"], "has a fold of its own"),
        (["--method", "by_hospital"], "by_hospital"),
        (["--method", "by_source", "--k", "3"], "leave k out"),
        (["--out", "folds.csv"], "ends in .json"),
        (["--k", "1"], "k: "),
    ):
        done = run(tmp_path, "folds", small_store.path, *words)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_ingest_at_several_rates_makes_a_store_of_each(
    write_record: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write_record("A0001", folder=tmp_path / "ward").parent
    words = ("ingest", folder, "--out", "stores", "--workers", "1", "--fs", "100", "--fs", "50")
    done = run(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert [open_store(tmp_path / "stores" / name).fs for name in ("100hz", "50hz")] == [100, 50]
    assert "10 s at 100 Hz" in done.stdout
    assert "10 s at 50 Hz" in done.stdout
    said = json.loads(run(tmp_path, *words, "--json").stdout)
    assert [store["fs"] for store in said["stores"]] == [100, 50]
    assert said["notes"] == []
