"""The commands, run in this process as the entry point runs them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from leadlens.bundle import load_bundle
from leadlens.cli import main
from leadlens.data.store import open_store
from leadlens.ecg.diagnoses import diagnosis
from leadlens.io import read
from leadlens.simulate import CohortSettings, simulate_cohort
from leadlens.simulate.export import read_evidence

TINY = [
    "--set",
    "model={name: inception_time, depth: 1, n_filters: 2, kernels: [5]}",
    "--set",
    "epochs=1",
]
COMMANDS: list[list[str]] = [
    ["demo"],
    ["fetch"],
    ["ingest"],
    ["simulate"],
    ["folds"],
    ["study"],
    ["study", "plan"],
    ["study", "run"],
    ["train"],
    ["audit"],
    ["evaluate"],
    ["explain"],
    ["predict"],
    ["report"],
]


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON object that was printed."""
        assert len(self.stdout.strip().splitlines()) == 1
        return json.loads(self.stdout)


@pytest.fixture
def leadlens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Outcome]:
    """Return a function that runs the command line, in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["leadlens", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return Outcome(int(stopped.value.code or 0), captured.out, captured.err)

    return run


def assert_refused(outcome: Outcome, said: str) -> None:
    assert outcome.code == 2
    assert "error:" in outcome.stderr.lower()
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr + outcome.stdout
    assert outcome.stdout == ""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(leadlens: Callable[..., Outcome], command: list[str]) -> None:
    outcome = leadlens(*command, "--help")
    assert outcome.code == 0
    assert "Usage: leadlens " + " ".join(command) in outcome.stdout


def test_the_help_of_all_fits_a_screen_and_names_every_command(
    leadlens: Callable[..., Outcome],
) -> None:
    lines = leadlens("--help").stdout.splitlines()
    assert len(lines) <= 24
    for command in COMMANDS:
        assert any(line.split()[:1] == command[:1] for line in lines)


def test_without_a_command_the_help_is_shown(leadlens: Callable[..., Outcome]) -> None:
    outcome = leadlens()
    assert "Commands:" in outcome.stdout + outcome.stderr


def test_the_version_is_printed(leadlens: Callable[..., Outcome]) -> None:
    import leadlens as package

    assert leadlens("--version") == Outcome(0, f"leadlens {package.__version__}\n", "")


def test_a_folder_that_is_not_there_is_refused(leadlens: Callable[..., Outcome]) -> None:
    for words in (
        ["ingest", "nowhere", "--out", "store"],
        ["train", "nowhere", "--out", "model"],
        ["predict", "nowhere", "file.hea"],
        ["audit", "nowhere"],
        ["evaluate", "nowhere", "nowhere"],
        ["explain", "nowhere", "file.hea"],
        ["report", "nowhere"],
        ["study", "plan", "nowhere"],
        ["study", "run", "nowhere"],
    ):
        assert_refused(leadlens(*words), "nowhere")


def test_a_refused_training_leaves_no_folder_behind(leadlens: Callable[..., Outcome]) -> None:
    leadlens("train", "nowhere", "--out", "model")
    assert list(Path().iterdir()) == []


def test_yaml_that_is_none_is_refused(leadlens: Callable[..., Outcome]) -> None:
    Path("bad.yaml").write_text("a: [")
    assert_refused(leadlens("study", "run", "bad.yaml"), "bad.yaml is not YAML")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--preset", "huge"],
            "'huge': allowed values are small, resnet, inception_time, best, paper",
        ),
        (["--set", "epochs"], "write it as key=value"),
        (["--set", "loss=vocal"], "'vocal'"),
        (["--set", "epochs=0"], "epochs"),
        (["--set", "colour=red"], "colour"),
        (["--set", "schedule=published_plateau"], "published_plateau"),
        (["--min-positives", "1000"], "no diagnosis has 1000 recordings"),
        (["--fs", "100"], "100 Hz is above the 50 Hz"),
        (["--device", "tpu"], "'tpu'"),
    ],
)
def test_training_that_is_not_allowed_is_refused(
    leadlens: Callable[..., Outcome], tiny_study: Path, words: list[str], said: str
) -> None:
    outcome = leadlens(
        "train", tiny_study / "store", "--out", "model", "--min-positives", "8", *TINY, *words
    )
    assert_refused(outcome, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "axes.loss=[vocal]"], "'vocal'"),
        (["--set", "preset=huge"], "'huge'"),
        (["--set", "axes.fs=[75]"], "none of its cells"),
        (["--set", "folds.k=x"], "folds.k"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_study_that_is_not_allowed_is_refused(
    leadlens: Callable[..., Outcome], study_file: Path, command: str, words: list[str], said: str
) -> None:
    assert_refused(leadlens("study", command, study_file, *words), said)


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["simulate", "--out", "s", "--n", "three"],
        ["nonsense"],
        ["predict", "--wrong", "x"],
    ],
)
def test_words_that_the_command_line_does_not_know_end_with_2(
    leadlens: Callable[..., Outcome], words: list[str]
) -> None:
    assert_refused(leadlens(*words), "")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--fs", "5"], "fs"), (["--n", "0"], "--n"), (["--cohort", "odd"], "'odd'")],
)
def test_a_simulation_that_is_not_allowed_is_refused(
    leadlens: Callable[..., Outcome], words: list[str], said: str
) -> None:
    assert_refused(leadlens("simulate", "--out", "s", *words), said)


def test_simulating_makes_a_store_and_says_so_in_json(leadlens: Callable[..., Outcome]) -> None:
    words = ("simulate", "--out", "s", "--n", "3", "--fs", "50", "--workers", "1", "--json")
    assert leadlens(*words).json == {
        "store": "s",
        "recordings": 3,
        "windows": 3,
        "refused": 0,
        "fs": 50.0,
        "windows_clipped": 0,
    }


WFDB = ("simulate", "--format", "wfdb", "--fs", "50", "--workers", "1")


def test_a_simulated_folder_is_ingested_as_the_store_that_the_same_words_make(
    leadlens: Callable[..., Outcome],
) -> None:
    words = ("--n", "12", "--seed", "2")
    said = leadlens(*WFDB, "--out", "records", *words, "--json").json
    assert said == {
        "wfdb": "records",
        "index": "records/RECORDS",
        "settings": "records/simulation.json",
        "recordings": 12,
        "fs": 50.0,
    }
    again = ("--fs", "50", "--workers", "1", "--json")
    assert leadlens("ingest", "records", "--out", "ingested", *again).json["recordings"] == 12
    assert leadlens("simulate", "--out", "store", *words, *again).json["recordings"] == 12
    ingested, store = open_store("ingested"), open_store("store")
    assert np.array_equal(ingested.counts(np.arange(12)), store.counts(np.arange(12)))
    for ours, theirs in zip(ingested.rows, store.rows, strict=True):
        patients = {
            "source": "records",
            "groups": theirs.groups.replace(":simulated:", ":records:"),
        }
        assert ours == replace(theirs, **patients)


def test_the_wfdb_package_reads_a_simulated_folder_with_the_same_labels(
    leadlens: Callable[..., Outcome],
) -> None:
    wfdb = pytest.importorskip("wfdb")
    leadlens(*WFDB, "--out", "records", "--n", "6", "--noise", "fresh")
    settings = CohortSettings(n_recordings=6, fs=50.0, noise="fresh")
    names = Path("records/RECORDS").read_text().split()
    for name, recording in zip(names, simulate_cohort(settings), strict=True):
        record = wfdb.rdrecord(f"records/{name}")
        assert (record.record_name, record.fs) == (recording.record_id, 50)
        assert tuple(record.sig_name) == recording.leads
        np.testing.assert_allclose(record.p_signal.T, recording.signal, rtol=0, atol=1e-5)
        (labels,) = (text for text in record.comments if text.startswith("Dx: "))
        assert tuple(labels.removeprefix("Dx: ").split(",")) == recording.codes


def test_a_simulation_killed_in_the_middle_goes_on_to_the_same_files(
    leadlens: Callable[..., Outcome],
) -> None:
    words = (*WFDB, "--n", "60", "--evidence")
    process = subprocess.Popen(
        [sys.executable, "-c", "from leadlens.cli import main; main()", *words, "--out", "killed"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    stop = time.monotonic() + 60
    while len(list(Path().glob("killed/*.hea"))) < 5:
        assert process.poll() is None, "the command ended before it could be killed"
        assert time.monotonic() < stop
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not Path("killed/simulation.json").exists()
    headers = list(Path().glob("killed/*.hea"))
    assert 5 <= len(headers) < 60
    for header in headers:
        assert read(header).n_samples == 500
        assert read_evidence(header.with_suffix(".npz")).n_samples == 500
    for folder in ("killed", "whole"):
        outcome = leadlens(*words, "--out", folder)
        assert outcome.code == 0
        assert f"{folder}: 60 WFDB records of 10 s at 50 Hz" in outcome.stdout
    ours, theirs = (
        {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        for folder in ("killed", "whole")
    )
    assert ours == theirs


def test_a_store_gets_its_evidence_and_a_page_and_says_where(
    leadlens: Callable[..., Outcome],
) -> None:
    words = ("simulate", "--out", "s", "--n", "4", "--fs", "50", "--workers", "1")
    outcome = leadlens(*words, "--evidence", "--show", "2")
    assert outcome.code == 0
    assert "evidence: s/evidence (4 files)" in outcome.stdout
    assert "page: s/evidence.html (2 recordings)" in outcome.stdout
    said = leadlens(*words, "--evidence", "--show", "2", "--json").json
    assert said["evidence"] == "s/evidence"
    assert said["evidence_files"] == 4
    assert said["page"] == "s/evidence.html"
    codes = [set(row.codes.split()) for row in open_store("s").rows]
    for index, known in enumerate(codes):
        assert set(read_evidence(f"s/evidence/SIM{index:06d}.npz").criteria) == known


def test_the_page_has_one_sheet_for_each_diagnosis_of_the_recordings_shown(
    leadlens: Callable[..., Outcome],
) -> None:
    words = (*WFDB, "--out", "w", "--n", "4", "--cohort", "pairs", "--diagnosis", "RBBB")
    assert leadlens(*words, "--show", "9", "--json").json["page"] == "w/evidence.html"
    page = Path("w/evidence.html").read_text()
    synonyms = {"CRBBB": "RBBB", "CLBBB": "LBBB", "SVPB": "PAC", "VPB": "PVC", "LPR": "IAVB"}
    n_sheets = 0
    for name in Path("w/RECORDS").read_text().split():
        codes = set(read(f"w/{name}.hea").codes or ()) - {"29320008"}
        said = {synonyms.get(n, n) for n in (diagnosis(c).abbreviation for c in codes)}
        n_sheets += len(said) - ("BBB" in said)  # which shows as RBBB or LBBB does
        assert f'<section id="{name}">' in page
    assert page.count("<h3>") == page.count("<svg") == n_sheets
    assert page.count("right bundle branch block (RBBB = CRBBB)</h3>") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--noise", "default"], "'bank', 'fresh' or 'none' (given: 'default')"),
        (["--device", "gizmo"], "'mixed', 'ptb-xl'"),
        (["--labels", "none"], "'criteria' or 'annotator' (given: 'none')"),
        (["--faults", "2"], "less than or equal to 1 (given: 2.0)"),
        (["--format", "edf"], "'edf': allowed values are store, wfdb"),
        (["--show", "51"], "--show"),
        (["--diagnosis", "RBBB"], "diagnosis 'RBBB' is for cohort 'pairs', not 'balanced'"),
        (["--cohort", "pairs", "--n", "4", "--diagnosis", "flu"], "'flu' is none of AF, AFL"),
        (["--cohort", "pairs", "--n", "3"], "give an even number"),
        (["--cohort", "pairs", "--n", "4", "--faults", "0.1"], "use faults 0"),
        (["--cohort", "factorial", "--labels", "annotator"], "use labels 'criteria'"),
    ],
)
@pytest.mark.parametrize("form", ["store", "wfdb"])
def test_settings_that_contradict_each_other_leave_nothing_behind(
    leadlens: Callable[..., Outcome], form: str, words: list[str], said: str
) -> None:
    assert_refused(leadlens("simulate", "--out", "s", "--format", form, *words), said)
    assert list(Path().iterdir()) == []


def test_a_folder_of_something_else_is_refused_as_a_simulations(
    leadlens: Callable[..., Outcome],
) -> None:
    leadlens(*WFDB, "--out", "w", "--n", "2")
    assert_refused(leadlens(*WFDB, "--out", "w", "--n", "2", "--seed", "1"), "seed 0, not 1")
    words = ("simulate", "--out", "w", "--n", "2", "--fs", "50", "--workers", "1")
    assert_refused(leadlens(*words), "w exists and is not a store")
    leadlens("simulate", "--out", "s", "--n", "2", "--fs", "50", "--workers", "1")
    assert_refused(leadlens(*WFDB, "--out", "s", "--n", "2"), "s holds other files")


def test_a_page_without_the_extra_is_refused_before_the_work(
    leadlens: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert_refused(leadlens(*WFDB, "--out", "w", "--n", "2", "--show", "1"), "leadlens[report]")
    assert list(Path().iterdir()) == []


def test_ingest_lists_what_it_refused_and_why(
    leadlens: Callable[..., Outcome], write_record: Callable[..., Path]
) -> None:
    folder = write_record("A0001").parent
    write_record("A0002")
    (folder / "A0003.hea").write_text("nonsense\n")
    words = ("ingest", folder, "--out", "store", "--fs", "100", "--workers", "1")
    outcome = leadlens(*words)
    assert outcome.code == 0
    assert "2 recordings in 2 windows of 10 s at 100 Hz, 1 refused" in outcome.stdout
    assert "refused.csv" in outcome.stderr
    assert "A0003" in Path("store/refused.csv").read_text()
    assert leadlens(*words, "--json").json["refused"] == 1


def test_ingesting_a_folder_without_any_record_is_refused(
    leadlens: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert_refused(leadlens("ingest", tmp_path / "empty", "--out", "s"), "no WFDB header")


def test_ingest_takes_labels_from_a_table_and_says_what_it_does_not_name(
    leadlens: Callable[..., Outcome], write_record: Callable[..., Path]
) -> None:
    folder = write_record("A0001").parent
    write_record("A0002")
    Path("labels.csv").write_text("record,codes,fold\nA0002,AF,4\n")
    words = ("ingest", folder, "--labels", "labels.csv", "--fs", "50", "--workers", "1")
    outcome = leadlens(*words, "--out", "store")
    assert outcome.code == 0
    assert "labels.csv has no row for 1 of 2 recordings" in " ".join(outcome.stderr.split())
    rows = open_store("store").rows
    assert [(row.codes, row.fold) for row in rows] == [("426783006", ""), ("164889003", "4")]
    assert len(leadlens(*words, "--out", "store", "--json").json["notes"]) == 1
    Path("labels.csv").write_text("record,codes\nA9,AF\n")
    assert_refused(leadlens(*words, "--out", "other"), "there is no recording 'A9'")


def test_ingest_refuses_an_unknown_source_with_the_known_ones(
    leadlens: Callable[..., Outcome], write_record: Callable[..., Path]
) -> None:
    folder = write_record().parent
    outcome = leadlens("ingest", folder, "--out", "s", "--source", "mimic")
    assert_refused(outcome, "unknown source 'mimic': allowed values are wfdb, ptb-xl")


def test_what_a_hospital_never_annotated_is_unknown_unless_all_is_known(
    leadlens: Callable[..., Outcome], write_record: Callable[..., Path], tmp_path: Path
) -> None:
    write_record("JS20000", folder=tmp_path / "ningbo")
    words = ("ingest", tmp_path / "ningbo", "--fs", "50", "--workers", "1", "--out")
    assert leadlens(*words, "default").code == 0
    assert leadlens(*words, "published", "--all-known").code == 0
    unknown = [open_store(path).rows[0].not_annotated for path in ("default", "published")]
    assert unknown == [diagnosis("AF").code, ""]


def test_training_prints_scores_and_saves_a_model(
    leadlens: Callable[..., Outcome], tiny_study: Path
) -> None:
    words = ("train", tiny_study / "store", "--out", "model", "--min-positives", "8", *TINY)
    outcome = leadlens(*words)
    assert outcome.code == 0
    assert "macro" in outcome.stdout
    assert "model: model" in outcome.stdout
    again = leadlens(*words)
    assert again.code == 2
    assert "model holds a finished model" in again.stderr


def test_training_gives_its_scores_to_machines(
    leadlens: Callable[..., Outcome], tiny_study: Path
) -> None:
    words = ("train", tiny_study / "store", "--out", "model", "--min-positives", "8", *TINY)
    said = leadlens(*words, "--json").json
    assert said["model"] == "model"
    names = {item["code"] for item in said["held_out"]["classes"]}
    assert names == set(load_bundle("model").config.classes)


THIN = "in batches of 2: less than one positive a batch is expected of "


def test_training_names_diagnoses_that_batches_do_not_show_a_soft_f1(
    leadlens: Callable[..., Outcome], tiny_study: Path
) -> None:
    words = ("train", tiny_study / "store", "--min-positives", "8", *TINY, "--set", "batch_size=2")
    outcome = leadlens(*words, "--out", "a", "--set", "loss=soft_f1", "--json")
    assert outcome.stderr.count(f"soft_f1 {THIN}") == 1
    assert outcome.json["model"] == "a"
    remembering = ("--set", "loss.name=soft_f1", "--set", "loss.memory=0.9")
    assert THIN not in leadlens(*words, "--out", "b", *remembering).stderr
    assert load_bundle("b").config.training["loss"] == {"name": "soft_f1", "memory": 0.9}


def test_training_writes_curves_where_they_are_wanted(
    leadlens: Callable[..., Outcome], tiny_study: Path
) -> None:
    words = ("train", tiny_study / "store", "--min-positives", "8", *TINY)
    assert leadlens(*words, "--out", "a", "--curves", "curves").code == 0
    assert len(list(Path("curves").glob("events.*"))) == 1


def test_a_plan_tells_how_long_the_cells_will_take(
    leadlens: Callable[..., Outcome], study_file: Path
) -> None:
    plain = leadlens("study", "plan", study_file)
    assert plain.code == 0
    assert "--time tries a few steps" in plain.stderr
    tried = leadlens("study", "plan", study_file, "--time")
    assert "core-hours of training" in tried.stderr
    assert "core-minutes" in tried.stdout
    cells = json.loads(leadlens("study", "plan", study_file, "--time", "--json").stdout)["cells"]
    assert all(cell["core_s_left"] > 0 for cell in cells)
    assert not Path("runs").exists()


def test_what_a_study_notes_is_printed_on_stderr(
    leadlens: Callable[..., Outcome], study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted(*_: Any, on_note: Callable[[str], None], **__: Any) -> None:
        on_note("[bce] a note")
        raise KeyboardInterrupt

    monkeypatch.setattr("leadlens.study.run.run_study", noted)
    assert "[bce] a note\n" in leadlens("study", "run", study_file).stderr


def test_a_model_is_evaluated_on_another_simulated_store(
    leadlens: Callable[..., Outcome], tiny_bundle: Path
) -> None:
    leadlens("simulate", "--out", "other", "--n", "30", "--seed", "99", "--fs", "100")
    assert "macro" in leadlens("evaluate", tiny_bundle, "other").stdout
    said = leadlens("evaluate", tiny_bundle, "other", "--json").json
    assert said["recordings"] == 30
    assert 0 <= said["macro"]["auroc"] <= 1
    assert {path.name for path in Path().iterdir()} == {"other"}


def test_a_file_gets_the_probabilities_of_the_bundle(
    leadlens: Callable[..., Outcome], tiny_bundle: Path, write_record: Callable[..., Path]
) -> None:
    header = write_record()
    said = leadlens("predict", tiny_bundle, header, "--json").json
    expected = load_bundle(tiny_bundle).predict(read(header))
    (prediction,) = said["predictions"]
    assert list(prediction["probabilities"]) == list(expected.classes)
    np.testing.assert_allclose(
        list(prediction["probabilities"].values()), expected.probabilities, atol=1e-6
    )
    assert "not a medical device" in said["note"]
    assert said["trained_on"]["sources"] == "simulated"
    assert said["failures"] == []


def test_a_table_of_the_likeliest_diagnoses_is_printed_for_people(
    leadlens: Callable[..., Outcome], tiny_bundle: Path, write_record: Callable[..., Path]
) -> None:
    outcome = leadlens("predict", tiny_bundle, write_record(), "--top", "2")
    assert outcome.code == 0
    assert outcome.stdout.count("(") == 2
    assert "not a medical device" in outcome.stderr


def test_a_bad_file_is_named_and_ends_with_2_but_the_good_one_is_printed(
    leadlens: Callable[..., Outcome], tiny_bundle: Path, write_record: Callable[..., Path]
) -> None:
    good = write_record("A0001")
    bad = good.with_name("A0002.hea")
    bad.write_text("nonsense\n")
    outcome = leadlens("predict", tiny_bundle, bad, good)
    assert outcome.code == 2
    assert "A0002" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "A0001" in outcome.stdout
    said = leadlens("predict", tiny_bundle, bad, good, "--json")
    assert said.code == 2
    assert [item["record_id"] for item in said.json["predictions"]] == ["A0001"]
    assert [item["file"] for item in said.json["failures"]] == [str(bad)]


def test_a_folder_of_files_is_predicted_file_by_file(
    leadlens: Callable[..., Outcome], tiny_bundle: Path, write_record: Callable[..., Path]
) -> None:
    folder = write_record("A0001").parent
    write_record("A0002", folder=folder / "below")
    said = leadlens("predict", tiny_bundle, folder, "--json").json
    assert sorted(p["record_id"] for p in said["predictions"]) == ["A0001", "A0002"]


def test_a_recording_that_lacks_a_lead_is_named(
    leadlens: Callable[..., Outcome], tiny_bundle: Path, write_record: Callable[..., Path]
) -> None:
    leads = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5")
    outcome = leadlens("predict", tiny_bundle, write_record(leads=leads))
    assert outcome.code == 2
    assert "lacks V6" in outcome.stderr


def test_explaining_writes_the_page_and_says_where(
    leadlens: Callable[..., Outcome], tiny_bundle: Path, write_record: Callable[..., Path]
) -> None:
    words = ("explain", tiny_bundle, write_record(), "--set", "n_segments=2")
    outcome = leadlens(*words)
    assert outcome.code == 0
    assert "page: A0001-explained.html" in outcome.stdout
    assert "<svg" in Path("A0001-explained.html").read_text()
    said = leadlens(*words, "--diagnosis", "NSR", "--out", "other.html", "--json").json
    assert [item["abbreviation"] for item in said["diagnoses"]] == ["NSR"]
    assert Path("other.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--diagnosis", "flu"], "'flu'"),
        (["--window", "1"], "there is no window 1"),
        (["--set", "n_segments=0"], "n_segments"),
        (["--set", "lead_groups=all"], "lead_groups"),
    ],
)
def test_an_explanation_that_is_not_possible_is_refused(
    leadlens: Callable[..., Outcome],
    tiny_bundle: Path,
    write_record: Callable[..., Path],
    words: list[str],
    said: str,
) -> None:
    assert_refused(leadlens("explain", tiny_bundle, write_record(), *words), said)
    assert list(Path().iterdir()) == []


def test_a_plan_lists_cells_and_which_are_done(
    leadlens: Callable[..., Outcome], study_file: Path, tiny_study: Path
) -> None:
    done = leadlens("study", "plan", study_file, "--out", tiny_study, "--json").json
    assert [cell["done"] for cell in done["cells"]] == [True] * 4
    fresh = leadlens("study", "plan", study_file, "--json").json
    assert [cell["done"] for cell in fresh["cells"]] == [False] * 4
    assert "tiny: 4 cells, 4 done" in leadlens("study", "plan", study_file, "--out", tiny_study)[1]
    assert list(Path().iterdir()) == []


def test_a_study_is_run_reported_and_printed(
    leadlens: Callable[..., Outcome], study_file: Path, tiny_study: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_study, tmp_path / "copy"))
    words = ("study", "run", study_file, "--out", folder, "--workers", "1", "--device", "cpu")
    outcome = leadlens(*words)
    assert outcome.code == 0
    assert "what guessing scores" in outcome.stdout
    for loss in ("bce", "double_soft_f1"):
        assert loss in outcome.stdout
    assert f"report: {folder / 'report.html'}" in outcome.stdout
    said = leadlens(*words, "--json").json
    assert (said["n_cells"], said["n_done"]) == (4, 4)
    assert f"leadlens study run {study_file}" in (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    assert str(folder / "report.html") in leadlens("report", folder).stdout
    assert (folder / "report.html").exists()


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    leadlens: Callable[..., Outcome], study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("leadlens.study.run.run_study", interrupted)
    outcome = leadlens("study", "run", study_file)
    assert outcome.code == 130
    assert "run the same command again" in outcome.stderr


def test_ctrl_c_while_the_command_line_is_loading_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("leadlens.cli.commands.app", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "stopped before anything was begun\n"


def test_the_package_runs_as_a_module() -> None:
    words = [sys.executable, "-m", "leadlens", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("leadlens ")


def test_a_missing_extra_is_named_with_the_way_to_install_it(
    leadlens: Callable[..., Outcome], tiny_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadlens.report import html

    html._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert_refused(leadlens("report", tiny_study), "pip install 'leadlens[report]'")
