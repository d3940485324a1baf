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
    # Tens of thousands of pages of 4 KB, or hundreds of 2 MB, against next to none.
    assert 10 * faults["kept"] < faults["given back"]
