"""An attribution: what each player adds to each class' logit, in one window of one ECG."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from leadlens.explain.players import Players


@dataclass(frozen=True, eq=False)
class Summed:
    """Sums over players, such as a lead's pieces.

    Attributes:
        names: what the sums are of.
        values: (class, name).
        standard_error: (class, name).
    """

    names: tuple[str, ...]
    values: Float[np.ndarray, "class name"]
    standard_error: Float[np.ndarray, "class name"]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Why a model says what it says of one window.

    Attributes:
        classes: SNOMED CT codes.
        players: what was switched.
        values: (class, player) logits: for the diagnosis where positive, against it where negative.
        standard_error: (class, player): of the estimate for this model and window; 0 where exact.
        sums: by "lead", "piece", "timing".
        r2: (class,): how much of the logits' changes under masking the values' sum explains.
        logits: (class,): of the unmasked window.
        n_forwards: forward passes used.
    """

    classes: tuple[str, ...]
    players: Players
    values: Float[np.ndarray, "class player"]
    standard_error: Float[np.ndarray, "class player"]
    sums: dict[str, Summed]
    r2: Float[np.ndarray, " class"]
    logits: Float[np.ndarray, " class"]
    n_forwards: int


def rows_of(players: Players) -> Float[np.ndarray, "row player"]:
    """Return what makes all values of an attribution of the players': themselves, then sums."""
    return np.vstack([np.eye(players.n_players), *(each.matrix for each in players.sums.values())])


def make_attribution(
    classes: tuple[str, ...],
    players: Players,
    values: Float[np.ndarray, "class row"],
    standard_error: Float[np.ndarray, "class row"],
    r2: Float[np.ndarray, " class"],
    logits: Float[np.ndarray, " class"],
    n_forwards: int,
) -> Attribution:
    """Return the attribution with these values, and their errors, of `rows_of(players)`."""
    sums = players.sums
    parts = np.cumsum([players.n_players, *(len(each.names) for each in sums.values())])
    return Attribution(
        classes=classes,
        players=players,
        values=values[:, : players.n_players],
        standard_error=standard_error[:, : players.n_players],
        sums={
            kind: Summed(each.names, values[:, start:stop], standard_error[:, start:stop])
            for (kind, each), start, stop in zip(sums.items(), parts, parts[1:], strict=False)
        },
        r2=r2,
        logits=logits,
        n_forwards=n_forwards,
    )
