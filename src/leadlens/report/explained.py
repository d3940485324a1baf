"""One explained ECG: paper with the evidence on it, a sentence, and what it rests on."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.explain.gates import attribution_gate
from leadlens.explain.lime import Attribution
from leadlens.explain.settings import ExplainSettings
from leadlens.report.ecg_overlay import Overlay
from leadlens.report.ecg_paper import ecg_paper


@dataclass(frozen=True)
class ExplainedEcg:
    """One diagnosis in one ECG, ready to be shown.

    Attributes:
        title: diagnosis and recording.
        svg: the ECG on paper; without evidence on it where the explanation is withheld.
        sentence: the finding in words, or why it is withheld.
        is_withheld: whether a gate closed.
        facts: what the explanation rests on, as (label, value).
    """

    title: str
    svg: str
    sentence: str
    is_withheld: bool
    facts: tuple[tuple[str, str], ...]


def explained_ecg(
    recording: Recording,
    attribution: Attribution,
    code: str,
    threshold: float,
    settings: ExplainSettings,
    name: str = "ecg",
) -> ExplainedEcg:
    """Return the explanation of one class of `attribution` on the window in `recording`.

    Args:
        recording: the explained window, at any rate.
        attribution: its explanation.
        code: the diagnosis.
        threshold: of the decision.
        settings: with which it was explained.
        name: unique in the page.
    """
    column = attribution.classes.index(code)
    item = diagnosis(code)
    reason = attribution_gate(attribution, column)
    standard = standard_leads(recording)
    overlay = None if reason else _overlay(standard, attribution, column, item.abbreviation)
    title = f"{item.name} ({item.abbreviation}) in {recording.record_id}"
    probability = 1.0 / (1.0 + np.exp(-attribution.logits[column]))
    facts = (
        ("probability", f"{probability:.3f} ({_decision(float(probability), threshold)})"),
        ("threshold", f"{threshold:g}"),
        ("surrogate R\u00b2", f"{attribution.r2[column]:.2f}"),
        ("lead groups", settings.lead_groups.replace("_", " ")),
        ("segments", f"{settings.n_segments} of equal length"),
        ("replacement", f"{settings.replacement} line"),
        ("design", f"{settings.design}, {attribution.n_forwards} forward passes"),
        ("limb-lead equations", _equations(recording, attribution)),
    )
    return ExplainedEcg(
        title=title,
        svg=ecg_paper(standard, overlay, name=name),
        sentence=f"Explanation withheld: {reason}." if reason else sentence(attribution, column),
        is_withheld=reason is not None,
        facts=facts,
    )


def sentence(attribution: Attribution, column: int) -> str:
    """Return where most of the evidence lies, with its 95 % interval, and what speaks against."""
    name = diagnosis(attribution.classes[column]).name
    groups = tuple(attribution.players.groups)
    totals = attribution.lead_importance[column]
    half = 1.96 * attribution.lead_error[column]
    clear_for = [i for i in np.argsort(-totals) if totals[i] - half[i] > 0]
    clear_against = [i for i in np.argsort(totals) if totals[i] + half[i] < 0]
    if not clear_for:
        said = f"No lead by itself speaks clearly for {name}"
    else:
        share = totals[clear_for[0]] / totals[totals > 0].sum()
        parts = [
            f"{groups[i]} adds {totals[i]:+.2f} logits ({totals[i] - half[i]:+.2f} to "
            f"{totals[i] + half[i]:+.2f})"
            for i in clear_for[:2]
        ]
        said = (
            f"Evidence for {name}: {'; '.join(parts)}. "
            f"{groups[clear_for[0]].capitalize()} holds {share:.0%} of what speaks for it"
        )
    if clear_against:
        i = clear_against[0]
        said += f"; most against it: {groups[i]} ({totals[i]:+.2f})"
    return said + "."


def _equations(recording: Recording, attribution: Attribution) -> str:
    """Return whether the masked ECGs obey Einthoven and Goldberger."""
    if recording.units == "relative":
        return "do not hold in relative units"
    return "kept" if attribution.players.is_identifiable else "broken by these masks"


def _decision(probability: float, threshold: float) -> str:
    return "given" if probability > threshold else "not given"


def _overlay(
    recording: Recording, attribution: Attribution, column: int, abbreviation: str
) -> Overlay:
    """Return the evidence at every sample of `recording`, and the leads' bars."""
    players = attribution.players
    image = players.spread(attribution.values[column])
    position = np.arange(recording.n_samples) * image.shape[1] // recording.n_samples
    evidence = np.zeros((recording.n_leads, recording.n_samples))
    for row, lead in enumerate(players.rows):
        evidence[recording.leads.index(lead)] = image[row, position]
    seconds = recording.duration / players.n_segments
    return Overlay(
        evidence=evidence,
        label=f"logit evidence for {abbreviation}, by {seconds:.3g} s segment",
        lead_totals=_lead_totals(recording, attribution, column),
        tied_leads=tuple(group for group in players.groups.values() if len(group) > 1),
    )


def _lead_totals(
    recording: Recording, attribution: Attribution, column: int
) -> Float[np.ndarray, " lead"]:
    """Return one total a lead; leads of one group share their group's."""
    totals = np.zeros(recording.n_leads)
    for number, group in enumerate(attribution.players.groups.values()):
        for lead in group:
            share = attribution.lead_importance[column, number] / len(group)
            totals[recording.leads.index(lead)] = share
    return totals
