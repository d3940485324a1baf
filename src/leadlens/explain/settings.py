"""Settings of an explanation."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Aggregate = Literal["signed", "absolute"]
LeadGroups = Literal["frontal_and_chest", "frontal_or_chest", "independent", "displayed"]
Pieces = Literal["whole", "segments", "waves"]
Replacement = Literal["isoelectric", "bridge", "median_beat"]


class ExplainSettings(BaseModel):
    """How one ECG is explained.

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
            median), a straight line between the piece's ends, or the same wave of a normal beat.
        design: of "lime": "hadamard", folded and orthogonal, or "bernoulli", LIME's random masks.
        n_samples: masks of a bernoulli design, and of each round of "kernel_shap"; the hadamard
            design has the smallest power of two that gives three masks a coefficient.
        rounds: sets of masks that are drawn and averaged; None: 8 for a single ECG, by which two
            seeds give nearly the same picture, and 1 for each of many, whose noise averages out.
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
    pieces: Pieces = "segments"
    n_segments: int = Field(default=10, ge=1, le=100)
    timing: bool = False
    replacement: Replacement = "isoelectric"
    design: Literal["hadamard", "bernoulli"] = "hadamard"
    n_samples: int = Field(default=512, ge=16)
    rounds: int | None = Field(default=None, ge=1)
    tolerance: float | None = Field(default=None, gt=0)
    max_forwards: int = Field(default=8192, ge=16)
    ridge: float = Field(default=1.0, ge=0)
    kernel_width: float = Field(default=0.25, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    background: Path | None = None
    seed: int = Field(default=0, ge=0)
