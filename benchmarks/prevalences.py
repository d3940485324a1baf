"""How often each diagnosis occurs in each simulated cohort, as a table in Markdown.

    python benchmarks/prevalences.py [--n N]

The last line is one JSON object.
"""

import argparse
import json
from collections import Counter

from leadlens.ecg.diagnoses import diagnoses
from leadlens.simulate import CohortSettings, simulate_batches
from leadlens.simulate.annotators import annotate
from leadlens.simulate.devices import DEVICE_NAMES

TOTAL = 88_253


def counts(cohort: str, n: int) -> tuple[Counter[str], Counter[str]]:
    """Return how many recordings have each diagnosis, and how many annotators would say so."""
    true: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for batch in simulate_batches(CohortSettings(cohort=cohort, n_recordings=n, seed=1), size=500):
        for row, names in enumerate(batch.truth.names):
            source = DEVICE_NAMES[batch.devices.device[row]]
            true.update(names)
            said.update(annotate(names, batch.programme, row, source))
    return true, said


def main() -> None:
    """Print the table, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=6000, help="recordings of each cohort")
    parser.add_argument("--quick", action="store_true", help="600 of each")
    options = parser.parse_args()
    n = 600 if options.quick else options.n
    found = {cohort: counts(cohort, n) for cohort in ("balanced", "factorial", "challenge")}
    print("| | balanced | factorial | challenge | challenge, annotators | totals |")
    print("|---|---|---|---|---|---|")
    shares = {}
    for item in diagnoses():
        name = item.abbreviation
        columns = [true[name] for true, _ in found.values()] + [found["challenge"][1][name]]
        shares[name] = [round(100 * value / n, 1) for value in columns]
        cells = [f"{value:.1f}" for value in (*shares[name], 100 * item.count / TOTAL)]
        print(f"| {name} | {' | '.join(cells)} |")
    print(json.dumps({"n": n, "least_balanced": min(row[0] for row in shares.values())}))


if __name__ == "__main__":
    main()
