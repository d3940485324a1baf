"""Truth: is an explanation where the diagnosis is (data truth), and what the model uses?

Simulated ECGs say exactly where each diagnosis is: `leadlens.simulate.evidence`. A map gives each
sample of each masked lead its player's positive value, shared evenly among the samples that the
player owns: values are in logits a player, so a long segment is no more relevant than a short
wave of the same value. Samples that are only a co-occurring diagnosis' evidence do not count. A
map without positive values tells as much as a uniform one, and is scored as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Float32

from leadlens.bundle import Bundle
from leadlens.ecg.leads import STANDARD_LEADS
from leadlens.errors import ConfigError, choices
from leadlens.explain.attribution import Attribution
from leadlens.explain.players import TIMING, Players
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import explain_window
from leadlens.simulate.evidence import Evidence

Array = np.ndarray

RIGHT_TIMING: Final[dict[str, str]] = {
    **dict.fromkeys(("SB", "STach", "Brady"), "rate"),
    **dict.fromkeys(("SA", "PAC", "SVPB", "AF"), "regularity"),
    **dict.fromkeys(("IAVB", "LPR"), "PR interval"),
    "LQT": "QT interval",
}
"""Which timing player a diagnosis is about, by abbreviation."""


@dataclass(frozen=True)
class TruthScore:
    """How well a map of one diagnosis in one ECG agrees with its evidence.

    Attributes:
        mass: relevance mass accuracy, the share of the map inside the mask (Arras et al. 2022).
        rank: relevance rank accuracy, the share of the mask among as many of the map's highest
            samples (Arras et al. 2022); of samples that tie, a part.
        pointing: whether the map's highest sample is in the mask (Zhang et al. 2018, the pointing
            game); of samples that tie, the share that is.
        chance: the share of the mask among all samples that count: mass, rank and pointing of a
            uniform map.
        shuffled: the mass that the same players would have with values in random order.
        leads: probability that of two lead groups the one with more evidence has the higher value,
            weighted by how much more; 0.5 is chance; NaN where all have the same.
        is_empty: whether no value is positive.
    """

    mass: float
    rank: float
    pointing: float
    chance: float
    shuffled: float
    leads: float
    is_empty: bool


@dataclass(frozen=True)
class Interval:
    """A mean, or a lift, with its 95 % bootstrap interval over ECGs."""

    value: float
    low: float
    high: float


def score(
    attribution: Attribution, column: int, found: Evidence, others: Sequence[Evidence] = ()
) -> TruthScore:
    """Return how well the map of class `column` agrees with the evidence of its diagnosis.

    Args:
        attribution: of the whole recording, at its rate.
        column: the class of the diagnosis.
        found: the evidence of the diagnosis.
        others: of those that the recording has besides. A rhythm's rate is everywhere, so evidence
            of timing diagnoses stays in.

    Raises:
        ConfigError: the evidence is of another rate or duration, or is empty.
    """
    players = attribution.players
    mask, is_counted = _cells(players, found, others)
    values = np.maximum(attribution.values[column], 0.0)
    owned = np.bincount(players.owner.ravel(), minlength=players.n_players)
    relevance = players.spread(values / np.maximum(owned, 1))
    is_empty = not relevance[is_counted].any()
    relevance = np.ones(len(mask)) if is_empty else relevance[is_counted]
    of_player = np.bincount(players.owner[is_counted], minlength=players.n_players)
    in_mask = np.bincount(players.owner[is_counted], mask, minlength=players.n_players)
    there = owned > 0
    return TruthScore(
        mass=float(relevance[mask].sum() / relevance.sum()),
        rank=_rank_accuracy(relevance, mask),
        pointing=float(mask[relevance == relevance.max()].mean()),
        chance=float(mask.sum() / len(mask)),
        shuffled=float(
            (in_mask[there] / owned[there]).sum() / (of_player[there] / owned[there]).sum()
        ),
        leads=_lead_auc(attribution, column, found),
        is_empty=is_empty,
    )


def timing_share(attribution: Attribution, column: int, diagnosis: str) -> float:
    """Return the share of the positive timing value that is on the diagnosis' own timing player.

    Without a positive timing value it is 1 / the number of timing players, as by chance.

    Raises:
        ConfigError: the diagnosis is not one of timing, or there are no timing players.
    """
    if diagnosis not in RIGHT_TIMING:
        raise choices("timing diagnosis", diagnosis, sorted(RIGHT_TIMING))
    if not attribution.players.timing:
        raise ConfigError("the explanation has no timing players: use 'timing: true'")
    values = np.maximum(attribution.values[column, attribution.players.n_shapes :], 0.0)
    if not values.any():
        return 1.0 / len(TIMING)
    right = attribution.players.timing.index(RIGHT_TIMING[diagnosis])
    return float(values[right] / values.sum())


def lift(
    diagnoses: Sequence[Sequence[TruthScore]],
    of: Literal["mass", "rank", "pointing"] = "mass",
    chance: Literal["chance", "shuffled"] = "chance",
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the mean score over the mean chance, averaged over diagnoses: 1 for a uniform map.

    ECGs are drawn again within each diagnosis; a ratio of means is not ruled by the ECGs with the
    smallest masks, as a mean of ratios is.

    Args:
        diagnoses: for each, the scores of its ECGs, at least one.
        of: which score.
        chance: what it is divided by.
        n_bootstrap: drawn samples.
        seed: of the draws.
    """
    return _with_interval(*_lifts(diagnoses, of, chance, n_bootstrap, seed))


