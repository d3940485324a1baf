"""One network trained by several processes is the one that one process trains."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leadlens.bundle import load_bundle
from leadlens.data.batches import Draw
from leadlens.data.store import Store
from leadlens.training.world import World

TRAIN = (
    "--preset", "small", "--min-positives", "12", "--device", "cpu", "--json",
    "--set", "model={name: inception_time, depth: 2, n_filters: 3, kernels: [9, 5]}",
    "--set", "loss=double_soft_f1", "--set", "precision=float32", "--set", "batch_size=13",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


def command(*torchrun: str) -> list[str]:
    """Return the command with and without torchrun in front."""
    python = [sys.executable, "-m"]
    return [*python, "torch.distributed.run", *torchrun, "-m"] if torchrun else python


def train(store: Store, out: Path, *changes: str, torchrun: tuple[str, ...] = ()) -> Any:
    words = [*command(*torchrun), "leadlens", "train", str(store.path), "--out", str(out), *TRAIN]
    for change in changes:
        words += ["--set", change]
    done = subprocess.run(
        words, capture_output=True, text=True, env=environment(), timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def losses(model: Path) -> np.ndarray:
    history = json.loads((model / "training.json").read_text())["history"]
    return np.array([record["loss"] for record in history])


def probabilities(model: Path, store: Store) -> np.ndarray:
    logits = load_bundle(model).logits(store.signal(np.arange(20)))
    return 1 / (1 + np.exp(-logits))


def test_each_process_takes_its_part_and_together_they_take_all() -> None:
    draw = Draw(np.arange(7), np.arange(7) * 2, np.zeros(7, np.int64))
    parts = [World(rank, 3).part(draw) for rank in range(3)]
    assert sorted(np.concatenate([part.recordings for part in parts])) == list(range(7))
    assert all((part.windows == 2 * part.recordings).all() for part in parts)
    assert World().part(draw) is draw


def test_a_process_alone_leaves_logits_and_gradients_as_they_are() -> None:
    rows, network = torch.randn(4, 2), torch.nn.Linear(2, 1)
    network(rows).sum().backward()
    assert network.weight.grad is not None
    before = network.weight.grad.clone()
    World().add_gradients(network)
    assert torch.equal(before, network.weight.grad)
    assert World().gathered(rows, 4) is rows


@pytest.mark.slow
@pytest.mark.parametrize("n_processes", [2, 3])
def test_several_processes_train_the_network_that_one_trains(
    small_store: Store, tmp_path: Path, n_processes: int
) -> None:
    one = train(small_store, tmp_path / "one", "epochs=3")
    several = train(
        small_store, tmp_path / "several", "epochs=3",
        torchrun=("--standalone", "--nproc-per-node", str(n_processes)),
    )  # fmt: skip
    np.testing.assert_allclose(losses(tmp_path / "one"), losses(tmp_path / "several"), atol=1e-5)
    said, expected = (probabilities(tmp_path / name, small_store) for name in ("several", "one"))
    np.testing.assert_allclose(said, expected, atol=1e-4)
    macro, other = (each["held_out"]["macro"] for each in (one, several))
    assert macro["auroc"] == pytest.approx(other["auroc"], abs=1e-5)


@pytest.mark.slow
def test_when_one_of_two_nodes_dies_the_other_ends_the_training(
    small_store: Store, tmp_path: Path
) -> None:
    n_epochs = "epochs=60"
    whole, model = tmp_path / "whole", tmp_path / "model"
    train(small_store, whole, n_epochs)
    port = free_port()
    words = [
        *command(
            "--nnodes", "1:2", "--nproc-per-node", "1", "--max-restarts", "3",
            "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}",
            "--rdzv-id", "test", "--rdzv-conf", "join_timeout=60,last_call_timeout=3",
        ),
        "leadlens", "train", str(small_store.path), "--out", str(model), *TRAIN, "--set", n_epochs,
    ]  # fmt: skip
    nodes = [
        subprocess.Popen(
            words, env=environment(), start_new_session=True,
            stdout=subprocess.PIPE, stderr=(tmp_path / f"{number}.log").open("w"), text=True,
        )
        for number in range(2)
    ]  # fmt: skip
    try:
        stop = time.monotonic() + 120
        while not list(model.glob("checkpoint-*")):
            assert time.monotonic() < stop, (tmp_path / "0.log").read_text()
            time.sleep(0.05)
        # The first holds the meeting place; the second dies with its worker, at once.
        os.killpg(nodes[1].pid, signal.SIGKILL)
        nodes[0].communicate(timeout=240)
        assert nodes[0].returncode == 0, (tmp_path / "0.log").read_text()
    finally:
        for node in nodes:
            if node.poll() is None:
                os.killpg(node.pid, signal.SIGKILL)
    assert len(losses(model)) == 60
    np.testing.assert_allclose(losses(model), losses(whole), atol=2e-3)
