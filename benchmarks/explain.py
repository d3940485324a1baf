"""What an explanation costs at equal quality, and whether it can be led astray.

    python benchmarks/explain.py [--quick] [--inception]

One network (random weights; its arithmetic does not depend on them), one ECG, 30 diagnoses, 42
players (seven lead groups x six waves, the default without timing, which peers do not know), one
thread, CPU time. Each method is compared with its own limit: what it gives from 50,000
perturbations (2,000 in quick runs). Ours (`lime` on folded orthogonal masks and `shapley`, both in
bfloat16) sets the error; each peer gets twice the perturbations until its own is no larger, and
the time at equal error is read between the last two; one that needs over 100 times ours is stopped.
Peers perturb the same players by the same network in float32: captum's `Lime` with a ridge of 1
instead of its lasso (which returns zeros here), the `lime` package's regression, and `shap`'s
KernelExplainer. captum explains a class at a time; some are timed and the rest counted. The network
is a residual network, with --inception an InceptionTime of depth 6. `cost_growth` is the CPU time
an ECG of 32 ECGs over that of 8, `memory_growth_mb` what the resident memory grows between them.

The null space: to a network's input, multiples of (III - II + I) and its like are added, which are
0 in every ECG that a heart can make: outputs stay. `null_space_shift` is how far our shares of the
leads then move, `zeroing_shift` how far those move that come from setting one displayed lead to
zero (half the sum of differences of |share|). `lime` and `shap` are installed into `.venv-peers`.
The last line is one JSON object.
"""

import argparse
import json
import platform
import resource
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import torch
from explain_peers import (
    KERNEL_WIDTH,
    PLAYERS,
    Run,
    by_package,
    captum_runs,
    case,
    cpu_seconds,
    ecgs,
    frozen,
    game_of,
    logits_of,
)
from torch import Tensor, nn

from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.explain.attribution import Attribution
from leadlens.explain.designs import kernel_shap, lime
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.perturbation import perturb

MOST = 100.0
"""Times our seconds, after which a peer is not waited for: its ratio is then at least this."""
N_MASKS = {False: 1024, True: 256}
"""Of ours; fewer in quick runs."""


def error_to(limit: np.ndarray, values: np.ndarray) -> float:
    """Return the root mean square error over classes and players, in parts of the limit's.

    Classes that were not explained, NaN, do not count.
    """
    is_there = ~np.isnan(values)
    return float(np.sqrt(((values - limit)[is_there] ** 2).mean() / (limit[is_there] ** 2).mean()))


def limit_of(model: FrozenModel, game: Game, n: int, kind: str) -> np.ndarray:
    """Return (class, player) values from `n` random masks, in rounds that fit into memory."""
    rng = np.random.default_rng(99)
    n_players = game.players.n_players
    if kind == "shap":
        design = kernel_shap(n_players, n, rng)
        return (design.solve[1:] @ logits_of(model, game, design.masks)).T
    masks = rng.random((n, n_players)) < 0.5
    design = lime(masks, 0.0, KERNEL_WIDTH)
    return (design.solve[1:] @ logits_of(model, game, masks)).T


def speed(is_quick: bool, is_inception: bool) -> dict[str, float]:
    """Return the ratios of CPU time at equal error."""
    model, game = case(is_inception)
    n_limit = 2_000 if is_quick else 50_000
    low = frozen(model.network, "bfloat16")
    found: dict[str, float] = {}
    for kind, peers in (("lime", ("captum", "lime")), ("shap", ("shap",))):
        limit = limit_of(model, game, n_limit, kind)
        ours_by: dict[str, Any] = {"method": "shapley"} if kind == "shap" else {"ridge": 0.0}
        method = PLAYERS.model_copy(update={**ours_by, "n_samples": N_MASKS[is_quick]})
        perturb(low, game, method, 0)
        seconds, said = cpu_seconds(lambda method=method: perturb(low, game, method, 0))
        assert isinstance(said, Attribution)
        ours = error_to(limit, said.values)
        print(
            f"ours ({method.method}) {said.n_forwards} forwards, {seconds:.2f} s, error {ours:.3f}"
        )
        for peer in peers:
            runs = (
                captum_runs(model, game, said.n_forwards, is_quick)
                if peer == "captum"
                else by_package(peer, said.n_forwards, is_inception)
            )
            cost = cost_of_error(peer, runs, limit, ours, MOST * seconds)
            found[f"ratio_{peer}"] = round(cost / seconds, 1)
    return found


