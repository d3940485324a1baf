"""One ECG file explained: a page with each diagnosis on ECG paper."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from leadlens.bundle import NOT_A_DEVICE, Bundle, HeldOut, load_bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.measurements import measure
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.ecg.window import cut_window, window_starts
from leadlens.errors import ConfigError
from leadlens.explain.asked import asked_codes
from leadlens.explain.attribution import Attribution
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.twin import needed_evidence, twin_at
from leadlens.explain.window import explain_ecg, window_of
from leadlens.files import write_text
from leadlens.io import read
from leadlens.report.ecg_paper import Layout, Order
from leadlens.report.explained import ExplainedEcg, explained_ecg
from leadlens.report.html import render
from leadlens.report.raster import save_drawing
from leadlens.settings import checked


def explain_file(
    model: Path,
    file: Path,
    names: tuple[str, ...],
    target: Path,
    window: int = 0,
    changes: dict[str, Any] | None = None,
    layout: Layout = "3x4",
    order: Order = "standard",
    figures: Path | None = None,
) -> dict[str, Any]:
    """Explain one ECG file, write the page to `target`, and return the figures as JSON values.

    Args:
        model: a bundle's folder.
        file: the ECG.
        names: diagnoses (abbreviation or code); none means those that the model gives, or the most
            probable one.
        target: the HTML file.
        window: which window of a long recording.
        changes: to the explanation's settings.
        layout: of the paper: "3x4", "12x1" or "median".
        order: of the limb leads: "standard" or "cabrera".
        figures: folder for each drawing as SVG and PNG, if they are wanted.
    """
    settings = checked(ExplainSettings, changes or {}, "explanation settings")
    whole = load_bundle(model)
    recording = read(file)
    bundle = whole.for_person(recording.age, recording.sex)
    said, skipped = _explain(bundle, file, recording, settings, names, window)
    shown = _window(bundle, recording, window)
    thresholds = dict(zip(bundle.config.classes, bundle.config.thresholds, strict=True))
    measured = measure(shown)
    ecgs = [
        explained_ecg(shown, attribution, code, thresholds[code], settings, f"ecg-{number}",
                      layout, order, measured, bundle.config.held_out)
        for number, (code, attribution) in enumerate(said.items())
    ]  # fmt: skip
    known = {"recording": recording, "config": bundle.config, "not_a_device": NOT_A_DEVICE}
    write_text(target, render("explanation.html.jinja", {**known, "ecgs": ecgs}))
    if figures is not None:
        for code, ecg in zip(said, ecgs, strict=True):
            _save(ecg, figures, f"{recording.record_id}-{diagnosis(code).abbreviation}")
    return {
        "record_id": recording.record_id,
        "window": window,
        "page": str(target),
        "trained_on": bundle.config.trained_on,
        "diagnoses": [
            _figures(said[code], code, ecg.sentence, ecg.is_withheld, bundle.config.held_out)
            for code, ecg in zip(said, ecgs, strict=True)
        ],
        "skipped": skipped,
    }


def _save(ecg: ExplainedEcg, folder: Path, stem: str) -> None:
    """Write the drawings of one explained ECG as SVG and PNG."""
    for number, svg in enumerate((ecg.svg, *ecg.panels)):
        part = "ecg" if number == 0 else f"panel-{number}"
        for suffix in (".svg", ".png"):
            save_drawing(svg, folder / f"{stem}-{part}{suffix}")


def _explain(
    bundle: Bundle,
    file: Path,
    recording: Recording,
    settings: ExplainSettings,
    names: tuple[str, ...],
    window: int,
) -> tuple[dict[str, Attribution], dict[str, str]]:
    """Return each code's attribution, and why codes have none.

    One serves all codes, unless each is explained against its own healthy twin.
    """
    signal = window_of(bundle, recording, window)
    codes = asked_codes(bundle, bundle.logits(signal[None])[0], names)
    if settings.replacement != "healthy_twin":
        return dict.fromkeys(codes, explain_ecg(bundle, recording, settings, window)), {}
    stored = needed_evidence(file, recording)
    said, skipped = {}, {}
    for code in codes:
        name = diagnosis(code).abbreviation
        if name in stored.effects:
            twin = twin_at(bundle, signal, stored, code, window)
            said[code] = explain_ecg(bundle, recording, settings, window, twin)
        else:
            skipped[name] = f"{recording.record_id} does not have it, so no twin without it"
    if not said:
        raise ConfigError("; ".join(f"{name}: {why}" for name, why in skipped.items()))
    return said, skipped


def _window(bundle: Bundle, recording: Recording, window: int) -> Recording:
    """Return the explained window at the recording's own rate."""
    n_window = round(recording.fs * bundle.config.duration)
    standard = standard_leads(recording)
    start = window_starts(standard.n_samples, n_window)[window]
    return replace(standard, signal=cut_window(standard.signal, start, n_window))


def _figures(
    attribution: Attribution, code: str, sentence: str, is_withheld: bool, held_out: HeldOut | None
) -> dict[str, Any]:
    """Return one diagnosis' explanation as JSON values; none where it is withheld."""
    column = attribution.classes.index(code)
    tested = {"on": held_out.on, **held_out.skills[column].model_dump()} if held_out else None
    figures: dict[str, Any] = {
        "code": code,
        "abbreviation": diagnosis(code).abbreviation,
        "logit": round(float(attribution.logits[column]), 4),
        "surrogate_r2": round(float(attribution.r2[column]), 4),
        "sentence": sentence,
        "withheld": is_withheld,
        "held_out": tested,
    }
    if not is_withheld:
        for kind, sums in attribution.sums.items():
            figures[f"{kind}_importance"] = {
                name: {"value": round(float(value), 4), "standard_error": round(float(error), 4)}
                for name, value, error in zip(
                    sums.names, sums.values[column], sums.standard_error[column], strict=True
                )
            }
    return figures
