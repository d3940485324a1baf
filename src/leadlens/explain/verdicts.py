"""Verdicts: a metric card in plain words.

The limits are conventions, not tests: they tell where to look, and are the same for all methods.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from leadlens.explain.gates import MIN_R2
from leadlens.explain.judge import MetricCard

Word = Literal["good", "fair", "poor", "not judged", "to compare"]

LIMITS: Final = {
    # A correlation of 0.7 is half of the variance, as MIN_R2 of the gates.
    "sensitivity_n": (0.7, 0.5),
    "seed_to_seed": (0.8, 0.6),
    "cascade": (0.2, 0.5),
    "dummy_share": (0.02, 0.05),
    "null_space_shift": (0.01, 0.05),
}
"""Of "good" and of "fair": at least, for the first two; at most, for the others."""


@dataclass(frozen=True)
class Verdict:
    """One metric of a card.

    Attributes:
        metric: its name in the card.
        asks: what is asked, in words.
        value: the answer; None where it is not judged.
        good: which value is good.
        word: the verdict.
    """

    metric: str
    asks: str
    value: float | None
    good: str
    word: Word

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as for JSON."""
        return asdict(self)


def verdicts(card: MetricCard) -> tuple[Verdict, ...]:
    """Return a card's metrics in words, one verdict each."""
    r2 = card.r2 if np.isfinite(card.r2) else None
    last = card.cascade[-1]
    return (
        _order(card),
        Verdict(
            "sensitivity_n",
            "Do parts take away from the logit what their values say?",
            card.sensitivity_n,
            "near 1",
            _at_least(card.sensitivity_n, LIMITS["sensitivity_n"]),
        ),
        Verdict(
            "r2",
            "How much of the model's changes does the sum of the values give?",
            r2,
            f"1; below {MIN_R2:g}: withheld",
            "not judged" if r2 is None else _at_least(r2, (0.8, MIN_R2)),
        ),
        Verdict(
            "seed_to_seed",
            "Does another seed rank the parts alike?",
            card.seed_to_seed,
            "near 1",
            _at_least(card.seed_to_seed, LIMITS["seed_to_seed"]),
        ),
        Verdict(
            "cascade",
            "Does the map stay when the model's weights are shuffled?",
            last,
            "near 0",
            _at_most(abs(last), LIMITS["cascade"]),
        ),
        _share("dummy_share", "Share of a lead that the model cannot see", card.dummy_share),
        _share(
            "null_space_shift",
            "Share that moves with weights that no possible ECG can show",
            card.null_space_shift,
        ),
        Verdict(
            "zeroing_shift",
            "The same if single displayed leads are set to zero instead",
            card.zeroing_shift,
            "\u2013",
            "not judged" if card.zeroing_shift is None else "to compare",
        ),
    )


def _order(card: MetricCard) -> Verdict:
    """Return whether the answer follows the order of the values."""
    by_chance, by_size = card.random.gap, card.amplitude.gap
    if card.own.gap <= by_chance:
        word: Word = "poor"
    else:
        word = "good" if card.own.gap > by_size else "fair"
    return Verdict(
        "insertion_less_deletion",
        "Does the logit follow when the highest values come first, and go first?",
        card.own.gap,
        f"above {by_chance:.2f} (any order) and {by_size:.2f} (largest parts first)",
        word,
    )


def _share(metric: str, asks: str, value: float | None) -> Verdict:
    """Return the verdict on a share that is 0 at best."""
    word: Word = "not judged" if value is None else _at_most(value, LIMITS[metric])
    return Verdict(metric, asks, value, "0", word)


def _at_least(value: float, limits: tuple[float, float]) -> Word:
    """Return "good" from the first limit, "fair" from the second."""
    good, fair = limits
    return "good" if value >= good else "fair" if value >= fair else "poor"


def _at_most(value: float, limits: tuple[float, float]) -> Word:
    """Return "good" up to the first limit, "fair" up to the second."""
    good, fair = limits
    return "good" if value <= good else "fair" if value <= fair else "poor"
