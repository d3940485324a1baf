"""Peers: packages that benchmarks compare with, in a virtual environment of their own."""

import os
import subprocess
import sys
import venv
from pathlib import Path

from leadlens.engines.local import THREAD_VARIABLES

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".venv-peers"


def peer_python(*packages: str) -> Path | None:
    """Return the interpreter that has `packages`, installed if need be; None if they cannot be."""
    python = PEERS / "bin" / "python"
    print(f"{', '.join(packages)}: installed into {PEERS.name} if need be", file=sys.stderr)
    if not python.exists():
        venv.create(PEERS, with_pip=True)
    command = [str(python), "-m", "pip", "install", "-q", *packages]
    done = subprocess.run(command, capture_output=True)
    return python if done.returncode == 0 else None


def one_thread() -> dict[str, str]:
    """Return the environment of a process that computes in one thread."""
    return os.environ | dict.fromkeys(THREAD_VARIABLES, "1")


def run(python: Path | str, program: str, *words: object) -> list[float]:
    """Return the numbers that a program prints, in a process of one thread."""
    command = [str(python), "-c", program, *map(str, words)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=one_thread())
    return [float(word) for word in found.stdout.split()]
