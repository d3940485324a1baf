"""Which global maps of a study are drawn, and with which figures."""

import numpy as np

from leadlens.explain.global_map import Cells, GlobalMap
from leadlens.explain.waves import WAVES
from leadlens.report.map_figures import map_figures

CODES = ("426783006", "164889003")
"""Sinus rhythm and atrial fibrillation."""


def map_of(kind: str, names: tuple[str, ...]) -> GlobalMap:
    shape = len(CODES), len(names)
    values = np.arange(shape[0] * shape[1], dtype=float).reshape(shape) + 1.0
    nan = np.full(shape, np.nan)
    cells = Cells(values, 0.1 * values, nan, values, 10 * values, np.ones(2), np.array([7, 9]))
    return GlobalMap(CODES, kind, names, {"with it": cells})


def test_there_is_a_table_and_intervals_for_each_kind_but_numbered_segments() -> None:
    maps = {
        "lead": map_of("lead", ("frontal plane", "V1")),
        "piece": map_of("piece", WAVES),
        "timing": map_of("timing", ("rate", "regularity")),
    }
    figures = map_figures(maps, {})
    assert [each.kind for each in figures] == ["lead", "piece", "timing"]
    for each in figures:
        assert f'id="map-{each.kind}"' in each.table
        assert f'id="intervals-{each.kind}"' in each.intervals
        assert "AF" in each.table
    segments = {"lead": maps["lead"], "piece": map_of("piece", ("[0]", "[1]"))}
    assert [each.kind for each in map_figures(segments, {})] == ["lead"]


def test_withheld_rows_are_named_by_their_reason_in_both_figures() -> None:
    maps = {"lead": map_of("lead", ("frontal plane", "V1"))}
    (figure,) = map_figures(maps, {CODES[1]: "no use"})
    assert "no use" in figure.table
    assert "no use" in figure.intervals


def test_magnitudes_have_no_known_interval() -> None:
    maps = {"lead": map_of("lead", ("frontal plane", "V1"))}
    (figure,) = map_figures(maps, {}, is_absolute=True)
    assert ">+40.0<" in figure.table
    assert "-clear" not in figure.table.replace("-unclear", "")
    assert "-interval" not in figure.intervals
