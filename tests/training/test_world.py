"""One network trained by several processes is the one that one process trains."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from leadlens.bundle import load_bundle
from leadlens.data.batches import Draw
from leadlens.data.store import Store
from leadlens.errors import ConfigError
from leadlens.training.world import World, share_statistics

TRAIN = (
    "--preset", "small", "--min-positives", "12", "--device", "cpu", "--json",
    "--set", "model={name: inception_time, depth: 2, n_filters: 3, kernels: [9, 5]}",
    "--set", "loss=double_soft_f1", "--set", "precision=float32", "--set", "batch_size=13",
)  # fmt: skip


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    """A process group of this process alone."""
    dist.init_process_group("gloo", f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


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


def start(words: list[str], log: Path) -> subprocess.Popen[str]:
    """Start a node, whose words go to a file."""
    with log.open("w") as file:
        return subprocess.Popen(
            words, env=environment(), start_new_session=True, stdout=file, stderr=file, text=True
        )


def kill(node: subprocess.Popen[str]) -> None:
    """Kill a node as a power cut does: torchrun, and the worker, which has a session of its own."""
    if node.poll() is None:
        children = Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()
        for process in (node.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    node.wait()


def is_listening(port: int) -> bool:
    with socket.socket() as place:
        return place.connect_ex(("127.0.0.1", port)) == 0


def wait_for(is_there: Callable[[], bool], log: Path) -> None:
    stop = time.monotonic() + 120
    while not is_there():
        assert time.monotonic() < stop, log.read_text()
        time.sleep(0.05)


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


@pytest.mark.parametrize(
    "layer", [torch.nn.BatchNorm2d(3), torch.nn.BatchNorm1d(3, track_running_stats=False)]
)
def test_a_normalisation_that_several_processes_cannot_share_is_refused(
    layer: torch.nn.Module,
) -> None:
    with pytest.raises(ConfigError, match=r"layer '0' \(BatchNorm.d\) normalises each process"):
        share_statistics(torch.nn.Sequential(layer), World(0, 2))
    share_statistics(torch.nn.Sequential(layer), World())


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 10)])
@pytest.mark.parametrize("is_affine", [True, False])
def test_a_shared_normalisation_is_pytorchs_where_all_is_here(
    shape: tuple[int, ...], is_affine: bool
) -> None:
    theirs, ours = (torch.nn.BatchNorm1d(3, affine=is_affine) for _ in range(2))
    share_statistics(torch.nn.Sequential(ours), World(0, 2))
    signal = torch.randn(shape)
    for _ in range(2):
        torch.testing.assert_close(ours(signal), theirs(signal))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(ours.eval()(signal), theirs.eval()(signal))


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
    n_epochs = "epochs=120"
    whole, model = tmp_path / "whole", tmp_path / "model"
    train(small_store, whole, n_epochs)
    port = free_port()
    words = [
        *command(
            "--nnodes", "1:2", "--nproc-per-node", "1", "--max-restarts", "3",
            "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}",
            "--rdzv-id", "test", "--rdzv-conf", "join_timeout=120,last_call_timeout=25",
        ),
        "leadlens", "train", str(small_store.path), "--out", str(model), *TRAIN, "--set", n_epochs,
    ]  # fmt: skip
    first = start(words, tmp_path / "0.log")
    nodes = [first]
    try:
        wait_for(lambda: is_listening(port), tmp_path / "0.log")
        nodes.append(start(words, tmp_path / "1.log"))
        wait_for(lambda: bool(list(model.glob("checkpoint-*"))), tmp_path / "0.log")
        # The first holds the meeting place; the second dies with its worker, at once.
        kill(nodes[1])
        assert first.wait(timeout=240) == 0, (tmp_path / "0.log").read_text()
    finally:
        for node in nodes:
            kill(node)
    assert "exitcode: 1" in (tmp_path / "0.log").read_text()
    assert len(losses(model)) == 120
    # Rounding grows from step to step: the beginning is the same, the rest stays near.
    np.testing.assert_allclose(losses(model)[:8], losses(whole)[:8], atol=1e-5)
    np.testing.assert_allclose(losses(model), losses(whole), atol=2e-2)
