"""Plans: how often conditions occur, and occur together, in each kind of cohort.

Each cohort is the distribution of largest entropy over all allowed combinations that has the
wanted prevalences and, where they are given, the wanted shares of pairs. Its parameters are
fitted once (`python -m leadlens.simulate.plans` writes them) and come with the package.
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import combinations, product
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from leadlens.ecg.diagnoses import diagnoses
from leadlens.simulate.conditions import (
    FINDINGS,
    LOOKALIKES,
    RHYTHMS,
    Plan,
    are_exclusive,
    planned_as,
)
from leadlens.simulate.streams import Streams

CohortName = Literal["balanced", "challenge", "factorial", "pairs"]
MAX_FINDINGS: Final = 4

Array = np.ndarray

_FACTORS: Final = (
    ("RBBB", "LBBB", "IRBBB", "LAnFB", "NSIVCB"), ("LAD", "RAD"), ("TAb", "TInv"), ("PAC", "PVC"),
    ("IAVB",), ("LQRSV",), ("QAb",), ("PRWP",), ("LQT",),
)  # fmt: skip
"""Findings of one factor exclude each other."""

_BALANCED: Final = {
    "NSR": 0.27, "SB": 0.12, "STach": 0.12, "SA": 0.11, "AF": 0.14, "AFL": 0.12, "PR": 0.08,
    "EAR": 0.04, "IAVB": 0.10, "PAC": 0.10, "PVC": 0.09, "RBBB": 0.09, "LBBB": 0.07,
    "IRBBB": 0.08, "LAnFB": 0.07, "NSIVCB": 0.07, "LAD": 0.06, "RAD": 0.08, "LQRSV": 0.08,
    "QAb": 0.08, "PRWP": 0.08, "TAb": 0.08, "TInv": 0.08, "LQT": 0.08,
}  # fmt: skip

_FACTORIAL: Final = {
    **dict.fromkeys(RHYTHMS, 0.1), "EAR": 0.3,
    **dict.fromkeys(_FACTORS[0], 0.1),
    **dict.fromkeys(_FACTORS[1], 0.2),
    **dict.fromkeys((name for factor in _FACTORS[2:] for name in factor), 0.05),
}  # fmt: skip
"""Even levels of each factor. What a rhythm without a label, or no conduction disorder, is drawn
with makes good for pairs that exclude each other, so that all other pairs are independent."""

_CHAPMAN_FINDINGS: Final = (
    "IAVB", "LBBB", "RBBB", "LAD", "RAD", "LQRSV", "NSIVCB", "QAb", "TInv", "PAC", "PVC", "LQT",
)  # fmt: skip
_CHAPMAN_SHARES: Final[dict[str, tuple[float, ...]]] = {
    "AF": (0, 3.7, 8.0, 6.0, 3.4, 4.1, 8.5, 4.1, 2.9, 0, 8.3, 0.7),
    "AFL": (0, 6.5, 12.6, 7.2, 4.5, 1.3, 4.7, 3.4, 1.6, 0, 4.3, 0),
    "NSR": (1.6, 0.6, 1.4, 2.5, 0.3, 1.3, 0.1, 1.3, 0.8, 2.0, 0.9, 0.4),
    "SB": (4.1, 1.0, 3.1, 2.7, 0.7, 1.9, 1.0, 1.9, 1.4, 2.6, 1.0, 0.5),
    "STach": (3.6, 2.5, 3.8, 4.3, 3.8, 4.1, 0.7, 2.8, 1.5, 6.4, 4.0, 0),
}
"""Percent of the recordings of each rhythm with each finding, in Chapman-Shaoxing (10,247)."""
_CHAPMAN_RHYTHMS: Final = {"AF": 1780, "AFL": 445, "NSR": 1826, "SB": 3889, "STach": 1568}

_CHAPMAN_PAIRS: Final = {
    ("IAVB", "RBBB"): 8.1, ("IAVB", "LAD"): 8.5, ("IAVB", "QAb"): 8.9, ("RBBB", "LAD"): 7.0,
    ("RBBB", "QAb"): 4.2, ("LAD", "QAb"): 11.0, ("LAD", "LQRSV"): 5.0, ("QAb", "LQRSV"): 10.0,
    ("QAb", "TInv"): 9.8, ("QAb", "NSIVCB"): 8.5, ("TInv", "LQRSV"): 6.4, ("LAD", "NSIVCB"): 7.6,
}  # fmt: skip
"""Percent of recordings with the first finding that have the second, in Chapman-Shaoxing."""


@dataclass(frozen=True, eq=False)
class Combinations:
    """All allowed combinations of a rhythm and at most MAX_FINDINGS findings."""

    rhythm: Int[Array, " m"]
    finding: Bool[Array, "m finding"]

    @property
    def has(self) -> Bool[Array, "m name"]:
        """Columns RHYTHMS, then FINDINGS."""
        one_hot = self.rhythm[:, None] == np.arange(len(RHYTHMS))
        return np.concatenate([one_hot, self.finding], axis=1)


NAMES: Final = (*RHYTHMS, *FINDINGS)


@cache
def allowed_combinations() -> Combinations:
    """Return every combination in which no two conditions exclude each other."""
    rhythm, finding = [], []
    for level, *levels in product(RHYTHMS, *((None, *factor) for factor in _FACTORS)):
        names = [name for name in levels if name is not None]
        if len(names) > MAX_FINDINGS:
            continue
        if not any(are_exclusive(*pair) for pair in combinations([level, *names], 2)):
            rhythm.append(RHYTHMS.index(level))
            finding.append([name in names for name in FINDINGS])
    return Combinations(np.array(rhythm), np.array(finding))


def draw_plans(
    cohort: CohortName, streams: Streams, targets: tuple[str, ...] | None = None
) -> Plan:
    """Return the plans of a batch; with `targets`, each with the diagnosis named for it.

    `targets` has a name of the 30 for each recording.
    """
    table, weights = allowed_combinations(), _weights("balanced" if cohort == "pairs" else cohort)
    uniform = streams.uniform("labels", 2)
    row = np.zeros(len(streams), dtype=int)
    for target in {None} if targets is None else set(targets):
        chosen = np.arange(len(streams))
        allowed = weights
        if targets is not None and target is not None:
            chosen = np.flatnonzero(np.array(targets) == target)
            columns = [NAMES.index(name) for name in planned_as(target) if name in NAMES]
            allowed = weights * table.has[:, columns].any(axis=1)
        edges = np.cumsum(allowed) / allowed.sum()
        place = np.searchsorted(edges, uniform[chosen, 0], "right")
        row[chosen] = np.minimum(place, len(edges) - 1)
    rhythm, finding = table.rhythm[row], table.finding[row]
    slow_share = np.where(rhythm == RHYTHMS.index("AF"), 0.12, 0.35)
    may_be_slow = np.isin(rhythm, [RHYTHMS.index("AF"), RHYTHMS.index("SA")])
    is_slow = may_be_slow & (uniform[:, 1] < slow_share) & (cohort != "factorial")
    none = np.zeros((len(row), len(LOOKALIKES)), dtype=bool)
    plan = Plan(rhythm, finding, is_slow, none, np.full(len(row), np.inf))
    return replace(plan, lookalike=_draw_lookalikes(plan, streams), top_rate=_top_rate(plan))


def _top_rate(plan: Plan) -> Float[Array, " n"]:
    """Return how fast a rhythm may be for what is planned with it to be seen.

    Faster, premature beats would have no room, P would lie under T in first-degree block, and a
    long T would meet the next beat.
    """
    top = np.where(plan.has("PAC", "PVC"), 125.0, 165.0)
    top = np.where(plan.has("STach"), np.minimum(top, 150.0), top)
    top = np.where(plan.has("IAVB"), 111.0, top)
    return np.where(plan.has("LQT"), 92.0, top)


def _draw_lookalikes(plan: Plan, streams: Streams) -> Bool[Array, "n lookalike"]:
    """Return the unscored look-alikes of each recording: at most one."""
    wanted = streams.uniform("lookalike", len(LOOKALIKES))
    drawn = np.zeros(wanted.shape, dtype=bool)
    for column, (share, excluded) in enumerate(LOOKALIKES.values()):
        is_free = ~plan.has(*excluded) & ~drawn.any(axis=1)
        drawn[:, column] = (wanted[:, column] < share) & is_free
    return drawn


@cache
def _weights(cohort: str) -> Float[Array, " m"]:
    """Return the weight of every combination, from the fitted parameters."""
    text = resources.files("leadlens.simulate").joinpath("plans.json").read_text("utf-8")
    given = json.loads(text)[cohort]
    has = allowed_combinations().has.astype(float)
    score = has @ np.array([given["names"][name] for name in NAMES])
    for pair, value in given["pairs"].items():
        one, other = (NAMES.index(name) for name in pair.split("+"))
        score += value * has[:, one] * has[:, other]
    return np.exp(score - score.max())


def wanted_shares(cohort: str) -> tuple[dict[str, float], dict[tuple[str, str], float]]:
    """Return the wanted share of each condition and of some pairs of them."""
    if cohort == "balanced":
        return _BALANCED, {}
    if cohort == "challenge":
        return _challenge_targets()
    free = [name for name in NAMES if name != "EAR"]
    pairs = {
        (one, other): _FACTORIAL[one] * _FACTORIAL[other]
        for one, other in combinations(free, 2)
        if not are_exclusive(one, other) and not _in_one_factor(one, other)
    }
    # LAD is also what LAnFB implies, so the other conduction levels have more of it in return
    for name in ("RBBB", "LBBB", "IRBBB", "NSIVCB"):
        pairs[name, "LAD"] = _FACTORIAL[name] * (_FACTORIAL["LAD"] + _FACTORIAL["LAnFB"])
    return _FACTORIAL, pairs


def _in_one_factor(one: str, other: str) -> bool:
    """Return whether two findings are levels of one factor."""
    return any(one in factor and other in factor for factor in _FACTORS)


def _challenge_targets() -> tuple[dict[str, float], dict[tuple[str, str], float]]:
    """Return totals of the Challenge's 88,253 recordings and co-occurrence as in Chapman.

    Rhythms sum to 87 %: 4 % have none of the seven (EAR), the rest is shared out in proportion.
    A pair's share is the product of the two totals times its lift in Chapman-Shaoxing.
    """
    counts = {item.abbreviation: item.count / 88_253 for item in diagnoses()}
    single = {name: counts[name] for name in NAMES if name != "EAR"}
    for name, synonym in (("RBBB", "CRBBB"), ("LBBB", "CLBBB"), ("PAC", "SVPB"), ("PVC", "VPB")):
        single[name] += counts[synonym]
    single["LAD"] -= single["LAnFB"]
    single["TAb"] -= single["TInv"]
    rhythms = RHYTHMS[:-1]
    total = sum(single[name] for name in rhythms)
    single |= {name: single[name] * 0.96 / total for name in rhythms}
    single["EAR"] = 0.04
    names, rows = _CHAPMAN_FINDINGS, _CHAPMAN_SHARES
    n_known = sum(_CHAPMAN_RHYTHMS.values())
    overall = [
        sum(rows[r][k] * _CHAPMAN_RHYTHMS[r] for r in rows) / n_known for k in range(len(names))
    ]
    pairs: dict[tuple[str, str], float] = {}
    for rhythm, shares in rows.items():
        for name, share, mean in zip(names, shares, overall, strict=True):
            if share and not are_exclusive(rhythm, name):
                pairs[rhythm, name] = single[rhythm] * single[name] * share / mean
    for (one, other), percent in _CHAPMAN_PAIRS.items():
        lift = percent / overall[names.index(other)]
        pairs[one, other] = single[one] * single[other] * lift
    return single, pairs


def fit(cohort: str) -> dict[str, dict[str, float]]:
    """Return the parameters of largest entropy for the targets, by Newton's method."""
    single, pairs = wanted_shares(cohort)
    has = allowed_combinations().has.astype(float)
    columns = [has[:, NAMES.index(one)] * has[:, NAMES.index(other)] for one, other in pairs]
    features = np.concatenate([has, *(column[:, None] for column in columns)], axis=1)
    wanted = np.array([*(single[name] for name in NAMES), *pairs.values()])
    theta = np.zeros(len(wanted))

    def loss(parameters: Array) -> tuple[float, Array]:
        score = features @ parameters
        weights = np.exp(score - score.max())
        log_total = float(np.log(weights.sum()) + score.max())
        objective = log_total - parameters @ wanted + 1e-7 * parameters @ parameters
        return objective, weights / weights.sum()

    value, share = loss(theta)
    for _ in range(60):
        mean = share @ features
        gradient = mean - wanted + 2e-7 * theta
        curvature = (features * share[:, None]).T @ features - np.outer(mean, mean)
        step = np.linalg.solve(curvature + 1e-6 * np.eye(len(theta)), gradient)
        length = 1.0
        while (found := loss(theta - length * step))[0] > value and length > 1e-6:
            length /= 2.0
        theta, (value, share) = theta - length * step, found
        if np.abs(gradient).max() < 1e-6:
            break
    named = {"+".join(pair): round(float(v), 6) for pair, v in zip(pairs, theta[24:], strict=True)}
    return {
        "names": {name: round(float(v), 6) for name, v in zip(NAMES, theta[:24], strict=True)},
        "pairs": named,
    }


def main() -> None:
    """Fit all cohorts and write their parameters beside this file."""
    cohorts = [name for name in get_args(CohortName) if name != "pairs"]
    text = json.dumps({cohort: fit(cohort) for cohort in cohorts}, indent=1) + "\n"
    Path(__file__).with_name("plans.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
