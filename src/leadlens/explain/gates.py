"""Gates: whether an explanation may be shown, and if not, why."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from leadlens.evaluation.skill import Skill
from leadlens.explain.attribution import Attribution

MIN_R2: Final = 0.5
"""Of a surrogate: below, the players do not add up, and their values mean little."""
MIN_EFFECT: Final = 2.0
"""Logits by which all players together move the answer: odds by a factor of 7. An untrained network
reaches 0.1, one trained on shuffled labels 1.8; right answers of a good one are far above."""
MIN_RECORDINGS: Final = 5
MAX_P: Final = 0.01
MIN_AUROC: Final = 0.7
"""Shuffled labels of a few hundred recordings agree with the true ones a little, by chance, and a
network learns that: its AUROC on others is then truly above 0.5, but nothing to explain."""


def explanation_gate(
    attribution: Attribution, column: int, skills: Sequence[Skill] | None
) -> str | None:
    """Return why the explanation of one class in one ECG is withheld, or None.

    Args:
        attribution: of the ECG.
        column: the class.
        skills: the model's on recordings that it has not seen, for all classes; None where they
            are not known, which closes no gate.
    """
    untold = None if skills is None else held_out_gate(skills, column)
    return untold or attribution_gate(attribution, column)


def attribution_gate(attribution: Attribution, column: int) -> str | None:
    """Return why the explanation of one class in one ECG says too little, or None.

    Where the answer hardly depends on the ECG there is nothing to explain, however well the players
    add up. A network that has learned wrong labels by heart is not found by one ECG: see
    `held_out_gate`.
    """
    effect = abs(float(attribution.values[column].sum()))
    if not effect >= MIN_EFFECT:
        shown = np.floor(10 * effect) / 10
        return f"all parts together move its logit by {shown:g} (needs {MIN_EFFECT:g})"
    r2 = float(attribution.r2[column])
    if r2 < MIN_R2:
        return _too_little(r2)
    return None


def held_out_gate(skills: Sequence[Skill], column: int) -> str | None:
    """Return why a model of these held-out skills is not asked about one of its classes, or None.

    Of a class with too few held-out recordings its own figures cannot tell (`is_too_thin`): it goes
    with the others. If the model tells less than half of those that could be tested, it is not
    asked about this one either; if none could be tested, nothing is known and no gate closes.
    """
    if not is_too_thin(skills[column]):
        return skill_gate(skills[column])
    tested = [skill for skill in skills if not is_too_thin(skill)]
    told = sum(skill_gate(skill) is None for skill in tested)
    if 2 * told >= len(tested):
        return None
    return (
        f"too few unseen recordings test it ({skills[column].counts}), and of the "
        f"{len(tested)} diagnoses that could be tested the model tells {told}"
    )


def is_too_thin(skill: Skill) -> bool:
    """Return whether too few recordings leave it open if the model tells a diagnosis.

    Few that are told very well are enough.
    """
    n = min(skill.n_positive, skill.n_negative)
    return n < MIN_RECORDINGS and skill_gate(skill) is not None


def skill_gate(skill: Skill) -> str | None:
    """Return why no explanation of one diagnosis by a model of this skill may be shown, or None.

    A model that does not tell the diagnosis from chance on recordings it has not seen
    (Mann-Whitney, one-sided, p >= 0.01), or hardly does, has nothing to explain.
    """
    if skill.auroc is None or skill.p is None:
        return "no recordings to compare"
    if not skill.p < MAX_P:
        return f"the model does not tell it from chance (AUROC {skill.auroc:.2f})"
    if skill.auroc < MIN_AUROC:
        shown = np.floor(100 * skill.auroc) / 100
        return f"the model hardly tells it (AUROC {shown:.2f}, needs {MIN_AUROC:.2f})"
    return None


def class_gate(skill: Skill, n_explained: int, r2: float) -> str | None:
    """Return why the map's row of one diagnosis is withheld, or None."""
    if n_explained < MIN_RECORDINGS:
        return f"{n_explained} recordings with it explained (needs {MIN_RECORDINGS})"
    reason = skill_gate(skill)
    if reason is None and r2 < MIN_R2:
        return _too_little(r2)
    return reason


def _too_little(r2: float) -> str:
    """Return the reason for a surrogate that explains too little, never rounded up to the limit."""
    share = int(100 * max(r2, 0.0))
    return f"the surrogate gives {share}% of the model's changes (needs {MIN_R2:.0%})"
