"""Orthogonal masks: columns of a Hadamard matrix, of which few fours cancel.

Columns of a Hadamard matrix of order 2^m are numbers below 2^m, and the product of two columns is
the column of their exclusive or. Folded over (every mask with its complement), a player's effect is
free of all interactions of two players, and of all of four; it is mixed with that of three others
where the four columns cancel. Sets of numbers of which no four cancel are Sidon sets (Babai & Sos
1985); here is a set as near to one as a search finds.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Int
from scipy.linalg import hadamard

_SWAPS: Final = 150
"""Columns exchanged in the search; later ones hardly find anything."""

Array = np.ndarray


def folded_hadamard(
    n_players: int, n_masks: int, rng: np.random.Generator
) -> Bool[Array, "mask player"]:
    """Return masks in which every two players are independent; the second half complements.

    Their number is a power of two, and there are at least three for each coefficient. Where
    `n_masks` covers all masks, these are returned, that which keeps all first. `rng` deals the
    columns to the players and turns some over, so that what is mixed has either sign: otherwise
    it would not average out over designs.
    """
    if n_players < n_masks.bit_length() and 2**n_players >= 3 * (n_players + 1):
        half = np.column_stack([all_masks(n_players - 1), np.ones(2 ** (n_players - 1), bool)])
        return np.concatenate([half, ~half])
    order = 1
    while 2 * order < max(n_masks, 3 * (n_players + 1)):
        order *= 2
    columns = np.array(few_fours(n_players, order))
    signs = rng.choice(np.array([-1, 1], np.int8), n_players)
    half = hadamard(order, dtype=np.int8)[:, rng.permutation(columns)] * signs > 0
    return np.concatenate([half, ~half])


def all_masks(n_players: int) -> Bool[Array, "mask player"]:
    """Return every mask, that which keeps all first."""
    numbers = np.arange(2**n_players)[::-1]
    return (numbers[:, None] >> np.arange(n_players)) % 2 == 1


@lru_cache(maxsize=256)
def few_fours(n: int, order: int) -> tuple[int, ...]:
    """Return `n` numbers from 1 to `order` - 1 of which few fours cancel under exclusive or.

    One after the other that is chosen which makes the fewest; then those in the most fours are
    exchanged. The same numbers every time. Where pairs are many times more than numbers, all sets
    are about as bad, and these are any.
    """
    rng = np.random.default_rng(0)
    if n * (n - 1) // 2 > 2 * order:
        return tuple((1 + rng.permutation(order - 1)[:n]).tolist())
    chosen = np.zeros(order, bool)
    for _ in range(n):
        chosen[_best(chosen, rng)] = True
    found, fewest = chosen.copy(), order**4
    for _ in range(_SWAPS):
        fours = _triples(chosen)[chosen]
        if fours.sum() < fewest:
            found, fewest = chosen.copy(), int(fours.sum())
        if fewest == 0:
            break
        worst = int(rng.choice(np.flatnonzero(chosen), p=fours / fours.sum()))
        chosen[worst] = False
        chosen[_best(chosen, rng, worst)] = True
    return tuple(np.flatnonzero(found).tolist())


def _best(chosen: Bool[Array, " order"], rng: np.random.Generator, tabu: int = 0) -> int:
    """Return a number that makes the fewest fours with those chosen; never 0 or `tabu`."""
    triples = _triples(chosen)
    triples[chosen] = len(chosen) ** 3
    triples[[0, tabu]] = len(chosen) ** 3
    return int(rng.choice(np.flatnonzero(triples == triples.min())))


def _triples(chosen: Bool[Array, " order"]) -> Int[Array, " order"]:
    """Return of how many threes of the chosen numbers each number is the exclusive or.

    Of a chosen number itself, threes without it.
    """
    n = int(chosen.sum())
    # A convolution over exclusive or is a product of Walsh-Hadamard transforms. Ordered threes with
    # a number twice give the third: 3 n - 2 for each chosen one.
    ordered = _walsh(_walsh(chosen.astype(np.int64)) ** 3) // len(chosen)
    return (ordered - (3 * n - 2) * chosen) // 6


def _walsh(values: Int[Array, " order"]) -> Int[Array, " order"]:
    """Return the Walsh-Hadamard transform."""
    found = values.copy()
    width = 1
    while width < len(found):
        pairs = found.reshape(-1, 2, width)
        found = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).reshape(-1)
        width *= 2
    return found
