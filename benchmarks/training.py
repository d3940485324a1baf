"""Recordings a second in training and inference, beside Keras, tsai, aeon and the machine's floor.

    python benchmarks/training.py [--quick] [--threads N] [--rounds N] [--peers keras tsai aeon]

Networks: `inception_time` (depth 6, 32 filters, kernels 40, 20, 10; binary cross-entropy, batches
of 64) and `paper_inception` (double soft F1, batches of 30), each as its preset trains it, on
recordings of 12 leads x 750 samples with 30 classes that lie in memory. `infer` is in float32, as
in `predict`; `infer_low` in the format of training, which explanations may use. Peers compute in
float32, their default, each in a virtual environment of its own (`.venv-peers-keras` and so on);
Keras also under its policy `mixed_bfloat16`. aeon's network is for one class of many: softmax.
tsai's has kernels of 39, 19 and 9. `train_per_s_float32` is ours in the peers' number format. Every
round measures each system in turn, a batch uncounted and then some for a second; figures are
medians, the range is beside them. A ratio is ours over theirs in the same round, so that a machine
that is slower for a while is slower for both; the half of the rounds nearest to the median is
beside it.

The floor is the time that the model's FLOPs take at the machine's matrix rate in the same number
format: 2 a multiplication in convolutions and dense layers, and three times the forward pass for a
step; the rate is that of the fastest large product seen in any round. `train_floor` and
`infer_floor` are its share of the time measured: 1 is perfect. The last line is one JSON object.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import torch
from pace import per_second
from peers import peer_python
from torch import Tensor, nn

from leadlens.ecg.diagnoses import scored_codes
from leadlens.ecg.person import PERSON_FEATURES
from leadlens.engines.local import THREAD_VARIABLES, available_cores
from leadlens.models.registry import build_loss, build_model
from leadlens.training.devices import autocast, uses_bfloat16
from leadlens.training.feed import Fed
from leadlens.training.fit import train_step
from leadlens.training.memory import keep_memory
from leadlens.training.settings import TrainingSettings, preset
from leadlens.training.state import begin
from leadlens.training.world import ALONE

CPU = torch.device("cpu")
PRESETS = {"inception_time": "inception_time", "paper_inception": "paper"}
N_LEADS, N_SAMPLES, N_CLASSES = 12, 750, 30
SIZES = (1024, 2048)
"""Of the products that tell the machine's matrix rate."""
Round = dict[str, float]
"""Recordings a second: of `train`, `infer` and, ours, `infer_low`."""


def ours(settings: TrainingSettings, batch: int, seconds: float) -> Callable[[], Round]:
    """Return what measures one round of ours: a step of `fit`, then inference in both formats."""
    network = build_model(settings.model, N_LEADS, N_CLASSES)
    classes = scored_codes()
    state = begin(network, build_loss(settings.loss, classes), settings)
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(batch, N_LEADS, N_SAMPLES, generator=generator)
    labels = (torch.rand(batch, N_CLASSES, generator=generator) < 0.1).float()
    person = torch.zeros(batch, len(PERSON_FEATURES))
    fed = Fed(signal, labels, torch.ones_like(labels), person, np.arange(batch))

    def one_round() -> Round:
        network.train()
        found = {"train": rate(lambda: train_step(state, fed, settings, ALONE, batch))}
        network.eval()
        with torch.inference_mode():
            found["infer"] = rate(lambda: network(signal))
            with autocast(CPU, settings.precision):
                found["infer_low"] = rate(lambda: network(signal))
        return found

    def rate(work: Callable[[], object]) -> float:
        return per_second(work, batch, seconds)

    return one_round


def environment_of(package: str) -> Path | None:
    """Return the interpreter that has a peer; None if it cannot be installed."""
    if package == "keras":
        return peer_python("tensorflow-cpu", place="keras")
    if package == "aeon":
        return peer_python("aeon", "tensorflow-cpu", place="aeon")
    # What tsai's network imports, and no more: the whole of it asks for torchvision and spacy.
    version = torch.__version__.partition("+")[0]
    needed = (
        "numpy",
        "pandas",
        "matplotlib",
        "scikit-learn",
        "psutil",
        "tqdm",
        "pyyaml",
        "rich",
        "requests",
    )
    python = peer_python(
        f"torch=={version}", *needed, "python-fasthtml", "plum-dispatch<2.10", "cloudpickle",
        place="tsai",
    )  # fmt: skip
    fastai = ("fastai", "fastcore", "fastdownload", "fastprogress", "fasttransform")
    return python and peer_python("tsai", *fastai, place="tsai", alone=True)


