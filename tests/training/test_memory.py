"""What a training frees it uses again."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys
import torch
if sys.argv[1] == "kept":
    from leadlens.training.memory import keep_memory
    keep_memory()
def step():
    tensors = [torch.ones(3_000_000) for _ in range(4)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide alone")
def test_a_step_asks_the_system_for_no_memory_that_the_step_before_freed() -> None:
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", STEPS, how], text=True))
        for how in ("kept", "given back")
    }
    # 20 steps of 4 tensors of 12 MB are 234,000 pages of 4 KB.
    assert faults["kept"] < 20_000 < faults["given back"]
