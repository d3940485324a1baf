"""One explained ECG: paper with the evidence on it, a sentence, bars, and what it rests on."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from leadlens.bundle import HeldOut
from leadlens.ecg.diagnoses import diagnosis
from leadlens.ecg.leads import LIMB_LEADS
from leadlens.ecg.measurements import Measurements, measure
from leadlens.ecg.recording import Recording, standard_leads
from leadlens.errors import ConfigError
from leadlens.explain.attribution import Attribution
from leadlens.explain.conditioning import conditioning
from leadlens.explain.gates import explanation_gate
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.waves import WAVES
from leadlens.report.axis_dial import axis_dial
from leadlens.report.bars import bar_panels, scale_of
from leadlens.report.ecg_overlay import BAND_SECONDS, Overlay
from leadlens.report.ecg_paper import Layout, Order, ecg_paper
from leadlens.report.honesty import cut_into, facts
from leadlens.report.median_beat import MedianBeat, median_beat
from leadlens.report.sentence import ErrorKind, Z, error_kind, sentence

NOTE = "Shows what a model uses, not where the disease is. Not a medical device."


@dataclass(frozen=True)
class ExplainedEcg:
    """One diagnosis in one ECG, ready to be shown.

    Attributes:
        title: diagnosis and recording.
        svg: the ECG on paper; without evidence on it where the explanation is withheld.
        panels: bars by lead, wave and timing, and the axis dial; none where it is withheld.
        sentence: the finding in words, or why it is withheld.
        is_withheld: whether a gate closed.
        facts: what the explanation rests on, as (label, value).
    """

    title: str
    svg: str
    panels: tuple[str, ...]
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
    layout: Layout = "3x4",
    order: Order = "standard",
    measured: Measurements | None = None,
    held_out: HeldOut | None = None,
) -> ExplainedEcg:
    """Return the explanation of one class of `attribution` on the window in `recording`.

    Args:
        recording: the explained window, at any rate.
        attribution: its explanation.
        code: the diagnosis.
        threshold: of the decision.
        settings: with which it was explained.
        name: unique in the page.
        layout: of the paper.
        order: of the limb leads.
        measured: of the recording, if that is known already.
        held_out: how well the model tells what on recordings that it has not seen, if known.

    Raises:
        ConfigError: layout "median" for equal segments, which are parts of no beat.
        SignalError: layout "median", and no beat is found.
    """
    column = attribution.classes.index(code)
    item = diagnosis(code)
    reason = explanation_gate(attribution, column, held_out.skills if held_out else None)
    kind = error_kind(attribution, column, settings.method)
    standard = standard_leads(recording)
    measured = measure(standard) if measured is None else measured
    rows = standard.signal[[standard.leads.index(row) for row in attribution.players.rows]]
    is_relative = recording.units == "relative"
    condition = conditioning(rows, attribution.players)
    said = facts(
        attribution, column, settings, kind, threshold, reason, condition, is_relative, held_out
    )
    beat = _beat(standard, attribution, measured) if layout == "median" else None
    shown = beat.recording if beat else standard
    note = f"Median of {beat.n_beats} beats of the usual shape. {NOTE}" if beat else NOTE
    title = f"{item.name} ({item.abbreviation}) in {recording.record_id}"
    if reason:
        withheld = f"Explanation withheld: {reason}."
        note = f"{withheld} {note}"
        svg = ecg_paper(shown, None, layout, name=name, order=order, note=note)
        return ExplainedEcg(title, svg, (), withheld, True, said)
    overlay = _overlay(standard, beat, attribution, column, kind)
    svg = ecg_paper(shown, overlay, layout, name=name, order=order, note=note)
    panels = _panels(standard, attribution, column, kind, measured, name)
    return ExplainedEcg(title, svg, panels, sentence(attribution, column, kind), False, said)


def _beat(recording: Recording, attribution: Attribution, measured: Measurements) -> MedianBeat:
    """Return the median beat, with a P wave only where the players have one."""
    players = attribution.players
    has_p = players.pieces != WAVES or WAVES.index("P") in players.piece_of
    return median_beat(recording, measured, has_p)


def _panels(
    recording: Recording,
    attribution: Attribution,
    column: int,
    kind: ErrorKind,
    measured: Measurements,
    name: str,
) -> tuple[str, ...]:
    """Return bars by lead, wave and timing, and the axis dial where there is a frontal plane."""
    panels = bar_panels(attribution, column, kind, recording.duration, name)
    leads = attribution.sums["lead"]
    is_limb = [set(rows) <= set(LIMB_LEADS) for rows in attribution.players.groups.values()]
    if not any(is_limb) or recording.units != "mV":
        return panels
    values, errors = leads.values[column, is_limb], leads.standard_error[column, is_limb]
    evidence = float(values.sum()), Z * float(np.sqrt((errors**2).sum()))
    scale = scale_of([(leads.values[column], leads.standard_error[column])])
    return (*panels, axis_dial(measured.qrs_axis, evidence, scale, kind, f"{name}-axis"))


def _overlay(
    recording: Recording,
    beat: MedianBeat | None,
    attribution: Attribution,
    column: int,
    kind: ErrorKind,
) -> Overlay:
    """Return the evidence at every sample of the recording or of its median beat, and bars."""
    players = attribution.players
    values, errors = attribution.sums["lead"].values, attribution.sums["lead"].standard_error
    abbreviation = diagnosis(attribution.classes[column]).abbreviation
    evidence, label = None, f"logit evidence for {abbreviation}, by {cut_into(players)}"
    if len(players.pieces) > 1:
        evidence = _evidence(recording, beat, attribution, column, kind)
        label += "; no colour where the 95 % interval contains 0" if kind == "estimated" else ""
    step = recording.duration / len(players.piece_of)
    return Overlay(
        evidence=evidence,
        label=label,
        lead_totals=_of_leads(recording, attribution, values[column], is_shared=True),
        tied_leads=tuple(group for group in players.groups.values() if len(group) > 1),
        half_widths=_of_leads(recording, attribution, Z * errors[column])
        if kind == "estimated"
        else None,
        band_seconds=min(BAND_SECONDS, step) if beat is None else 0.0,
        scale=float(np.abs(attribution.values[column]).max()) or None,
        totals_label=f"sum over {recording.duration:.3g} s",
    )


def _evidence(
    recording: Recording,
    beat: MedianBeat | None,
    attribution: Attribution,
    column: int,
    kind: ErrorKind,
) -> Float[np.ndarray, "lead time"]:
    """Return the evidence of each lead and sample.

    It is 0 in leads that follow from others, and where its interval contains 0: the largest of
    many values that are noise would else get the full colour.
    """
    players = attribution.players
    values = attribution.values[column]
    if kind == "estimated":
        is_clear = np.abs(values) > Z * attribution.standard_error[column]
        values = np.where(is_clear, values, 0.0)
    if beat is None:
        image = players.spread(values)
        position = np.arange(recording.n_samples) * image.shape[1] // recording.n_samples
        image = image[:, position]
    elif players.pieces == WAVES:
        grid = values[: players.n_shapes].reshape(len(players.groups), len(WAVES))
        image = grid[players.group_of][:, beat.wave_of]
    else:
        raise ConfigError(
            "layout 'median' shows one beat, of which equal segments are no parts: "
            "use --set pieces=waves, or layout 3x4 or 12x1"
        )
    shown = recording if beat is None else beat.recording
    evidence = np.zeros(shown.signal.shape)
    for row, lead in enumerate(players.rows):
        evidence[recording.leads.index(lead)] = image[row]
    return np.where(np.isnan(shown.signal), 0.0, evidence)


def _of_leads(
    recording: Recording,
    attribution: Attribution,
    of_groups: Float[np.ndarray, " group"],
    is_shared: bool = False,
) -> Float[np.ndarray, " lead"]:
    """Return a value for each lead, NaN for those in no group.

    Leads of one group share its value out equally, or all have it.
    """
    found = np.full(recording.n_leads, np.nan)
    for number, group in enumerate(attribution.players.groups.values()):
        for lead in group:
            parts = len(group) if is_shared else 1
            found[recording.leads.index(lead)] = of_groups[number] / parts
    return found
