"""Peers: packages that benchmarks compare with, in virtual environments of their own."""

import os
import subprocess
import sys
import venv
from pathlib import Path

from leadlens.engines.local import THREAD_VARIABLES

ROOT = Path(__file__).resolve().parents[1]


def peer_python(*packages: str, place: str = "", alone: bool = False) -> Path | None:
    """Return the interpreter that has `packages`, installed if need be; None if they cannot be.

    Args:
        packages: as pip takes them.
        place: of packages that need an environment to themselves: `.venv-peers-{place}`.
        alone: without what they depend on.
    """
    folder = ROOT / "-".join(filter(None, (".venv-peers", place)))
    python = folder / "bin" / "python"
    print(f"{', '.join(packages)}: installed into {folder.name} if need be", file=sys.stderr)
    if not python.exists():
        venv.create(folder, with_pip=True)
    command = [str(python), "-m", "pip", "install", "-q", *["--no-deps"][:alone], *packages]
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
