"""How much F1 and Challenge score rules for thresholds lose on recordings not chosen on.

    python benchmarks/thresholds.py [--repeats 20] [--seed 0]

Models are simulated: Gaussian logits of 30 classes whose best threshold is known exactly, put out
with a slope and an offset of their own for each class. Five kinds of model:

    calibrated   nearly right as they are
    bce          slopes within a factor of 1.3, offsets of 0.5
    soft_f1      three times too sure, centred on 0.5
    noisy        bce, and 15 % of the positives look like negatives, 1 % of these like positives
    curved       bce, logits then bent like a logarithm: no slope and offset make them right

The tables hold points of F1 lost to the best threshold there is (mean over classes, models).
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from leadlens.ecg.diagnoses import diagnoses, scored_codes
from leadlens.evaluation.calibration import fit_calibration, logits_of
from leadlens.evaluation.challenge import challenge_score
from leadlens.evaluation.reliability import log_loss
from leadlens.evaluation.thresholds import choose_thresholds

KINDS = ("calibrated", "bce", "soft_f1", "noisy", "curved")
CODES = scored_codes()
INFINITE = float("inf")


@dataclass(frozen=True, eq=False)
class Model:
    """Simulated outputs for classes of given prevalence."""

    kind: str
    prevalence: np.ndarray
    distance: np.ndarray
    slope: np.ndarray
    offset: np.ndarray

    @property
    def swapped(self) -> tuple[float, float]:
        """Shares of positives that look negative, and of negatives that look positive."""
        return (0.15, 0.01) if self.kind == "noisy" else (0.0, 0.0)

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return probabilities for labels."""
        swap = rng.random(labels.shape) < np.where(labels, *self.swapped)
        z = rng.normal(self.distance * (labels ^ swap), 1)
        right = np.log(self.prevalence / (1 - self.prevalence)) + self.distance * z
        out = self.slope * (right - self.distance**2 / 2) + self.offset
        return expit(1.5 * np.sign(out) * np.log1p(np.abs(out)) if self.kind == "curved" else out)

    def f1_at(self, threshold: np.ndarray) -> np.ndarray:
        """Return the exact F1 of each class on endless recordings."""
        out = logits_of(threshold[None])[0]
        if self.kind == "curved":
            out = np.sign(out) * np.expm1(np.abs(out) / 1.5)
        right = (out - self.offset) / self.slope + self.distance**2 / 2
        return self._f1((right - np.log(self.prevalence / (1 - self.prevalence))) / self.distance)

    def best_f1(self) -> np.ndarray:
        """Return the largest F1 of each class."""
        return np.max([self._f1(np.full(len(self.slope), z)) for z in np.linspace(-3, 8, 600)], 0)

    def _f1(self, z: np.ndarray) -> np.ndarray:
        like_positive, like_negative = norm.sf(z - self.distance), norm.sf(z)
        missed, taken = self.swapped
        true = self.prevalence * ((1 - missed) * like_positive + missed * like_negative)
        false = (1 - self.prevalence) * ((1 - taken) * like_negative + taken * like_positive)
        return 2 * true / (self.prevalence + true + false)


def model_of(kind: str, prevalence: np.ndarray, rng: np.random.Generator) -> Model:
    """Return a model drawn at random; AUROCs from 0.80 to 0.99."""
    n = len(prevalence)
    spread, shift = (0.05, 0.1) if kind == "calibrated" else (0.25, 0.5)
    times, centre = (3.0, 4.5) if kind == "soft_f1" else (1.0, 0.0)
    slope = times * np.exp(rng.normal(0, spread, n))
    offset = centre + times * rng.normal(0, shift, n)
    return Model(kind, prevalence, rng.uniform(1.2, 3.2, n), slope, offset)


def one_for_all(labels: np.ndarray, said: np.ndarray, is_macro: bool) -> float:
    """Return the logit of the single threshold with the largest macro or micro F1."""
    logits = logits_of(said)
    cuts = np.unique(np.quantile(logits, np.linspace(0.5, 1, 500)))
    given = [logits > cut for cut in cuts]
    true = np.array([(labels & g).sum(axis=0) for g in given])
    whole = np.array([g.sum(axis=0) for g in given]) + labels.sum(axis=0)
    f1 = (2 * true / whole).mean(axis=1) if is_macro else 2 * true.sum(axis=1) / whole.sum(axis=1)
    return float(cuts[f1.argmax()])


def rules_of(labels: np.ndarray, said: np.ndarray) -> dict[str, np.ndarray]:
    """Return thresholds by the name of their rule."""
    mask, n = np.ones_like(labels), labels.sum(axis=0)

    def tuned(shrink: float) -> np.ndarray:
        return choose_thresholds(labels, mask, said, "f1", CODES, shrink=shrink)

    own = logits_of(tuned(0)[None])[0]
    macro, micro = (one_for_all(labels, said, is_macro) for is_macro in (True, False))
    halves = [p.cumsum() / (np.arange(len(p)) + 1 + p.sum()) for p in -np.sort(-said.T)]
    rules = {
        "0.5": np.full(len(n), 0.5),
        "one for all, macro": np.full(len(n), expit(macro)),
        "one for all, micro": np.full(len(n), expit(micro)),
        "expected F1, not calibrated": np.array([half.max() for half in halves]),
    }
    for n0 in (3, 10, 30, 100):
        for name, aim in (("macro", macro), ("micro", micro)):
            rules[f"own -> {name}, n0 = {n0}"] = expit(aim + (own - aim) * n / (n + n0))
    rules["own"] = tuned(0)
    for n0 in (30.0, 100.0, 300.0, 1000.0):
        rules[f"own -> steady, n0 = {n0:.0f}"] = tuned(n0)
    rules["steady (expected F1, calibrated)"] = tuned(INFINITE)
    return rules


