"""The published study's recipe beside the package `lime`: the same answer, and at what cost.

    python benchmarks/paper_lime.py [--quick]

A known function of some leads, linear or not, is explained by LimeTabularExplainer (not discrete,
the rest its defaults, 20 features or all that the case has less 2). Our regression is then given
the package's own draws: `largest_difference` of weights, over the largest weight, and
`same_features`, the least share of chosen features in common. Then our whole recipe with draws of
its own: `own_draws_difference` on small cases with 50,000, where chance has little room. Cost: one
diagnosis of one ECG of 12 leads x 10 s at 75 Hz (at 10 Hz with --quick) and 5,000 points, each in a
process of one thread: seconds, megabytes at most, and seconds of a second ECG with the same draws,
which the network need not see again. lime is installed into `.venv-peers`. The last line is one
JSON object.
"""

import argparse
import json
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
from peers import peer_python, run

from leadlens.explain.neighbourhood import Neighbourhood

TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

_PEER = """
import resource, sys, time
import numpy as np
from lime.lime_tabular import LimeTabularExplainer
case = np.load(sys.argv[1])
seen = []
def predict(points):
    seen.append(points)
    flat = np.tanh(points) if case["bends"] else points
    p = 1 / (1 + np.exp(-flat @ case["slopes"]))
    seen.append(p)
    return np.column_stack([1 - p, p])
explainer = LimeTabularExplainer(case["background"], discretize_continuous=False, random_state=1)
n_points, n_features = int(case["n_points"]), int(case["n_features"])
started = time.perf_counter()
found = explainer.explain_instance(
    case["instance"], predict, num_features=n_features, num_samples=n_points
)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
features, weights = zip(*found.as_map()[1])
np.savez(sys.argv[2], points=seen[0].astype(sys.argv[3]), answers=seen[1], features=features,
         weights=weights, r2=found.score)
print(seconds, peak)
"""

_OURS = """
import resource, sys, time
import numpy as np
import torch
from leadlens.explain.background import Background
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.paper_lime import PaperLime
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import make_game
torch.set_num_threads(1)
case = np.load(sys.argv[1])
leads = tuple(case["leads"].tolist())
n_samples = len(case["instance"]) // len(leads)
class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.slopes = torch.nn.Parameter(torch.tensor(case["slopes"][:, None], dtype=torch.float32))
    def forward(self, windows):
        flat = windows.flatten(1)
        return (torch.tanh(flat) if case["bends"] else flat) @ self.slopes
mean, sd = (part.reshape(1, len(leads), n_samples).astype(np.float32)
            for part in (case["background"].mean(0), case["background"].std(0)))
one = np.array([1])
background = Background(("a",), leads, "millivolt", mean, sd, one, one, "benchmark")
zero = torch.zeros((len(leads), 1))
model = FrozenModel(Network(), ("a",), zero, zero + 1)
recipe = PaperLime(background, None, int(case["n_points"]), int(case["n_features"]))
settings = ExplainSettings(pieces="whole")
seconds = []
for number in (0, recipe.n_designs):
    signal = case["instance"].reshape(len(leads), n_samples)
    game = make_game(signal, leads, 75.0, "mV", settings, like=model.like)
    started = time.perf_counter()
    said = recipe(model, game, settings, number)
    seconds.append(time.perf_counter() - started)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
chosen = said.features["a"]
np.savez(sys.argv[2], features=[leads.index(f.lead) * n_samples + f.sample for f in chosen],
         weights=[f.weight for f in chosen], r2=said.r2[0])
print(*seconds, peak)
"""


def make_case(
    path: Path, leads: tuple[str, ...], n_samples: int, n_points: int, *, bends: bool
) -> None:
    """Write a background, an instance and a function to `path`."""
    n = len(leads) * n_samples
    rng = np.random.default_rng([n, bends])
    middle, spread = rng.normal(size=n), rng.uniform(0.2, 1.5, size=n)
    np.savez(
        path, background=middle + spread * rng.normal(size=(400, n)), bends=bends, leads=leads,
        instance=middle + spread * rng.normal(size=n), slopes=rng.normal(size=n) * 2 / np.sqrt(n),
        n_points=n_points, n_features=min(20, n - 2),
    )  # fmt: skip


