"""How long a study will take, before it is run and while it is."""

import json
from pathlib import Path

import pytest
from small_studies import small_study

from leadlens.data.store import Store
from leadlens.errors import StoreError
from leadlens.study.cost import Cost
from leadlens.study.estimate import estimates
from leadlens.study.plan import DONE, plan_cells
from leadlens.study.settings import StudySettings

AXES = {"fs": [25, 50], "seed": [0, 100], "epochs": [2, 4]}


def study_on(store: Store) -> StudySettings:
    return small_study(store, axes=AXES)


def finish(folder: Path, shown: int, seconds: float) -> None:
    """Write down that a cell is done, and how fast it was."""
    folder.mkdir(parents=True)
    cost = Cost(
        wall_s=seconds, cpu_s=seconds, gpu_s=0, peak_mb=1, gpu_peak_mb=0, training_s=seconds,
        shown=shown,
    )  # fmt: skip
    said = {"cost": cost.model_dump(), "identity": {"n_recordings": 96}}
    (folder / DONE).write_text(json.dumps(said))


def test_before_a_cell_is_done_nothing_is_known(small_store: Store, tmp_path: Path) -> None:
    study = study_on(small_store)
    cells = plan_cells(study, tmp_path)
    assert estimates(study, cells, on_trial=False) == [None] * 16


def test_a_plan_needs_no_store_but_a_trial_does(small_store: Store, tmp_path: Path) -> None:
    study = small_study(small_store, data={"store": str(tmp_path / "nowhere")})
    cells = plan_cells(study, tmp_path / "study")
    assert estimates(study, cells, on_trial=False) == [None, None]
    with pytest.raises(StoreError, match="nowhere is not a finished store"):
        estimates(study, cells, on_trial=True)


def test_cells_that_train_alike_take_as_long_as_one_that_is_done(
    small_store: Store, tmp_path: Path
) -> None:
    study = study_on(small_store)
    cells = plan_cells(study, tmp_path)
    finish(cells[0].folder, shown=96, seconds=4.0)  # 24 recordings a second
    n_learned = len(small_store.keys) / 2
    for cell, seconds in zip(cells, estimates(study, cells, on_trial=False), strict=True):
        if cell is cells[0]:
            assert seconds == 0
        elif cell.fs == cells[0].fs:
            assert seconds == pytest.approx(n_learned * cell.training.epochs / 24)
        else:
            assert seconds is None


def test_a_cell_that_has_begun_has_less_left(small_store: Store, tmp_path: Path) -> None:
    study = study_on(small_store)
    cells = plan_cells(study, tmp_path)
    finish(cells[0].folder, shown=96, seconds=4.0)
    begun = next(cell for cell in cells[1:] if cell.fs == 25 and cell.training.epochs == 4)
    whole = estimates(study, cells, on_trial=False)[cells.index(begun)]
    begun.folder.mkdir(parents=True)
    (begun.folder / "metrics.jsonl").write_text("{}\n{}\n{}\n")
    left = estimates(study, cells, on_trial=False)[cells.index(begun)]
    assert whole is not None
    assert left == pytest.approx(whole / 4)


def test_a_trial_tells_of_every_training_and_counts_its_rate(
    small_store: Store, tmp_path: Path
) -> None:
    study = small_study(small_store, axes={"fs": [10, 50], "epochs": [2, 4]})
    cells = plan_cells(study, tmp_path)
    found = dict(
        zip(
            ((c.fs, c.training.epochs) for c in cells),
            estimates(study, cells, on_trial=True),
            strict=False,
        )
    )
    assert all(seconds is not None and seconds > 0 for seconds in found.values())
    assert found[50, 4] == pytest.approx(2 * found[50, 2])
    assert not any(tmp_path.iterdir())


def test_recordings_that_are_set_aside_are_not_learned_from(
    small_store: Store, tmp_path: Path
) -> None:
    study = small_study(small_store, axes={"fs": [50], "inner": [0.0, 0.25]})
    cells = plan_cells(study, tmp_path)
    for cell in cells[::2]:
        finish(cell.folder, shown=100, seconds=1.0)
    whole, less = (estimates(study, cells, on_trial=False)[n] for n in (1, 3))
    assert whole is not None
    assert less == pytest.approx(0.75 * whole)
