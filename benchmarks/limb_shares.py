"""What each recipe says of limb leads and chest leads, as shares with intervals over ECGs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from limb_cases import Explained, Subject

from leadlens.ecg.leads import LIMB_LEADS
from leadlens.errors import SignalError
from leadlens.explain.frozen import freeze
from leadlens.explain.paper_lime import PaperLime, standard_draws
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.window import explain_window, make_game

N_BOOTSTRAP = 2000
VIOLATION_MV = 0.1
PLANE = ExplainSettings(
    method="lime", lead_groups="frontal_and_chest", pieces="waves", timing=True,
    replacement="median_beat", kernel_width=0.5,
)  # fmt: skip
TWO = ExplainSettings(
    method="exact_shapley", lead_groups="frontal_or_chest", pieces="whole", timing=False,
    replacement="median_beat", kernel_width=0.5,
)  # fmt: skip
DISPLAYED = ExplainSettings(
    method="paper_lime", lead_groups="displayed", pieces="whole", timing=False,
    replacement="isoelectric", kernel_width=0.5,
)  # fmt: skip
PAPER, LIME, GAME, LINE, TWIN = (
    "paper_lime", "lime, frontal plane", "two players", "two players, line", "two players, twin"
)  # fmt: skip
Measure = Callable[[np.ndarray], np.ndarray]


@dataclass(eq=False)
class Table:
    """What a recipe said: one row an ECG and diagnosis, its parts added up by a measure.

    Attributes:
        measure: means of the parts over ECGs (..., part) to a share.
        ecgs: the ECG of each row.
        codes: the diagnosis of each row.
        parts: of each row.
        r2: of each row's surrogate.
    """

    measure: Measure
    ecgs: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    parts: list[np.ndarray] = field(default_factory=list)
    r2: list[float] = field(default_factory=list)

    def add(self, ecg: int, code: str, parts: np.ndarray, r2: float) -> None:
        """Add one explanation."""
        self.ecgs.append(ecg)
        self.codes.append(code)
        self.parts.append(parts)
        self.r2.append(r2)

    def by_diagnosis(self, weights: np.ndarray, code: str) -> np.ndarray:
        """Return the measure for one diagnosis with each ECG counting so often: (draw,)."""
        rows = np.array([k for k, other in enumerate(self.codes) if other == code])
        often = weights[:, np.array(self.ecgs)[rows]]
        count = often.sum(axis=1, keepdims=True)
        mean = often @ np.array(self.parts)[rows] / np.where(count > 0, count, np.nan)
        return self.measure(mean)

    def interval(self, codes: Iterable[str] | None = None) -> dict[str, float] | None:
        """Return the mean over diagnoses with its 95 % bootstrap interval over ECGs."""
        chosen = [c for c in dict.fromkeys(self.codes) if codes is None or c in codes]
        if not chosen:
            return None
        n = max(self.ecgs) + 1
        drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=N_BOOTSTRAP)
        weights = np.vstack([np.ones(n), drawn])
        shares = np.array([self.by_diagnosis(weights, code) for code in chosen])
        # A draw without any ECG of a diagnosis says nothing of it.
        n_said = np.isfinite(shares).sum(axis=0)
        mean = np.nansum(shares, axis=0) / np.where(n_said > 0, n_said, np.nan)
        low, high = np.nanquantile(mean[1:], [0.025, 0.975])
        return {"value": float(mean[0]), "low": float(low), "high": float(high),
                "n": sum(code in chosen for code in self.codes)}  # fmt: skip


def first_of_two(mean: np.ndarray) -> np.ndarray:
    """Return the first part's share of two."""
    return mean[..., 0] / (mean[..., 0] + mean[..., 1])


def strength_share(mean: np.ndarray) -> np.ndarray:
    """Return the first player's share of the strengths, from mean squares without their noise."""
    strengths = np.sqrt(np.maximum(mean, 0.0))
    total = strengths.sum(axis=-1)
    return strengths[..., 0] / np.where(total > 0, total, np.nan)