def same_draws(case: Path, theirs: Path) -> tuple[float, float]:
    """Return how our regression on the package's draws differs from the package's answer.

    The largest difference of weights, over the largest weight, and the share of chosen features in
    common.
    """
    with np.load(case) as given, np.load(theirs) as found:
        mean, sd = given["background"].mean(axis=0), given["background"].std(axis=0)
        points = (found["points"] - mean) / sd
        near = Neighbourhood(points[0], points[1:].astype(found["points"].dtype))
        fit = near.fit(found["answers"], int(given["n_features"]))
        return compared(fit.features, fit.weights, found["features"], found["weights"])


def compared(
    features: np.ndarray, weights: np.ndarray, their_features: np.ndarray, their_weights: np.ndarray
) -> tuple[float, float]:
    """Return the largest difference over the largest weight, and the share in common."""
    ours = dict(zip(features.tolist(), weights.tolist(), strict=True))
    theirs = dict(zip(their_features.tolist(), their_weights.tolist(), strict=True))
    common = ours.keys() & theirs.keys()
    largest = max(map(abs, theirs.values()))
    difference = max((abs(ours[k] - theirs[k]) for k in common), default=float("nan"))
    return difference / largest, len(common) / len(theirs)


def agreement(python: Path, scratch: Path) -> dict[str, float]:
    """Return how small cases come out beside the package, on its draws and on draws of our own."""
    case, theirs, ours = (scratch / f"{name}.npz" for name in ("case", "theirs", "ours"))
    differences, shares, own = [], [], []
    for leads, n_points in ((TWELVE[:2], 5000), (TWELVE[:3], 5000), (TWELVE[:3], 50_000)):
        for bends in (False, True):
            make_case(case, leads, 10, n_points, bends=bends)
            run(python, _PEER, case, theirs, "float64")
            difference, share = same_draws(case, theirs)
            kind = "bent" if bends else "linear"
            print(f"{len(leads)} leads x 10, {kind}, {n_points} points: {told(difference, share)}")
            differences.append(difference)
            shares.append(share)
            if n_points == 50_000:
                run(sys.executable, _OURS, case, ours)
                with np.load(ours) as mine, np.load(theirs) as found:
                    parts = [each[k] for each in (mine, found) for k in ("features", "weights")]
                own.append(compared(*parts)[0])
                print(f"  with draws of its own: weights differ by {own[-1]:.3f}")
    return {
        "largest_difference": max(differences),
        "same_features": min(shares),
        "own_draws_difference": round(max(own), 4),
    }


def cost(python: Path, scratch: Path, n_samples: int) -> dict[str, float]:
    """Return what one diagnosis of one ECG costs, and how it comes out on the package's draws."""
    case, theirs, ours = (scratch / f"{name}.npz" for name in ("case", "theirs", "ours"))
    make_case(case, TWELVE, n_samples, 5000, bends=True)
    seconds, peak = run(python, _PEER, case, theirs, "float32")
    difference, share = same_draws(case, theirs)
    our_seconds, again, our_peak = run(sys.executable, _OURS, case, ours)
    print(f"12 leads x {n_samples}, bent, 5000 points: {told(difference, share)}")
    print(f"  lime {seconds:.1f} s, {peak:.0f} MB; ours {our_seconds:.1f} s, {our_peak:.0f} MB;")
    print(f"  {again:.1f} s where the network's answers to the draws are known")
    return {
        "n_features": 12 * n_samples,
        "ecg_difference": float(f"{difference:.2e}"),
        "ecg_same_features": share,
        "seconds_lime": round(seconds, 2),
        "seconds_ours": round(our_seconds, 2),
        "seconds_ours_known_draws": round(again, 2),
        "ratio": round(seconds / our_seconds, 2),
        "peak_mb_lime": round(peak),
        "peak_mb_ours": round(our_peak),
    }


def told(difference: float, share: float) -> str:
    """Return a comparison in words."""
    return f"weights differ by {difference:.1e}, {share:.0%} of the features in common"


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="an ECG of 1,200 samples: under 60 s")
    options = parser.parse_args()
    python = peer_python("lime")
    if python is None:
        sys.exit("lime cannot be installed here")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        figures = agreement(python, scratch) | cost(python, scratch, 100 if options.quick else 750)
    machine = {"machine": platform.machine(), "date": date.today().isoformat()}
    print(json.dumps(figures | {"quick": options.quick} | machine))


if __name__ == "__main__":
    main()
