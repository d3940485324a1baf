"""A study that is killed in the middle of a cell goes on as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from leadlens.study.cell import load_predictions
from leadlens.study.plan import DONE, plan_cells
from leadlens.study.results import collect
from leadlens.study.run import finished_study, run_study
from leadlens.study.settings import read_study
from leadlens.study.summary import write_results

CHANGES = ("training.epochs=25", "axes.loss=[bce]", "explain=null")
RUN = "from leadlens.cli import main; main()"


def n_lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def run_and_kill(file: Path, folder: Path) -> None:
    """Start the study's command and kill it, with SIGKILL, once a cell has trained an epoch."""
    changes = [word for change in CHANGES for word in ("--set", change)]
    words = ["study", "run", str(file), "--out", str(folder), "--workers", "1", *changes]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    stop = time.monotonic() + 120
    while not any(n_lines(path) >= 1 for path in folder.glob("cells/*/*/metrics.jsonl")):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < stop
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def figures(folder: Path) -> list[dict[str, object]]:
    """Return the results without the seconds that they took."""
    _, data, tasks = finished_study(folder)
    write_results(collect([task.cell for task in tasks], data.classes), folder)
    conditions = json.loads((folder / "results.json").read_text())["conditions"]
    return [{k: v for k, v in item.items() if k != "seconds"} for item in conditions]


def test_a_study_killed_in_a_cell_ends_as_the_uninterrupted_one(
    study_file: Path, tmp_path: Path
) -> None:
    study = read_study(study_file, CHANGES)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    run_and_kill(study_file, killed)
    first = plan_cells(study, killed)[0]
    assert not first.is_done
    assert 1 <= n_lines(first.folder / "metrics.jsonl") < 25
    assert (first.folder / "checkpoint-0.safetensors").exists()

    for folder in (killed, whole):
        run_study(study, folder, device="cpu")
    for ours, theirs in zip(plan_cells(study, killed), plan_cells(study, whole), strict=True):
        assert n_lines(ours.folder / "metrics.jsonl") == 25
        with (
            np.load(ours.folder / "predictions.npz") as one,
            np.load(theirs.folder / "predictions.npz") as two,
        ):
            assert one.files == two.files
            for name in one.files:
                np.testing.assert_array_equal(one[name], two[name])
    assert figures(killed) == figures(whole)


MANY = (
    "explain=null",
    "axes.seed=[0, 100, 200, 300, 400, 500, 600, 700, 800, 900]",
    "training.epochs=30",
)
"""Of the small study's two losses and two folds: 40 cells of half a second to a second."""


@pytest.mark.slow
def test_a_study_killed_at_thirty_random_moments_computes_no_finished_cell_again(
    study_file: Path, tmp_path: Path
) -> None:
    study = read_study(study_file, MANY)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    changes = [word for change in MANY for word in ("--set", change)]
    words = ["study", "run", str(study_file), "--out", str(killed), "--workers", "2", *changes]
    luck = random.Random(0)
    finished: dict[Path, tuple[int, bytes]] = {}
    n_kills = 0
    while n_kills < 30:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # Long enough after the start, where a kill finds nothing to harm, in most cases.
        try:
            assert process.wait(luck.uniform(2, 9)) == 0
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            n_kills += 1
        for path, before in finished.items():
            assert (path.stat().st_mtime_ns, path.read_bytes()) == before
        for cell in plan_cells(study, killed):
            path = cell.folder / DONE
            if path.exists():
                finished[path] = path.stat().st_mtime_ns, path.read_bytes()
                load_predictions(cell)  # what is done is whole
    assert n_kills >= 20
    for folder in (killed, whole):
        run_study(study, folder, device="cpu")
    assert all((path.stat().st_mtime_ns, path.read_bytes()) == b for path, b in finished.items())
    assert len(plan_cells(study, killed)) == 40
    assert figures(killed) == figures(whole)
