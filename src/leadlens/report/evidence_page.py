"""Evidence page: simulated recordings with every diagnosis they have, each on ECG paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from leadlens.ecg.diagnoses import GROUPS, diagnosis
from leadlens.ecg.leads import CHEST_LEADS, STANDARD_LEADS
from leadlens.ecg.recording import Recording
from leadlens.errors import ConfigError
from leadlens.report.ecg_paper import ecg_paper
from leadlens.report.evidence_figures import measured
from leadlens.report.evidence_sheet import NOT_FOR_USE, evidence_svg
from leadlens.report.html import render
from leadlens.simulate import Batch, Evidence, evidence, recording_of
from leadlens.simulate.devices import DEVICE_NAMES

__all__ = ["evidence_page"]

SYNONYMS: Final = {"CRBBB": "RBBB", "CLBBB": "LBBB", "SVPB": "PAC", "VPB": "PVC", "LPR": "IAVB"}
"""Diagnoses that are the same finding in the simulator as another, and share its sheet."""

GENERAL: Final = ("BBB", "Brady")
"""Diagnoses that more particular ones are examples of."""

KINDS: Final = {
    "additive": "waves have another shape or are there besides",
    "timing": "waves come at other times",
    "relational": "leads or waves stand in another proportion",
    "absence": "waves are missing or small",
}

Fact = tuple[str, str]


@dataclass(frozen=True)
class Sheet:
    """One diagnosis of a recording, ready to be shown.

    Attributes:
        heading: its name and abbreviations.
        svg: the ECG on paper, with where the diagnosis shows.
        facts: figures, as (label, value).
    """

    heading: str
    svg: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Shown:
    """One recording, ready to be shown.

    Attributes:
        record_id: its name, also its id in the page.
        facts: what is known of it, as (label, value).
        sheets: one a diagnosis, synonyms together.
        plain: the ECG without evidence, for a recording with none of the 30 diagnoses; else "".
    """

    record_id: str
    facts: tuple[Fact, ...]
    sheets: tuple[Sheet, ...]
    plain: str


def evidence_page(items: Sequence[tuple[Batch, int]]) -> str:
    """Return a self-contained HTML page with the evidence of some simulated recordings.

    Args:
        items: recordings as `(batch, row)`, of any cohorts; each name once.

    Raises:
        ConfigError: no recording, or two of one name.
        MissingExtraError: jinja2 is not installed.
    """
    shown = [_shown(batch, row) for batch, row in items]
    names = [recording.record_id for recording in shown]
    if not names:
        raise ConfigError("a page of evidence without recordings: give one or more")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigError(
            f"{min(twice)} is there twice: give recordings of one cohort, each of them once"
        )
    context = {"recordings": shown, "not_for_use": NOT_FOR_USE, "kinds": KINDS}
    return render("evidence.html.jinja", context)


def grouped(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return diagnoses with their synonyms, rhythms first, then as the 30 are grouped."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(SYNONYMS.get(name, name), []).append(name)
    first = sorted(groups, key=lambda name: (GROUPS.index(diagnosis(name).group), name))
    return tuple(tuple(sorted(groups[name], key=lambda n: n in SYNONYMS)) for name in first)


def _shown(batch: Batch, row: int) -> Shown:
    """Return one recording with all its sheets."""
    recording = recording_of(batch, row)
    found = {item.diagnosis: item for item in evidence(batch, row)}
    sheets = tuple(_sheet(batch, row, recording, names, found) for names in _joined(found))
    plain = "" if sheets else ecg_paper(recording, name=f"{recording.record_id}-plain")
    return Shown(recording.record_id, _recording_facts(batch, row, recording), sheets, plain)


def _joined(found: dict[str, Evidence]) -> list[tuple[str, ...]]:
    """Return diagnoses that show in the same way together, the general ones behind."""
    joined: list[tuple[str, ...]] = []
    for names in sorted(grouped(list(found)), key=lambda names: names[0] in GENERAL):
        for place, others in enumerate(joined):
            if _is_same(found[names[0]], found[others[0]]):
                joined[place] = others + names
                break
        else:
            joined.append(names)
    return joined


def _sheet(
    batch: Batch,
    row: int,
    recording: Recording,
    names: tuple[str, ...],
    found: dict[str, Evidence],
) -> Sheet:
    """Return the sheet of one diagnosis and its synonyms."""
    item = found[names[0]]
    figure = measured(batch, row, names[0])
    is_borderline = bool(batch.truth.borderline[row].intersection(names))
    parts = [item.kinds[0], figure, *(["borderline"] if is_borderline else [])]
    heading = "; ".join(_named(group) for group in grouped(names))
    svg = evidence_svg(
        recording,
        item.difference.astype(np.float64),
        item.rule,
        f"{recording.record_id}: {heading}",
        "; ".join(parts),
        name=f"{recording.record_id}-{names[0]}",
    )
    facts: list[Fact] = [
        ("consists in", ", ".join(item.kinds)),
        ("full colour from", f"{item.scale:.2f} mV"),
        ("mask", _share(item.mask) + _where(item.mask)),
    ]
    if item.secondary.any():
        facts.append(("of it secondary", _share(item.secondary, of=item.mask)))
    facts.append(("rule", _share(item.rule) + _where(item.rule)))
    return Sheet(heading, svg, tuple(facts))


def _recording_facts(batch: Batch, row: int, recording: Recording) -> tuple[Fact, ...]:
    """Return who was recorded, how, and with which labels."""
    devices, programme = batch.devices, batch.programme
    names = set(batch.truth.names[row])
    is_ectopic = bool(programme.plan.has("EAR")[row])
    complete = _words(names, is_ectopic)
    facts = [
        ("age", f"{recording.age:.0f} years"),
        ("sex", recording.sex or "unknown"),
        (
            "device",
            f"{DEVICE_NAMES[int(devices.device[row])]}, {devices.high_pass[row]:g} to "
            f"{devices.low_pass[row]:g} Hz, steps of {1000 * devices.step[row]:.3g} \u00b5V",
        ),
    ]
    fault = devices.fault_name(row)
    if fault != "none":
        lead = int(devices.lead_off[row])
        facts.append(("fault", f"{fault}: {CHEST_LEADS[lead]}" if lead >= 0 else fault))
    labelled = _labelled(recording)
    facts.append(("labels", labelled))
    if labelled != complete:
        facts.append(("criteria met", complete))
    near = sorted(batch.truth.borderline[row] - names)
    if near:
        facts.append(("nearly met", _words(set(near), is_ectopic=False)))
    return tuple(facts)


def _labelled(recording: Recording) -> str:
    """Return the labels that a recording carries, in words."""
    names, other = set(), False
    for code in recording.codes or ():
        try:
            names.add(diagnosis(code).abbreviation)
        except ConfigError:  # the simulator's only code beyond the 30
            other = True
    return _words(names, other)


def _words(names: set[str], is_ectopic: bool) -> str:
    """Return diagnoses in words, synonyms once, with an ectopic rhythm, which is none of the 30."""
    said = [_named(group) for group in grouped(list(names))]
    return "; ".join([*(["ectopic atrial rhythm"] if is_ectopic else []), *said])


def _named(group: tuple[str, ...]) -> str:
    """Return a diagnosis in words, with its abbreviation and those of its synonyms."""
    return f"{diagnosis(group[0]).name} ({' = '.join(group)})"


def _share(mask: np.ndarray, of: np.ndarray | None = None) -> str:
    """Return how much of all samples, or of another mask, a mask covers."""
    whole = mask.size if of is None else int(of.sum())
    return f"{100 * int(mask.sum()) / whole:.1f} %"


def _where(mask: np.ndarray) -> str:
    """Return the leads that a mask touches."""
    is_in = mask.any(axis=1)
    leads, others = (
        [STANDARD_LEADS[row] for row in np.flatnonzero(chosen)] for chosen in (is_in, ~is_in)
    )
    if not others:
        return ", in all leads"
    if len(others) < 4:
        return f", in all leads but {', '.join(others)}"
    return f", in {', '.join(leads)}" if leads else ""


def _is_same(one: Evidence, other: Evidence) -> bool:
    """Return whether two diagnoses of a recording show in the same way."""
    return all(
        np.array_equal(getattr(one, part), getattr(other, part))
        for part in ("difference", "mask", "rule")
    )
