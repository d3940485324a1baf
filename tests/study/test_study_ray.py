"""A study on many machines: the table of one machine, whatever is lost on the way."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from cluster import TwoNodes
from small_studies import small_study

from leadlens.data.store import Store
from leadlens.engines.ray import RayEngine
from leadlens.study.cell import load_predictions
from leadlens.study.plan import DONE, plan_cells
from leadlens.study.run import run_study


@pytest.mark.slow
def test_a_node_that_is_lost_in_the_middle_changes_no_cell(
    ray_cluster: TwoNodes, small_store: Store, tmp_path: Path
) -> None:
    axes = {"loss": ["bce", "double_soft_f1"], "seed": [0, 100], "fs": [50]}
    model = {"name": "resnet", "n_filters": (4, 8), "dropout": 0.2}
    training = {"model": model, "epochs": 30}
    study = small_study(small_store, axes=axes, folds={"k": 4}, training=training)
    alone, together = tmp_path / "alone", tmp_path / "together"
    run_study(study, alone, device="cpu")
    third = ray_cluster.add()
    lost = []

    def lose_it() -> None:
        stop = time.monotonic() + 120
        while time.monotonic() < stop:
            n_done = len(list(together.glob(f"cells/*/*/{DONE}")))
            if n_done:
                ray_cluster.lose(third)
                lost.append(n_done)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=lose_it)
    thread.start()
    run_study(study, together, RayEngine(), "cpu")
    thread.join()
    cells = plan_cells(study, alone)
    assert lost
    assert lost[0] < len(cells)
    for here, there in zip(cells, plan_cells(study, together), strict=True):
        ours, theirs = load_predictions(here), load_predictions(there)
        assert ours.keys == theirs.keys
        np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)
        np.testing.assert_array_equal(ours.thresholds, theirs.thresholds)
