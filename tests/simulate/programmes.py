"""Programmes of thousands of recordings as arrays, made once for all tests and workers.

They are made in processes of their own: without the checks of shapes that pytest adds, in a
third of the time.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
from filelock import FileLock

from leadlens.ecg.diagnoses import diagnoses
from leadlens.simulate import Batch, CohortSettings, programme_batch

NAMES = tuple(item.abbreviation for item in diagnoses())
N = {"factorial": 20_000, "challenge": 6_000, "balanced": 4_500}
Table = dict[str, np.ndarray]


def truth_table(batch: Batch, what: str = "names") -> np.ndarray:
    """Return (recording, diagnosis) bool: the labels of a batch, in the order of NAMES."""
    return np.array([[name in row for name in NAMES] for row in getattr(batch.truth, what)])


@cache
def batch_of(n: int, **settings: object) -> Batch:
    """Return the first `n` recordings of a cohort; tests share it and change nothing in it."""
    chosen = CohortSettings.model_validate({"n_recordings": n, "seed": 77, **settings})
    return programme_batch(chosen, np.arange(n))


def has(batch: Batch, name: str) -> np.ndarray:
    """Return (recording,) bool: which recordings of a batch carry a label."""
    return np.array([name in row for row in batch.truth.names])


def write(cohort: str, path: Path, size: int = 1000) -> None:
    """Write the programmes of a cohort to `path`."""
    settings = CohortSettings.model_validate(
        {"cohort": cohort, "n_recordings": N[cohort], "seed": 2024}
    )
    parts: list[Table] = []
    for first in range(0, N[cohort], size):
        batch = programme_batch(settings, np.arange(first, min(first + size, N[cohort])))
        programme, plan, rhythm = batch.programme, batch.programme.plan, batch.programme.rhythm
        beats, after = programme.beats, programme.beats.after_qrs
        parts.append(
            {
                "labels": truth_table(batch),
                "borderline": truth_table(batch, "borderline"),
                "rhythm": plan.rhythm,
                "finding": plan.finding,
                "lookalike": plan.lookalike,
                "attempt": programme.streams.attempt,
                "age": programme.age,
                "is_male": programme.is_male,
                "onset": rhythm.onset,
                "kind": rhythm.kind,
                "pr": rhythm.pr,
                "rate": rhythm.rate,
                "rr_range": rhythm.rr_range,
                "qt_rr": rhythm.qt_rr,
                "flutter_cycle": rhythm.flutter_cycle,
                "p_duration": programme.atria.p_duration,
                "qrs_duration": beats.qrs_duration,
                "qtc": after.qtc,
                "lead_field": beats.lead_field,
                "qrs_centre": beats.qrs_centre,
                "qrs_width": beats.qrs_width,
                "qrs_vector": beats.qrs_vector,
                "residual": beats.residual[0],
                "residual_wave": beats.residual[1],
                "axis": beats.measures.axis,
            }
        )
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    partial = path.with_suffix(".part.npz")
    np.savez(partial, **table)
    partial.rename(path)


def read_tables(folder: Path) -> dict[str, Table]:
    """Return the programmes of each cohort in N, made in `folder` by whoever comes first."""
    paths = {cohort: folder / f"{cohort}.npz" for cohort in N}
    with FileLock(folder / "programmes.lock"):
        if not all(path.exists() for path in paths.values()):
            queues = (("factorial",), ("challenge", "balanced"))
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            running = [
                subprocess.Popen([sys.executable, __file__, str(folder), *queue], env=environment)
                for queue in queues
            ]
            assert [process.wait() for process in running] == [0, 0]
    return {cohort: dict(np.load(path)) for cohort, path in paths.items()}


if __name__ == "__main__":
    for name in sys.argv[2:]:
        write(name, Path(sys.argv[1]) / f"{name}.npz")