def lift_difference(
    diagnoses: Sequence[Sequence[TruthScore]],
    others: Sequence[Sequence[TruthScore]],
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return how much larger the mass lift of one method is than another's on the same ECGs.

    Args:
        diagnoses: for each, the scores that one method has on its ECGs.
        others: the other method's, of the same diagnoses and ECGs in the same order.
        n_bootstrap: drawn samples, of the same ECGs for both.
        seed: of the draws.

    Raises:
        ConfigError: they are not scores of as many ECGs.
    """
    if [len(scores) for scores in diagnoses] != [len(scores) for scores in others]:
        raise ConfigError("a difference of lifts needs the scores of two methods on the same ECGs")
    (one, drawn), (other, also_drawn) = (
        _lifts(each, "mass", "chance", n_bootstrap, seed) for each in (diagnoses, others)
    )
    return _with_interval(one - other, drawn - also_drawn)


def _lifts(
    diagnoses: Sequence[Sequence[TruthScore]],
    of: str,
    chance: str,
    n_bootstrap: int,
    seed: int,
) -> tuple[float, Float[Array, " draw"]]:
    """Return a lift, and the lifts of ECGs drawn again, the same for the same seed."""
    rng = np.random.default_rng(seed)
    value, drawn = 0.0, np.zeros(n_bootstrap)
    for scores in diagnoses:
        hits = np.array([getattr(one, of) for one in scores])
        by_chance = np.array([getattr(one, chance) for one in scores])
        rows = rng.integers(len(scores), size=(n_bootstrap, len(scores)))
        value += float(hits.mean() / by_chance.mean()) / len(diagnoses)
        drawn += hits[rows].mean(axis=1) / by_chance[rows].mean(axis=1) / len(diagnoses)
    return value, drawn


def _with_interval(value: float, drawn: Float[Array, " draw"]) -> Interval:
    """Return a value with the middle 95 % of what was drawn."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def mean_interval(values: Float[Array, " ecg"], n_bootstrap: int = 2000, seed: int = 0) -> Interval:
    """Return the mean over ECGs, at least one, with its 95 % bootstrap interval."""
    rng = np.random.default_rng(seed)
    drawn = values[rng.integers(len(values), size=(n_bootstrap, len(values)))]
    return _with_interval(float(values.mean()), drawn.mean(axis=1))


def model_truth(
    bundle: Bundle,
    signal: Float32[Array, "lead time"],
    effect: Float32[Array, "12 time"],
    settings: ExplainSettings,
) -> Attribution:
    """Return what the model itself uses: exact Shapley values of lead groups against the twin.

    A lead group that is off is not silenced but healthy: the ECG without the diagnosis, with the
    same noise. So every ECG that the model is shown is a possible one.

    Args:
        bundle: the model.
        signal: the window in mV.
        effect: with - without the diagnosis (`leadlens.simulate.evidence.effect`).
        settings: which lead groups.
    """
    rows = [STANDARD_LEADS.index(lead) for lead in bundle.config.leads]
    exact = {"method": "exact_shapley", "pieces": "whole", "timing": False}
    chosen = settings.model_copy(update=exact)
    return explain_window(bundle, signal, "mV", chosen, without=signal - effect[rows])


def _cells(
    players: Players, found: Evidence, others: Sequence[Evidence]
) -> tuple[Bool[Array, " cell"], Bool[Array, "row time"]]:
    """Return the mask on the samples that count, and which those are."""
    rows = [STANDARD_LEADS.index(lead) for lead in players.rows]
    mask = found.mask[rows]
    if mask.shape != players.owner.shape:
        raise ConfigError(
            f"evidence of {found.mask.shape[1]} samples for a window of "
            f"{players.owner.shape[1]}: simulate at the model's rate and duration"
        )
    if not mask.any():
        raise ConfigError(f"there is no evidence of {found.diagnosis} in these leads")
    is_other = np.zeros_like(mask)
    for other in others:
        if other.kinds[0] != "timing":
            is_other |= other.mask[rows]
    is_counted = mask | ~is_other
    return mask[is_counted], is_counted


def _rank_accuracy(relevance: Float[Array, " cell"], mask: Bool[Array, " cell"]) -> float:
    """Return the share of the mask among as many of the highest samples."""
    size = int(mask.sum())
    least = np.partition(relevance, len(relevance) - size)[len(relevance) - size]
    is_above, is_tied = relevance > least, relevance == least
    left = size - int(is_above.sum())
    return float(mask[is_above].sum() + left * mask[is_tied].mean()) / size


def _lead_auc(attribution: Attribution, column: int, found: Evidence) -> float:
    """Return how often of two lead groups the one with more evidence has the higher value."""
    values = attribution.sums["lead"].values[column]
    held = np.where(found.mask, found.difference, 0).sum(axis=1, dtype=np.float64)
    groups = attribution.players.groups.values()
    truth = np.array(
        [held[[STANDARD_LEADS.index(lead) for lead in members]].mean() for members in groups]
    )
    more = np.maximum(np.subtract.outer(truth, truth), 0.0)
    if not more.any():
        return float("nan")
    ahead = np.subtract.outer(values, values)
    return float((more * ((ahead > 0) + 0.5 * (ahead == 0))).sum() / more.sum())
