"""The 30 scored diagnoses of the PhysioNet/CinC Challenge 2021, as data.

Codes are SNOMED CT. Counts per source and the reward weights are the Challenge's published
figures (Reyna et al. 2021), kept in `diagnoses.csv` and `rewards.csv` beside this file.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64

from leadlens.errors import ConfigError, choices

GROUPS: Final = ("rhythm", "conduction", "axis and voltage", "QRS shape", "repolarisation")


@dataclass(frozen=True)
class Diagnosis:
    """One diagnosis: SNOMED CT code, names, the equivalent one if any, counts per source."""

    code: str
    abbreviation: str
    name: str
    group: str
    equivalent: str | None
    counts: dict[str, int]

    @property
    def count(self) -> int:
        """Recordings with this diagnosis among the 88,253 of the Challenge."""
        return sum(self.counts.values())


@cache
def diagnoses() -> tuple[Diagnosis, ...]:
    """Return the 30 diagnoses, sorted by code as text (the published study's order)."""
    return tuple(
        Diagnosis(
            code=row["code"],
            abbreviation=row["abbreviation"],
            name=row["name"],
            group=row["group"],
            equivalent=row["equivalent"] or None,
            counts={key[2:]: int(n) for key, n in row.items() if key.startswith("n_")},
        )
        for row in csv.DictReader(_table("diagnoses.csv"))
    )


def diagnosis(name: str) -> Diagnosis:
    """Return the diagnosis with this SNOMED CT code or abbreviation."""
    for item in diagnoses():
        if name in (item.code, item.abbreviation):
            return item
    raise choices("diagnosis", name, [item.abbreviation for item in diagnoses()])


def scored_codes() -> tuple[str, ...]:
    """Return the 30 codes, sorted as text."""
    return tuple(item.code for item in diagnoses())


@cache
def never_used(source: str) -> tuple[str, ...]:
    """Return the codes that a source of the Challenge never used, nor an equivalent one."""
    count = {item.abbreviation: item.counts[source] for item in diagnoses()}
    return tuple(
        item.code
        for item in diagnoses()
        if count[item.abbreviation] == 0 and not count.get(item.equivalent or "", 0)
    )


def encode_labels(
    codes: list[tuple[str, ...] | None],
    not_annotated: list[tuple[str, ...]],
    classes: tuple[str, ...],
) -> tuple[Bool[np.ndarray, "n class"], Bool[np.ndarray, "n class"]]:
    """Return `labels` and `label_mask` (True = known) of recordings.

    Args:
        codes: per recording its SNOMED CT codes; None means that nobody annotated it.
        not_annotated: per recording the codes that nobody looked for.
        classes: the codes of the columns.
    """
    if len(codes) != len(not_annotated):
        raise ConfigError(f"{len(codes)} recordings but {len(not_annotated)} lists of unknowns")
    column = {code: i for i, code in enumerate(classes)}
    labels = np.zeros((len(codes), len(classes)), dtype=bool)
    known = np.ones_like(labels)
    for row, (given, unknown) in enumerate(zip(codes, not_annotated, strict=True)):
        if given is None:
            known[row] = False
            continue
        known[row, [column[code] for code in unknown if code in column]] = False
        present = [column[code] for code in given if code in column]
        labels[row, present] = True
        known[row, present] = True
    return labels, known


def merge_equivalent(
    values: Bool[np.ndarray, "n class"], classes: tuple[str, ...]
) -> tuple[Bool[np.ndarray, "n merged"], tuple[str, ...]]:
    """Return boolean columns with equivalent diagnoses joined by "or", and the joined names.

    The names are the columns of `reward_weights`, for the classes given and in that order.
    """
    names = [diagnosis(code).abbreviation for code in classes]
    columns, merged = [], []
    for joined in reward_weights()[0]:
        members = [names.index(part) for part in joined.split("|") if part in names]
        if members:
            columns.append(values[:, members].any(axis=1))
            merged.append(joined)
    return np.stack(columns, axis=1), tuple(merged)


@cache
def reward_weights() -> tuple[tuple[str, ...], Float64[np.ndarray, "26 26"]]:
    """Return the names and the reward matrix of the Challenge score.

    Rows are the diagnoses given, columns those that are true; equivalent diagnoses share a row
    and their abbreviations are joined by a bar.
    """
    header, *rows = csv.reader(_table("rewards.csv"))
    weights = np.array([[float(cell) for cell in row[1:]] for row in rows])
    weights.setflags(write=False)
    return tuple(header[1:]), weights


def _table(name: str) -> list[str]:
    """Return the lines of a table that lies beside this module."""
    text = resources.files("leadlens.ecg").joinpath(name).read_text(encoding="utf-8")
    return text.splitlines()
