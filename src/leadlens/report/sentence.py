"""The sentence: where most of the evidence for a diagnosis lies, how sure that is, what is against.

Parts are named only if they speak clearly: their value is further from zero than chance alone
brings the largest of all parts (Bonferroni's limit at 95 % for all of them together). The share
is that of the positive values; its interval is by the delta method on its log odds, with the
errors of single parts taken as independent and the parts as chosen.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit
from scipy.stats import norm

from leadlens.ecg.diagnoses import diagnosis
from leadlens.explain.attribution import Attribution, Summed
from leadlens.explain.waves import WAVES
from leadlens.report.svg import signed

Z: Final = float(norm.ppf(0.975))
AUDIBLE: Final = 0.25
"""A lead is named beside the one that speaks loudest from this part of its value."""

ErrorKind = Literal["estimated", "exact", "unknown"]
"""What is known of the values' errors: standard errors; that they are none, as nothing is drawn;
or nothing."""
EXACT: Final = ("exact_shapley", "occlusion")
"""Methods that leave nothing to chance: for this model, ECG and replacement."""

NAMES: Final = {
    "P": "P wave",
    "PR": "PR segment",
    "QRS": "QRS complex",
    "ST": "ST segment",
    "T": "T wave",
    "TP": "TP segment",
}


@dataclass(frozen=True, eq=False)
class Part:
    """Players that are named together: one wave in some leads, or some leads.

    Attributes:
        name: such as "ST segment in V1 to V3".
        members: their numbers among the values.
    """

    name: str
    members: tuple[int, ...]


def error_kind(attribution: Attribution, column: int, method: str) -> ErrorKind:
    """Return what is known of the errors of one class' values."""
    if method in EXACT:
        return "exact"
    errors = attribution.standard_error[column]
    return "estimated" if np.isfinite(errors).all() and errors.any() else "unknown"


def sentence(attribution: Attribution, column: int, kind: ErrorKind) -> str:
    """Return in words where most of the evidence for one class lies, and what is against it.

    Args:
        attribution: of the window.
        column: the class.
        kind: what is known of the errors.
    """
    said, height = _shapes(attribution, column, kind)
    if "timing" in attribution.sums:
        timing, top = _timing(attribution.sums["timing"], column, kind)
        said = f"{timing} {said}" if top > height else f"{said} {timing}"
    if is_lead_blind(attribution, column):
        said += " The method does not tell leads apart."
    if kind == "unknown":
        said += " No error of these figures is known."
    return said


def _shapes(attribution: Attribution, column: int, kind: ErrorKind) -> tuple[str, float]:
    """Return what the waves in the leads say, and the sum of the part that says most for it."""
    name = diagnosis(attribution.classes[column]).name
    values, errors, waves = _parts(attribution, column)
    limit = _limit(len(values)) if kind == "estimated" else 0.0
    is_for, is_against = values > limit * errors, -values > limit * errors
    shapes = " in the waves' shapes" if "timing" in attribution.sums else ""
    height = 0.0
    if not is_for.any():
        said = f"No part by itself speaks clearly for {name}{shapes}."
    else:
        part = _loudest(attribution, values, is_for, waves)
        height = float(values[list(part.members)].sum())
        share, total = _share(values, errors, part, kind)
        said = f"{_upper(part.name)}: {share} of the evidence{shapes} for {name} ({total})."
    if is_against.any():
        part = _loudest(attribution, -values, is_against, waves)
        said += f" Most against it: {part.name} ({_sum(values, errors, part, kind)} logits)."
    return said, height


def is_lead_blind(attribution: Attribution, column: int) -> bool:
    """Return whether every lead group has the same values, as after a map over time alone."""
    players = attribution.players
    grid = attribution.values[column, : players.n_shapes].reshape(len(players.groups), -1)
    return len(grid) > 1 and bool(np.allclose(grid, grid[0])) and bool(grid.any())