@contextlib.contextmanager
def peer(python: Path, words: list[str], threads: int) -> Iterator[Callable[[], Round | str]]:
    """Give what measures one round of a peer, or says why it cannot."""
    names = (*THREAD_VARIABLES, "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads)) | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("PYTHONPATH", None)
    command = [str(python), str(Path(__file__).with_name("training_peers.py")), *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None

        def one_round() -> Round | str:
            with contextlib.suppress(BrokenPipeError):  # it has ended, and said why
                print(file=process.stdin, flush=True)
            for line in process.stdout:
                if line.startswith("{"):
                    said = json.loads(line)
                    return str(said["left_out"]) if "left_out" in said else said
            return "it ended without an answer"

        try:
            yield one_round
        finally:
            process.kill()


def matrix_rate(dtype: torch.dtype) -> float:
    """Return FLOP a second of the fastest of some square products."""
    best = 0.0
    for size in SIZES:
        left, right = (torch.rand(size, size).to(dtype) for _ in range(2))
        for _ in range(3):
            started = time.perf_counter()
            torch.mm(left, right)
            best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def forward_flops(settings: TrainingSettings) -> int:
    """Return the FLOPs of one recording's forward pass: 2 a weight and output it serves.

    Counted by kernels as they are, not as they are computed: even ones get a zero in front.
    """
    model = build_model(settings.model, N_LEADS, N_CLASSES).eval()
    counts: list[int] = []

    def count(layer: nn.Conv1d | nn.Linear, _: object, output: Tensor) -> None:
        n_out = layer.weight.shape[0]
        counts.append(2 * layer.weight.numel() // n_out * output.numel())

    for layer in model.modules():
        if isinstance(layer, nn.Conv1d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, N_LEADS, N_SAMPLES))
    return sum(counts)


def rounds(
    systems: dict[str, Callable[[], Round | str]], n_rounds: int, rates: dict[str, float]
) -> dict[str, list[Round]]:
    """Return the rounds of each system, measured in turn, without the first; `rates` may rise."""
    found: dict[str, list[Round]] = {}
    for number in range(n_rounds + 1):
        for name in list(systems):
            said = systems[name]()
            if isinstance(said, str):
                print(f"  {name}: left out: {said}", flush=True)
                del systems[name]
            elif number:  # in the first one the peers still load and compile
                found.setdefault(name, []).append(said)
        for name in rates:
            rates[name] = max(rates[name], matrix_rate(getattr(torch, name)))
    return found


def told(name: str, found: list[Round]) -> Round:
    """Return a system's medians, printed with their range."""
    middle = {}
    for task in found[0]:
        rates = [each[task] for each in found]
        middle[task] = statistics.median(rates)
        spread = f"{min(rates):.1f} to {max(rates):.1f}"
        print(f"  {name:14} {task} {middle[task]:8.1f} recordings/s ({spread})", flush=True)
    return middle


def ratios_of(task: str, ours: list[Round], theirs: list[Round]) -> list[float]:
    """Return our rate over theirs in every round that they lasted; `infer_low` over `infer`."""
    named = task.removesuffix("_low")
    return [mine[task] / other[named] for mine, other in zip(ours, theirs, strict=False)]


def ratio_told(name: str, ratios: list[float]) -> float:
    """Return the median ratio, printed with the quartiles of the rounds."""
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    print(f"  {name:24} {middle:6.2f} times ({low:.2f} to {high:.2f})", flush=True)
    return round(float(middle), 2)


def measure(
    network: str, pythons: dict[str, Path], options: argparse.Namespace, rates: dict[str, float]
) -> dict[str, float]:
    """Return the figures of one network."""
    settings = preset(PRESETS[network])
    batch = 8 if options.quick else settings.batch_size
    format_name = "bfloat16" if uses_bfloat16(CPU, settings.precision) else "float32"
    print(f"{network}, batches of {batch}, trained in {format_name}:", flush=True)
    seconds = 0.2 if options.quick else 1.0
    systems: dict[str, Callable[[], Round | str]] = {"ours": ours(settings, batch, seconds)}
    if format_name != "float32":
        in_float32 = settings.model_copy(update={"precision": "float32"})
        systems["ours_float32"] = ours(in_float32, batch, seconds)
    with contextlib.ExitStack() as stack:
        for package, python in pythons.items():
            if package != "keras" and network != "inception_time":
                continue
            words = [package, network, "--batch", str(batch), "--seconds", str(seconds)]
            systems[package] = stack.enter_context(peer(python, words, options.threads))
            if package == "keras" and not options.quick:
                words += ["--policy", "mixed_bfloat16"]
                systems["keras_bf16"] = stack.enter_context(peer(python, words, options.threads))
        found = rounds(systems, options.rounds, rates)
    middle = {name: told(name, each) for name, each in found.items()}
    flops = forward_flops(settings)
    print(f"  {flops / 2e9:.3f} GMAC a forward pass")
    figures = {}
    tasks = (("train", 3, format_name), ("infer", 1, "float32"), ("infer_low", 1, format_name))
    for task, factor, format_used in tasks:
        rate = middle["ours"][task]
        figures[f"{task}_per_s"] = round(rate, 1)
        figures[f"{task}_floor"] = round(factor * flops * rate / rates[format_used], 3)
        for name in pythons.keys() | {"keras_bf16"}:
            if name in middle:
                ratios = ratios_of(task, found["ours"], found[name])
                figures[f"{task}_ratio_{name}"] = ratio_told(f"{task} over {name}", ratios)
        if "ours_float32" in middle:
            figures[f"{task}_per_s_float32"] = round(middle["ours_float32"][task], 1)
    return figures


def main() -> None:
    """Print the figures, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="batches of 8, once, one thread: under 60 s"
    )
    parser.add_argument("--threads", type=int, help="all cores unless --quick")
    parser.add_argument("--rounds", type=int, help="of each system: 9, or 1 with --quick")
    parser.add_argument("--peers", nargs="*", choices=("keras", "tsai", "aeon"))
    options = parser.parse_args()
    options.threads = options.threads or (1 if options.quick else available_cores())
    options.rounds = options.rounds or (1 if options.quick else 9)
    torch.set_num_threads(options.threads)
    keep_memory()
    chosen = options.peers
    if chosen is None:
        chosen = ["keras"] if options.quick else ["keras", "tsai", "aeon"]
    pythons = {}
    for package in chosen:
        python = environment_of(package)
        if python is None:
            print(f"{package}: left out: pip cannot install it here", file=sys.stderr)
        else:
            pythons[package] = python
    rates = {"float32": 0.0, "bfloat16": 0.0}
    figures = {network: measure(network, pythons, options, rates) for network in PRESETS}
    print(
        json.dumps(
            {**figures, "gflops": {name: round(rate / 1e9) for name, rate in rates.items()},
             "threads": options.threads, "quick": options.quick,
             "machine": platform.machine(), "date": date.today().isoformat()}
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
