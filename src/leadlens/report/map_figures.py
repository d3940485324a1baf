"""Map figures: the global maps of a study by lead, wave and timing, ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from leadlens.ecg.diagnoses import GROUPS, diagnosis
from leadlens.explain.global_map import GlobalMap
from leadlens.explain.sampling import Verdict
from leadlens.explain.waves import WAVES
from leadlens.report.interval_map import interval_map
from leadlens.report.maps import lead_map


@dataclass(frozen=True)
class MapFigures:
    """The global map of one kind of sum, as SVG.

    Attributes:
        kind: "lead", "piece" (waves) or "timing".
        table: numbers on colours.
        intervals: dots with intervals, to scale.
    """

    kind: str
    table: str
    intervals: str


def map_figures(
    maps: Mapping[str, GlobalMap],
    withheld: Mapping[str, str],
    is_absolute: bool = False,
    verdict: Verdict = "with it",
) -> list[MapFigures]:
    """Return the figures of maps by kind of sum, diagnoses by group, withheld rows hatched.

    Equal segments have none: a numbered piece of time means nothing over many recordings.

    Args:
        maps: by kind of sum, over all recordings with each diagnosis.
        withheld: code -> why its row is not shown.
        is_absolute: mean magnitudes, as published, of which no interval is known.
        verdict: over which recordings.
    """
    figures = []
    for kind, summary in maps.items():
        if kind == "piece" and summary.names != WAVES:
            continue
        cells = summary.by_verdict[verdict]
        place = "" if verdict == "with it" else "-" + verdict.replace(" ", "-")
        unknown = np.full_like(cells.half_width, np.nan)
        items = [diagnosis(code) for code in summary.classes]
        order = sorted(range(len(items)), key=lambda i: (GROUPS.index(items[i].group), i))
        shown = (
            (cells.absolute if is_absolute else cells.values)[order],
            (unknown if is_absolute else cells.half_width)[order],
            tuple(items[i].abbreviation for i in order),
            summary.names,
            tuple(int(cells.n_recordings[i]) for i in order),
            {diagnosis(code).abbreviation: why for code, why in withheld.items()},
        )
        figures.append(
            MapFigures(
                kind=kind,
                table=lead_map(*shown, name=f"map-{kind}{place}"),
                intervals=interval_map(
                    *shown,
                    name=f"intervals-{kind}{place}",
                    fold_half_width=(unknown if is_absolute else cells.fold_half_width)[order],
                ),
            )
        )
    return figures
