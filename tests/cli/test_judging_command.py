"""`leadlens explain --judge`, and the healthy twin, from the command line."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from leadlens.bundle import load_bundle
from leadlens.cli import main
from leadlens.ecg.diagnoses import diagnosis
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.twin import needed_evidence, twin_at
from leadlens.explain.window import explain_window, window_of
from leadlens.io import read
from leadlens.simulate import CohortSettings, read_evidence
from leadlens.simulate.export import export_wfdb

QUICK = (
    "--set", "pieces=segments", "--set", "n_segments=2", "--set", "timing=false",
    "--set", "kernel_width=0.5", "--set", "rounds=1",
)  # fmt: skip
JUDGE = (*QUICK, "--set", "replacement=isoelectric", "--judge")
TWIN = (*QUICK, "--set", "replacement=healthy_twin")


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def explain(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_bundle: Path,
) -> Callable[..., Outcome]:
    """Return a function that explains a file or folder by the tiny model, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Outcome:
        argv = ["leadlens", "explain", str(tiny_bundle), *map(str, words)]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        return Outcome(int(stopped.value.code or 0), said.out, said.err)

    return run


@pytest.fixture(scope="module")
def ecgs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six simulated ECGs at twice the model's rate, their evidence beside."""
    folder = tmp_path_factory.mktemp("judged") / "ecgs"
    export_wfdb(CohortSettings(n_recordings=6, seed=8, fs=100), folder, with_evidence=True)
    return folder


def names_in(ecgs: Path, number: int) -> list[str]:
    stored = read_evidence(ecgs / f"SIM{number:06d}.npz")
    return [item.diagnosis for item in stored.evidence]


def test_the_card_has_a_row_a_metric_and_fits_80_columns(
    explain: Callable[..., Outcome], ecgs: Path
) -> None:
    said = explain(ecgs, "--n", "2", *JUDGE)
    assert said.code == 0
    for words in ("question", "good is", "verdict", "Does another seed", "of 2 ECGs", "to compare"):
        assert words in said.stdout
    assert "Explanations that pass the gates" in said.stdout
    assert max(map(len, said.stdout.splitlines())) <= 80
    assert list(Path().iterdir()) == []


def test_json_has_the_card_the_gates_and_the_truth(
    explain: Callable[..., Outcome], ecgs: Path
) -> None:
    known: list[str] = json.loads((Path(ecgs) / "simulation.json").read_text())["diagnoses"]
    said: dict[str, Any] = json.loads(explain(ecgs / "SIM000000.hea", "--json", *JUDGE).stdout)
    assert set(known) >= {item["abbreviation"] for item in said["diagnoses"]}
    assert said["n_recordings"] == 1
    assert said["card"]["n_windows"] == sum(item["n_windows"] for item in said["diagnoses"])
    for item in said["diagnoses"]:
        assert item["n_passed"] + len(item["withheld"]) == item["n_windows"]
        is_there = item["abbreviation"] in names_in(ecgs, 0)
        assert (item["truth"] is not None) == is_there
    rows = {row["metric"]: row for row in said["verdicts"]}
    assert rows["sensitivity_n"]["value"] == said["card"]["sensitivity_n"]
    assert said["settings"]["n_segments"] == 2


def test_a_bad_file_in_a_folder_is_named_and_the_others_are_judged(
    explain: Callable[..., Outcome], ecgs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    for name in ("SIM000000.hea", "SIM000000.mat", "SIM000003.hea"):
        shutil.copy(ecgs / name, folder)
    said = explain(folder, *JUDGE, "--json")
    assert said.code == 0
    (why,) = json.loads(said.stdout)["left_out"]
    assert "SIM000003" in why
    assert "left out: " in explain(folder, *JUDGE).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.hea", "--judge"), "nowhere.hea"),
        (("{ecgs}/SIM000000.hea", "--judge", "--out", "x.html"), "leave out --out"),
        (("{ecgs}/SIM000000.hea", "--judge", "--window", "1"), "--window"),
        (("{ecgs}/SIM000000.hea", "--judge", "--layout", "12x1"), "--layout"),
        (("{ecgs}/SIM000000.hea", "--n", "3"), "use it with --judge"),
        (("{ecgs}", "--judge", "--diagnosis", "flu"), "'flu'"),
        (("{ecgs}",), "is a folder: name one ECG file, or judge on all with --judge"),
        (("{empty}", "--judge"), "no ECG file (.hea)"),
        (("{ecgs}", "--judge", "--set", "replacement=twin"), "healthy_twin"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_a_sentence(
    explain: Callable[..., Outcome],
    ecgs: Path,
    tmp_path_factory: pytest.TempPathFactory,
    words: tuple[str, ...],
    said: str,
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    done = explain(*(word.format(ecgs=ecgs, empty=empty) for word in words))
    assert done.code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(Path().iterdir()) == []


def test_a_page_is_explained_against_each_diagnosis_own_twin(
    explain: Callable[..., Outcome], tiny_bundle: Path, tmp_path: Path
) -> None:
    cohort = CohortSettings(cohort="pairs", diagnosis="IAVB", n_recordings=2, seed=4, fs=50)
    export_wfdb(cohort, tmp_path / "pair", with_evidence=True)
    file = tmp_path / "pair" / "SIM000000.hea"
    there = [name for name in ("IAVB", "TAb", "NSR") if name in names_in(file.parent, 0)]
    assert there[0] == "IAVB"
    assert len(there) > 1
    asked = [f"--diagnosis={name}" for name in (*there, "AF")]
    said = explain(file, *asked, *TWIN)
    assert said.code == 0
    assert "not explained: AF: SIM000000 does not have it" in said.stderr
    assert "healthy twin" in Path("SIM000000-explained.html").read_text()
    found = json.loads(explain(file, *asked, *TWIN, "--json").stdout)
    assert list(found["skipped"]) == ["AF"]
    bundle, recording = load_bundle(tiny_bundle), read(file)
    stored, signal = needed_evidence(file, recording), window_of(bundle, recording)
    settings = ExplainSettings(
        pieces="segments", n_segments=2, timing=False, kernel_width=0.5, n_samples=2048,
        replacement="healthy_twin",
    )  # fmt: skip
    for name, item in zip(there, found["diagnoses"], strict=True):
        code = diagnosis(name).code
        twin = twin_at(bundle, signal, stored, code)
        alone = explain_window(bundle, signal, "mV", settings, without=twin)
        r2 = alone.r2[bundle.config.classes.index(code)]
        assert item["surrogate_r2"] == pytest.approx(r2, abs=1e-3)
    assert len({item["surrogate_r2"] for item in found["diagnoses"]}) == len(there)
    refused = explain(file, "--diagnosis=AF", *TWIN)
    assert refused.code == 2
    assert "AF: SIM000000 does not have it" in refused.stderr


def test_without_evidence_beside_it_there_is_no_twin_and_the_file_is_named(
    explain: Callable[..., Outcome], ecgs: Path, tmp_path: Path
) -> None:
    for suffix in (".hea", ".mat"):
        shutil.copy(ecgs / f"SIM000000{suffix}", tmp_path)
    for words in ((), ("--judge",)):
        done = explain("SIM000000.hea", *TWIN, *words)
        assert done.code == 2
        assert "there is no SIM000000.npz" in done.stderr
        assert "leadlens simulate --evidence" in done.stderr
    assert not Path("SIM000000-explained.html").exists()
