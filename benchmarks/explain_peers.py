"""The network and the ECG that explainers are timed on, and what other packages make of them.

`benchmarks/explain.py` runs this file with the packages of `.venv-peers`; it prints one JSON line
for each number of perturbations until it is killed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from peers import ROOT, one_thread, peer_python
from torch import Tensor, nn

from leadlens.data.sources import CohortSource
from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.leads import INDEPENDENT_LEADS, STANDARD_FROM_INDEPENDENT, STANDARD_LEADS
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import make_game
from leadlens.models.registry import build_model
from leadlens.models.settings import InceptionTimeSettings, ResNetSettings
from leadlens.simulate import CohortSettings

FS = 75.0
KERNEL_WIDTH = 0.5
PLAYERS = ExplainSettings(timing=False, ridge=1.0, kernel_width=KERNEL_WIDTH)
Run = tuple[int, np.ndarray, float]
"""Perturbations, (class, player) values, and CPU seconds for all classes."""


def cpu_seconds(task: Callable[[], object]) -> tuple[float, object]:
    """Return the CPU time of a task, and what it gives."""
    started = time.process_time()
    found = task()
    return time.process_time() - started, found


def ecgs(n: int) -> Iterator[np.ndarray]:
    """Yield simulated windows of 10 s at 75 Hz, which obey the limb-lead equations."""
    source = CohortSource(CohortSettings(n_recordings=n, cohort="balanced", seed=11, fs=FS))
    eight = [STANDARD_LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    for number in range(n):
        # Formed again, for devices round each lead by itself, to 5 uV some of them.
        yield (STANDARD_FROM_INDEPENDENT @ source.load(number).signal[eight]).astype(np.float32)


def frozen(network: nn.Module, precision: str = "float32") -> FrozenModel:
    """Return a network of millivolts as it is explained."""
    none, one = torch.zeros(12, 1), torch.ones(12, 1)
    return FrozenModel(network, scored_codes(), none, one, precision)  # type: ignore[arg-type]


def game_of(signal: np.ndarray, settings: ExplainSettings) -> Game:
    """Return the window as a game."""
    return make_game(signal, STANDARD_LEADS, FS, "mV", settings)


def case(is_inception: bool = False) -> tuple[FrozenModel, Game]:
    """Return the network and the ECG that all methods explain."""
    torch.set_num_threads(1)
    settings = InceptionTimeSettings() if is_inception else ResNetSettings()
    network = build_model(settings, 12, len(scored_codes()), seed=3).eval()
    games = (game_of(signal, PLAYERS) for signal in ecgs(8))
    # One that has all waves.
    return frozen(network), next(game for game in games if game.is_there.all())


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


def captum_runs(model: FrozenModel, game: Game, n: int, is_quick: bool) -> Iterator[Run]:
    """Yield what captum gives: of a few classes, NaN elsewhere; the seconds are for all."""
    columns = [10] if is_quick else [0, 6, 12, 18, 24]
    by_captum(model, game, 64, columns[:1])
    while True:
        seconds, said = cpu_seconds(lambda n=n: by_captum(model, game, n, columns))
        values = np.full((len(model.classes), game.players.n_players), np.nan)
        values[columns] = said
        yield n, values, seconds * len(values) / len(columns)
        n *= 2


def by_package(kind: str, n: int, is_inception: bool) -> Iterator[Run]:
    """Yield what the `lime` or `shap` package gives from `n` perturbations, twice as many, ..."""
    python = peer_python("lime", "shap")
    if python is None:
        raise SystemExit("lime and shap cannot be installed into .venv-peers")
    # Theirs from .venv-peers, torch and this repository from here: the same network.
    paths = [str(ROOT / "benchmarks"), str(ROOT / "src"), *sys.path]
    command = [
        str(python),
        __file__,
        "--peer",
        kind,
        "--n",
        str(n),
        *["--inception"][:is_inception],
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True,
        env=one_thread() | {"PYTHONPATH": os.pathsep.join(paths)},
    ) as peer:  # fmt: skip
        assert peer.stdout is not None
        try:
            for line in peer.stdout:
                said = json.loads(line)
                yield said["n"], np.array(said["values"]), said["seconds"]
        finally:
            peer.kill()


def run_peer(kind: str, n: int, is_inception: bool) -> None:
    """Explain by a package of the peers' environment, and print it as JSON, until killed."""
    model, game = case(is_inception)
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
    while True:
        seconds, values = cpu_seconds(lambda n=n: explain(n))
        said = {"n": n, "values": np.asarray(values).tolist(), "seconds": seconds}
        print(json.dumps(said), flush=True)
        n *= 2


def main() -> None:
    """Explain by a package, and print what it gives and costs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", choices=("lime", "shap"), required=True)
    parser.add_argument("--n", type=int, required=True, help="perturbations to begin with")
    parser.add_argument("--inception", action="store_true")
    options = parser.parse_args()
    run_peer(options.peer, options.n, options.inception)


if __name__ == "__main__":
    main()
