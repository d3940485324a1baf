"""One ECG file explained: a page with each diagnosis on ECG paper."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from leadlens.bundle import NOT_A_DEVICE, Bundle, load_bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.measurements import measure
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.ecg.window import cut_window, window_starts
from leadlens.errors import ConfigError
from leadlens.explain.attribution import Attribution
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import explain_ecg
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
    bundle = load_bundle(model)
    recording = read(file)
    attribution = explain_ecg(bundle, recording, settings, window)
    shown = _window(bundle, recording, window)
    codes = _codes(bundle, attribution, names)
    thresholds = dict(zip(bundle.config.classes, bundle.config.thresholds, strict=True))
    measured = measure(shown)
    ecgs = [
        explained_ecg(shown, attribution, code, thresholds[code], settings, f"ecg-{number}",
                      layout, order, measured)
        for number, code in enumerate(codes)
    ]  # fmt: skip
    known = {"recording": recording, "config": bundle.config, "not_a_device": NOT_A_DEVICE}
    write_text(target, render("explanation.html.jinja", {**known, "ecgs": ecgs}))
    if figures is not None:
        for code, ecg in zip(codes, ecgs, strict=True):
            _save(ecg, figures, f"{recording.record_id}-{diagnosis(code).abbreviation}")
    return {
        "record_id": recording.record_id,
        "window": window,
        "page": str(target),
        "trained_on": bundle.config.trained_on,
        "diagnoses": [
            _figures(attribution, code, ecg.sentence, ecg.is_withheld)
            for code, ecg in zip(codes, ecgs, strict=True)
        ],
    }


def _save(ecg: ExplainedEcg, folder: Path, stem: str) -> None:
    """Write the drawings of one explained ECG as SVG and PNG."""
    for number, svg in enumerate((ecg.svg, *ecg.panels)):
        part = "ecg" if number == 0 else f"panel-{number}"
        for suffix in (".svg", ".png"):
            save_drawing(svg, folder / f"{stem}-{part}{suffix}")


def _codes(bundle: Bundle, attribution: Attribution, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the codes to explain."""
    if names:
        codes = tuple(diagnosis(name).code for name in names)
        unknown = [
            name
            for name, code in zip(names, codes, strict=True)
            if code not in bundle.config.classes
        ]
        if unknown:
            known = ", ".join(diagnosis(code).abbreviation for code in bundle.config.classes)
            raise ConfigError(f"the model does not know {', '.join(unknown)}: it knows {known}")
        return codes
    probabilities = 1.0 / (1.0 + np.exp(-attribution.logits))
    given = probabilities > np.array(bundle.config.thresholds)
    if not given.any():
        return (bundle.config.classes[int(np.argmax(probabilities))],)
    return tuple(c for c, is_given in zip(bundle.config.classes, given, strict=True) if is_given)


def _window(bundle: Bundle, recording: Recording, window: int) -> Recording:
    """Return the explained window at the recording's own rate."""
    n_window = round(recording.fs * bundle.config.duration)
    standard = standard_leads(recording)
    start = window_starts(standard.n_samples, n_window)[window]
    return replace(standard, signal=cut_window(standard.signal, start, n_window))


def _figures(
    attribution: Attribution, code: str, sentence: str, is_withheld: bool
) -> dict[str, Any]:
    """Return one diagnosis' explanation as JSON values; none where it is withheld."""
    column = attribution.classes.index(code)
    figures: dict[str, Any] = {
        "code": code,
        "abbreviation": diagnosis(code).abbreviation,
        "logit": round(float(attribution.logits[column]), 4),
        "surrogate_r2": round(float(attribution.r2[column]), 4),
        "sentence": sentence,
        "withheld": is_withheld,
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