def by_paper(subject: Subject, n_points: int, one_each: bool = False) -> Table:
    """Return the published recipe's shares; all ECGs of a diagnosis share their draws.

    Args:
        subject: who is explained.
        n_points: of a regression.
        one_each: whether one diagnosis of each ECG is enough.
    """
    table = Table(first_of_two)
    recipe = PaperLime(subject.background, n_points=n_points, n_designs=1)
    config = subject.bundle.config
    for seed, code in enumerate(subject.codes):
        settings = DISPLAYED.model_copy(update={"seed": seed, "precision": subject.precision})
        for number, ecg in enumerate(subject.ecgs):
            if code not in (ecg.codes[:1] if one_each else ecg.codes):
                continue
            model = freeze(subject.bundle, ecg.signal, subject.precision)
            game = make_game(
                ecg.signal, config.leads, config.fs, ecg.units, settings, like=model.like
            )
            said = recipe.of((code,))(model, game, settings)
            column = config.classes.index(code)
            lead = said.sums["lead"].values[column]
            is_limb = np.isin(said.sums["lead"].names, LIMB_LEADS)
            parts = np.array([lead[is_limb].sum(), lead[~is_limb].sum()]) / lead.sum()
            table.add(number, code, parts, float(said.r2[column]))
    return table


def by_lime(subject: Subject) -> Table:
    """Return the frontal plane's share among seven players that obey the limb-lead equations."""
    table = Table(strength_share)
    for number, code, lead, error, r2 in _explained(subject, PLANE):
        table.add(number, code, lead**2 - error**2, r2)
    return table


def by_game(subject: Subject, replacement: str) -> tuple[Table, Table]:
    """Return the frontal plane's share of two players by |value|, and the signed values."""
    table, signed = Table(first_of_two), Table(lambda mean: mean[..., 0])
    settings = TWO.model_copy(update={"replacement": replacement})
    for number, code, lead, _, r2 in _explained(subject, settings):
        table.add(number, code, np.abs(lead), r2)
        signed.add(number, code, lead, r2)
    return table, signed


def by_twin(subject: Subject) -> Table:
    """Return the frontal plane's share of two players against the healthy twin."""
    table = Table(first_of_two)
    for number, ecg in enumerate(subject.ecgs):
        for code, twin in ecg.twins.items():
            said = explain_window(subject.bundle, ecg.signal, ecg.units, TWO, without=twin)
            column = said.classes.index(code)
            table.add(number, code, np.abs(said.sums["lead"].values[column]), 1.0)
    return table


def _explained(
    subject: Subject, settings: ExplainSettings
) -> Iterable[tuple[int, str, np.ndarray, np.ndarray, float]]:
    """Yield for each ECG and diagnosis the lead groups' values, their errors, and R2."""
    for number, ecg in enumerate(subject.ecgs):
        try:
            said = explain_window(subject.bundle, ecg.signal, ecg.units, settings, number)
        except SignalError as error:
            print(f"  not explained: ECG {number} ({error})", flush=True)
            continue
        lead = said.sums["lead"]
        for code in ecg.codes:
            column = said.classes.index(code)
            yield (number, code, lead.values[column], lead.standard_error[column],
                   float(said.r2[column]))  # fmt: skip


def realism(subject: Subject) -> dict[str, float | None]:
    """Return how far the recipe's draws are from ECGs, beside the explained ECGs themselves.

    `violation`: share of samples at which III is off II - I by more than 0.1 mV (where the network
    is shown mV). `jump`: root mean square step from sample to sample over the standard deviation;
    independent samples have 1.41.
    """
    background = subject.background
    row = background.classes.index(subject.codes[0])
    middle, spread = background.mean[row], background.sd[row]
    drawn = middle + spread * standard_draws(65, middle.size, 0, 0).reshape(64, *middle.shape)
    found: dict[str, float | None] = {}
    for name, windows in (("draws", drawn), ("ecgs", _shown(subject, subject.ecgs[:64]))):
        error = np.abs(windows[:, 2] - windows[:, 1] + windows[:, 0])
        is_mv = background.normalisation == "millivolt"
        found[f"violation_{name}"] = float((error > VIOLATION_MV).mean()) if is_mv else None
        step = np.sqrt((np.diff(windows, axis=2) ** 2).mean())
        found[f"jump_{name}"] = float(step / windows.std(axis=2).mean())
    return found


def _shown(subject: Subject, ecgs: list[Explained]) -> np.ndarray:
    """Return what the network is shown of some ECGs."""
    return np.concatenate([
        freeze(subject.bundle, one.signal).scaled(torch.from_numpy(one.signal)[None]).numpy()
        for one in ecgs
    ])  # fmt: skip