def cost_of_error(
    peer: str, runs: Iterator[Run], limit: np.ndarray, wanted: float, most: float
) -> float:
    """Return the CPU seconds in which a peer's error is as wanted, between two runs of it.

    Where it needs more than `most`, what it has used so far.
    """
    before: tuple[float, float] | None = None
    for n, values, seconds in runs:
        error = error_to(limit, values)
        print(f"{peer:7} {n:6} perturbations, {seconds:7.2f} s, error {error:.3f}", flush=True)
        if error <= wanted or seconds > most:
            break
        before = error, seconds
    if before is None or error > wanted:
        return seconds
    part = np.log(before[0] / wanted) / np.log(before[0] / error)
    return float(before[1] * (seconds / before[1]) ** part)


def growth(is_quick: bool) -> dict[str, float]:
    """Return how the cost of an ECG and the memory grow with the number of ECGs."""
    network = case()[0].network
    low = frozen(network, "bfloat16")
    windows = list(ecgs(8 if is_quick else 40))
    few, many = (2, 6) if is_quick else (8, 32)

    def explain_all(n: int) -> None:
        for number in range(n):
            perturb(low, game_of(windows[number % len(windows)], PLAYERS), PLAYERS, number)

    explain_all(many)  # every design is made once
    times, memory = [], []
    for n in (few, many):
        times.append(cpu_seconds(lambda n=n: explain_all(n))[0] / n)
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return {
        "cost_growth": round(times[1] / times[0], 2),
        "memory_growth_mb": round(memory[1] - memory[0], 1),
        "ecg_per_s": round(1 / times[1], 2),
    }


class NullSpace(nn.Module):
    """A network that is also shown what is 0 in every valid ECG, added to its leads."""

    def __init__(self, network: nn.Module, size: float) -> None:
        super().__init__()
        self.network = network
        equations = torch.zeros(4, 12)
        for row, (lead, of_i, of_ii) in enumerate(
            (("III", -1, 1), ("aVR", -0.5, -0.5), ("aVL", 1, -0.5), ("aVF", -0.5, 1))
        ):
            equations[row, STANDARD_LEADS.index(lead)] = 1
            equations[row, 0], equations[row, 1] = -of_i, -of_ii
        rng = torch.Generator().manual_seed(0)
        self.register_buffer("mix", size * torch.randn(12, 4, generator=rng) @ equations)

    def forward(self, signal: Tensor) -> Tensor:
        """Return the logits."""
        return self.network(signal + torch.einsum("kl,blt->bkt", self.mix, signal))


def null_space() -> dict[str, float]:
    """Return how far shares of the leads move when weights change that no valid ECG can show."""
    network = case()[0].network
    both = [frozen(network), frozen(NullSpace(network, 5.0))]
    (signal,) = ecgs(1)
    said = {
        "null_space_shift": PLAYERS,
        "zeroing_shift": PLAYERS.model_copy(
            update={"method": "occlusion", "lead_groups": "displayed", "pieces": "whole"}
        ),
    }
    found = {}
    for name, settings in said.items():
        game = game_of(signal, settings)
        shares = []
        for model in both:
            values = perturb(model, game, settings, 0).sums["lead"].values
            shares.append(np.abs(values) / np.abs(values).sum(axis=1, keepdims=True))
        shift = np.abs(shares[0] - shares[1]).sum(axis=1) / 2
        found[name] = float(f"{shift.mean():.2g}")
    windows = torch.from_numpy(signal[None])
    apart = np.abs(both[0].logits(windows) - both[1].logits(windows)).max()
    return {**found, "null_space_logits": float(f"{apart:.2g}")}


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a nearer limit, at most 60 s")
    parser.add_argument("--inception", action="store_true", help="a network of 0.37 GMAC; hours")
    options = parser.parse_args()
    figures = {**null_space(), **growth(options.quick), **speed(options.quick, options.inception)}
    facts = {"quick": options.quick, "inception": options.inception, "machine": platform.machine()}
    print(json.dumps({**figures, **facts, "date": date.today().isoformat()}))


if __name__ == "__main__":
    main()
