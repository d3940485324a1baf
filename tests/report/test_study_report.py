"""The report of a study, and the page of one explained ECG."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from plain_settings import plain_settings

from leadlens.bundle import NOT_A_DEVICE, load_bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import LIMB_FROM_I_II
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError, StoreError
from leadlens.explain.window import explain_ecg
from leadlens.io import read
from leadlens.report.class_figures import class_figures
from leadlens.report.explained import explained_ecg
from leadlens.report.explanation_page import explain_file
from leadlens.report.html import render
from leadlens.report.study_report import write_report
from leadlens.report.tables import COLUMNS, result_rows
from leadlens.study.plan import plan_cells
from leadlens.study.published import published_study
from leadlens.study.results import collect
from leadlens.study.run import finished_study, run_study
from leadlens.study.settings import read_study

DASH = "\u2013"
MACRO = (
    "auroc",
    "auprc",
    "f1",
    "accuracy",
    "subset_accuracy",
    "challenge",
    "sensitivity_at_95",
    "calibration_error",
)
LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "link": "href",
    "image": "href",
    "use": "href",
    "object": "data",
    "embed": "src",
    "video": "src",
    "audio": "src",
    "source": "src",
}


class Reader(HTMLParser):
    """Keeps what a browser would load, the tags that stay open, and ids."""

    def __init__(self, text: str) -> None:
        """Read a whole page."""
        super().__init__()
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        values = dict(attrs)
        for key in ("href", "xlink:href", "src", "data"):
            value = values.get(key)
            if tag in LOADS and value is not None and not value.startswith("#"):
                self.loaded.append(f"{tag} {value}")
        if tag == "a":
            self.links.append(values.get("href") or "")
        if tag == "script":
            self.loaded.append("script")
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if tag not in ("meta", "br", "img", "link", "hr", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close a tag, which must be the last one opened."""
        assert self.open.pop() == tag


def text_of(page: str) -> str:
    """Return what a reader sees, in one line."""
    without = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    plain = re.sub(r"<[^>]+>", " ", without).replace("&ndash;", DASH).replace("&#39;", "'")
    return re.sub(r"\s+", " ", plain)


