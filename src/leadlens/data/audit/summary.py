"""Summary: what a store holds, by source and by diagnosis, for its datasheet."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from leadlens.data.audit.labels import share_of_published
from leadlens.data.index import IndexRow
from leadlens.data.store import Store
from leadlens.ecg.diagnoses import Diagnosis, diagnoses


@dataclass(frozen=True)
class SourceSummary:
    """One source of a store.

    Attributes:
        source: its name.
        n: recordings.
        n_patients: named patients; recordings without one do not count.
        n_annotated: recordings with labels.
        female, male: recordings.
        age: median and middle half of the known ages, in words.
        n_age: recordings of known age.
        durations, rates, units: in words.
        published: the share of the Challenge's source that is there, in words.
    """

    source: str
    n: int
    n_patients: int
    n_annotated: int
    female: int
    male: int
    age: str
    n_age: int
    durations: str
    rates: str
    units: str
    published: str


@dataclass(frozen=True)
class LabelSummary:
    """One diagnosis: recordings that have it and of which it is known, in all and by source."""

    diagnosis: Diagnosis
    n: int
    n_known: int
    by_source: tuple[str, ...]


def source_summaries(store: Store) -> tuple[SourceSummary, ...]:
    """Return a summary of each source, then of all together where there are several."""
    by_source: dict[str, list[IndexRow]] = defaultdict(list)
    for row in store.first_rows:
        by_source[row.source].append(row)
    found = [_source(source, rows) for source, rows in sorted(by_source.items())]
    return (*found, _source("all", list(store.first_rows))) if len(found) > 1 else tuple(found)


def label_summaries(store: Store) -> tuple[tuple[str, ...], tuple[LabelSummary, ...]]:
    """Return the sources, and for each of the 30 diagnoses how often it is given in each.

    A cell is empty where nobody looked for the diagnosis.
    """
    items = diagnoses()
    labels, mask = store.labels(tuple(item.code for item in items))
    of = np.array([row.source for row in store.first_rows])
    sources = tuple(sorted(set(of.tolist())))
    found = []
    for column, item in enumerate(items):
        cells = []
        for source in sources:
            is_in = of == source
            n = int(labels[is_in, column].sum())
            cells.append(f"{n:,}" if mask[is_in, column].any() else "")
        n, n_known = int(labels[:, column].sum()), int(mask[:, column].sum())
        found.append(LabelSummary(item, n, n_known, tuple(cells)))
    return sources, tuple(found)


def other_codes(store: Store) -> tuple[tuple[str, int], ...]:
    """Return the codes beyond the 30 and how many recordings have them, the commonest first."""
    known = {item.code for item in diagnoses()}
    counts = Counter(code for row in store.first_rows for code in row.codes.split())
    return tuple((code, n) for code, n in counts.most_common() if code not in known)


def _source(source: str, rows: list[IndexRow]) -> SourceSummary:
    """Return the summary of some rows."""
    ages = np.array([float(row.age) for row in rows if row.age])
    patients = {g for row in rows for g in row.groups.split() if g.startswith("patient:")}
    share = share_of_published(source, len(rows))
    return SourceSummary(
        source=source,
        n=len(rows),
        n_patients=len(patients),
        n_annotated=sum(bool(row.is_annotated) for row in rows),
        female=sum(row.sex == "female" for row in rows),
        male=sum(row.sex == "male" for row in rows),
        age=_spread(ages, ""),
        n_age=len(ages),
        durations=_spread(np.array([row.duration for row in rows]), " s"),
        rates=", ".join(f"{fs:g}" for fs in sorted({row.fs for row in rows})),
        units=", ".join(sorted({row.units for row in rows})),
        published="" if share is None else f"{100 * share:.1f} %",
    )


def _spread(values: np.ndarray, unit: str) -> str:
    """Return the median and the range of values in words; a dash for none."""
    if not len(values):
        return "\u2013"
    low, middle, high = (float(q) for q in np.quantile(values, [0.0, 0.5, 1.0]))
    if low == high:
        return f"{middle:.4g}{unit}"
    return f"{middle:.3g}{unit} ({low:.3g} to {high:.3g})"
