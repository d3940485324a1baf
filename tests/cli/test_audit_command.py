"""The audit from the command line: exit codes, JSON, the page."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = [sys.executable, "-c", "from leadlens.cli import main; main()"]


def run(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, without a terminal."""
    return subprocess.run(
        [*RUN, *map(str, words)], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clean store, and one in which every recording has a faulty electrode."""
    folder = tmp_path_factory.mktemp("audit")
    for name, faults in (("clean", 0.0), ("faulty", 1.0)):
        words = ("--n", "20", "--seed", "4", "--fs", "100", "--workers", "1", "--faults", faults)
        assert run(folder, "simulate", "--out", name, *words).returncode == 0
    return folder


def test_a_clean_store_ends_with_0(folder: Path) -> None:
    done = run(folder, "audit", "clean")
    assert done.returncode == 0
    assert "clean: nothing found in 20 recordings" in done.stdout
    assert "leakage was not looked for" in done.stdout


def test_a_faulty_store_ends_with_1_and_names_the_kinds(folder: Path) -> None:
    done = run(folder, "audit", "faulty")
    assert done.returncode == 1
    assert "flat lead" in done.stdout


def test_json_names_every_finding_and_the_page_is_written(folder: Path) -> None:
    done = run(folder, "audit", "faulty", "--out", "page.html", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert said["counts"]["flat lead"] == sum(f["kind"] == "flat lead" for f in said["findings"])
    page = (folder / said["page"]).read_text()
    flat = next(f for f in said["findings"] if f["kind"] == "flat lead")
    assert flat["sentence"] in page


@pytest.mark.parametrize("words", [("nowhere",), ("clean", "--folds", "nowhere.json")])
def test_what_is_not_there_ends_with_2_and_its_name(folder: Path, words: tuple[str, ...]) -> None:
    done = run(folder, "audit", *words)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
