"""Figures of one condition by diagnosis: scores, calibration, rhythms taken for each other."""

from typing import Final

import numpy as np

from leadlens.ecg.diagnoses import diagnoses, diagnosis
from leadlens.evaluation.confusion import rhythm_confusion
from leadlens.evaluation.reliability import reliability_curves
from leadlens.report.calibration_plot import calibration_plot
from leadlens.report.confusion_plot import confusion_plot
from leadlens.report.curves import per_class
from leadlens.report.study_figure import StudyFigure
from leadlens.report.tables import class_rows
from leadlens.study.data import StudyData
from leadlens.study.results import ConditionResult

N_CALIBRATED: Final = 12
"""Diagnoses whose calibration is drawn, those with most positives."""


def class_figures(condition: ConditionResult, data: StudyData) -> list[StudyFigure]:
    """Return the figures of a condition's diagnoses, all tested folds together."""
    others = (_calibration(condition), _confusion(condition))
    return [_forest(condition, data), *(each for each in others if each is not None)]


def _forest(condition: ConditionResult, data: StudyData) -> StudyFigure:
    """Return the forest plot of all 30 diagnoses; those not trained are listed as absent."""
    rows = {row["diagnosis"].code: row for row in class_rows(condition, data)}
    items = diagnoses()
    nan = float("nan")

    def column(key: str) -> np.ndarray:
        return np.array([rows[d.code][key] if d.code in rows else nan for d in items])

    counts = tuple(
        int(rows[d.code]["n_positive"]) if d.code in rows else data.absent.get(d.code, 0)
        for d in items
    )
    names = tuple(item.abbreviation for item in items)
    mean, low, high = (column(key) for key in ("auroc", "low", "high"))
    svg = per_class(names, mean, low, high, counts, 0.5, "AUROC", name="by-class")
    numbers = tuple(zip(names, mean.tolist(), low.tolist(), high.tolist(), counts, strict=True))
    columns = ("diagnosis", "auroc", "low", "high", "n_positive")
    return StudyFigure("by-class", "AUROC of each diagnosis", svg, columns, numbers)


def _calibration(condition: ConditionResult) -> StudyFigure | None:
    """Return how often diagnoses are there, by how probable they were called; None if none is."""
    labels, known, said = (
        np.concatenate([getattr(fold.said, part) for fold in condition.folds])
        for part in ("labels", "label_mask", "probabilities")
    )
    counts = (labels & known).sum(axis=0)
    found = reliability_curves(labels, known, said)
    often = np.argsort(-counts, kind="stable")[:N_CALIBRATED].tolist()
    curves = {
        diagnosis(condition.classes[column]).abbreviation: curve
        for column in often
        if (curve := found[column]) is not None
    }
    if not curves:
        return None
    rows = tuple(
        (name, *values)
        for name, curve in curves.items()
        for values in zip(
            *(
                getattr(curve, part).tolist()
                for part in ("probability", "frequency", "low", "high", "n_known")
            ),
            strict=True,
        )
    )
    columns = ("diagnosis", "said", "found", "low", "high", "n")
    svg = calibration_plot(curves, name="calibration")
    return StudyFigure("calibration", "Calibration", svg, columns, rows)


def _confusion(condition: ConditionResult) -> StudyFigure | None:
    """Return which rhythm is taken for which; None where there are no two, or nobody has one."""
    labels, known, decisions = (
        np.concatenate([getattr(fold.said, part) for fold in condition.folds])
        for part in ("labels", "label_mask", "decisions")
    )
    found = rhythm_confusion(labels, known, decisions, condition.classes)
    if len(found.names) < 2 or not found.n.diagonal().any():
        return None
    columns = (*found.names, "none")
    rows = tuple(
        (true, given, float(found.given[i, j]), int(found.n[i, j]))
        for i, true in enumerate(found.names)
        for j, given in enumerate(columns)
        if found.n[i, j]
    )
    svg = confusion_plot(found, name="rhythms")
    heading = ("true", "given", "share", "n")
    return StudyFigure("rhythms", "Rhythms that are taken for each other", svg, heading, rows)