def listed(groups: tuple[str, ...], chosen: tuple[int, ...]) -> str:
    """Return names of lead groups, neighbours as a range: "frontal plane, V1 to V3 and V6"."""
    runs: list[list[int]] = []
    for number in sorted(chosen):
        is_next = bool(runs) and number == runs[-1][-1] + 1 and " " not in groups[runs[-1][-1]]
        if is_next:
            runs[-1].append(number)
        else:
            runs.append([number])
    words: list[str] = []
    for run in runs:
        if len(run) > 2:
            words.append(f"{groups[run[0]]} to {groups[run[-1]]}")
        else:
            words += [groups[number] for number in run]
    words = [f"the {word}" if word in ("frontal plane", "chest") else word for word in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _parts(
    attribution: Attribution, column: int
) -> tuple[Float[np.ndarray, " part"], Float[np.ndarray, " part"], tuple[str, ...]]:
    """Return values and errors of lead group x wave, or of lead groups where there are no waves."""
    players = attribution.players
    if players.pieces == WAVES:
        n = players.n_shapes
        return attribution.values[column, :n], attribution.standard_error[column, :n], WAVES
    leads = attribution.sums["lead"]
    return leads.values[column], leads.standard_error[column], ("",)


def _loudest(
    attribution: Attribution,
    values: Float[np.ndarray, " part"],
    is_clear: np.ndarray,
    waves: tuple[str, ...],
) -> Part:
    """Return the wave, with its leads, whose clear and audible values have the largest sum."""
    groups = tuple(attribution.players.groups)
    grid = np.where(is_clear, values, 0.0).reshape(len(groups), len(waves))
    grid = np.where(grid >= AUDIBLE * grid.max(axis=0), grid, 0.0)
    wave = int(grid.sum(axis=0).argmax())
    chosen = tuple(int(number) for number in np.flatnonzero(grid[:, wave]))
    where = listed(groups, chosen)
    if len(chosen) == len(groups):
        where = "all leads"
    name = f"{NAMES[waves[wave]]} in {where}" if waves[wave] else where
    return Part(name, tuple(number * len(waves) + wave for number in chosen))


def share_interval(
    values: Float[np.ndarray, " part"],
    errors: Float[np.ndarray, " part"],
    members: Int[np.ndarray, " member"],
) -> tuple[float, float, float]:
    """Return the share of the positive values that `members` hold, and its 95 % interval.

    The interval is by the delta method on the log odds of the share: within 0 and 1, and wider on
    the side that has more room. Errors are taken as independent.
    """
    is_member = np.zeros(len(values), bool)
    is_member[members] = True
    is_rest = (values > 0) & ~is_member
    inside, rest = float(values[is_member].sum()), float(values[is_rest].sum())
    if rest == 0.0:
        return 1.0, 1.0, 1.0
    relative = (errors[is_member] ** 2).sum() / inside**2 + (errors[is_rest] ** 2).sum() / rest**2
    odds, spread = np.log(inside / rest), Z * np.sqrt(relative)
    low, high = expit([odds - spread, odds + spread])
    return inside / (inside + rest), float(low), float(high)


def _share(
    values: Float[np.ndarray, " part"],
    errors: Float[np.ndarray, " part"],
    part: Part,
    kind: ErrorKind,
) -> tuple[str, str]:
    """Return a part's share of the positive values, and its interval and sum."""
    share, low, high = share_interval(values, errors, np.array(part.members))
    total = f"{_interval(values[list(part.members)].sum(), 0.0, 'exact')} logits"
    if kind == "estimated" and share < 1.0:
        total = f"95 % CI {100 * low:.0f} to {100 * high:.0f}; {total}"
    return f"{100 * share:.0f} %", total


def _sum(
    values: Float[np.ndarray, " part"],
    errors: Float[np.ndarray, " part"],
    part: Part,
    kind: ErrorKind,
) -> str:
    """Return the sum of a part's values, with its interval where errors are estimated."""
    members = list(part.members)
    return _interval(values[members].sum(), np.sqrt((errors[members] ** 2).sum()), kind)


def _interval(value: float, error: float, kind: ErrorKind) -> str:
    """Return a value in logits, with its 95 % interval where its error is estimated."""
    if kind != "estimated":
        return signed(value, 0.1)
    low, high = value - Z * error, value + Z * error
    return f"{signed(value, 0.1)}, 95 % CI {signed(low, 0.1)} to {signed(high, 0.1)}"


def _timing(timing: Summed, column: int, kind: ErrorKind) -> tuple[str, float]:
    """Return what the timing of the beats adds, apart from their shapes, and its largest value."""
    values, errors = timing.values[column], timing.standard_error[column]
    limit = _limit(len(values)) if kind == "estimated" else 0.0
    clear = [i for i in np.argsort(-np.abs(values)) if abs(values[i]) > limit * errors[i]]
    if not clear:
        return "Timing of the beats, shapes kept: nothing speaks clearly.", 0.0
    said = "; ".join(
        f"{timing.names[i]} ({_interval(values[i], errors[i], kind)} logits)" for i in clear[:2]
    )
    return f"Timing of the beats, shapes kept: {said}.", float(values[clear].max())


def _limit(n: int) -> float:
    """Return how many standard errors the largest of `n` values that are all zero stays within."""
    return float(norm.ppf(1 - 0.025 / n))


def _upper(text: str) -> str:
    """Return `text` with its first letter as a capital."""
    return text[:1].upper() + text[1:]
