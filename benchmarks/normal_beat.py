"""Make the normal beat of `leadlens explain` (replacement 'median_beat').

    python benchmarks/normal_beat.py [--n 2000] [--seed 71]

Of each simulated recording whose only label is normal sinus rhythm, with nothing borderline, the
median beat is cut from the onset of P to the end of T, its parts brought to their usual lengths,
and the mean is taken over recordings. What is left at the two ends is taken off along a line. No
real recording enters. Prints the table's file.
"""

import argparse
from pathlib import Path
from typing import Final

import numpy as np

import leadlens.explain
from leadlens.ecg.atrial import known_median
from leadlens.ecg.beats import FS as MEDIAN_FS
from leadlens.ecg.leads import INDEPENDENT_LEADS, STANDARD_LEADS
from leadlens.ecg.measurements import Measurements, measure
from leadlens.files import write_json
from leadlens.simulate import CohortSettings, recording_of, simulate_batches

FS: Final = 250.0
ROWS: Final = [STANDARD_LEADS.index(lead) for lead in INDEPENDENT_LEADS]


def knots_of(found: Measurements) -> np.ndarray:
    """Return P onset and end, QRS onset, R, QRS end and T end in the median beat, s."""
    marks, usual = found.marks, found.is_usual
    p_length = known_median((marks.p_offset - marks.p_onset)[usual])
    to_r = np.median((marks.r_peak - marks.qrs_onset)[usual])
    from_onset = [-found.pr, p_length - found.pr, 0.0, to_r, found.qrs_duration, found.qt]
    return found.median_onset + np.array(from_onset)


def main() -> None:
    """Write the beat into the package."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=71)
    given = parser.parse_args()
    settings = CohortSettings(
        cohort="challenge", n_recordings=given.n, seed=given.seed, noise="none"
    )
    beats, knots = [], []
    for batch in simulate_batches(settings):
        truth = zip(batch.truth.names, batch.truth.borderline, strict=True)
        for row, (names, borderline) in enumerate(truth):
            if set(names) == {"NSR"} and not borderline:
                found = measure(recording_of(batch, row))
                limits = knots_of(found)
                if np.isfinite(limits).all() and (np.diff(limits) > 0).all():
                    beats.append(found.median_beat[ROWS])
                    knots.append(limits)
    usual = np.median([limits - limits[0] for limits in knots], axis=0)
    usual = np.round(usual * FS) / FS
    times = np.arange(round(usual[-1] * FS) + 1) / FS
    cut = []
    for beat, limits in zip(beats, knots, strict=True):
        grid = np.arange(beat.shape[1]) / MEDIAN_FS
        source = np.interp(times, usual, limits)
        cut.append([np.interp(source, grid, row) for row in beat])
    mean = np.mean(cut, axis=0)
    mean -= mean[:, :1] + (mean[:, -1:] - mean[:, :1]) * times / times[-1]
    path = Path(leadlens.explain.__file__).parent / "normal_beat.json"
    table = {
        "from": f"{len(cut)} normal of {given.n} simulated recordings, seed {given.seed}",
        "leads": list(INDEPENDENT_LEADS),
        "fs": FS,
        "knots": usual.round(4).tolist(),
        "uv": np.rint(1000 * mean).astype(int).tolist(),
    }
    write_json(path, table)
    print(path, table["from"], table["knots"])


if __name__ == "__main__":
    main()
