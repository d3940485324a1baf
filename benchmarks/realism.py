"""How real simulated ECGs look to a ruler and to a classifier.

    python benchmarks/realism.py DATA... [--quick]

Recordings of the folders (in millivolts) and as many simulated ones (`challenge` cohort, each at
the rate and with the device of a real one) go through the same measurement chain, which knows
nothing of the simulator. Printed are quantiles of intervals, axis and amplitudes of both, and the
AUROC with which a classifier tells real from simulated median beats (cross-validated; 0.5: it
cannot).
The last line is one JSON object.
"""

import argparse
import json
import platform
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leadlens.data.sources import source_of
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.ecg.measurements import Measurements, measure
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.ecg.resample import resample_array
from leadlens.errors import LeadlensError
from leadlens.evaluation.statistics import mean_auroc_interval
from leadlens.io import read
from leadlens.simulate import CohortSettings, programme_batch, recording_of
from leadlens.simulate.devices import DEVICE_NAMES

BEAT_FS = 100.0
BEFORE, AFTER = 0.25, 0.45
SHOWN = ("V1", "V2", "V3", "V4", "V5", "V6", "I", "II")

Row = tuple[dict[str, float], np.ndarray]
Taken = tuple[float, str]
"""Sampling rate in Hz and device of a recording."""


def summary(found: Measurements) -> Row | None:
    """Return a recording's measures, and its median beat at 100 Hz on eight leads."""
    values = {
        "heart rate (1/min)": found.heart_rate,
        "PR (ms)": 1e3 * found.pr,
        "QRS (ms)": 1e3 * found.qrs_duration,
        "QTc (ms)": 1e3 * found.qtc,
        "axis (degrees)": found.qrs_axis,
    }
    for lead in ("I", "II", "V1", "V2", "V5"):
        for wave in ("r_wave", "s_wave", "t_wave", "p_wave"):
            values[f"{wave[0].upper()} {lead} (mV)"] = float(found.of(wave, lead))
    step = Fraction(int(BEAT_FS), round(found.median_fs))
    beat = resample_array(found.median_beat, step)
    begin = round((found.median_onset - BEFORE) * BEAT_FS)
    window = beat[:, max(begin, 0) : max(begin, 0) + round((BEFORE + AFTER) * BEAT_FS)]
    if window.shape[1] < round((BEFORE + AFTER) * BEAT_FS) or not np.isfinite(window).all():
        return None
    rows = [STANDARD_LEADS.index(lead) for lead in SHOWN]
    window = window[rows] - np.median(window[rows], axis=1, keepdims=True)
    return values, window.ravel()


def of_file(path: Path) -> tuple[Row, Taken] | None:
    """Return the summary of one file and how it was taken; None where it cannot be measured."""
    try:
        recording = read(path, source_of(str(path)))
        if recording.units != "mV":
            return None
        found = summary(measure(_first_seconds(standard_leads(recording))))
    except LeadlensError:
        return None
    device = recording.source if recording.source in DEVICE_NAMES else "ptb-xl"
    return (found, (min(recording.fs, 500.0), device)) if found else None


def of_simulated(index: int, taken: Taken) -> Row | None:
    """Return the summary of one simulated recording, taken like a real one."""
    settings = CohortSettings(
        cohort="challenge", n_recordings=100_000, seed=4242, fs=taken[0], device=taken[1]
    )
    return summary(measure(recording_of(programme_batch(settings, np.array([index])), 0)))


def _first_seconds(recording: Recording) -> Recording:
    """Return at most the first 10 s."""
    n = min(recording.n_samples, round(10 * recording.fs))
    return Recording(recording.signal[:, :n], recording.fs, recording.leads, recording.record_id)


def tell_apart(real: list[Row], simulated: list[Row]) -> dict[str, float]:
    """Return the cross-validated AUROC of the better of two classifiers, with its interval."""
    beats = np.stack([row[1] for row in (*real, *simulated)])
    is_real = np.repeat([1, 0], [len(real), len(simulated)])
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    n_parts = min(40, len(beats) // 8)
    aurocs = {}
    for name, model in {
        "linear": LogisticRegression(C=0.1, max_iter=2000),
        "boosted trees": HistGradientBoostingClassifier(random_state=0),
    }.items():
        pipeline = make_pipeline(StandardScaler(), PCA(n_parts, random_state=0), model)
        chance = cross_val_predict(pipeline, beats, is_real, cv=folds, method="predict_proba")
        aurocs[name] = float(roc_auc_score(is_real, chance[:, 1]))
        print(f"real against simulated median beats, {name}: AUROC {aurocs[name]:.3f}")
    best = max(aurocs.values())
    low, high = mean_auroc_interval([best], [len(real)], [len(simulated)])
    return {"two_sample_auroc": round(best, 4), "low": round(low, 4), "high": round(high, 4)}


def show(real: list[Row], simulated: list[Row]) -> dict[str, list[float]]:
    """Print the quantiles of both; return those of the simulated."""
    print(f"{'5 / 50 / 95 %':22s}{'real':>27s}{'simulated':>27s}")
    kept = {}
    for name in real[0][0]:
        texts = []
        for rows in (real, simulated):
            values = np.array([row[0][name] for row in rows])
            quantiles = np.nanpercentile(values, [5, 50, 95])
            texts.append(" / ".join(f"{value:7.2f}" for value in quantiles))
            kept[name] = [round(float(value), 3) for value in quantiles]
        print(f"{name:22s}{texts[0]:>27s}{texts[1]:>27s}")
    return kept


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+", help="folders of real recordings in mV")
    parser.add_argument("--quick", action="store_true", help="at most 60 of each")
    options = parser.parse_args()
    files = sorted(path for folder in options.data for path in folder.rglob("*.hea"))
    if options.quick:
        files = files[:: max(1, len(files) // 60)]
    found = [item for item in map(of_file, files) if item]
    real = [row for row, _ in found]
    drawn = (of_simulated(index, taken) for index, (_, taken) in enumerate(found))
    simulated = [row for row in drawn if row]
    print(f"{len(real)} real recordings, {len(simulated)} simulated")
    quantiles = show(real, simulated)
    figures = tell_apart(real, simulated)
    print(json.dumps({
        **figures, "real": len(real), "simulated": len(simulated),
        "simulated_quantiles": quantiles, "machine": platform.machine(),
        "date": date.today().isoformat(),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
