"""A figure of a study's report, with the numbers that it is drawn from."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leadlens.files import write_text

FIGURES: Final = "figures"
"""Folder of the figures' numbers, beside the report."""


@dataclass(frozen=True)
class StudyFigure:
    """A figure and its numbers.

    Attributes:
        name: the SVG's id, and the name of the file of its numbers.
        title: what it is of.
        svg: the drawing.
        columns: headings of the numbers.
        rows: the numbers.
    """

    name: str
    title: str
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def file(self) -> str:
        """Where its numbers lie, from the report."""
        return f"{FIGURES}/{self.name}.csv"


def write_numbers(figures: Iterable[StudyFigure], folder: Path) -> None:
    """Write the numbers of each figure as CSV beside the report in `folder`."""
    (folder / FIGURES).mkdir(exist_ok=True)
    for figure in figures:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(figure.columns)
        writer.writerows(figure.rows)
        write_text(folder / figure.file, text.getvalue())
