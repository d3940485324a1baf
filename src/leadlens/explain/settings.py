"""Settings of an explanation."""

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Aggregate = Literal["signed", "absolute"]
LeadGroups = Literal["frontal_and_chest", "frontal_or_chest", "independent", "displayed"]
Pieces = Literal["whole", "segments", "waves"]
Replacement = Literal["isoelectric", "bridge", "median_beat", "healthy_twin"]

_NO_TIMING: Final[dict[str, Any]] = {"timing": False}
_OF_METHOD: Final[dict[str, dict[str, Any]]] = {
    "exact_shapley": {"pieces": "whole"},
    "integrated_gradients": _NO_TIMING,
    "deeplift": _NO_TIMING,
    "grad_cam": _NO_TIMING,
    "cam": _NO_TIMING,
    "paper_lime": {"pieces": "whole", "replacement": "isoelectric", **_NO_TIMING},
}
"""Defaults of methods that cannot play with the usual players: gradients do not see when beats
come, and 46 players have too many coalitions to try all."""


class ExplainSettings(BaseModel):
    """How one ECG is explained.

    Players and replacement are by default what the benchmark against the truth puts first. A method
    that cannot play with these players has defaults of its own: whole leads for "exact_shapley" and
    "paper_lime", no timing players for gradients.

    Attributes:
        method: one of `leadlens.explain.explainers.EXPLAINERS`, or "package.module:function".
        lead_groups: which leads are masked together. "frontal_and_chest": the six limb leads as
            one (the frontal plane), and V1 to V6. "frontal_or_chest": two groups. "independent":
            I, II, V1 to V6; the other limb leads follow, but the split between I and II depends on
            this choice of basis. "displayed": the twelve leads one by one, which makes impossible
            ECGs: importance per limb lead is then not identifiable.
        pieces: what a lead group is cut into: nothing, equal segments, or waves (P, PR, QRS, ST, T,
            TP of all beats together).
        n_segments: equal pieces of time, for `pieces` "segments".
        timing: whether rate, regularity, PR and QT are players too.
        replacement: what takes the place of a masked piece: the isoelectric line (each lead's
            median), a straight line between the piece's ends, the same wave of a normal beat, or,
            for simulated ECGs, the ECG without the diagnosis.
        design: of "lime": "hadamard", folded and orthogonal, or "bernoulli", LIME's random masks.
        n_samples: masks of each round; None: 2,048 for a single ECG, by which two seeds give
            nearly the same picture, and 256 for each of many, whose noise averages out. A hadamard
            design takes the next power of two, and at least three masks for each coefficient.
        rounds: sets of masks that are drawn and averaged.
        tolerance: add rounds of masks until every standard error is below this many logits.
        max_forwards: forward passes after which no further round begins.
        ridge: penalty on the squared coefficients, for weights that average 1.
        kernel_width: of LIME's exponential kernel on the cosine distance from the unmasked ECG.
        precision: of the forward passes; what is made of their logits is always float64.
        background: of "paper_lime": the file of a `leadlens.explain.background.Background`.
        seed: of the designs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    method: str = "lime"
    lead_groups: LeadGroups = "frontal_and_chest"
    pieces: Pieces = "waves"
    n_segments: int = Field(default=10, ge=1, le=100)
    timing: bool = True
    replacement: Replacement = "median_beat"
    design: Literal["hadamard", "bernoulli"] = "hadamard"
    n_samples: int | None = Field(default=None, ge=16)
    rounds: int = Field(default=1, ge=1)
    tolerance: float | None = Field(default=None, gt=0)
    max_forwards: int = Field(default=8192, ge=16)
    ridge: float = Field(default=1.0, ge=0)
    kernel_width: float = Field(default=0.5, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    background: Path | None = None
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _follow_the_method(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {**_OF_METHOD.get(given.get("method", ""), {}), **given}
