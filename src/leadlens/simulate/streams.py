"""Streams: random numbers that belong to a name, a recording and an attempt, and to nothing else.

A counter-based generator (Philox, Salmon et al. 2011) is keyed by the seed and the stream's name;
the counter holds the recording's index and the attempt. What one stream gives never depends on
whether, or how often, another is used: taking one diagnosis away moves no other draw.
"""

import hashlib
import threading
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Int

Array = np.ndarray


_TOGETHER: Final[dict[str, dict[str, int]]] = {
    "beat": {"leadfield": 25, "qrs": 27, "qrs.duration": 1, "qt": 1, "st": 8},
    "beat.places": {"near": 1, "qrs.timing": 3, "axis": 2, "qt.long": 4},
    "recording": {"age": 1, "pr.normal": 1, "residual": 19, "p": 10, "leadfield.atria": 24,
                  "noise": 48, "wander": 108},
    "recording.places": {"labels": 2, "lookalike": 8, "sex": 1, "rhythm": 10, "pr": 4,
                         "respiration": 3, "p.premature": 3, "device": 5, "noise.places": 48,
                         "noise.bank": 36},
}  # fmt: skip
"""Streams that every recording draws from: setting a generator takes longer than drawing, so they
are parts of one, each with its length."""

_PARTS: Final = {
    name: (whole, sum(list(parts.values())[:place]), sum(parts.values()))
    for whole, parts in _TOGETHER.items()
    for place, name in enumerate(parts)
}


class Streams:
    """The random streams of a batch of recordings; every answer has one row a recording."""

    def __init__(
        self,
        seed: int,
        index: Int[Array, " n"],
        attempt: Int[Array, " n"] | None = None,
    ) -> None:
        """Name the recordings by `index`; `attempt` tells repeated draws of one apart."""
        self.seed = seed
        self.index = index
        self.attempt = np.zeros_like(index) if attempt is None else attempt
        self._whole: tuple[Streams, Int[Array, " n"]] | None = None
        self._first: Streams | None = None
        self._drawn: dict[str, Float[Array, "n draw"]] = {}

    def __len__(self) -> int:
        """The number of recordings."""
        return len(self.index)

    @property
    def first(self) -> "Streams":
        """The streams of the same recordings at their first attempt."""
        if self._first is None:
            self._first = Streams(self.seed, self.index) if self.attempt.any() else self
        return self._first

    def at(self, attempt: Int[Array, " n"]) -> "Streams":
        """Return the streams of the same recordings at these attempts."""
        later = Streams(self.seed, self.index, attempt)
        later._first = self.first
        return later

    def take(self, rows: Int[Array, " m"]) -> "Streams":
        """Return the streams of the recordings at `rows`; what was drawn is not drawn again."""
        part = Streams(self.seed, self.index[rows], self.attempt[rows])
        part._whole = (self, rows)
        if self._first is not None and self._first is not self:
            part._first = self._first.take(rows)
        return part

    def uniform(self, name: str, n_draws: int) -> Float[Array, "n draw"]:
        """Return the first `n_draws` numbers of stream `name`, uniform in [0, 1)."""
        return self._part(name, n_draws, is_normal=False)

    def normal(self, name: str, n_draws: int) -> Float[Array, "n draw"]:
        """Return the first `n_draws` numbers of stream `name`, standard normal."""
        return self._part(name, n_draws, is_normal=True)

    def _part(self, name: str, n_draws: int, *, is_normal: bool) -> Float[Array, "n draw"]:
        """Return a copy of the draws of a stream, which may be part of another."""
        kind = "normal" if is_normal else "uniform"
        whole, begin, n_whole = _PARTS.get(name, (name, 0, n_draws))
        if n_draws > _TOGETHER.get(whole, {}).get(name, n_draws):
            raise ValueError(f"stream {name!r} has fewer than {n_draws} numbers")
        drawn = self._known(f"{whole}:{kind}", n_whole)
        if drawn is None:
            drawn = self._draw(whole, n_whole, is_normal=is_normal)
            self._drawn[f"{whole}:{kind}"] = drawn
        return drawn[:, begin : begin + n_draws].copy()

    def _known(self, name: str, n_draws: int) -> Float[Array, "n draw"] | None:
        """Return what has been drawn from a stream, here or where this was taken from."""
        known = self._drawn.get(name)
        if known is None and self._whole is not None:
            source, rows = self._whole
            above = source._known(name, n_draws)
            known = None if above is None else above[rows]
            if known is not None:
                self._drawn[name] = known
        return known if known is not None and known.shape[1] == n_draws else None

    def _draw(self, name: str, n_draws: int, *, is_normal: bool) -> Float[Array, "n draw"]:
        """Return the draws; one generator is set to each recording's place in turn."""
        drawn = np.empty((len(self), n_draws))
        if len(drawn) == 0:
            return drawn
        text = f"{self.seed}/{name}".encode()
        key = np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), dtype=np.uint64)
        philox, generator, state = _generator()
        state["state"]["key"][:] = key
        counter = state["state"]["counter"]
        fill = generator.standard_normal if is_normal else generator.random
        for row, (index, attempt) in enumerate(
            zip(self.index.tolist(), self.attempt.tolist(), strict=True)
        ):
            counter[2], counter[3] = index, attempt
            philox.state = state
            fill(out=drawn[row])
        return drawn


_OF_THREAD: Final = threading.local()


def _generator() -> tuple[np.random.Philox, np.random.Generator, Any]:
    """Return this thread's generator, to be set to any place; making one takes longer than a draw.

    Setting and drawing are two steps: threads that shared one would get each other's numbers.
    """
    if not hasattr(_OF_THREAD, "generator"):
        philox = np.random.Philox(0)
        _OF_THREAD.generator = philox, np.random.Generator(philox), philox.state
    found: tuple[np.random.Philox, np.random.Generator, Any] = _OF_THREAD.generator
    return found


def between(
    uniform: Float[Array, "*shape"], low: float | Array, high: float | Array
) -> Float[Array, "..."]:
    """Return `uniform` numbers of [0, 1) brought to the range from `low` to `high`."""
    return low + (high - low) * uniform


def pick(uniform: Float[Array, "*shape"], shares: tuple[float, ...]) -> Int[Array, "*shape"]:
    """Return for each number which of `shares` (which sum to 1) it falls in."""
    return np.minimum(np.searchsorted(np.cumsum(shares), uniform, "right"), len(shares) - 1)
