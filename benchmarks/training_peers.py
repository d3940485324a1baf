"""What Keras, tsai and aeon make of a network: `benchmarks/training.py` runs this file.

Runs in a peer's environment, without this package. Every line on stdin asks for one round; the
answer is one JSON line: recordings a second in training and in inference, or `left_out` and why.
"""

import argparse
import json
import sys
from collections.abc import Callable

import numpy as np
from pace import per_second

N_LEADS, N_SAMPLES, N_CLASSES = 12, 750, 30
Task = Callable[[], object]


def arrays(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return signals (n, lead, time) and labels (n, class)."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((n, N_LEADS, N_SAMPLES), dtype=np.float32)
    return signal, (rng.random((n, N_CLASSES)) < 0.1).astype(np.float32)


def with_keras(network: str, policy: str, batch: int) -> tuple[Task, Task]:
    """Return a step of training and one of inference in Keras, as `fit` and `predict` do them."""
    import keras
    import keras_networks

    keras.config.set_dtype_policy(policy)
    model = getattr(keras_networks, network)(N_SAMPLES)
    is_paper = network == "paper_inception"
    model.compile("adam", keras_networks.double_soft_f1 if is_paper else "binary_crossentropy")
    return keras_tasks(model, *arrays(batch), batch)


def with_aeon(_network: str, _policy: str, batch: int) -> tuple[Task, Task]:
    """Return the same with aeon's network, which gives one class: softmax over the 30."""
    from aeon.classification.deep_learning import IndividualInceptionClassifier

    classifier = IndividualInceptionClassifier(use_custom_filters=False)
    model = classifier.build_model((N_SAMPLES, N_LEADS), N_CLASSES)
    labels = np.eye(N_CLASSES, dtype=np.float32)[np.arange(batch) % N_CLASSES]
    return keras_tasks(model, arrays(batch)[0], labels, batch)


def keras_tasks(
    model: object, signal: np.ndarray, labels: np.ndarray, batch: int
) -> tuple[Task, Task]:
    """Return a step of training and one of inference of a compiled Keras model."""
    signal = np.ascontiguousarray(signal.transpose(0, 2, 1))
    return (
        lambda: model.fit(signal, labels, batch_size=batch, verbose=0),  # type: ignore[attr-defined]
        lambda: model.predict(signal, batch_size=batch, verbose=0),  # type: ignore[attr-defined]
    )


def with_tsai(_network: str, _policy: str, batch: int) -> tuple[Task, Task]:
    """Return the same with tsai's network, in plain PyTorch in float32."""
    import torch
    from tsai.models.InceptionTime import InceptionTime

    model = InceptionTime(N_LEADS, N_CLASSES)
    optimizer = torch.optim.Adam(model.parameters())
    signal, labels = map(torch.from_numpy, arrays(batch))

    def train() -> None:
        model.train()
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(model(signal), labels).backward()
        optimizer.step()

    def infer() -> None:
        model.eval()
        with torch.inference_mode():
            model(signal)

    return train, infer


def one_round(train: Task, infer: Task, n: int, seconds: float) -> dict[str, float]:
    """Return recordings a second of both tasks."""
    return {"train": per_second(train, n, seconds), "infer": per_second(infer, n, seconds)}


def main() -> None:
    """Load and compile, then answer every line of stdin by one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("package", choices=("keras", "aeon", "tsai"))
    parser.add_argument("network", choices=("inception_time", "paper_inception"))
    parser.add_argument("--policy", default="float32", help="number format, by Keras' name")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=1.0, help="that a task is repeated for")
    options = parser.parse_args()
    with_package = {"keras": with_keras, "aeon": with_aeon, "tsai": with_tsai}[options.package]
    try:
        tasks = with_package(options.network, options.policy, options.batch)
        one_round(*tasks, options.batch, 0.0)
        for _ in sys.stdin:
            print(json.dumps(one_round(*tasks, options.batch, options.seconds)), flush=True)
    except Exception as error:  # whatever it is: the peer is left out, and the reason printed
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        print(json.dumps({"left_out": reason}), flush=True)


if __name__ == "__main__":
    main()
