"""The paper's network beside a Keras build of it: logits with the same weights, and training.

    python benchmarks/paper_in_keras.py [--quick] [--seeds N] [--duration SECONDS]

Simulated recordings of 10 s (--duration) at 75 Hz in microvolts, Adam at 0.001, double soft F1,
batches of 30, all in float32. `logits_difference` is the largest difference of logits over the
largest logit, with the initial weights and with those after three steps (moving statistics of the
normalisation included). Then Keras trains for 200 steps from our initial weights on the same
batches. Curves are running means over 20 steps. `keras_difference` is the mean absolute difference
between Keras' curve and ours, `seed_difference` the mean of the same between two of ours with other
weights and orders, over all pairs; the first lies within seed noise where it is no larger, and
`within_seed_noise` says so. Keras' Adam has epsilon 1e-7, which is not the same quantity as
PyTorch's 1e-8 (it is added before the correction of bias); `keras_difference_1e-08` is Keras' with
1e-8 (not with --quick). Keras runs in `.venv-peers-keras`, beside our training, each in one thread.
The last line is one JSON object.
"""

import argparse
import itertools
import json
import platform
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import torch
from peers import one_thread, peer_python
from torch import nn

from leadlens.ecg.diagnoses import scored_codes
from leadlens.models.losses import double_soft_f1
from leadlens.models.registry import build_model
from leadlens.simulate import CohortSettings, simulate_cohort
from leadlens.training.settings import preset

SETTINGS = preset("paper")
SMOOTHED_OVER = 20
N_SHOWN = 64
"""Recordings whose logits are compared."""