def f1_table(counts: tuple[int, ...], n: int, repeats: int, seed: int) -> None:
    """Print the F1 that each rule loses, by kind of model and by positives."""
    n_positive = np.repeat(counts, 30 // len(counts))
    lost: dict[str, list[np.ndarray]] = {}
    for kind in KINDS:
        rng = np.random.default_rng(seed)
        for _ in range(repeats):
            model = model_of(kind, n_positive / n, rng)
            labels = rng.permuted(np.arange(n)[:, None] < n_positive, axis=0)
            for name, found in rules_of(labels, model.draw(labels, rng)).items():
                lost.setdefault(name, []).append(100 * (model.best_f1() - model.f1_at(found)))
    print(f"\n{n:,} recordings{'':22}all | {' '.join(f'{kind:>10}' for kind in KINDS)} | "
          f"positives {' '.join(f'{count:5}' for count in counts)}")  # fmt: skip
    for name, rows in sorted(lost.items(), key=lambda item: float(np.mean(item[1]))):
        cube = np.reshape(rows, (len(KINDS), repeats, len(counts), -1))
        kinds = " ".join(f"{value:10.2f}" for value in cube.mean(axis=(1, 2, 3)))
        thin = " ".join(f"{value:5.2f}" for value in cube.mean(axis=(0, 1, 3)))
        print(f"{name:34} {cube.mean():5.2f} | {kinds} |           {thin}")


def strength_table(repeats: int, seed: int) -> None:
    """Print the log loss of fresh recordings after calibration, by the penalty's strength."""
    n_positive = np.repeat((3, 10, 30, 100), 8)[:30]
    losses: dict[float, list[float]] = {}
    for kind in KINDS:
        rng = np.random.default_rng(seed)
        for _ in range(repeats):
            model = model_of(kind, n_positive / 1000, rng)
            inner = rng.permuted(np.arange(1000)[:, None] < n_positive, axis=0)
            fresh = rng.random((10_000, 30)) < model.prevalence
            said, new = model.draw(inner, rng), model.draw(fresh, rng)
            for strength in (0.01, 0.1, 0.3, 1.0, 3.0, 10.0):
                fitted = fit_calibration(inner, np.ones_like(inner), said, strength).apply(new)
                loss = np.nanmean(log_loss(fresh, np.ones_like(fresh), fitted))
                losses.setdefault(strength, []).append(float(loss))
    said_losses = ", ".join(f"{strength}: {np.mean(v):.5f}" for strength, v in losses.items())
    print(f"\nlog loss on fresh recordings by strength of the calibration's penalty: {said_losses}")


def challenge_table(n: int, repeats: int, seed: int) -> None:
    """Print the Challenge score of inner and of 10,000 fresh recordings, by rule and shrinking."""
    prevalence = np.clip([item.count / 88_253 for item in diagnoses()], 0.002, 0.4)
    rules: dict[str, Callable[..., np.ndarray]] = {
        "0.5": lambda *x: choose_thresholds(*x, rule="fixed", classes=CODES),
        "f1": lambda *x: choose_thresholds(*x, rule="f1", classes=CODES),
    }
    for shrink in (0.0, 3.0, 10.0, 30.0, 100.0):
        rules[f"challenge, shrink {shrink:.0f}"] = lambda *x, shrink=shrink: choose_thresholds(
            *x, rule="challenge", classes=CODES, shrink=shrink
        )
    reached: dict[str, list[list[float]]] = {}
    for repeat in range(repeats):
        rng = np.random.default_rng(seed + repeat)
        model = model_of("noisy", prevalence, rng)
        labels = [rng.random((size, 30)) < prevalence for size in (n, 10_000)]
        sets = [(truth, np.ones_like(truth), model.draw(truth, rng)) for truth in labels]
        for name, rule in rules.items():
            found = rule(*sets[0])
            scores = [challenge_score(*part[:2], part[2] > found, CODES) for part in sets]
            reached.setdefault(name, []).append(scores)
    print(f"\nChallenge score, chosen on {n:,}: inner, fresh")
    for name, values in reached.items():
        print(f"{name:24} {np.mean(values, axis=0).round(4)}")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    f1_table((3, 5, 10, 20, 40, 100), 1000, given.repeats, given.seed)
    f1_table((20, 50, 100, 300, 1000, 2000), 10_000, max(given.repeats // 4, 1), given.seed)
    strength_table(max(given.repeats // 4, 1), given.seed)
    for n in (500, 2000, 5000):
        challenge_table(n, max(given.repeats // 2, 1), given.seed)


if __name__ == "__main__":
    main()
