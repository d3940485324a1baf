"""What an explanation costs at equal quality, and whether it can be led astray.

    python benchmarks/explain.py [--quick]

One network (random weights; its arithmetic does not depend on them), one ECG, 30 diagnoses, 70
players (seven lead groups x ten segments), one thread, CPU time. Each method is compared with its
own limit: what it gives from 50,000 perturbations (4,000 in quick runs). Ours (`lime`, folded
Hadamard design, bfloat16) sets the error; each peer gets twice the perturbations until its own is
no larger. Peers perturb the same players through the same network in float32: captum's `Lime` with
a ridge of 1 instead of its lasso (which returns zeros here), the `lime` package's regression, and
`shap`'s KernelExplainer beside our `kernel_shap`. captum explains a class at a time; some are
timed and the rest counted. `cost_growth` is the CPU time an ECG of 32 ECGs over that of 8,
`memory_growth_mb` what the resident memory grows between them.

The null space: to a network's input, multiples of (III - II + I) and its like are added, which are
0 in every ECG that a heart can make: outputs stay. `null_space_shift` is how far our shares of the
leads then move, `zeroing_shift` how far those move that come from setting one displayed lead to
zero (half the sum of differences of |share|). `lime` and `shap` are installed into `.venv-peers`.
The last line is one JSON object.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date

import numpy as np
import torch
from peers import ROOT, one_thread, peer_python
from torch import Tensor, nn

from leadlens.data.sources import CohortSource
from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.leads import INDEPENDENT_LEADS, STANDARD_FROM_INDEPENDENT, STANDARD_LEADS
from leadlens.explain.attribution import Attribution
from leadlens.explain.designs import kernel_shap, lime
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.perturbation import perturb
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import make_game
from leadlens.models.registry import build_model
from leadlens.models.settings import InceptionTimeSettings, ResNetSettings
from leadlens.simulate import CohortSettings

FS = 75.0
KERNEL_WIDTH = 0.25
PLAYERS = ExplainSettings(n_segments=10, ridge=1.0, kernel_width=KERNEL_WIDTH)


def cpu_seconds(task: Callable[[], object]) -> tuple[float, object]:
    """Return the CPU time of a task, and what it gives."""
    started = time.process_time()
    found = task()
    return time.process_time() - started, found


def ecgs(n: int) -> list[np.ndarray]:
    """Return simulated windows of 10 s at 75 Hz, which obey the limb-lead equations."""
    source = CohortSource(CohortSettings(n_recordings=n, cohort="balanced", seed=11, fs=FS))
    eight = [STANDARD_LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    # Formed again, for devices round each lead by itself, to 5 uV some of them.
    return [
        (STANDARD_FROM_INDEPENDENT @ source.load(number).signal[eight]).astype(np.float32)
        for number in range(n)
    ]


def frozen(network: nn.Module, precision: str = "float32") -> FrozenModel:
    """Return a network of millivolts as it is explained."""
    none, one = torch.zeros(12, 1), torch.ones(12, 1)
    return FrozenModel(network, scored_codes(), none, one, precision)  # type: ignore[arg-type]


def game_of(signal: np.ndarray, settings: ExplainSettings) -> Game:
    """Return the window as a game."""
    return make_game(signal, STANDARD_LEADS, FS, "mV", settings)


def error_to(limit: np.ndarray, values: np.ndarray) -> float:
    """Return the root mean square error over classes and players, in parts of the limit's."""
    return float(np.sqrt(((values - limit) ** 2).mean() / (limit**2).mean()))


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