def cohort(n: int, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """Return signals (n, lead, time) in microvolts, and labels (n, class)."""
    settings = CohortSettings(n_recordings=n, cohort="balanced", seed=6, fs=75, duration=duration)
    signals, labels = [], []
    for recording in simulate_cohort(settings):
        signals.append(recording.signal * np.float32(1000))
        labels.append([code in (recording.codes or ()) for code in scored_codes()])
    return np.stack(signals), np.array(labels, dtype=np.float32)


def batches_of(n: int, n_steps: int, seed: int) -> np.ndarray:
    """Return the recordings of each batch (step, batch), every epoch in an order of its own."""
    rng = np.random.default_rng(seed)
    size = SETTINGS.batch_size
    n_epochs = -(-n_steps // (n // size))
    orders = [rng.permutation(n)[: n // size * size] for _ in range(n_epochs)]
    return np.concatenate(orders).reshape(-1, size)[:n_steps]


def train(
    model: nn.Module, signal: np.ndarray, labels: np.ndarray, batches: np.ndarray
) -> np.ndarray:
    """Return the loss at each step of a training as `fit` does it."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS.learning_rate)
    losses = []
    for batch in batches:
        truth = torch.from_numpy(labels[batch])
        optimizer.zero_grad(set_to_none=True)
        logits = model(torch.from_numpy(signal[batch]))
        cost = double_soft_f1(logits, truth, torch.ones_like(truth))
        cost.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(cost.detach()))
    return np.array(losses)


def logits_of(model: nn.Module, signal: np.ndarray) -> np.ndarray:
    """Return the logits of a network that is not being trained."""
    with torch.inference_mode():
        return model.eval()(torch.from_numpy(signal)).numpy()


def save_weights(model: nn.Module, file: Path) -> None:
    """Write a network's weights and statistics by name."""
    np.savez(file, **{name: values.numpy() for name, values in model.state_dict().items()})


def start_keras(folder: Path, epsilons: list[str]) -> subprocess.Popen[str]:
    """Return the process that does in Keras what the weights and data in `folder` say."""
    python = peer_python("tensorflow-cpu", place="keras")
    if python is None:
        sys.exit("tensorflow-cpu cannot be installed here")
    script = Path(__file__).with_name("keras_networks.py")
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    return subprocess.Popen(
        [python, script, folder, *epsilons], env=one_thread() | threads, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def what_keras_found(process: subprocess.Popen[str], folder: Path) -> dict[str, np.ndarray]:
    """Return its logits and losses, once it has ended."""
    _, complaints = process.communicate()
    if process.returncode != 0:
        sys.exit(f"the Keras build failed:\n{complaints[-2000:]}")
    with np.load(folder / "keras.npz") as found:
        return dict(found)


def smooth(losses: np.ndarray) -> np.ndarray:
    """Return the running mean of a loss curve; of a short one, over half of it."""
    n = min(SMOOTHED_OVER, len(losses) // 2)
    return np.convolve(losses, np.full(n, 1 / n), mode="valid")


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean absolute difference of two smoothed loss curves."""
    return float(np.abs(smooth(one) - smooth(other)).mean())


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the largest difference over the largest value."""
    return float(np.abs(ours - theirs).max() / np.abs(ours).max())


def compare(
    folder: Path,
    data: tuple[np.ndarray, np.ndarray],
    n_steps: int,
    n_seeds: int,
    epsilons: list[str],
) -> dict[str, object]:
    """Return the figures of the comparison."""
    signal, labels = data
    batches = [batches_of(len(signal), n_steps, seed) for seed in range(n_seeds + 1)]
    models = [build_model(SETTINGS.model, 12, labels.shape[1], seed) for seed in range(n_seeds + 1)]
    save_weights(models[0], folder / "weights.npz")
    ours = {"weights": logits_of(models[0], signal[:N_SHOWN])}
    # A few steps, after which no statistic is what it was at the start.
    train(models[0], signal, labels, batches[0][:3])
    save_weights(models[0], folder / "trained.npz")
    ours["trained"] = logits_of(models[0], signal[:N_SHOWN])
    np.savez(folder / "data.npz", signal=signal, labels=labels, batches=batches[0])
    process = start_keras(folder, epsilons)
    models[0] = build_model(SETTINGS.model, 12, labels.shape[1], 0)
    curves = [
        train(model, signal, labels, mine) for model, mine in zip(models, batches, strict=True)
    ]
    keras = what_keras_found(process, folder)
    show(curves, keras["losses_1e-07"])
    pairs = [apart(one, other) for one, other in itertools.combinations(curves, 2)]
    apart_by = {name: apart(curves[0], keras[f"losses_{name}"]) for name in epsilons}
    return {
        "logits_difference": max(relative(ours[k], keras[f"logits_{k}"]) for k in ours),
        "logits_difference_initial": relative(ours["weights"], keras["logits_weights"]),
        "first_loss_difference": abs(float(curves[0][0] - keras["losses_1e-07"][0])),
        "keras_difference": apart_by["1e-07"],
        **{f"keras_difference_{k}": value for k, value in apart_by.items() if k != "1e-07"},
        "seed_difference": float(np.mean(pairs)),
        "least_seed_difference": min(pairs),
        "within_seed_noise": apart_by["1e-07"] <= float(np.mean(pairs)),
    }


def show(curves: list[np.ndarray], theirs: np.ndarray) -> None:
    """Print smoothed curves at some steps."""
    smoothed = [smooth(curve) for curve in (*curves, theirs)]
    for step in range(0, len(smoothed[0]), max(1, len(smoothed[0]) // 8)):
        ours, *seeds, keras = (f"{curve[step]:.4f}" for curve in smoothed)
        print(f"from step {step:3}: ours {ours}, Keras {keras}; other seeds {' '.join(seeds)}")


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="8 steps, one seed, 5 s: under 60 s")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of ours beside the first")
    parser.add_argument("--duration", type=float, default=10.0, help="of a recording, s")
    options = parser.parse_args()
    torch.set_num_threads(1)
    n, n_steps, n_seeds, duration = 1500, 200, options.seeds, options.duration
    if options.quick:
        n, n_steps, n_seeds, duration = 150, 8, 1, 5.0
    epsilons = ["1e-07"] if options.quick else ["1e-07", "1e-08"]
    data = cohort(n, duration)
    with tempfile.TemporaryDirectory() as scratch:
        figures = compare(Path(scratch), data, n_steps, n_seeds, epsilons)
    rounded = {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in figures.items()}
    settings = {"recordings": n, "duration": duration, "steps": n_steps, "seeds": n_seeds}
    machine = {"machine": platform.machine(), "date": date.today().isoformat()}
    print(json.dumps(rounded | settings | {"quick": options.quick} | machine))


if __name__ == "__main__":
    main()
