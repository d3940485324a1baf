"""The study engine: time to plan and report 200 cells, its overhead, and whether statistics hold.

    python benchmarks/study.py [--quick]

A study of 200 cells (40 conditions x 5 folds; 20 cells with --quick) of a tiny network on 200
simulated ECGs is planned, run in one process and reported. `overhead_s_per_cell` is what a cell
took beyond its epochs. `plan_s` and `report_s` are those of the functions, without imports;
the plan is that of 200 cells always.

`coverage`: how often 95 % intervals of an AUROC (bootstrap over patients of two recordings each,
50 and 100 positives in 450 and 900 recordings, true AUROC 0.8, 0.9 and 0.97) hold the truth; all
cases together, the worst beside. `coverage_macro`: the same of a mean over ten classes of 15 to 50
positives. `coverage_quantiles`: with the draws' quantiles as interval, for comparison.
`coverage_gap`: the same of the difference between two predictions of the same recordings, AUROC
0.9 and 0.85, six sources of 6 to 12 positives each, as the gap between known and unknown hospitals.
`type_one_error`: how often the corrected resampled t-test at 5 % finds a difference between two
rules that differ by chance, on real folds: each learns (a class mean) from the same 4 of 5 folds of
recordings drawn anew, so that folds overlap; `type_one_error_plain` is the plain t-test's.
`type_one_error_ranks`: how often, of three models that are equally good on eight independent
sources, the rank tests call any two different.
The last line is one JSON object.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

from leadlens.evaluation.bootstrap import (
    auroc_of_draws,
    interval,
    symmetric_interval,
    times_drawn,
)
from leadlens.evaluation.comparison import corrected_t_test, rank_test
from leadlens.evaluation.within import aurocs_of_two
from leadlens.study.plan import plan_cells
from leadlens.study.results import mean_draw
from leadlens.study.settings import StudySettings

N_CELLS = 200
DRAWS = 300


def study_of(n_conditions: int) -> StudySettings:
    """Return a study of so many conditions and 5 folds."""
    return StudySettings.model_validate({
        "name": "benchmark",
        "question": "How long does the engine take?",
        "data": {
            "simulate": {"cohort": "balanced", "n_recordings": 200, "seed": 1, "fs": 50},
            "min_positives": 10,
        },
        "folds": {"k": 5},
        "preset": "small",
        "training": {
            "model": {"name": "inception_time", "depth": 1, "n_filters": 2, "kernels": [5]},
            "epochs": 1,
        },
        "axes": {
            "loss": ["bce", "double_soft_f1"],
            "seed": list(range(1000, 1000 * n_conditions // 2 + 1, 1000)),
            "fs": [50],
        },
    })  # fmt: skip


def engine_figures(n_cells: int) -> dict[str, float]:
    """Return seconds to plan 200 cells, to report `n_cells`, and over a cell's epochs."""
    # Here, not above: imports are not counted.
    from leadlens.report.study_report import write_report
    from leadlens.study.run import finished_study, run_study

    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        planned = plan_cells(study_of(N_CELLS // 5), Path(scratch) / "nowhere")
        plan_s = time.perf_counter() - started
        assert len(planned) == N_CELLS
        study, folder = study_of(n_cells // 5), Path(scratch) / "study"
        run_study(study_of(2), Path(scratch) / "warm", device="cpu")
        started = time.perf_counter()
        run_study(study, folder, device="cpu")
        run_s = time.perf_counter() - started
        _, _, tasks = finished_study(folder)
        assert len(tasks) == n_cells
        training = sum(
            json.loads((task.cell.folder / "DONE").read_text())["seconds"] for task in tasks
        )
        started = time.perf_counter()
        write_report(folder)
        report_s = time.perf_counter() - started
    overhead = (run_s - training) / n_cells
    print(f"plan of {N_CELLS} cells {plan_s:.2f} s; report of {n_cells} cells {report_s:.1f} s")
    print(f"{n_cells} cells in {run_s:.1f} s: {overhead:.2f} s a cell beyond its epochs")
    return {
        "plan_s": round(plan_s, 3),
        "report_s": round(report_s, 2),
        "overhead_s_per_cell": round(overhead, 3),
    }


def drawn(
    rng: np.random.Generator, n_positive: int, auroc: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, values and patients of recordings whose values have this AUROC in truth."""
    truth = np.arange(9 * n_positive) < n_positive
    patients = np.arange(len(truth)) // 2
    own, shared = rng.standard_normal(len(truth)), rng.standard_normal(len(truth))[patients]
    return truth, (own + shared) / np.sqrt(2) + np.sqrt(2) * stats.norm.ppf(auroc) * truth, patients


def coverage(n_times: int) -> dict[str, float]:
    """Return how often intervals hold the truth."""
    by_case: list[float] = []
    by_quantiles: list[float] = []
    for n_positive in (50, 100):
        for auroc in (0.8, 0.9, 0.97):
            rng = np.random.default_rng([n_positive, round(100 * auroc)])
            held = []
            for number in range(n_times):
                truth, said, patients = drawn(rng, n_positive, auroc)
                draws = auroc_of_draws(truth, said, times_drawn(patients, DRAWS, number))
                low, high = interval(float(roc_auc_score(truth, said)), draws, n_positive // 2)
                ends = np.quantile(draws, (0.025, 0.975))
                held.append((low <= auroc <= high, ends[0] <= auroc <= ends[1]))
            ours, quantiles = np.mean(held, axis=0)
            print(f"{n_positive} positives, AUROC {auroc}: {ours:.3f} (quantiles {quantiles:.3f})")
            by_case.append(float(ours))
            by_quantiles.append(float(quantiles))
    macro = macro_coverage(n_times)
    print(f"macro AUROC of ten classes, 15 to 50 positives each: {macro:.3f}")
    return {
        "coverage": round(float(np.mean(by_case)), 4),
        "coverage_worst": round(max(by_case, key=_distance), 4),
        "coverage_quantiles": round(float(np.mean(by_quantiles)), 4),
        "coverage_macro": round(macro, 4),
        "coverage_n": 6 * n_times,
    }


def _distance(share: float) -> float:
    """Return how far a coverage is from what was promised."""
    return abs(share - 0.95)


def macro_coverage(n_times: int) -> float:
    """Return how often the interval of a macro AUROC holds the truth."""
    rng, held = np.random.default_rng(7), []
    sizes = np.linspace(15, 50, 10).astype(int)
    aurocs = np.linspace(0.7, 0.97, 10)
    for number in range(n_times):
        times = times_drawn(np.arange(900) // 2, DRAWS, number)
        values, draws = [], []
        for size, auroc in zip(sizes, aurocs, strict=True):
            truth = np.zeros(900, bool)
            truth[rng.choice(900, size, replace=False)] = True
            shift = np.sqrt(2) * stats.norm.ppf(auroc)
            said = rng.standard_normal(900) + shift * truth
            values.append(float(roc_auc_score(truth, said)))
            draws.append(auroc_of_draws(truth, said, times))
        low, high = interval(float(np.mean(values)), mean_draw(draws))
        held.append(low <= aurocs.mean() <= high)
    return float(np.mean(held))


def gap_coverage(n_times: int) -> float:
    """Return how often the interval of a difference of AUROCs over sources holds the truth."""
    aurocs, held = (0.9, 0.85), []
    for number in range(n_times):
        rng = np.random.default_rng([5, number])
        values, draws = [], []
        for size in (6, 8, 8, 10, 10, 12):
            truth = np.arange(10 * size) < size
            shared = rng.standard_normal(len(truth))
            said = np.stack(
                [
                    (shared + rng.standard_normal(len(truth))) / np.sqrt(2)
                    + np.sqrt(2) * stats.norm.ppf(auroc) * truth
                    for auroc in aurocs
                ]
            )[:, :, None]
            strata, groups = np.arange(len(truth)) % 5, np.arange(len(truth)) // 2
            known = np.ones((len(truth), 1), bool)
            both, drawn = aurocs_of_two(truth[:, None], known, said, strata, groups, number, DRAWS)
            values.append(both[0, 0] - both[1, 0])
            draws.append(drawn[:, 0])
        low, high = symmetric_interval(float(np.mean(values)), mean_draw(draws))
        held.append(low <= aurocs[0] - aurocs[1] <= high)
    share = float(np.mean(held))
    print(f"gap between two predictions over six sources of 6 to 12 positives: {share:.3f}")
    return share


def rank_error(n_times: int) -> float:
    """Return how often rank tests find a difference between models that are equally good."""
    rng, found = np.random.default_rng(13), []
    for _ in range(n_times):
        scores = 0.8 + rng.normal(0, 0.1, (8, 1)) + rng.normal(0, 0.02, (8, 3))
        found.append(min(rank_test(scores).p.values()) < 0.05)
    share = float(np.mean(found))
    print(f"type-I error at 5 % of ranks over 8 sources, 3 models: {share:.3f}")
    return share


def fold_differences(n_times: int) -> Iterator[np.ndarray]:
    """Yield the folds' differences of accuracy between two rules that are equally good."""
    k, n, n_features = 5, 200, 8
    for number in range(n_times):
        rng = np.random.default_rng([11, number])
        truth = rng.random(n) < 0.5
        features = rng.standard_normal((n, 2 * n_features)) + 0.35 * truth[:, None]
        fold = rng.permutation(n) % k
        differences = []
        for tested in range(k):
            learned = fold != tested
            right = []
            for part in (slice(0, n_features), slice(n_features, None)):
                seen = features[:, part]
                direction = seen[learned & truth].mean(0) - seen[learned & ~truth].mean(0)
                middle = (seen[learned & truth].mean(0) + seen[learned & ~truth].mean(0)) / 2
                given = (seen - middle) @ direction > 0
                right.append((given == truth)[fold == tested].mean())
            differences.append(right[0] - right[1])
        yield np.array(differences)


def type_one_error(n_times: int) -> dict[str, float]:
    """Return how often tests at 5 % find what is not there."""
    p = [
        (corrected_t_test(found, 1 / 4).p, corrected_t_test(found, 0.0).p)
        for found in fold_differences(n_times)
    ]
    corrected, plain = (np.array(p) < 0.05).mean(axis=0)
    print(f"type-I error at 5 %: corrected t-test {corrected:.3f}, plain t-test {plain:.3f}")
    return {
        "type_one_error": round(float(corrected), 4),
        "type_one_error_plain": round(float(plain), 4),
        "type_one_error_n": n_times,
    }


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="20 cells, fewer cases: under 60 s")
    options = parser.parse_args()
    figures = {
        **engine_figures(20 if options.quick else N_CELLS),
        **coverage(60 if options.quick else 1000),
        "coverage_gap": round(gap_coverage(60 if options.quick else 1000), 4),
        **type_one_error(500 if options.quick else 5000),
        "type_one_error_ranks": round(rank_error(500 if options.quick else 5000), 4),
    }
    print(
        json.dumps(
            {**figures, "cells": 20 if options.quick else N_CELLS, "quick": options.quick,
             "machine": platform.machine(), "date": date.today().isoformat()}
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
