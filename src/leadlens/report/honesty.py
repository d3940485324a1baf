"""Honesty: what an explanation rests on, printed beside it."""

import numpy as np

from leadlens.bundle import NOT_A_DEVICE, HeldOut
from leadlens.explain.attribution import Attribution
from leadlens.explain.gates import MIN_R2, is_too_thin
from leadlens.explain.players import Players
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.waves import WAVES
from leadlens.report.sentence import ErrorKind, listed

Fact = tuple[str, str]
REDUNDANT = 1000.0
"""Condition number from which leads are nearly redundant: one direction holds a thousandth of
another's variance (a condition index of 30; Belsley, Kuh & Welsch 1980)."""


def facts(
    attribution: Attribution,
    column: int,
    settings: ExplainSettings,
    kind: ErrorKind,
    threshold: float,
    withheld: str | None,
    condition: float,
    is_relative: bool,
    held_out: HeldOut | None,
) -> tuple[Fact, ...]:
    """Return what the explanation of one class rests on, as (label, value).

    Args:
        attribution: of the window.
        column: the class.
        settings: with which it was explained.
        kind: what is known of the errors.
        threshold: of the decision.
        withheld: why the explanation is withheld, or None.
        condition: the lead groups' conditioning on this ECG.
        is_relative: whether the ECG is in relative units.
        held_out: how well the model tells what on recordings that it has not seen, if known.
    """
    probability = float(1.0 / (1.0 + np.exp(-attribution.logits[column])))
    decision = "given" if probability > threshold else "not given"
    r2 = float(attribution.r2[column])
    has_r2 = bool(np.isfinite(r2))
    return (
        ("probability", f"{probability:.3f} ({decision})"),
        ("threshold", f"{threshold:g}"),
        ("gates", f"closed: {withheld}" if withheld else _passed(r2)),
        ("skill on unseen ECGs", _skill(held_out, column)),
        ("surrogate R\u00b2", f"{r2:.2f}" if has_r2 else "does not apply: no surrogate"),
        ("standard error", _error(attribution, column, kind)),
        ("players", _players(attribution.players)),
        ("limb-lead equations", _equations(is_relative, attribution.players)),
        ("conditioning", _condition(condition)),
        ("replacement", settings.replacement.replace("_", " ")),
        ("method", f"{settings.method}, {attribution.n_forwards} forward passes"),
        ("use", NOT_A_DEVICE),
    )


def cut_into(players: Players) -> str:
    """Return what lead groups are cut into: "wave", "10 segments", or "lead" where they are not."""
    if players.pieces == WAVES:
        return "wave"
    return f"{len(players.pieces)} segments" if len(players.pieces) > 1 else "lead"


def _skill(held_out: HeldOut | None, column: int) -> str:
    """Return how well the model tells the diagnosis, or that nobody knows."""
    if held_out is None:
        return "not known: the model was not tested on unseen recordings"
    skill = held_out.skills[column]
    if is_too_thin(skill):
        return f"not known: too few recordings ({skill.counts}) among {held_out.on}"
    return f"{skill.in_words}, on {held_out.on}"


def _passed(r2: float) -> str:
    """Return which gates are open."""
    if not np.isfinite(r2):
        return "none applies: the method has no surrogate"
    return f"passed: surrogate R\u00b2 {r2:.2f}, at least {MIN_R2:g} needed"


def _error(attribution: Attribution, column: int, kind: ErrorKind) -> str:
    """Return the largest standard errors, or why there are none."""
    if kind == "exact":
        return "none: nothing is drawn at random"
    if kind == "unknown":
        return "not known for this method"
    part = attribution.standard_error[column].max()
    lead = attribution.sums["lead"].standard_error[column].max()
    return f"at most {part:.2f} logits of a part, {lead:.2f} of a lead"


def _players(players: Players) -> str:
    """Return who was switched off."""
    groups = tuple(players.groups)
    said = listed(groups, tuple(range(len(groups))))
    if len(players.pieces) > 1:
        cut = ", ".join(players.pieces) if players.pieces == WAVES else cut_into(players)
        said += f", each cut into {cut}"
    return f"{said}; {', '.join(players.timing)}" if players.timing else said


def _equations(is_relative: bool, players: Players) -> str:
    """Return whether the masked ECGs obey Einthoven and Goldberger."""
    if is_relative:
        return "do not hold in relative units"
    if players.is_identifiable:
        return "kept"
    return "broken by these masks: the limb leads' shares are not identifiable"


def _condition(condition: float) -> str:
    """Return the condition number in words."""
    if condition == float("inf"):
        return "of the lead groups' correlations: infinite, some leads are sums of others"
    said = f"of the lead groups' correlations: {float(f'{condition:.2g}'):,.0f} (independent: 1)"
    if condition > REDUNDANT:
        said += "; nearly redundant: another training may share the evidence out otherwise"
    return said