@pytest.fixture(scope="module")
def report(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished study with its report."""
    folder = shutil.copytree(tiny_study, tmp_path_factory.mktemp("report") / "tiny")
    (folder / "command.txt").unlink(missing_ok=True)
    return write_report(Path(folder))


@pytest.fixture(scope="module")
def page(report: Path) -> str:
    return report.read_text()


def test_the_report_needs_no_other_file_and_no_network(page: str) -> None:
    reader = Reader(page)
    assert reader.loaded == []
    assert reader.open == []
    assert "@import" not in page
    assert not re.search(r"url\(\s*['\"]?(?!#)", page)
    assert all(link.startswith("#") for link in reader.links)


def test_ids_in_the_report_are_unique_and_its_own_links_lead_somewhere(page: str) -> None:
    reader = Reader(page)
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
    used = re.findall(r"url\(#([^)]+)\)", page) + re.findall(r'href="#([^"]+)"', page)
    assert set(used) <= set(reader.ids)


def test_the_report_says_first_that_it_is_no_medical_device(page: str) -> None:
    text = text_of(page)
    assert text.index("not a medical device") < text.index("Mean over tested folds")


def test_the_report_warns_that_the_ecgs_are_simulated(page: str) -> None:
    assert "nothing about patients" in text_of(page)


def test_every_conditions_figures_are_those_of_results_json(page: str, report: Path) -> None:
    results = json.loads((report.parent / "results.json").read_text())
    text = text_of(page)
    for condition in results["conditions"]:
        cells = []
        for m in MACRO:
            mean, sd = condition["mean"][m], condition["sd"][m]
            ends = condition["interval"].get(m)
            cells.append(DASH if mean is None else f"{mean:.3f} ± {sd:.3f}")
            cells += [f"{ends[0]:.3f}\u2013{ends[1]:.3f}"] if ends else []
        assert " ".join([condition["name"].replace(",", ", "), "2", *cells]) in text
        for name in condition["floors"]:
            assert f"floor: {name}" in text
    first = results["conditions"][0]["floors"]["all-positive"]
    assert f"floor: all-positive 2 {first['auroc']:.3f}" in text


def test_the_published_figures_stand_beside_with_their_protocol(page: str) -> None:
    text = text_of(page)
    assert "0.832 ± 0.019" in text
    assert "0.548 ± 0.012" in text
    assert "10.1007/s13239-025-00797-8" in text
    assert "10 folds not grouped by patient" in text


def test_the_report_gives_the_hashes_and_versions_to_repeat_it(page: str, report: Path) -> None:
    text = text_of(page)
    manifest = json.loads((report.parent / "store" / "manifest.json").read_text())
    folds = json.loads((report.parent / "folds.json").read_text())
    for fact in (manifest["index_sha256"], folds["sha256"], "2, stratified, seed 42", "torch"):
        assert fact in text


def test_thin_diagnoses_are_called_absent_with_their_number(page: str, report: Path) -> None:
    text = text_of(page)
    _, data, _ = finished_study(report.parent)
    assert data.absent
    for code, n in data.absent.items():
        item = diagnosis(code)
        assert f"{item.abbreviation} {item.name} {code} {n} absent" in text


def test_the_report_keeps_a_map_of_leads_with_its_reservation(page: str) -> None:
    text = text_of(page)
    assert "not where the disease is" in text
    assert "frontal plane" in text


def test_the_report_does_not_change_when_it_is_written_again(report: Path) -> None:
    before = report.read_text()
    assert write_report(report.parent).read_text() == before


def test_what_a_user_writes_is_escaped(report: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(report.parent, tmp_path / "copy"))
    path = folder / "study.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "question": "<script src='x'>alert(1)</script> & so"}))
    page = write_report(folder).read_text()
    assert Reader(page).loaded == []
    assert "&lt;script src=" in page


def test_an_unfinished_study_is_reported_as_unfinished(
    report: Path, study_file: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(report.parent, tmp_path / "copy"))
    (plan_cells(read_study(study_file), folder)[3].folder / "DONE").unlink()
    assert "Unfinished: 3 of 4 cells" in text_of(write_report(folder).read_text())


def test_a_study_without_a_finished_cell_has_no_report(report: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(report.parent, tmp_path / "copy"))
    for path in (folder / "cells").rglob("DONE"):
        path.unlink()
    with pytest.raises(StoreError, match="has no finished cell"):
        write_report(folder)


def test_leaks_of_the_published_study_are_marked(
    study_file: Path, tiny_study: Path, tmp_path: Path
) -> None:
    changes = (
        "data.simulate=null",
        f"data.store={tiny_study / 'store'}",
        "axes.loss=[bce]",
        "explain=null",
        "training.epochs=1",
        "training.schedule=published_plateau",
        "folds.method=label_combination",
    )
    run_study(read_study(study_file, changes), tmp_path / "leak", device="cpu")
    text = text_of(write_report(tmp_path / "leak").read_text())
    start = text.index("not a medical device")
    marks = text[start : text.index("Mean over tested folds")]
    assert "published_plateau: the learning rate was steered by the loss on the fold" in marks
    assert "This leaks" in marks
    assert "label_combination: folds were not grouped by patient" in marks


def test_a_study_that_leaks_nothing_is_not_marked(page: str) -> None:
    head = text_of(page).split("Mean over tested folds")[0]
    assert "leak" not in head
    assert "label_combination" not in head


def test_a_missing_value_in_a_template_is_an_error_not_a_blank() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("study.html.jinja", {})


def test_an_explained_file_becomes_a_page_that_needs_no_other(
    tiny_bundle: Path, write_record: Callable[..., Path], tmp_path: Path
) -> None:
    target = tmp_path / "page.html"
    codes = load_bundle(tiny_bundle).config.classes[:2]
    said = explain_file(tiny_bundle, write_record(), codes, target, changes={"n_segments": 2})
    page = target.read_text()
    reader = Reader(page)
    assert (reader.loaded, reader.open) == ([], [])
    assert len(set(reader.ids)) == len(reader.ids)
    assert NOT_A_DEVICE in page
    assert [item["code"] for item in said["diagnoses"]] == list(codes)
    for item in said["diagnoses"]:
        assert item["sentence"] in text_of(page)


def test_without_a_name_the_given_diagnoses_are_explained_or_else_the_likeliest(
    tiny_bundle: Path, write_record: Callable[..., Path], tmp_path: Path
) -> None:
    header = write_record()
    prediction = load_bundle(tiny_bundle).predict(read(header))
    said = explain_file(tiny_bundle, header, (), tmp_path / "page.html")
    given = [c for c, d in zip(prediction.classes, prediction.decisions, strict=True) if d]
    likeliest = prediction.classes[int(prediction.probabilities.argmax())]
    assert [item["code"] for item in said["diagnoses"]] == (given or [likeliest])


@pytest.fixture
def no_effect_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly trained networks are explained too."""
    for name, limit in (("MIN_EFFECT", 0.0), ("MAX_P", 2.0), ("MIN_AUROC", 0.0)):
        monkeypatch.setattr(f"leadlens.explain.gates.{name}", limit)


@pytest.mark.usefixtures("no_effect_is_too_small")
def test_the_figures_of_an_explained_file_are_those_of_the_explanation(
    tiny_bundle: Path, write_record: Callable[..., Path], tmp_path: Path
) -> None:
    header, bundle = write_record(), load_bundle(tiny_bundle)
    code = bundle.config.classes[0]
    settings = plain_settings(n_segments=2)
    changes = settings.model_dump(mode="json")
    said = explain_file(tiny_bundle, header, (code,), tmp_path / "p.html", 0, changes)
    attribution = explain_ecg(bundle, read(header), settings)
    (item,) = said["diagnoses"]
    assert item["logit"] == pytest.approx(attribution.logits[0], abs=1e-4)
    assert item["surrogate_r2"] == pytest.approx(attribution.r2[0], abs=1e-4)
    assert item["withheld"] == (attribution.r2[0] < 0.5)
    if not item["withheld"]:
        values = [v["value"] for v in item["lead_importance"].values()]
        np.testing.assert_allclose(values, attribution.sums["lead"].values[0], atol=1e-4)


@pytest.mark.usefixtures("no_effect_is_too_small")
def test_a_withheld_explanation_shows_no_evidence_and_no_figures(
    tiny_bundle: Path,
    write_record: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("leadlens.explain.gates.MIN_R2", 1.1)
    said = explain_file(tiny_bundle, write_record(), (), tmp_path / "page.html")
    (item, *_) = said["diagnoses"]
    assert item["withheld"]
    assert "lead_importance" not in item
    assert item["sentence"].startswith("Explanation withheld: the surrogate gives")
    page = (tmp_path / "page.html").read_text()
    assert 'class="band"' not in page
    assert 'class="bar"' not in page
    assert "closed: the surrogate gives" in text_of(page)


@pytest.mark.usefixtures("no_effect_is_too_small")
def test_a_diagnosis_that_the_model_does_not_tell_on_unseen_recordings_is_withheld(
    tiny_bundle: Path,
    write_record: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("leadlens.explain.gates.MIN_R2", -1.0)
    model = Path(shutil.copytree(tiny_bundle, tmp_path / "model"))
    config = json.loads((model / "config.json").read_text())
    told, untold = (
        {"n_positive": 9, "n_negative": 90, "auroc": auroc, "p": 0.001} for auroc in (0.9, 0.6)
    )
    skills = [told, untold, *[told] * (len(config["classes"]) - 2)]
    config["held_out"] = {"on": "99 others", "skills": skills}
    (model / "config.json").write_text(json.dumps(config))
    # The limit that the fixture takes away.
    monkeypatch.setattr("leadlens.explain.gates.MIN_AUROC", 0.7)
    codes, page = tuple(config["classes"][:2]), tmp_path / "page.html"
    said = explain_file(model, write_record(), codes, page, changes={"n_segments": 2})
    shown, withheld = said["diagnoses"]
    assert (shown["withheld"], withheld["withheld"]) == (False, True)
    assert withheld["held_out"] == {"on": "99 others", **untold}
    assert withheld["sentence"] == (
        "Explanation withheld: the model hardly tells it (AUROC 0.60, needs 0.70)."
    )
    assert "AUROC 0.900 (9 with it, 90 without), on 99 others" in text_of(page.read_text())


def test_a_model_that_was_never_tested_says_so(
    tiny_bundle: Path, write_record: Callable[..., Path], tmp_path: Path
) -> None:
    model = Path(shutil.copytree(tiny_bundle, tmp_path / "model"))
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "held_out": None}))
    page = tmp_path / "page.html"
    said = explain_file(model, write_record(), (), page, changes={"n_segments": 2})
    assert said["diagnoses"][0]["held_out"] is None
    assert "not known: the model was not tested on unseen recordings" in text_of(page.read_text())


