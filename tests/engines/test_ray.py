"""The map over machines: same results, errors as they are, what dies is done again elsewhere."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import TwoNodes
from test_local import fail_at_3, square

from leadlens.engines import ray as engine
from leadlens.engines.engine import choose_engine
from leadlens.engines.local import LocalEngine
from leadlens.engines.ray import RayEngine
from leadlens.errors import ConfigError, LeadlensError, MissingExtraError, ReadError, StoreError


def where(_: int) -> tuple[str, str, str | None]:
    import ray

    time.sleep(0.2)
    node = ray.get_runtime_context().get_node_id()
    return node, str(Path.cwd()), os.environ.get("OPENBLAS_NUM_THREADS")


def gpu_of(_: int) -> tuple[str | None, float, float]:
    started = time.monotonic()
    time.sleep(0.5)
    return os.environ.get("CUDA_VISIBLE_DEVICES"), started, time.monotonic()


def die_the_first_time(path: str) -> int:
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def note_and_sleep(path: str) -> None:
    if Path(path).name == "wrong":
        while len(list(Path(path).parent.glob("*.pid"))) < 1:
            time.sleep(0.02)
        raise ReadError("wrong")
    Path(f"{path}.{os.getpid()}.pid").touch()
    time.sleep(120)


class Noted:
    """A function that notes in a folder how often it is unpickled."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__dict__.update(state)
        Path(self.folder, f"{os.getpid()}-{time.monotonic_ns()}").touch()

    def __call__(self, _: int) -> int:
        """Return the process."""
        return os.getpid()


class Counted(list[int]):
    """Items that count how many were taken."""

    n_taken = 0

    def __iter__(self) -> Iterator[int]:
        for item in super().__iter__():
            self.n_taken += 1
            yield item


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.usefixtures("ray_cluster")
def test_every_item_is_mapped_once_on_all_nodes_with_one_thread_in_the_callers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.chdir(tmp_path)
    found = dict(RayEngine().map_items(where, list(range(24))))
    assert sorted(found) == list(range(24))
    assert len({node for node, _, _ in found.values()}) == 2
    assert {(folder, threads) for _, folder, threads in found.values()} == {(str(tmp_path), "1")}


@pytest.mark.usefixtures("ray_cluster")
def test_an_error_in_a_worker_reaches_the_caller_as_itself() -> None:
    with pytest.raises(ReadError) as raised:
        list(RayEngine().map_items(fail_at_3, list(range(6))))
    assert type(raised.value) is ReadError
    assert str(raised.value) == "recording 3: torn"


@pytest.mark.usefixtures("ray_cluster")
def test_an_item_whose_worker_is_killed_is_computed_again(tmp_path: Path) -> None:
    found = list(RayEngine().map_items(die_the_first_time, [str(tmp_path / "died")]))
    assert [position for position, _ in found] == [0]


@pytest.mark.usefixtures("ray_cluster")
def test_workers_that_die_again_and_again_are_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "RETRIES", 0)
    with pytest.raises(LeadlensError, match=r"a worker process died.*fewer workers"):
        list(RayEngine().map_items(die, [1]))


@pytest.mark.usefixtures("ray_cluster")
def test_the_function_is_unpickled_once_a_worker_and_items_are_handed_out_bit_by_bit(
    tmp_path: Path,
) -> None:
    items = Counted(range(60))
    found = RayEngine(3).map_items(Noted(str(tmp_path)), items)
    workers = {next(found)[1]}
    assert items.n_taken == 3
    workers |= {worker for _, worker in found}
    assert items.n_taken == 60
    loaded = [path.name.split("-")[0] for path in tmp_path.iterdir()]
    assert sorted(loaded) == sorted(map(str, workers))


def check_that_an_error_ends_the_others(folder: Path) -> None:
    items = [str(folder / name) for name in ("a", "wrong")]
    with pytest.raises(ReadError, match="wrong"):
        list(RayEngine().map_items(note_and_sleep, items))
    (worker,) = [int(path.suffixes[-2][1:]) for path in folder.glob("*.pid")]
    deadline = time.monotonic() + 10
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(worker)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at /proc")
@pytest.mark.usefixtures("ray_cluster")
def test_after_an_error_nothing_of_ours_runs_and_the_cluster_does(tmp_path: Path) -> None:
    import ray

    check_that_an_error_ends_the_others(tmp_path)
    assert not ray.is_initialized()
    assert list(RayEngine().map_items(square, [3])) == [(0, 9)]


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at /proc")
@pytest.mark.usefixtures("ray_cluster")
def test_a_connection_of_the_caller_is_used_and_left_open(tmp_path: Path) -> None:
    import ray

    paths = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}
    address = os.environ["RAY_ADDRESS"]
    ray.init(address, runtime_env=paths, logging_level="ERROR", log_to_driver=False)
    try:
        check_that_an_error_ends_the_others(tmp_path)
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def test_a_node_without_the_callers_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"elsewhere: a worker cannot start.*every node see it"):
        engine._run("key", [], str(tmp_path / "elsewhere"), 1)


def test_nothing_to_map_gives_nothing_and_starts_no_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert list(RayEngine().map_items(square, [])) == []


def test_an_address_where_no_cluster_is_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"no Ray at RAY_ADDRESS=127.0.0.1:1"):
        list(RayEngine().map_items(square, [1]))


def test_without_ray_the_way_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"needs the package 'ray'.*leadlens\[cluster\]"):
        choose_engine("ray")


def test_engines_are_chosen_by_name() -> None:
    assert choose_engine("ray", 3) == RayEngine(3)
    assert choose_engine("local", 3) == LocalEngine(3)
    with pytest.raises(ConfigError, match="unknown engine 'slurm': allowed values are local, ray"):
        choose_engine("slurm")


@pytest.mark.usefixtures("ray_cluster")
def test_a_cluster_without_a_gpu_is_told_of() -> None:
    with pytest.raises(ConfigError, match="Ray knows of none"):
        list(RayEngine(gpu_share=1).map_items(gpu_of, [1]))


# Last: Ray remembers the GPUs of a lost node for a while.
def test_each_item_holds_its_share_of_a_gpu(ray_cluster: TwoNodes) -> None:
    # Ray deals GPUs that it is told of, whether or not they are there.
    node = ray_cluster.add(num_cpus=6, num_gpus=2)
    try:
        said = dict(RayEngine(gpu_share=0.5).map_items(gpu_of, range(6)))
    finally:
        ray_cluster.lose(node)
    assert {gpu for gpu, _, _ in said.values()} == {"0", "1"}
    for name in ("0", "1"):
        times = [(start, end) for gpu, start, end in said.values() if gpu == name]
        most = max(sum(a <= start < b for a, b in times) for start, _ in times)
        assert most <= 2
