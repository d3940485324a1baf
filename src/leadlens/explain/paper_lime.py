"""The published study's explainer (Singstad & Muten 2025): tabular LIME on every sample of a lead.

Every sample of every lead of the network's input is a feature. Draws are normal around the mean of
a background of training ECGs, each sample by itself, so none of them is an ECG: neighbouring
samples are independent, and the limb leads obey no equation. A weighted ridge regression of the
probability on the draws keeps 20 features; their weights are summed over leads.

What the study does not state is a choice here. After the package's defaults: draws lie around the
background's mean, not around the ECG; the kernel's width; the two ridge penalties; it is the
probability that is regressed. Ours: samples are not made discrete (as in the authors' work of
2020); a lead's importance is the sum of its features' |weight|; a sample that is the same in the
whole background is no feature (the package draws it with a standard deviation of 1).
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from leadlens.ecg.preprocess import scale_of
from leadlens.errors import ConfigError
from leadlens.explain.answers import Answers
from leadlens.explain.attribution import Attribution, Summed
from leadlens.explain.background import Background, load_background
from leadlens.explain.designs import N_DESIGNS
from leadlens.explain.frozen import FrozenModel
from leadlens.explain.game import Game
from leadlens.explain.neighbourhood import LocalFit, Neighbourhood
from leadlens.explain.players import Players
from leadlens.explain.settings import Aggregate, ExplainSettings
from leadlens.models.convolution import at_once

Array = np.ndarray


class Feature(NamedTuple):
    """One sample of one lead, and what one standard deviation of it adds to the answer."""

    lead: str
    sample: int
    weight: float


@dataclass(frozen=True, eq=False)
class PaperAttribution(Attribution):
    """An attribution whose values are sums of the chosen features' weights.

    Values and R2 are those of the probability (or logit) that was regressed; they are NaN for
    classes that were not asked for, and standard errors for all: the recipe has none.

    Attributes:
        features: for each class that was asked for, the chosen features, the largest first.
    """

    features: dict[str, tuple[Feature, ...]]


_ANSWERS: Final = Answers()
"""Of the recipe by name."""


@dataclass(frozen=True, eq=False)
class PaperLime:
    """The study's recipe; an explainer.

    Attributes:
        background: of each diagnosis.
        classes: the diagnoses to explain, each with a regression of its own; None: all that the
            background has. The study explains the true ones: `recipe.of(codes)`.
        n_points: of a regression: the ECG and the draws.
        n_features: that a regression keeps.
        aggregate: of the weights of one player's features: the sum of |weight| (unpublished; our
            reading), or the signed sum.
        output: what is regressed.
        n_designs: sets of draws. ECGs whose numbers differ by it share the draws and the network's
            answers to them; the package draws anew for every ECG.
    """

    background: Background
    classes: tuple[str, ...] | None = None
    n_points: int = 5000
    n_features: int = 20
    aggregate: Aggregate = "absolute"
    output: Literal["probability", "logit"] = "probability"
    n_designs: int = N_DESIGNS
    answers: Answers = field(default_factory=Answers, repr=False)

    def of(self, codes: tuple[str, ...]) -> "PaperLime":
        """Return this recipe for some diagnoses; what the network has answered is shared."""
        return replace(self, classes=codes)

    def __call__(
        self, model: FrozenModel, game: Game, settings: ExplainSettings, number: int = 0
    ) -> PaperAttribution:
        """Return the attribution of one window to the displayed leads, cut as the game's are.

        Args:
            model: with the scale of the window.
            game: the window; of its players only the pieces count.
            settings: its seed counts; the design is this recipe's.
            number: of the ECG in a data set.

        Raises:
            ConfigError: the background is not of this model, or knows no such diagnosis.
        """
        as_it_is = np.ones((1, game.players.n_players), bool)
        window = game.windows(as_it_is)
        shown = model.scaled(window)
        codes = self.background.classes if self.classes is None else self.classes
        self._check(model, window, game.players.leads, codes)
        logits = model.logits(window)[0]
        n_features = shown.shape[1] * shown.shape[2]
        design = number % self.n_designs
        draws = standard_draws(self.n_points, n_features, settings.seed, design)
        asked = (self.output, model.precision, self.n_points, settings.seed, design)
        kept = self.answers.of(model.network)
        n_before = len(kept)
        fits = {}
        for code in codes:
            key = (code, self.background.sha256, *asked)
            if key not in kept:
                kept[key] = self._ask(model, draws, code)
            column = model.classes.index(code)
            answers = np.append(self._output(logits[column : column + 1]), kept[key])
            fits[code] = self._fit(draws, shown[0].double().cpu().numpy(), code, answers)
        n_forwards = 1 + (len(kept) - n_before) * (self.n_points - 1)
        return self._attribution(model, game.players, fits, logits, n_forwards)

    def _ask(
        self, model: FrozenModel, draws: Float32[Array, "draw feature"], code: str
    ) -> Float[Array, " draw"]:
        """Return what the network says of one diagnosis in each draw."""
        row = self.background.classes.index(code)
        mean, sd = (
            torch.from_numpy(part[row]).to(model.like)
            for part in (self.background.mean, self.background.sd)
        )
        # Draws are the network's input already.
        zero, one = torch.zeros_like(model.offset), torch.ones_like(model.gain)
        plain = replace(model, offset=zero, gain=one)
        column = model.classes.index(code)
        said = []
        n = at_once(model.like.device)
        for start in range(0, len(draws), n):
            some = torch.tensor(draws[start : start + n]).to(model.like)
            windows = mean + sd * some.reshape(-1, *mean.shape)
            said.append(plain.logits(windows)[:, column])
        return self._output(np.concatenate(said))

    def _output(self, logits: Float[Array, " point"]) -> Float[Array, " point"]:
        """Return what is regressed."""
        return logits if self.output == "logit" else 1.0 / (1.0 + np.exp(-logits))

    def _fit(
        self,
        draws: Float32[Array, "draw feature"],
        shown: Float[Array, "lead time"],
        code: str,
        answers: Float[Array, " point"],
    ) -> LocalFit:
        """Return the regression of one diagnosis."""
        row = self.background.classes.index(code)
        mean, sd = self.background.mean[row].astype(float), self.background.sd[row].astype(float)
        # A sample that is the same in the whole background is no feature: it stays 0.
        instance = np.where(sd > 0, (shown - mean) / np.where(sd > 0, sd, 1.0), 0.0).ravel()
        return Neighbourhood(instance, draws).fit(answers, self.n_features)

    def _attribution(
        self,
        model: FrozenModel,
        asked: Players,
        fits: dict[str, LocalFit],
        logits: Float[Array, " class"],
        n_forwards: int,
    ) -> PaperAttribution:
        """Return the weights summed over players."""
        players = displayed(asked)
        owner = players.owner.ravel()
        shape = (len(model.classes), players.n_players)
        values, r2 = np.full(shape, np.nan), np.full(shape[0], np.nan)
        for code, fit in fits.items():
            row = model.classes.index(code)
            weights = np.abs(fit.weights) if self.aggregate == "absolute" else fit.weights
            values[row] = np.bincount(owner[fit.features], weights, minlength=shape[1])
            r2[row] = fit.r2
        unknown = np.full_like(values, np.nan)
        return PaperAttribution(
            classes=model.classes,
            players=players,
            values=values,
            standard_error=unknown,
            sums={
                kind: Summed(each.names, values @ each.matrix.T, unknown @ each.matrix.T)
                for kind, each in players.sums.items()
            },
            r2=r2,
            logits=logits,
            n_forwards=n_forwards,
            features={
                code: _named(fit, players.leads, len(players.piece_of))
                for code, fit in fits.items()
            },
        )

    def _check(
        self,
        model: FrozenModel,
        window: Float[Tensor, "1 lead time"],
        leads: tuple[str, ...],
        codes: tuple[str, ...],
    ) -> None:
        """Raise a ConfigError if the background is not of this model and window."""
        ours = self.background
        missing = [c for c in codes if c not in ours.classes or c not in model.classes]
        if missing:
            raise ConfigError(
                f"{', '.join(missing)}: not a diagnosis of both the background and the model"
            )
        if leads != ours.leads or tuple(window.shape[1:]) != ours.mean.shape[1:]:
            raise ConfigError(
                f"the background has {ours.mean.shape[2]} samples of {', '.join(ours.leads)}, "
                f"the model {window.shape[2]} of {', '.join(leads)}: make one of its training data"
            )
        scale = scale_of(window.float().cpu().numpy(), ours.normalisation)
        for part, its in ((scale.offset[0], model.offset), (scale.gain[0], model.gain)):
            if not np.allclose(part, its.float().cpu().numpy(), rtol=1e-3, atol=1e-4):
                raise ConfigError(
                    f"the background's scale is '{ours.normalisation}', the model's is another: "
                    "make one of its training data"
                )


@lru_cache(maxsize=1)
def standard_draws(
    n_points: int, n_features: int, seed: int, design: int
) -> Float32[Array, "draw feature"]:
    """Return standard normal numbers for all points but the ECG itself."""
    rng = np.random.default_rng([seed, design])
    draws = rng.standard_normal((n_points - 1, n_features), dtype=np.float32)
    draws.setflags(write=False)
    return draws


def paper_lime(
    model: FrozenModel,
    game: Game,
    settings: ExplainSettings,
    number: int = 0,
    asked: tuple[str, ...] | None = None,
) -> PaperAttribution:
    """Return the attribution of the study's recipe, drawn around `settings.background`.

    Args:
        model: with the scale of the window.
        game: the window; of its players only the pieces count.
        settings: with a background.
        number: of the ECG in a data set.
        asked: codes of the diagnoses to explain; None: all of the background.

    Raises:
        ConfigError: no background is named, or it is not of this model.
        StoreError: the background's file is missing or damaged.
    """
    if settings.background is None:
        raise ConfigError(
            "paper_lime draws around training ECGs: save their leadlens.explain.background and "
            "name the file in 'background'"
        )
    recipe = PaperLime(load_background(settings.background), asked, answers=_ANSWERS)
    return recipe(model, game, settings, number)


def displayed(players: Players) -> Players:
    """Return the displayed leads with the pieces of `players`."""
    return Players(
        leads=players.leads,
        rows=players.leads,
        basis=np.eye(len(players.leads)),
        groups={lead: (lead,) for lead in players.leads},
        pieces=players.pieces,
        piece_of=players.piece_of,
        timing=(),
        is_identifiable=False,
    )


def _named(fit: LocalFit, leads: tuple[str, ...], n_samples: int) -> tuple[Feature, ...]:
    """Return the chosen features by lead and sample."""
    return tuple(
        Feature(leads[number // n_samples], number % n_samples, weight)
        for number, weight in zip(fit.features.tolist(), fit.weights.tolist(), strict=True)
    )
