"""The map over processes: same results, honest errors, nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leadlens.engines.engine import choose_engine
from leadlens.engines.local import LocalEngine, available_cores
from leadlens.errors import ConfigError, LeadlensError, ReadError


def square(item: int) -> int:
    return item * item


def fail_at_3(item: int) -> int:
    if item == 3:
        raise ReadError("recording 3: torn")
    return item


def die_at_2(item: int) -> int:
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def die_the_first_time(item: str) -> str:
    """Return the file's name; the third and the fifth kill their worker once."""
    place = Path(item)
    if place.name in ("2", "4") and not place.exists():
        place.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return place.name


def threads_and_process(item: int) -> tuple[str | None, int]:
    time.sleep(0.01 * item)
    return os.environ.get("OMP_NUM_THREADS"), os.getpid()


def gpu_seen(_: int) -> str | None:
    time.sleep(0.5)
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def note_and_sleep(folder: str) -> None:
    Path(folder, f"{os.getpid()}.pid").touch()
    time.sleep(120)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_every_item_is_mapped_once_whatever_the_number_of_workers(n_workers: int) -> None:
    found = list(LocalEngine(n_workers).map_items(square, list(range(11))))
    assert sorted(found) == [(i, i * i) for i in range(11)]


@pytest.mark.parametrize("n_workers", [1, 2])
def test_an_error_in_a_worker_reaches_the_caller_as_itself(n_workers: int) -> None:
    with pytest.raises(ReadError, match="recording 3: torn"):
        list(LocalEngine(n_workers).map_items(fail_at_3, list(range(6))))


def test_what_a_killed_worker_was_computing_is_computed_again(tmp_path: Path) -> None:
    items = [str(tmp_path / f"{number}") for number in range(6)]
    found = dict(LocalEngine(2).map_items(die_the_first_time, items))
    assert found == {number: str(number) for number in range(6)}


def test_workers_that_are_killed_again_and_again_are_told_with_what_to_do() -> None:
    with pytest.raises(LeadlensError, match=r"a worker process died 4 times.*fewer workers"):
        list(LocalEngine(2).map_items(die_at_2, list(range(6))))


def test_workers_are_other_processes_with_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    mapped = LocalEngine(2).map_items(threads_and_process, [1, 1, 1, 1])
    found = [result for _, result in mapped]
    assert {threads for threads, _ in found} == {"1"}
    assert os.getpid() not in {process for _, process in found}


def test_one_worker_or_one_item_runs_in_this_process() -> None:
    for items, n_workers in (([0, 0], 1), ([0], 4)):
        found = LocalEngine(n_workers).map_items(threads_and_process, items)
        assert {result[1] for _, result in found} == {os.getpid()}


def test_nothing_to_map_gives_nothing() -> None:
    assert list(LocalEngine(2).map_items(square, [])) == []


@pytest.mark.parametrize("n_workers", [0, -1])
def test_fewer_than_one_worker_is_refused(n_workers: int) -> None:
    with pytest.raises(ConfigError, match=f"{n_workers} workers: at least 1 is needed"):
        list(LocalEngine(n_workers).map_items(square, [1]))


def test_there_is_at_least_one_core() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


_SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from leadlens.engines.engine import choose_engine
from leadlens.engines.local import LocalEngine
from test_local import note_and_sleep
if __name__ == "__main__":
    list(LocalEngine(2).map_items(note_and_sleep, [sys.argv[2]] * 2))
"""


def is_running(process: int) -> bool:
    """Return whether the process runs; one that has ended but is not yet collected does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(is_true: object, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_true():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    script = tmp_path / "parent.py"
    script.write_text(_SCRIPT)
    parent = subprocess.Popen([sys.executable, str(script), here, str(tmp_path)])
    try:
        assert wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    workers = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert wait_until(lambda: not any(is_running(worker) for worker in workers), 10)


@pytest.mark.parametrize(("seen", "dealt"), [("", {"0", "1"}), ("3,GPU-5", {"3", "GPU-5"})])
def test_each_worker_sees_one_gpu_of_those_that_this_process_sees(
    seen: str, dealt: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    found = LocalEngine(2, n_gpus=2).map_items(gpu_seen, range(4))
    assert {gpu for _, gpu in found} == dealt


def test_as_many_workers_as_gpus_take_are_chosen() -> None:
    assert choose_engine("local", n_gpus=2, per_gpu=3) == LocalEngine(6, 2)
    assert choose_engine("local", 4, n_gpus=2) == LocalEngine(4, 2)
    assert choose_engine("local") == LocalEngine(available_cores(), 0)
