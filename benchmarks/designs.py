"""What masks cost: errors of designs, how a network's logits add up, and whether errors are told.

    python benchmarks/designs.py [--model FOLDER] [--out FOLDER] [--n N] [--quick]

On held-out simulated ECGs and diagnoses that the reference model gets right (see explain_cases.py),
with the default players. *Order*: the share of the logit's variance over masks that is additive, or
an interaction of two, three, or more players, from how logits agree of masks that share a part of
their players (the noise stability of O'Donnell 2014). *Error*: of the values of `lime` by random
masks, by rounds of 256 on random Hadamard columns, and by the columns of `few_fours`, in parts of
the limit's, which is the mean of two designs of 8,192; and how two seeds rank the players
(Spearman). *Coverage*: how often two seeds differ by less than 1.96 standard errors of their
difference. Means over ECGs. The last line is one JSON object.
"""

import argparse
import json
import sys
from collections.abc import Callable

import numpy as np
from explain_cases import Case, add_model_options, cases, chosen_model, column_of
from scipy.linalg import hadamard
from scipy.optimize import nnls

from leadlens.bundle import Bundle
from leadlens.explain.designs import lime, make_design
from leadlens.explain.frozen import FrozenModel, freeze
from leadlens.explain.game import Game
from leadlens.explain.perturbation import perturb
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.stability import spearman
from leadlens.explain.window import make_game

N = 2048
SETTINGS = ExplainSettings(precision="bfloat16")
KEPT = np.array([0.3, 0.5, 0.65, 0.8, 0.9, 0.95])
"""Shares of players that two masks have in common; the others are drawn again."""
MOST_ORDER = 9
Masks = np.ndarray


def logits_of(model: FrozenModel, game: Game, masks: Masks) -> np.ndarray:
    """Return (mask, class) logits under masks of the players that change anything."""
    full = np.ones((len(masks), game.players.n_players), bool)
    full[:, game.is_there] = masks
    pieces = np.array_split(full, max(1, len(full) // 256))
    return np.concatenate([model.logits(game.windows(piece)) for piece in pieces])


def by_order(model: FrozenModel, game: Game, column: int, n: int) -> np.ndarray:
    """Return shares of variance: additive, of two, of three, of more players."""
    rng = np.random.default_rng(0)
    first = rng.random((n, int(game.is_there.sum()))) < 0.5
    said = logits_of(model, game, first)[:, column]
    centred, agreed = said - said.mean(), []
    for kept in KEPT:
        other = np.where(rng.random(first.shape) < kept, first, rng.random(first.shape) < 0.5)
        again = logits_of(model, game, other)[:, column] - said.mean()
        agreed.append((centred * again).mean() / said.var())
    powers = np.append(KEPT, 1.0)[:, None] ** np.arange(1, MOST_ORDER + 1)
    shares, _ = nnls(powers, np.append(agreed, 1.0))
    return np.append(shares[:3], shares[3:].sum()) / shares.sum()


def random_masks(n_players: int, rng: np.random.Generator) -> list[Masks]:
    """Return LIME's masks."""
    return [rng.random((N, n_players)) < 0.5]


def random_columns(n_players: int, rng: np.random.Generator) -> list[Masks]:
    """Return rounds of folded masks on random columns of a Hadamard matrix of order 128."""
    rounds = []
    for _ in range(N // 256):
        columns = 1 + rng.permutation(127)[:n_players]
        half = hadamard(128, dtype=np.int8)[:, columns] > 0
        rounds.append(np.concatenate([half, ~half]))
    return rounds


def ours(n_players: int, rng: np.random.Generator, n: int = N) -> list[Masks]:
    """Return the default's masks."""
    chosen = SETTINGS.model_copy(update={"n_samples": n, "seed": int(rng.integers(1 << 30))})
    return [make_design(n_players, chosen).masks]


KINDS: dict[str, Callable[[int, np.random.Generator], list[Masks]]] = {
    "random masks": random_masks,
    "random columns": random_columns,
    "few fours": ours,
}


def values_by(model: FrozenModel, game: Game, rounds: list[Masks]) -> np.ndarray:
    """Return (class, player) values of `lime`, the mean over rounds."""
    found = []
    for masks in rounds:
        design = lime(masks, SETTINGS.ridge, SETTINGS.kernel_width)
        found.append((design.solve[1:] @ logits_of(model, game, masks)).T)
    return np.mean(found, axis=0)


def errors(model: FrozenModel, game: Game, columns: list[int]) -> dict[str, tuple[float, float]]:
    """Return for each kind of masks the error, and the rank correlation of two seeds."""
    n_players = int(game.is_there.sum())
    limit = np.mean([
        values_by(model, game, ours(n_players, np.random.default_rng(seed), 8192))
        for seed in (8, 9)
    ], axis=0)  # fmt: skip
    found = {}
    for kind, make in KINDS.items():
        two = [values_by(model, game, make(n_players, np.random.default_rng(k))) for k in (1, 2)]
        off = np.mean([((each - limit) ** 2).mean() for each in two]) / (limit**2).mean()
        ranks = np.mean([spearman(two[0][column], two[1][column]) for column in columns])
        found[kind] = float(np.sqrt(off)), float(ranks)
    return found


def covered(model: FrozenModel, game: Game, n: int) -> float:
    """Return how often two seeds agree within their standard errors, over players and classes."""
    one, other = (
        perturb(model, game, SETTINGS.model_copy(update={"n_samples": n, "seed": seed}))
        for seed in (1, 2)
    )
    there = game.is_there
    size = np.hypot(one.standard_error, other.standard_error)[:, there]
    return float((np.abs(one.values - other.values)[:, there] <= 1.96 * size).mean())


def assess(bundle: Bundle, case: Case, n: int) -> dict[str, float]:
    """Return all figures of one ECG."""
    config = bundle.config
    model = freeze(bundle, case.signal, SETTINGS.precision)
    game = make_game(case.signal, config.leads, config.fs, "mV", SETTINGS, like=model.like)
    columns = [column_of(bundle, name) for name in case.right]
    names = ("additive", "of two", "of three", "of more")
    figures = dict(zip(names, by_order(model, game, columns[0], n).tolist(), strict=True))
    for kind, (error, ranks) in errors(model, game, columns).items():
        figures |= {f"error, {kind}": error, f"seed to seed, {kind}": ranks}
    for masks in (256, N):
        figures[f"covered, {masks}"] = covered(model, game, masks)
    return figures


def main() -> None:
    """Print the means over ECGs, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=12, help="ECGs")
    add_model_options(parser)
    options = parser.parse_args()
    bundle = chosen_model(options)
    n, n_masks = (1, 256) if options.quick else (options.n, 1024)
    found = cases(bundle, 100 if options.quick else 400, 1, seed=77)[:n]
    rows = []
    for number, case in enumerate(found):
        print(f"{number + 1} of {len(found)}: {case.right[0]}", file=sys.stderr, flush=True)
        rows.append(assess(bundle, case, n_masks))
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    spread = {key: float(np.std([row[key] for row in rows])) for key in rows[0]}
    for key, mean in means.items():
        print(f"{key:32s} {mean:.3f}  (SD over ECGs {spread[key]:.3f})")
    print(json.dumps({**{k: round(v, 4) for k, v in means.items()}, "n_ecgs": len(found),
                      "quick": options.quick}))  # fmt: skip


if __name__ == "__main__":
    main()
