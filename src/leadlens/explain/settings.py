"""Settings of an explanation."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Aggregate = Literal["signed", "absolute"]
LeadGroups = Literal["frontal_and_chest", "frontal_or_chest", "independent", "displayed"]


class ExplainSettings(BaseModel):
    """How one ECG is explained.

    Attributes:
        lead_groups: which leads are masked together. "frontal_and_chest": the six limb leads as
            one (the frontal plane), and V1 to V6. "frontal_or_chest": two groups. "independent":
            I, II, V1 to V6; the other limb leads follow, but the split between I and II depends on
            this choice of basis. "displayed": the twelve leads one by one, which makes impossible
            ECGs: importance per limb lead is then not identifiable.
        n_segments: equal pieces of time.
        replacement: what takes the place of a masked piece: the isoelectric line (each lead's
            median) or a straight line between the piece's ends.
        design: "hadamard", folded and orthogonal, or "bernoulli", LIME's random masks.
        n_samples: masks of the bernoulli design; the hadamard design has the smallest power
            of two that gives three masks a coefficient.
        ridge: penalty on the squared coefficients, for weights that average 1.
        kernel_width: of LIME's exponential kernel on the cosine distance from the unmasked ECG.
        seed: of the designs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    lead_groups: LeadGroups = "frontal_and_chest"
    n_segments: int = Field(default=10, ge=1, le=100)
    replacement: Literal["isoelectric", "bridge"] = "isoelectric"
    design: Literal["hadamard", "bernoulli"] = "hadamard"
    n_samples: int = Field(default=512, ge=16)
    ridge: float = Field(default=1.0, ge=0)
    kernel_width: float = Field(default=0.25, gt=0)
    seed: int = Field(default=0, ge=0)
