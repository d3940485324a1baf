"""The Challenge 2021 score (Reyna et al. 2021) as a loss."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from leadlens.ecg.diagnoses import diagnosis, merge_equivalent, reward_weights
from leadlens.errors import ConfigError
from leadlens.evaluation.challenge import SINUS_RHYTHM
from leadlens.models.losses import Loss, PerLabel


class ChallengeLoss(Loss):
    """1 - the normalised Challenge score of a batch, probabilities in place of decisions.

    As in `evaluation.challenge`, which it equals when every probability is 0 or 1: equivalent
    diagnoses are joined by "or" (here 1 - product of 1 - p), a recording is shared out over all
    that is true or given for it, and unknown labels are neither. A batch in which always answering
    sinus rhythm is right costs 1 and teaches nothing.

    Raises:
        ConfigError: sinus rhythm, from which the score is measured, is not among the classes.
    """

    members: Tensor
    weights: Tensor
    sinus: Tensor

    def __init__(self, classes: tuple[str, ...]) -> None:
        super().__init__()
        members, names = merge_equivalent(np.eye(len(classes), dtype=bool), classes)
        if SINUS_RHYTHM not in names:
            raise ConfigError(
                f"the loss 'challenge' is measured from always answering sinus rhythm "
                f"({SINUS_RHYTHM}, {diagnosis(SINUS_RHYTHM).code}), which is not among the trained "
                "diagnoses: use recordings that have it, lower min_positives, or take another loss"
            )
        all_names, weights = reward_weights()
        chosen = [all_names.index(name) for name in names]
        sinus = [name == SINUS_RHYTHM for name in names]
        for name, values in (
            ("members", members),
            ("weights", weights[np.ix_(chosen, chosen)]),
            ("sinus", np.array(sinus)),
        ):
            # They follow from the classes, so a checkpoint need not hold them.
            self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)

    def forward(
        self, logits: PerLabel, labels: PerLabel, label_mask: PerLabel
    ) -> Float[Tensor, ""]:
        """Return 1 - score; 0 when nothing is known."""
        # 1 - product of 1 - p, by its logarithm: exact for small p, and with a finite slope.
        given = -torch.expm1((logsigmoid(-logits) * label_mask) @ self.members)
        truth = ((labels * label_mask) @ self.members).clamp(max=1.0)
        known = (label_mask @ self.members).clamp(max=1.0)
        observed, correct, nothing = (
            self._reward(truth, decided) for decided in (given, truth, known * self.sinus)
        )
        room = correct - nothing
        # Only sinus rhythm leaves no room; any other set of diagnoses leaves 0.57 or more.
        is_open = room > 0.1
        score = torch.where(is_open, (observed - nothing) / torch.where(is_open, room, 1.0), 0.0)
        return (1.0 - score) * label_mask.any()

    def _reward(
        self, truth: Float[Tensor, "batch merged"], given: Float[Tensor, "batch merged"]
    ) -> Float[Tensor, ""]:
        """Return the reward of what is given, each recording shared out over all it involves."""
        involved = (truth + (1.0 - truth) * given).sum(dim=1).clamp(min=1.0)
        return (((given @ self.weights) * truth).sum(dim=1) / involved).sum()
