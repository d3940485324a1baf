"""An ingest that is killed again and again ends as one that was left alone."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_ingest import MadeSource, bytes_of
from test_rates_and_locks import RATES

from leadlens.data import ingest as ingesting
from leadlens.data.ingest import ingest_rates

N = 640
N_KILLS = 50
_SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import leadlens.data.ingest as ingesting
from leadlens.engines.local import LocalEngine
from test_ingest import MadeSource
from test_ingest_killed import N
from test_rates_and_locks import RATES

ingesting.PART_SIZE = 160

def tell(done, total):
    print(done, flush=True)

ingesting.ingest_rates(MadeSource(N), Path(sys.argv[1]), RATES, LocalEngine(2), tell)
"""


@pytest.mark.slow
def test_an_ingest_killed_fifty_times_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "PART_SIZE", 160)
    ingest_rates(MadeSource(N), tmp_path / "whole", RATES)
    whole = bytes_of(tmp_path / "whole")
    killed, tests = tmp_path / "killed", Path(__file__).parents[1]
    command = [sys.executable, "-c", _SCRIPT, str(killed), str(tests), str(tests / "data")]
    moments, n_kills, n_finished = random.Random(7), 0, 0
    while n_kills < N_KILLS:
        if run_and_kill(command, moments):
            n_kills += 1
        else:
            assert bytes_of(killed) == whole
            shutil.rmtree(killed)
            n_finished += 1
    # It went on: begun anew after each kill it would never have got to its end.
    assert n_finished > 0
    ingest_rates(MadeSource(N), killed, RATES)
    assert bytes_of(killed) == whole


def run_and_kill(command: list[str], moments: random.Random) -> bool:
    """Return whether a run was killed; False where it came to its end before.

    Every third is killed at any moment from its start, the others after a few parts.
    """
    n_lines = 0 if moments.random() < 1 / 3 else moments.randint(1, 3)
    wait = moments.uniform(0.0, 0.05 if n_lines else 2.0)
    with subprocess.Popen(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        for _ in range(n_lines):
            process.stdout.readline()
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        assert process.returncode == 0
        return False
