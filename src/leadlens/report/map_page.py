"""A model's global maps over a store: a page, and the figures' numbers as CSV."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from leadlens.bundle import NOT_A_DEVICE, load_bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.engines.engine import Engine
from leadlens.engines.local import ONE_PROCESS
from leadlens.explain.sampling import VERDICTS
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.store_map import StoreMap, map_store
from leadlens.explain.survey import OnProgress
from leadlens.files import write_text
from leadlens.report.html import render
from leadlens.report.map_figures import MapFigures, map_figures
from leadlens.settings import checked

PAGE: Final = "map.html"
NUMBERS: Final = "map.csv"
KINDS: Final = {"lead": "lead group", "piece": "wave", "timing": "timing"}
_COLUMNS: Final = (
    "kind", "over", "diagnosis", "code", "player", "mean_logit", "half_width_95",
    "half_width_95_folds", "strength", "mean_absolute", "mean_r2", "recordings", "withheld",
)  # fmt: skip


@dataclass(frozen=True)
class _Section:
    """The maps over the recordings of one verdict."""

    title: str
    figures: list[MapFigures]


def explain_store(
    model: Path,
    store: Path,
    folder: Path,
    n_per_class: int,
    changes: dict[str, Any] | None = None,
    engine: Engine = ONE_PROCESS,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Explain a model on a store; write the page and the numbers; return them as JSON values.

    Args:
        model: a bundle's folder.
        store: recordings that the model has not seen.
        folder: for the page, the numbers, and the explanations, which are kept.
        n_per_class: recordings with each diagnosis, and wrongly given it, at most.
        changes: to the explanation's settings.
        engine: who explains.
        on_progress: called with how many recordings are done, and of how many.
    """
    settings = checked(ExplainSettings, changes or {}, "explanation settings")
    found = map_store(model, store, folder, n_per_class, settings, engine, on_progress)
    rows = _rows(found)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_COLUMNS, *rows])
    write_text(folder / NUMBERS, text.getvalue())
    config = load_bundle(model).config
    context = {
        "store": store.name,
        "config": config,
        "settings": settings,
        "found": found,
        "n_per_class": n_per_class,
        "kinds": KINDS,
        "sections": [
            _Section(verdict, map_figures(found.maps, found.withheld, verdict=verdict))
            for verdict in VERDICTS
        ],
        "not_a_device": NOT_A_DEVICE,
    }
    write_text(folder / PAGE, render("map.html.jinja", context))
    return {
        "page": str(folder / PAGE),
        "numbers": str(folder / NUMBERS),
        "explained": found.n_explained,
        "refused": found.refused,
        "withheld": {diagnosis(code).abbreviation: why for code, why in found.withheld.items()},
        "trained_on": config.trained_on,
    }


def _rows(found: StoreMap) -> list[list[object]]:
    """Return a row of numbers for each cell; those of withheld diagnoses have the reason alone."""
    rows: list[list[object]] = []
    for kind, summary in found.maps.items():
        for verdict, cells in summary.by_verdict.items():
            for row, code in enumerate(summary.classes):
                why = found.withheld.get(code, "")
                for column, name in enumerate(summary.names):
                    shown = (cells.values, cells.half_width, cells.fold_half_width)
                    numbers = [part[row, column] for part in shown]
                    numbers += [cells.strength[row, column], cells.absolute[row, column]]
                    numbers += [cells.r2[row]]
                    known = ["" if why or not np.isfinite(n) else f"{n:.5g}" for n in numbers]
                    who = [kind, verdict, diagnosis(code).abbreviation, code, name]
                    rows.append([*who, *known, int(cells.n_recordings[row]), why])
    return rows