def test_figures_are_written_as_svg_and_png_when_they_are_wanted(
    tiny_bundle: Path, write_record: Callable[..., Path], tmp_path: Path
) -> None:
    figures, code = tmp_path / "figures", load_bundle(tiny_bundle).config.classes[0]
    explain_file(
        tiny_bundle, write_record(), (code,), tmp_path / "p.html", 0, {"pieces": "whole"},
        layout="12x1", order="cabrera", figures=figures,
    )  # fmt: skip
    name = f"A0001-{diagnosis(code).abbreviation}-ecg"
    assert "-aVR" in (figures / f"{name}.svg").read_text()
    assert (figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("no_effect_is_too_small")
def test_the_median_layout_is_refused_for_segments_with_the_way_out(
    tiny_bundle: Path, write_record: Callable[..., Path], tmp_path: Path
) -> None:
    header = write_record(counts=beating())
    with pytest.raises(ConfigError, match="pieces=waves"):
        explain_file(
            tiny_bundle, header, (), tmp_path / "p.html", 0, {"pieces": "segments"},
            layout="median",
        )  # fmt: skip


def beating() -> np.ndarray:
    """Return counts (1000/mV at 500 Hz) of an ECG with ten plain beats."""
    shape = np.zeros(500)
    for at, width, height in ((100, 20, 0.15), (180, 7, 1.0), (300, 35, 0.3)):
        shape += height * np.exp(-0.5 * ((np.arange(500) - at) / width) ** 2)
    lead_i, lead_ii = 0.7 * np.tile(shape, 10), np.tile(shape, 10)
    limb = LIMB_FROM_I_II @ np.stack([lead_i, lead_ii])
    chest = np.linspace(-0.5, 1.2, 6)[:, None] * lead_ii
    return np.round(1000 * np.concatenate([limb, chest])).astype(np.int16)


def test_a_diagnosis_that_the_model_does_not_know_is_refused_with_those_it_does(
    tiny_bundle: Path, write_record: Callable[..., Path], tmp_path: Path
) -> None:
    known = load_bundle(tiny_bundle).config.classes
    unknown = next(d for d in ("PR", "Brady", "LPR") if diagnosis(d).code not in known)
    with pytest.raises(ConfigError, match=f"does not know {unknown}: it knows .*NSR"):
        explain_file(tiny_bundle, write_record(), (unknown,), tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_the_facts_say_what_an_explanation_rests_on(
    tiny_bundle: Path, make_ecg: Callable[..., Recording]
) -> None:
    ecg, bundle = make_ecg(fs=50), load_bundle(tiny_bundle)
    for groups, kept in (("frontal_and_chest", "kept"), ("displayed", "broken")):
        settings = plain_settings(lead_groups=groups, n_segments=3)
        attribution = explain_ecg(bundle, ecg, settings)
        said = explained_ecg(ecg, attribution, attribution.classes[0], 0.5, settings)
        facts = dict(said.facts)
        p = 1 / (1 + np.exp(-attribution.logits[0]))
        assert facts["probability"].startswith(f"{p:.3f} (")
        assert facts["limb-lead equations"].startswith(kept)
        assert facts["players"].endswith("each cut into 3 segments")
        assert facts["method"] == f"lime, {attribution.n_forwards} forward passes"
        assert NOT_A_DEVICE in facts.values()


def test_the_published_figures_say_where_ours_lie(tiny_study: Path) -> None:
    _, data, tasks = finished_study(tiny_study)
    results = collect([task.cell for task in tasks], data.classes)
    published = published_study("singstad_muten_2025")
    main, *leads = published.rows
    at_50_hz = main.model_copy(update={"condition": {**main.condition, "fs": 50.0}})
    ours = next(c for c in results.conditions if c.condition["loss"] == "double_soft_f1")
    study = published.model_copy(update={"rows": (at_50_hz, *leads)})
    (row,) = (row for row in result_rows(results, [study]) if row.kind == "published")
    said = dict(zip(COLUMNS, row.intervals, strict=True))
    for metric, figure in main.metrics.items():
        verdict = figure.verdict(ours.mean(metric), ours.sd(metric))
        assert said[metric] == f"ours {verdict}"
    assert said["auprc"] == ""
    (other,) = (row for row in result_rows(results, [published]) if row.kind == "published")
    assert set(other.intervals) == {""}


def test_several_published_studies_stand_beside_ours_each_with_its_protocol(
    tiny_study: Path,
) -> None:
    _, data, tasks = finished_study(tiny_study)
    results = collect([task.cell for task in tasks], data.classes)
    compared = [published_study(name) for name in ("torch_ecg_2021", "challenge_2021")]
    rows = [row for row in result_rows(results, compared) if row.kind == "published"]
    assert [row.label.split(": ")[0] for row in rows] == [
        "torch_ecg (DeepPSP, ResNet)", *["PhysioNet/CinC Challenge 2021"] * 3
    ]  # fmt: skip
    # Their conditions are none of ours, so ours as a whole lie somewhere.
    assert dict(zip(COLUMNS, rows[0].intervals, strict=True))["auroc"] == "ours below"
    assert dict(zip(COLUMNS, rows[0].cells, strict=True))["auroc"] == "0.954"


def test_a_condition_whose_tested_recordings_have_no_rhythm_is_shown_without_their_confusion(
    tiny_study: Path,
) -> None:
    _, data, tasks = finished_study(tiny_study)
    condition = collect([task.cell for task in tasks], data.classes).conditions[0]
    assert [figure.name for figure in class_figures(condition, data)][1:] == [
        "calibration", "rhythms"
    ]  # fmt: skip
    nobody = tuple(
        replace(fold, said=replace(fold.said, labels=np.zeros_like(fold.said.labels)))
        for fold in condition.folds
    )
    found = class_figures(replace(condition, folds=nobody), data)
    assert [figure.name for figure in found] == ["by-class"]
