"""Judge: the metric card of an explainer on a user's own model and ECGs; no truth is needed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from leadlens.bundle import Bundle
from leadlens.ecg.recording import Units
from leadlens.errors import ConfigError
from leadlens.explain.attribution import Attribution
from leadlens.explain.explainers import LEAD_BLIND, explainer
from leadlens.explain.faithfulness import Curves, faithfulness
from leadlens.explain.frozen import freeze
from leadlens.explain.sanity import (
    cascade,
    dummy_share,
    has_null_space,
    null_space_shift,
    zeroing_shift,
)
from leadlens.explain.settings import ExplainSettings
from leadlens.explain.stability import seed_to_seed
from leadlens.explain.window import make_game


@dataclass(frozen=True)
class MetricCard:
    """How far an explainer can be trusted on a model; all are means over windows.

    Attributes:
        n_windows: windows explained, each for one class.
        own, random, amplitude: deletion and insertion curves, in logits (`Faithfulness`).
        sensitivity_n: correlation of summed values with the logit's loss (Ancona et al. 2018).
        r2: of the surrogate.
        seed_to_seed: rank correlation of the maps of two designs.
        cascade: rank correlation with the maps of ever more randomised networks, the last wholly
            randomised: near 0 is good (Adebayo et al. 2018).
        dummy_share: share of |value| on a lead that the network does not see: 0 is good. None
            for methods that do not tell leads apart.
        null_space_shift: share of the lead importance that moves with weights that no ECG can
            show: 0 is good. None as before, and where the model's input does not keep the
            limb-lead equations.
        zeroing_shift: the same when single displayed leads are set to zero, to compare.
    """

    n_windows: int
    own: Curves
    random: Curves
    amplitude: Curves
    sensitivity_n: float
    r2: float
    seed_to_seed: float
    cascade: tuple[float, ...]
    dummy_share: float | None
    null_space_shift: float | None
    zeroing_shift: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Judged:
    """One explanation and its card.

    Attributes:
        attribution: of one window.
        card: of one of its classes.
    """

    attribution: Attribution
    card: MetricCard


def judge(
    bundle: Bundle,
    windows: Float32[np.ndarray, "window lead time"],
    columns: Sequence[int],
    units: Units,
    settings: ExplainSettings,
    seed: int = 0,
) -> MetricCard:
    """Return the metric card of the explainer in `settings`.

    Args:
        bundle: the model.
        windows: in mV (or relative units), with the model's leads at its rate, NaN where missing.
        columns: the class to explain in each window.
        units: of the windows.
        settings: the explainer and its players.
        seed: of random orders, subsets and weights.

    Raises:
        ConfigError: no window, or not one class for each.
        SignalError: the players need beats, and a window has none.
    """
    if len(windows) == 0 or len(windows) != len(columns):
        raise ConfigError(f"{len(windows)} windows and {len(columns)} classes: one for each")
    return mean_card([
        judge_window(bundle, window, column, units, settings, seed).card
        for window, column in zip(windows, columns, strict=True)
    ])  # fmt: skip


def judge_window(
    bundle: Bundle,
    signal: Float32[np.ndarray, "lead time"],
    column: int,
    units: Units,
    settings: ExplainSettings,
    seed: int = 0,
    without: Float32[np.ndarray, "lead time"] | None = None,
) -> Judged:
    """Return the explanation of one class in one window, with its card.

    Args:
        bundle: the model.
        signal: as one of the windows of `judge`.
        column: the class.
        units: of the window.
        settings: the explainer and its players.
        seed: of random orders, subsets and weights.
        without: what takes the place of masked samples, instead of `settings.replacement`.

    Raises:
        ConfigError: the settings do not fit the model or the window.
        SignalError: the players need beats, and none is found.
    """
    config = bundle.config
    model = freeze(bundle, signal, settings.precision)
    game = make_game(
        signal, config.leads, config.fs, units, settings, without=without, like=model.like
    )
    said = explainer(settings.method)(model, game, settings, 0)
    faith = faithfulness(model, game, said, column, seed)
    is_linked = has_null_space(model, game)
    # Who does not tell leads apart is not judged by leads.
    tells_leads = settings.method not in LEAD_BLIND
    blind = dummy_share(model, game, settings, column) if tells_leads else None
    shift = None
    if tells_leads and is_linked:
        shift = null_space_shift(model, game, settings, column, seed)
    card = MetricCard(
        n_windows=1,
        own=faith.own,
        random=faith.random,
        amplitude=faith.amplitude,
        sensitivity_n=faith.sensitivity_n,
        r2=faith.r2,
        seed_to_seed=seed_to_seed(model, game, settings, column),
        cascade=cascade(model, game, settings, column, seed=seed),
        dummy_share=blind,
        null_space_shift=shift,
        zeroing_shift=zeroing_shift(model, game, column, seed) if is_linked else None,
    )
    return Judged(said, card)


def mean_card(cards: Sequence[MetricCard]) -> MetricCard:
    """Return the mean over single windows' cards; None where one of them has none."""
    mean: dict[str, Any] = {"n_windows": len(cards)}
    for name in ("own", "random", "amplitude"):
        curves = [getattr(card, name) for card in cards]
        mean[name] = Curves(
            deletion=float(np.mean([each.deletion for each in curves])),
            insertion=float(np.mean([each.insertion for each in curves])),
        )
    for name in ("sensitivity_n", "r2", "seed_to_seed"):
        mean[name] = float(np.mean([getattr(card, name) for card in cards]))
    for name in ("dummy_share", "null_space_shift", "zeroing_shift"):
        values = [getattr(card, name) for card in cards]
        mean[name] = None if None in values else float(np.mean(values))
    mean["cascade"] = tuple(np.mean([card.cascade for card in cards], axis=0).tolist())
    return MetricCard(**mean)