def logits_of(model: FrozenModel, game: Game, masks: np.ndarray) -> np.ndarray:
    """Return the logits under masks, a few hundred at a time."""
    pieces = np.array_split(masks, max(1, len(masks) // 256))
    return np.concatenate([model.logits(game.windows(piece)) for piece in pieces])


def by_captum(model: FrozenModel, game: Game, n: int, columns: list[int]) -> np.ndarray:
    """Return captum's Lime for some classes, one after the other."""
    from captum._utils.models.linear_model import SkLearnRidge
    from captum.attr import Lime
    from captum.attr._core.lime import get_exp_kernel_similarity_function

    similarity = get_exp_kernel_similarity_function("cosine", kernel_width=KERNEL_WIDTH)
    owner = torch.from_numpy(game.players.owner)[None]

    def forward(windows: Tensor) -> Tensor:
        with torch.inference_mode():
            return model.network(windows)

    explained = Lime(
        forward, interpretable_model=SkLearnRidge(alpha=1.0), similarity_func=similarity
    )
    rows = []
    for column in columns:
        said = explained.attribute(
            game.signal[None], baselines=game.without[None], target=column, feature_mask=owner,
            n_samples=n, perturbations_per_eval=64, return_input_shape=False,
        )  # fmt: skip
        rows.append(said.detach().numpy()[0])
    return np.array(rows)


def by_package(kind: str, n: int, is_quick: bool) -> tuple[np.ndarray, float]:
    """Return (class, player) values of the `lime` or `shap` package, and its CPU seconds."""
    python = peer_python("lime", "shap")
    if python is None:
        raise SystemExit("lime and shap cannot be installed into .venv-peers")
    # Theirs from .venv-peers, torch and this repository from here: the same network.
    paths = [str(ROOT / "benchmarks"), str(ROOT / "src"), *sys.path]
    environment = one_thread() | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [str(python), __file__, "--peer", kind, "--n", str(n), *(["--quick"] if is_quick else [])],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    said = json.loads(done.stdout.splitlines()[-1])
    return np.array(said["values"]), said["seconds"]


def run_peer(kind: str, n: int, is_quick: bool) -> None:
    """Explain by a package of the peers' environment, and print it as JSON."""
    model, game = case(is_quick)
    n_players = game.players.n_players
    n_classes = len(model.classes)

    def forward(masks: np.ndarray) -> np.ndarray:
        return logits_of(model, game, np.asarray(masks) > 0.5)

    def with_lime(n: int) -> np.ndarray:
        from lime.lime_base import LimeBase

        rng = np.random.RandomState(0)
        masks = rng.randint(0, 2, (n, n_players))
        masks[0] = 1
        logits = forward(masks)
        size = np.linalg.norm(masks, axis=1) * np.sqrt(n_players)
        distance = 1 - masks.sum(axis=1) / np.maximum(size, 1)

        def kernel(d: np.ndarray) -> np.ndarray:
            return np.sqrt(np.exp(-(d**2) / KERNEL_WIDTH**2))

        base = LimeBase(kernel, random_state=rng)
        values = np.zeros((n_classes, n_players))
        for column in range(n_classes):
            said = base.explain_instance_with_data(
                masks, logits, distance, column, n_players, feature_selection="none"
            )
            for player, value in said[1]:
                values[column, player] = value
        return values

    def with_shap(n: int) -> np.ndarray:
        import shap

        explained = shap.KernelExplainer(forward, np.zeros((1, n_players)), seed=0)
        said = explained.shap_values(np.ones((1, n_players)), nsamples=n, l1_reg=False, silent=True)
        return np.asarray(said)[0].T

    explain = with_lime if kind == "lime" else with_shap
    explain(2 * n_players + 16)  # whatever is loaded or compiled at the first call
    seconds, values = cpu_seconds(lambda: explain(n))
    print(json.dumps({"values": np.asarray(values).tolist(), "seconds": seconds}))


def case(is_quick: bool) -> tuple[FrozenModel, Game]:
    """Return the network and the ECG that all methods explain."""
    torch.set_num_threads(1)
    settings = ResNetSettings() if is_quick else InceptionTimeSettings()
    network = build_model(settings, 12, len(scored_codes()), seed=3).eval()
    return frozen(network), game_of(ecgs(1)[0], PLAYERS)


def speed(is_quick: bool) -> dict[str, float]:
    """Return the ratios of CPU time at equal error."""
    model, game = case(is_quick)
    n_limit = 4_000 if is_quick else 50_000
    low = frozen(model.network, "bfloat16")
    found: dict[str, float] = {}
    for kind, peers in (("lime", ("captum", "lime")), ("shap", ("shap",))):
        limit = limit_of(model, game, n_limit, kind)
        method = PLAYERS.model_copy(
            update={"method": "kernel_shap", "n_samples": 512} if kind == "shap" else {"ridge": 0.0}
        )
        perturb(low, game, method, 0)
        seconds, said = cpu_seconds(lambda method=method: perturb(low, game, method, 0))
        assert isinstance(said, Attribution)
        ours = error_to(limit, said.values)
        print(
            f"ours ({method.method}) {said.n_forwards} forwards, {seconds:.2f} s, error {ours:.3f}"
        )
        for peer in peers:
            n, theirs, cost = said.n_forwards, np.inf, 0.0
            while theirs > ours and n <= n_limit:
                theirs, cost = peer_error(peer, model, game, n, limit, is_quick)
                print(
                    f"{peer:7} {n:6} perturbations, {cost:7.2f} s, error {theirs:.3f}", flush=True
                )
                n *= 2
            found[f"ratio_{peer}"] = round(cost / seconds, 1)
    return found


def peer_error(
    peer: str, model: FrozenModel, game: Game, n: int, limit: np.ndarray, is_quick: bool
) -> tuple[float, float]:
    """Return a peer's error and its CPU seconds for all classes."""
    if peer != "captum":
        values, seconds = by_package(peer, n, is_quick)
        return error_to(limit, values), seconds
    columns = [10] if is_quick else [0, 6, 12, 18, 24]
    by_captum(model, game, 64, columns[:1])
    seconds, values = cpu_seconds(lambda: by_captum(model, game, n, columns))
    return error_to(limit[columns], np.asarray(values)), seconds * len(limit) / len(columns)


def growth(is_quick: bool) -> dict[str, float]:
    """Return how the cost of an ECG and the memory grow with the number of ECGs."""
    network = case(True)[0].network
    low = frozen(network, "bfloat16")
    windows = ecgs(8 if is_quick else 40)
    few, many = (2, 8) if is_quick else (8, 32)

    def explain_all(n: int) -> None:
        for number in range(n):
            perturb(low, game_of(windows[number % len(windows)], PLAYERS), PLAYERS, number)

    explain_all(8)  # every design is made once
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
    network = case(True)[0].network
    both = [frozen(network), frozen(NullSpace(network, 5.0))]
    signal = ecgs(1)[0]
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
    parser.add_argument("--quick", action="store_true", help="a smaller network, at most 60 s")
    parser.add_argument("--peer", choices=("lime", "shap"), help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        run_peer(options.peer, options.n, options.quick)
        return
    figures = {**null_space(), **growth(options.quick), **speed(options.quick)}
    facts = {"quick": options.quick, "machine": platform.machine()}
    print(json.dumps({**figures, **facts, "date": date.today().isoformat()}))


if __name__ == "__main__":
    main()
