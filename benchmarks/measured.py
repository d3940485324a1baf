"""What an independent measurement chain finds of what was programmed.

    python benchmarks/measured.py [--n N] [--seed S] [--noise none|bank] [--quick]

Simulated ECGs go through `leadlens.ecg` (delineation, measurements, a rule for each diagnosis),
which does not see the programme. Printed: errors of rate, PR, QRS, QT and axis, and for each
diagnosis the rule's sensitivity and specificity outside the borderline band, with 95 % intervals
(Wilson). The last line is one JSON object.
"""

import argparse
import json
from collections import defaultdict

import numpy as np

from leadlens.ecg.criteria import meets
from leadlens.ecg.diagnoses import diagnoses
from leadlens.ecg.measurements import measure
from leadlens.simulate import CohortSettings, recording_of, simulate_batches
from leadlens.simulate.heart import fiducials
from leadlens.simulate.rhythm import BeatKind

GOAL = 0.95


def wilson(n_right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return float("nan"), float("nan")
    share, z2 = n_right / n, 1.96**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = 1.96 * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return middle - half, middle + half


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--noise", default="none")
    parser.add_argument("--quick", action="store_true", help="200 ECGs")
    options = parser.parse_args()
    n = 200 if options.quick else options.n
    settings = CohortSettings(n_recordings=n, seed=options.seed, noise=options.noise)
    errors, rows = defaultdict(list), []
    for batch in simulate_batches(settings):
        for row in range(len(batch)):
            recording = recording_of(batch, row)
            found = measure(recording)
            rows.append((batch.truth.names[row], batch.truth.borderline[row],
                         meets(found, recording.sex)))  # fmt: skip
            times = fiducials(batch.programme, row)
            usual = times.kind != BeatKind.VENTRICULAR_PREMATURE
            onset = times.qrs_onset
            programmed = {
                "HR (1/min)": 60 / np.nanmean(np.diff(onset[~np.isnan(onset)])),
                "PR (ms)": 1e3 * np.nanmedian(np.append((onset - times.p_onset)[usual], np.nan))
                if np.isfinite(times.p_onset[usual]).any() else np.nan,
                "QRS (ms)": 1e3 * np.nanmedian((times.qrs_offset - onset)[usual]),
                "QT (ms)": 1e3 * np.nanmedian((times.t_offset - onset)[usual]),
                "axis (degrees)": float(batch.programme.beats.measures.axis[row]),
            }  # fmt: skip
            measured = (found.heart_rate, 1e3 * found.pr, 1e3 * found.qrs_duration,
                        1e3 * found.qt, found.qrs_axis)  # fmt: skip
            for (name, value), answer in zip(programmed.items(), measured, strict=True):
                errors[name].append(answer - value)
    medians = {}
    print("measured less programmed: median [5 %, 95 %]")
    for name, values in errors.items():
        error = np.array(values)
        error = (error + 180) % 360 - 180 if "axis" in name else error
        low, middle, high = np.nanpercentile(error, [5, 50, 95])
        medians[name] = round(float(middle), 2)
        print(f"  {name:15s} {middle:7.2f}  [{low:.1f}, {high:.1f}]")
    failing = []
    print(f"rules, outside the borderline band (goal {GOAL}):")
    for item in diagnoses():
        name = item.abbreviation
        clear = [(name in true, bool(said[name])) for true, near, said in rows if name not in near]
        right = {k: sum(said == k for true, said in clear if true == k) for k in (True, False)}
        total = {k: sum(true == k for true, _ in clear) for k in (True, False)}
        shares = [right[k] / total[k] if total[k] else float("nan") for k in (True, False)]
        texts = [f"{share:.3f} [{low:.3f}, {high:.3f}]" for share, (low, high) in zip(
            shares, (wilson(right[k], total[k]) for k in (True, False)), strict=True)]  # fmt: skip
        is_short = not min(shares) >= GOAL
        failing += [name] if is_short else []
        print(f"  {name:7s} {total[True]:4d}  sensitivity {texts[0]}  specificity {texts[1]}"
              f"{'  below the goal' if is_short else ''}")  # fmt: skip
    print(json.dumps({"n": n, "noise": options.noise, "median_errors": medians,
                      "rules_below_goal": failing}))  # fmt: skip


if __name__ == "__main__":
    main()
