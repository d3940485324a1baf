"""An ingest that is killed again and again ends as one that was left alone."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
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

ingesting.PART_SIZE = 16
print("begun", flush=True)
ingesting.ingest_rates(MadeSource(N), Path(sys.argv[1]), RATES, LocalEngine(2))
"""


@pytest.mark.slow
def test_an_ingest_killed_fifty_times_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "PART_SIZE", 16)
    ingest_rates(MadeSource(N), tmp_path / "whole", RATES)
    whole = bytes_of(tmp_path / "whole")
    killed, tests = tmp_path / "killed", Path(__file__).parents[1]
    command = [sys.executable, "-c", _SCRIPT, str(killed), str(tests), str(tests / "data")]
    moments, n_kills, n_finished, n_gone_on = random.Random(7), 0, 0, 0
    lasted = 4.0
    while n_kills < N_KILLS:
        n_gone_on += len(list(killed.glob("*/part-*.json"))) > 0
        process = subprocess.Popen(
            command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        began = time.monotonic()
        try:
            process.wait(moments.uniform(0.0, lasted))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            n_kills += 1
        else:
            assert process.returncode == 0
            assert bytes_of(killed) == whole
            shutil.rmtree(killed)
            lasted = min(lasted, time.monotonic() - began)
            n_finished += 1
    ingest_rates(MadeSource(N), killed, RATES)
    assert bytes_of(killed) == whole
    # Most kills were in the middle of the work, not before it.
    assert n_gone_on >= N_KILLS // 4
