"""The reference networks written in Keras 3, and the paper's trained from given weights.

Runs in the environment `.venv-peers-keras`, without PyTorch. `benchmarks/training.py` times the
networks. `benchmarks/paper_in_keras.py` runs this file with a folder: it holds `weights.npz` (our
initial weights), `trained.npz` (weights after training) and `data.npz`; `keras.npz` is written
there, with the logits under both weights and the losses of trainings.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

N_LEADS, N_CLASSES = 12, 30


def inception_time(n_samples: int, *, activation: str | None = "sigmoid") -> keras.Model:
    """Return InceptionTime: depth 6, 32 filters, kernels 40, 20, 10, a shortcut every three."""
    signal = keras.Input((n_samples, N_LEADS))
    features = shortcut_from = signal
    for number in range(1, 7):
        features = _inception(features)
        if number % 3 == 0:
            shortcut = layers.Conv1D(128, 1, padding="same", use_bias=False)(shortcut_from)
            joined = layers.add([features, layers.BatchNormalization()(shortcut)])
            features = shortcut_from = layers.ReLU()(joined)
    pooled = layers.GlobalAveragePooling1D()(features)
    # In float32 under a mixed policy too, as Keras advises for the last layer.
    return keras.Model(signal, layers.Dense(N_CLASSES, activation, dtype="float32")(pooled))


def _inception(features: keras.KerasTensor) -> keras.KerasTensor:
    """Return the joined branches of one module."""
    narrow = layers.Conv1D(32, 1, padding="same", use_bias=False)(features)
    branches = [
        layers.Conv1D(32, kernel, padding="same", use_bias=False)(narrow) for kernel in (40, 20, 10)
    ]
    pooled = layers.MaxPooling1D(3, 1, padding="same")(features)
    branches.append(layers.Conv1D(32, 1, padding="same", use_bias=False)(pooled))
    return layers.ReLU()(layers.BatchNormalization()(layers.concatenate(branches)))


def paper_inception(n_samples: int, *, activation: str | None = "sigmoid") -> keras.Model:
    """Return the network of Singstad & Muten 2025; layers have the names that ours have."""
    signal = keras.Input((n_samples, N_LEADS))
    features = layers.MaxPooling1D(3, 2)(_conv_norm_relu(signal, 7, "stem"))
    features = _conv_norm_relu(features, 1, "stem_point")
    for block in ("blocks.0", "blocks.1"):
        point = _conv_norm_relu(features, 1, f"{block}.point")
        three, five = (
            _conv_norm_relu(_conv_norm_relu(features, 1, f"{name}.0"), kernel, f"{name}.1")
            for kernel, name in ((3, f"{block}.three"), (5, f"{block}.five"))
        )
        pooled = layers.MaxPooling1D(3, 1, padding="same")(features)
        last = _conv_norm_relu(pooled, 1, f"{block}.pool")
        features = layers.Concatenate(axis=1)([point, three, five, last])
    pooled = layers.GlobalAveragePooling1D()(layers.MaxPooling1D(7, 2)(features))
    head = layers.Dense(N_CLASSES, activation, dtype="float32", name="head")
    return keras.Model(signal, head(pooled))


def _conv_norm_relu(features: keras.KerasTensor, kernel: int, name: str) -> keras.KerasTensor:
    """Return a convolution of 64 filters, normalised and rectified."""
    features = layers.Conv1D(64, kernel, padding="same", name=f"{name}.0")(features)
    return layers.ReLU()(layers.BatchNormalization(name=f"{name}.1")(features))


def double_soft_f1(labels: keras.KerasTensor, given: keras.KerasTensor) -> keras.KerasTensor:
    """Return the paper's loss of probabilities."""
    true_positive = ops.sum(given * labels, axis=0)
    true_negative = ops.sum((1 - given) * (1 - labels), axis=0)
    wrong = ops.sum(given * (1 - labels) + (1 - given) * labels, axis=0)
    positive = 2 * true_positive / (2 * true_positive + wrong + 1e-16)
    negative = 2 * true_negative / (2 * true_negative + wrong + 1e-16)
    return ops.mean(1 - (positive + negative) / 2)


def take_weights(model: keras.Model, file: Path) -> None:
    """Give a network the weights of ours, which a file holds by their names there."""
    with np.load(file) as stored:
        for layer in model.layers:
            if layer.weights:
                layer.set_weights(_weights_of(layer, stored))


def _weights_of(layer: keras.Layer, stored: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return a layer's weights in Keras' order and axes: (kernel, in, out)."""
    parts = ["weight", "bias"]
    if isinstance(layer, layers.BatchNormalization):
        parts += ["running_mean", "running_var"]
    return [stored[f"{layer.name}.{part}"].T for part in parts]


def train(model: keras.Model, data: dict[str, np.ndarray], epsilon: float) -> list[float]:
    """Return the loss at each step of a training on the batches that `data` name."""
    model.compile(keras.optimizers.Adam(1e-3, epsilon=epsilon), double_soft_f1)
    signal, labels = data["signal"], data["labels"]
    return [float(model.train_on_batch(signal[batch], labels[batch])) for batch in data["batches"]]


def main() -> None:
    """Write what Keras makes of the weights and data of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("epsilons", nargs="+", help="of Adam: a training each")
    options = parser.parse_args()
    folder = options.folder
    with np.load(folder / "data.npz") as stored:
        data = dict(stored)
    data["signal"] = np.ascontiguousarray(data["signal"].transpose(0, 2, 1))
    n_samples = data["signal"].shape[1]
    found = {}
    network = paper_inception(n_samples, activation=None)
    for name in ("weights", "trained"):
        take_weights(network, folder / f"{name}.npz")
        found[f"logits_{name}"] = network.predict(data["signal"][:64], verbose=0)
    for epsilon in options.epsilons:
        network = paper_inception(n_samples)
        take_weights(network, folder / "weights.npz")
        found[f"losses_{epsilon}"] = np.array(train(network, data, float(epsilon)))
    np.savez(folder / "keras.npz", **found)


if __name__ == "__main__":
    main()
