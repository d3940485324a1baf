"""Truth card: how explanations of one diagnosis agree with the truth of simulated ECGs.

Data truth is where the diagnosis is, model truth what the model uses: `leadlens.explain.truth`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float32

from leadlens.bundle import Bundle
from leadlens.ecg.diagnoses import diagnosis
from leadlens.explain.attribution import Attribution
from leadlens.explain.explainers import LEAD_BLIND
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.stability import spearman
from leadlens.explain.truth import (
    RIGHT_TIMING,
    TruthScore,
    lift,
    mean_interval,
    model_truth,
    score,
    timing_share,
)
from leadlens.simulate.evidence import KINDS, Evidence

Array = np.ndarray

LEAST_FOR_INTERVAL: Final = 5
"""Recordings; an interval drawn again from fewer is too narrow."""


@dataclass(frozen=True)
class Agreement:
    """How one explanation agrees with the truth; None where that does not apply.

    Attributes:
        score: data truth, for diagnoses of shape.
        timing: share of the positive timing value on the right timing player, for diagnoses of
            timing, where there are timing players.
        model: rank correlation of the lead groups' values with what the model uses of each: exact
            Shapley values against the healthy twin. For diagnoses of shape (a rhythm's twin has
            other beats), and methods that tell leads apart.
    """

    score: TruthScore | None
    timing: float | None
    model: float | None


@dataclass(frozen=True)
class Estimate:
    """A mean or a lift, with a 95 % bootstrap interval over recordings; none for fewer than 5."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class TruthCard:
    """The agreement of one diagnosis' explanations with the truth; None where it does not apply.

    Attributes:
        n: explained recordings that truly have it.
        mass: share of the positive values inside the evidence (relevance mass accuracy).
        mass_lift: the same over that of a uniform map; `pointing_lift`: whether the highest value
            is in the evidence, over the same chance. 1 is chance.
        timing: share of the positive timing value on the right timing player; 0.25 is chance.
        model_truth: rank correlation with what the model uses of each lead group.
    """

    n: int
    mass: Estimate | None
    mass_lift: Estimate | None
    pointing_lift: Estimate | None
    timing: Estimate | None
    model_truth: Estimate | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as for JSON."""
        return asdict(self)


def agreement(
    bundle: Bundle,
    signal: Float32[Array, "lead time"],
    attribution: Attribution,
    name: str,
    found: dict[str, Evidence],
    effect: Float32[Array, "12 time"] | None,
    settings: ExplainSettings,
) -> Agreement:
    """Return how an explanation of diagnosis `name` agrees with the truth.

    Args:
        bundle: the model.
        signal: the window in mV.
        attribution: of the window.
        name: the diagnosis, one of those in `found`.
        found: the evidence of all diagnoses of the recording, at the window's rate.
        effect: with - without it (`leadlens.explain.twin.effect_at`), or None if that is not known.
        settings: with which it was explained.
    """
    column = attribution.classes.index(diagnosis(name).code)
    mine = found[name]
    others = [item for other, item in found.items() if other != name]
    is_shape = KINDS[name][0] == "additive"
    # A lead that was off may have held all of it.
    has_score = is_shape and bool(mine.mask.any())
    has_timing = name in RIGHT_TIMING and bool(attribution.players.timing)
    used = None
    if is_shape and effect is not None and settings.method not in LEAD_BLIND:
        exact = model_truth(bundle, signal, effect, settings).values[column]
        used = spearman(attribution.sums["lead"].values[column], exact)
    return Agreement(
        score=score(attribution, column, mine, others) if has_score else None,
        timing=timing_share(attribution, column, name) if has_timing else None,
        model=used,
    )


def truth_card(agreements: Sequence[Agreement]) -> TruthCard:
    """Return the card of one diagnosis from the agreements of its explanations."""
    scores = [one.score for one in agreements if one.score is not None]
    return TruthCard(
        n=len(agreements),
        mass=_mean([one.mass for one in scores]),
        mass_lift=_lift(scores, "mass"),
        pointing_lift=_lift(scores, "pointing"),
        timing=_mean([one.timing for one in agreements if one.timing is not None]),
        model_truth=_mean([one.model for one in agreements if one.model is not None]),
    )


def _mean(values: list[float]) -> Estimate | None:
    """Return the mean over recordings."""
    if not values:
        return None
    found = mean_interval(np.array(values))
    return _estimate(found.value, found.low, found.high, len(values))


def _lift(scores: list[TruthScore], of: Literal["mass", "pointing"]) -> Estimate | None:
    """Return a score over chance."""
    if not scores:
        return None
    found = lift([scores], of)
    return _estimate(found.value, found.low, found.high, len(scores))


def _estimate(value: float, low: float, high: float, n: int) -> Estimate:
    """Return an estimate, its interval only where recordings are enough."""
    if n < LEAST_FOR_INTERVAL:
        return Estimate(value, None, None, n)
    return Estimate(value, low, high, n)
